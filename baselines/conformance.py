"""This module runs the contract test on a method of yours: `bench.py list --check my.py:Mine`.

Runs one two-second puppets sample several times and checks the promises that the harness and its judges rely on.
Facts: docs/reference/methods.md, 'Conformance'.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from baselines import METHODS
from baselines.anchors import read_frames
from datasets.puppets.dataset import Puppets
from harness import registry
from harness.checks import Check, verdict
from harness.lanes import request_in, unsupported
from harness.media import write_wav
from harness.records import SAMPLES_PER_FRAME, Clip, Emotion, Failed, Lane, Request, Sample, strip_to_lane
from harness.worker import ask

Frames = npt.NDArray[np.uint8]
_LANE: Lane = "as-published"  # nothing is held back: a method may use whatever it can take
_SOURCES = ("speech", "label", "image", "clip", "driving-speech")
_POSES = ("clip", "own", "source")
_NAME = re.compile(r"[a-z0-9_-]+")


class Bench:
    """Runs one method on variations of one sample, in a temporary folder."""

    def __init__(self, method: Any, folder: Path) -> None:
        self.method = method
        self.folder = folder
        self.runs = 0

    def run(self, request: Request) -> tuple[Clip | Failed, Frames]:
        """Returns how the method ends on `request`, and the frames of its clip (none when it failed)."""
        self.runs += 1
        made = ask(self.method, request, self.folder / f"{self.runs}.mp4")
        if isinstance(made, Failed):
            return made, np.zeros((0, 1, 1, 3), dtype=np.uint8)
        return made, np.stack(read_frames(made.path, made.frames))


def check_method(spec: str, say: Callable[[str], None]) -> int:
    """Print one line per check; exit code 0 if all hold, 4 if one does not. UsageError when it cannot be imported."""
    built = registry.load(registry.resolve("method", spec, METHODS))
    method = built({"weights": "demo"} if getattr(built, "demo_weights", False) else {}, "cpu")
    if hasattr(method, "load"):
        method.load()
    with tempfile.TemporaryDirectory() as folder:
        return verdict(_checks(method, Path(folder)), say)


def _checks(method: Any, folder: Path) -> list[Check]:
    facts = _facts(method)
    dataset = Puppets()
    happy, other = _two_emotions(dataset.samples())
    for sample in (happy, other):
        dataset.materialise(sample)
    bench = Bench(method, folder)
    request = request_in(_LANE, happy, seed=1)
    refusal = unsupported(method, happy, _LANE)
    if refusal is not None:
        return [*facts, Check("takes the sample", False, refusal.reason)]
    made, frames = bench.run(request)
    if isinstance(made, Failed):
        return [*facts, Check("makes a clip", False, made.reason)]
    sources = tuple(getattr(method, "emotion_sources", ()))
    return [
        *facts,
        Check("makes a clip", True, f"{made.frames} frames"),
        Check("says which of its sources it used", made.used in _usable(sources), made.used),
        *_variations(bench, request, other, frames, folder, made.used == "driving-speech"),
    ]


def _usable(sources: tuple[str, ...]) -> tuple[str, ...]:
    """What a clip's record may name: a source, the label that was heard in speech, or nothing."""
    return (*sources, *(("label",) if "speech" in sources else ())) or ("none", "truth")


def _facts(method: Any) -> list[Check]:
    name = getattr(method, "name", "")
    sources = getattr(method, "emotion_sources", None)
    return [
        Check(f"name is {_NAME.pattern}", _NAME.fullmatch(str(name)) is not None, repr(name)),
        Check("emotion_sources is a tuple", isinstance(sources, tuple), repr(sources)),
        Check(f"emotion_sources are of {', '.join(_SOURCES)}", set(sources or ()) <= set(_SOURCES), repr(sources)),
        _one_of(method, "pose", _POSES),
        _one_of(method, "licence", ()),
    ]


def _one_of(method: Any, fact: str, known: tuple[str, ...]) -> Check:
    """An optional fact that the table's notes are made of: stated, it must be a word that they understand."""
    value = getattr(method, fact, None)
    title = f"{fact} is {', '.join(known[:-1])} or {known[-1]}" if known else f"{fact} is a text"
    return Check(
        title, None if value is None else isinstance(value, str) and (not known or value in known), repr(value)
    )


def _variations(
    bench: Bench, request: Request, other: Sample, frames: Frames, folder: Path, from_driving: bool
) -> list[Check]:
    listens = bool(getattr(bench.method, "emotion_sources", ()))
    again = bench.run(request)[1]
    silent = folder / "silent.wav"
    write_wav(silent, np.zeros(request.frames * SAMPLES_PER_FRAME, dtype=np.float32))
    mute = bench.run(replace(request, driving_audio=silent))[1]
    return [
        Check("equal request gives an equal clip", _same(frames, again)),
        Check("reacts to the emotion", _reacts(bench, request, other, frames, from_driving) if listens else None),
        Check("reacts to the sound", not _same(frames, mute)),
        _refuses_unknown_label(bench, request),
        _survives_no_face(bench, request, folder),
    ]


def _reacts(bench: Bench, request: Request, other: Sample, frames: Frames, from_driving: bool) -> bool:
    """Whether another emotion gives other frames. Both are told by utterances to a method that, left alone, takes the
    emotion from the driving sound, which is the same in both."""
    lane: Lane = "speech" if from_driving else _LANE
    if from_driving:
        frames = bench.run(replace(request, lane=lane, emotion=strip_to_lane(request.emotion, lane)))[1]
    emotional = bench.run(replace(request, lane=lane, emotion=strip_to_lane(other.emotion, lane)))[1]
    return not _same(frames, emotional)


def _refuses_unknown_label(bench: Bench, request: Request) -> Check:
    title = "refuses a label it does not know"
    if "label" not in getattr(bench.method, "emotion_sources", ()):
        return Check(title, None)
    strange = Emotion(name="no-such-emotion", label="no-such-emotion")
    made = bench.run(replace(request, lane="label", emotion=strange))[0]
    return Check(title, isinstance(made, Failed) and made.kind != "crashed", getattr(made, "reason", "it made a clip"))


def _survives_no_face(bench: Bench, request: Request, folder: Path) -> Check:
    from PIL import Image

    blank = folder / "blank.png"
    Image.new("RGB", (256, 256), (128, 128, 128)).save(blank)
    made = bench.run(replace(request, source_image=blank))[0]
    crashed = isinstance(made, Failed) and made.kind == "crashed"
    return Check("survives a picture without a face", not crashed, made.reason if isinstance(made, Failed) else "")


def _same(a: Frames, b: Frames) -> bool:
    return a.shape == b.shape and bool(np.array_equal(a, b))


def _two_emotions(samples: tuple[Sample, ...]) -> tuple[Sample, Sample]:
    """A happy sample and an angry one, of the same person where there is such a pair."""
    first = next(s for s in samples if s.emotion.name == "happy")
    angry = [s for s in samples if s.emotion.name == "angry"]
    return first, next((s for s in angry if s.identity == first.identity), angry[0])
