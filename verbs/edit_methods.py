"""This module edits with the contestants beside C-MET: one request to the same adapter that `run` uses.

What an engine can use follows from the facts of its class; an option that it cannot use is refused in words.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from baselines import ANCHORS, METHODS
from cmet import emotion_pools
from datasets.derived import DerivedFile, make
from harness import registry
from harness.emotions import named
from harness.errors import MediaError, MissingError, UsageError
from harness.lanes import request_in, unsupported
from harness.media import read_audio, write_wav
from harness.records import PICTURE_SUFFIXES, SAMPLES_PER_FRAME, Clip, Emotion, Failed, Lane, Sample
from harness.worker import ask
from verbs.choices import settings
from verbs.edit_checks import check_inputs, check_targets, pose_needed
from verbs.edit_outputs import Shown, distinct, place, write_sheet, write_side_by_side
from verbs.edit_source import read_source
from verbs.editing import puppet_speech
from verbs.upscaling import Upscaler

CMET = "cmet"
#: Options of `edit` that are handed to an engine's own option of the same name.
_PASSED = ("weights", "compat", "lips", "connector", "num_samples")
#: Options that only the editor of C-MET has.
_OWN = {
    "blend": "only C-MET mixes emotions",
    "schedule": "only C-MET changes the emotion over time",
    "keep": "only C-MET has a difference to keep",
    "neutral_speech": "only C-MET compares with neutral speech",
}
_FORMS = {"label": "--emotion LABEL", "speech": "--emotion-speech", "image": "--expression", "clip": "--expression"}


@dataclass(frozen=True)
class Wanted:
    """Holds one edit: its name, the emotion in the form in which it was given, and the lane of that form."""

    name: str
    emotion: Emotion
    source: str
    lane: Lane


def engine(name: str) -> type:
    """Returns the class of a method that edits: a contestant by name, or path/to/file.py:Class. UsageError else."""
    contestants = {title: spec for title, spec in METHODS.items() if title not in ANCHORS}
    kind: type = registry.load(registry.resolve("method", name, contestants))
    return kind


def refuse(kind: Any, chosen: Collection[str], cmet: bool) -> None:
    """Raises UsageError for the first option among `chosen`, those that were typed, that an engine cannot use."""
    sources = tuple(getattr(kind, "emotion_sources", ()))
    own_options = tuple(getattr(kind, "options", ()))
    other_form = f"it takes the emotion by {_forms(sources)}" if _forms(sources) else "it takes no emotion"
    why: dict[str, str] = {}
    if "label" not in sources:
        why["emotion"] = other_form
    if not cmet:
        why |= _OWN | {name: "it has no such option" for name in _PASSED if name not in own_options}
        if "speech" not in sources:
            why["emotion_speech"] = why["speech"] = other_form
        if not {"image", "clip"} & set(sources):
            why["expression"] = other_form
        if getattr(kind, "pose", "clip") == "own":
            why["pose"] = "its head motion is its own"
        if not getattr(kind, "takes_strength", False):
            why["intensity"] = "it has one strength"
        if not getattr(kind, "stochastic", False):
            why["seed"] = "it draws nothing by chance"
    for name in chosen:
        if name in why:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"Method '{kind.name}' cannot use {option}: {why[name]}.", "Leave it out.")


def _forms(sources: Collection[str]) -> str:
    return " or ".join(dict.fromkeys(_FORMS[one] for one in sources if one in _FORMS))


@dataclass(frozen=True)
class MethodCall:
    """Holds one call of `edit` with another engine than C-MET; `chosen`: the options that were typed."""

    given: Mapping[str, Any]
    kind: Any
    chosen: Collection[str]

    def run(self) -> Iterator[Path]:
        """Renders every edit and yields each finished file."""
        refuse(self.kind, self.chosen, cmet=False)
        check_inputs(self.given)
        wanted = self._wanted()
        names = distinct([one.name for one in wanted])
        targets = [place(self.given["out"], name, len(names)) for name in names]
        check_targets(targets, self.given)
        upscale = None if self.given["upscale"] is None else Upscaler(self.given["upscale"])
        method = self._method({one.source for one in wanted})
        with tempfile.TemporaryDirectory() as folder:
            inputs = self._inputs(method, Path(folder))
            for one in wanted:
                _raise(unsupported(method, replace(inputs, emotion=one.emotion), one.lane))
            _load(method)
            for one, name, target in zip(wanted, names, targets, strict=True):
                self._edit(method, inputs, one, Shown(name, inputs.frames, upscale), target)
                yield target
            yield from self._beside(names, targets)

    def _beside(self, names: list[str], targets: list[Path]) -> Iterator[Path]:
        if self.given["sheet"] is not None:
            yield write_sheet(self.given["sheet"], targets)
        if self.given["side_by_side"] is not None:
            sound = read_audio(self.given["audio"]).samples
            yield write_side_by_side(self.given["side_by_side"], list(zip(names, targets, strict=True)), sound)

    def _wanted(self) -> list[Wanted]:
        """The edits that were asked for, in the order labels, speech, face. UsageError where there is none."""
        wanted = [_labelled(word) for word in self.given["emotion"]]
        wanted += [_spoken(pool) for pool in self._pools()]
        face = self.given["expression"]
        if face is not None:
            source = "clip" if face.suffix.lower() not in PICTURE_SUFFIXES else "image"
            wanted.append(Wanted(face.stem, Emotion(face.stem, **{source: face}), source, "reference"))
        if wanted:
            return [replace(one, emotion=replace(one.emotion, strength=self.given["intensity"])) for one in wanted]
        sources = tuple(getattr(self.kind, "emotion_sources", ()))
        if sources and "driving-speech" not in sources:
            raise UsageError("No emotion was given.", f"Method '{self.kind.name}' takes it by {_forms(sources)}.")
        name = "as_spoken" if sources else "no_emotion"
        source = "driving-speech" if sources else ""
        return [Wanted(name, Emotion("", strength=self.given["intensity"]), source, "as-published")]

    def _pools(self) -> list[emotion_pools.Pool]:
        """Emotional speech, as sound files. UsageError for features and kept differences, which only C-MET reads."""
        if not self.given["emotion_speech"]:
            return []
        shipped = puppet_speech() if self.given["weights"] == "demo" else {}
        names = emotion_pools.Names(self.given["speech"], shipped, width=0)
        pools = emotion_pools.pools(self.given["emotion_speech"], 0, names)
        for pool in pools:
            if pool.needs_network is False:
                what = f"'{pool.name}' is no sound: method '{self.kind.name}' listens to the emotional speech itself."
                raise UsageError(what, "Give a folder of sound files.")
        return pools

    def _method(self, sources: set[str]) -> Any:
        """The engine with its options."""
        options = {name: str(self.given[name]) for name in _PASSED if name in self.chosen}
        if len(sources - {""}) == 1 and "emotion" in getattr(self.kind, "options", ()):
            (options["emotion"],) = sources  # what no edit needs is not loaded
        own = settings(self.given["sets"])
        for name in own:
            if name != self.kind.name:
                raise UsageError(f"--set {name}.… is about another method.", f"Type: --set {self.kind.name}.KEY=VALUE")
        return self.kind({**options, **own.get(self.kind.name, {})}, self.given["device"])

    def _inputs(self, method: Any, folder: Path) -> Sample:
        """The inputs as the contract has them: a picture, 16 kHz sound and a pose clip of whole frames."""
        from PIL import Image

        crops = bool(getattr(method, "crops", False))
        source = read_source(self.given["source"], folder, not self.given["no_face_check"], crops)
        picture, sound = folder / "source.png", folder / "sound.wav"
        Image.fromarray(source.picture).save(picture)
        samples = read_audio(self.given["audio"]).samples
        frames = -(-len(samples) // SAMPLES_PER_FRAME)
        write_wav(sound, np.pad(samples, (0, frames * SAMPLES_PER_FRAME - len(samples))))
        pose = self.given["pose"] or source.clip
        if getattr(method, "pose", "clip") != "clip":
            pose = None
        elif pose is None:
            raise pose_needed(method.name)
        elif self.given["compat"] is None:
            pose = make(DerivedFile("pose", pose, folder / "pose.mp4", frames))
        neutral = Emotion("")
        return Sample("edit", "edit", "edit", neutral, picture, sound, frames, source.clip or pose, pose)

    def _edit(self, method: Any, inputs: Sample, one: Wanted, shown: Shown, target: Path) -> None:
        sample = replace(inputs, id=target.stem, emotion=one.emotion)
        request = request_in(one.lane, sample, self.given["seed"])
        made = ask(method, request, target, shown)
        _raise(made)
        if isinstance(made, Clip) and made.notes:
            click.echo(f"{one.name}: {made.notes}", err=True)


def _load(method: Any) -> None:
    """Load the engine. MissingError for weights that are not here."""
    for lack in method.missing() if hasattr(method, "missing") else ():
        raise MissingError(f"Method '{method.name}' needs {lack.what}.", lack.cure)
    if hasattr(method, "load"):
        method.load()


def _raise(made: Clip | Failed | None) -> None:
    """Raises an engine's refusal or failure as the error of the call."""
    if isinstance(made, Failed):
        kind = {"bad-input": MediaError, "unavailable": MissingError}.get(made.kind, UsageError)
        raise kind(f"{made.reason.rstrip('.')}.", made.cure)


def _labelled(word: str) -> Wanted:
    label = named(word) or word
    return Wanted(label, Emotion(label, label), "label", "label")


def _spoken(pool: emotion_pools.Pool) -> Wanted:
    return Wanted(pool.name, Emotion(pool.name, speech=pool.sounds), "speech", "speech")
