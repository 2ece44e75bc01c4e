"""This module does the work on one clip: crop, sound, speech, codes. A stage writes whole files and is skipped while
they are fresh.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from datasets.derived import fresh
from datasets.preparation.jobs import Job
from harness import registry
from harness.atomic import replacing
from harness.errors import MediaError
from harness.guard import Crash, attempt
from harness.media.face_track import Square, joined, square

Stage = Literal["crop", "sound", "speech", "codes"]
STAGES: tuple[Stage, ...] = ("crop", "sound", "speech", "codes")
SIZE = 256
SEARCH_EVERY = 5  # frames: a face moves little in 0.2 s, and the box is grown by a tenth
_SEARCH_SIDE = 640  # px: larger pictures are searched at half, a third, … of their size
_HELD_BYTES = 192 << 20  # a clip up to this size is decoded once; a longer one twice
_CHUNK = 32

Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Network:
    """Names a network by "module:callable" and its keywords. Called once per process."""

    spec: str
    settings: Mapping[str, Any]

    def load(self) -> Any:
        """Returns the network, made on first use and kept."""
        return _network(self.spec, json.dumps(self.settings, sort_keys=True, default=str))


@lru_cache(maxsize=8)
def _network(spec: str, settings: str) -> Any:
    return registry.load(spec)(**json.loads(settings))


@dataclass(frozen=True)
class PreparationPlan:
    """Holds the stages and networks of one preparation, the same for every clip.

    `faces()` gives an object whose detect(frames (n,h,w,3) uint8) returns one object with `.boxes` (k,4) per frame;
    `speech()` a callable (n,) float32 at 16 kHz → (1024,); `codes()` a callable from an iterable of frame chunks to
    {"exp": (n,10), "pose": (n,6), "lip": (n,20)}.
    """

    stages: tuple[Stage, ...]
    faces: Network | None = None
    speech: Network | None = None
    codes: Network | None = None


@dataclass(frozen=True)
class StageResult:
    """Holds the files made of a clip, and the failure that stopped it."""

    made: tuple[str, ...] = ()
    stage: str = ""
    reason: str = ""


def needed(job: Job, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Returns the stages whose results are absent or older than what they are made from."""
    wanted: list[Stage] = []
    for stage in stages:
        if (stage in ("crop", "codes") and job.video is None) or _is_fresh(job, stage, wanted):
            continue
        wanted.append(stage)
    return tuple(wanted)


def _is_fresh(job: Job, stage: Stage, remade: list[Stage]) -> bool:
    if stage == "crop":
        return fresh(job.clip, *(path for path in (job.video, job.sound) if path))
    if stage == "sound":
        return fresh(job.wav, job.sound)
    if stage == "speech":
        return "sound" not in remade and fresh(job.speech, job.wav)
    return "crop" not in remade and all(fresh(job.codes(kind), job.clip) for kind in ("exp", "pose", "lip"))


def work(job: Job, plan: PreparationPlan) -> StageResult:
    """Does the missing stages of one clip. A failure ends this clip, and only this one."""
    made: list[str] = []
    for stage in needed(job, plan.stages):
        result = attempt(lambda: _DO[stage](job, plan))  # noqa: B023 - called at once
        if isinstance(result, Crash):
            return StageResult(tuple(made), stage, result.reason)
        made.append(stage)
    return StageResult(tuple(made))


def _crop(job: Job, plan: PreparationPlan) -> None:
    """One decoding: faces of every fifth frame, one square for the clip, 25 fps, sound inside."""
    from harness.media import VideoWriter, read_audio

    assert job.video is not None
    frames = _Frames(job.video)
    around = _square_of(frames, plan, str(job.video))
    try:
        sound = read_audio(job.sound).samples
    except MediaError as error:
        if error.reason != "no_audio":
            raise
        sound = None
    with VideoWriter(job.clip, SIZE, SIZE, audio=sound) as writer:
        for chunk in frames:
            for frame in chunk:
                writer.write(_scaled(around.cut(frame) if around else frame))


class _Frames:
    """A clip's frames at 25 fps, as often as they are wanted; kept in memory when they fit."""

    def __init__(self, path: Path) -> None:
        from harness.media import VideoReader

        self.reader = VideoReader(path, chunk=_CHUNK)
        info = self.reader.info
        self.height, self.width = info.height, info.width
        small = self.reader.frames * info.height * info.width * 3 <= _HELD_BYTES
        self._held: list[Frames] | None = list(self.reader) if small else None

    def __iter__(self) -> Iterator[Frames]:
        return iter(self._held if self._held is not None else self.reader)


def _square_of(frames: _Frames, plan: PreparationPlan, where: str) -> Square | None:
    """The clip's crop; None for a clip that is a 256 x 256 crop already, or when no detector is given."""
    if (frames.height, frames.width) == (SIZE, SIZE) or plan.faces is None:
        return None
    detector = plan.faces.load()
    step = max(1, max(frames.height, frames.width) // _SEARCH_SIDE)
    searched: list[npt.NDArray[np.floating]] = []
    first = 0
    for chunk in frames:
        picked = np.ascontiguousarray(chunk[-first % SEARCH_EVERY :: SEARCH_EVERY, ::step, ::step])
        first += len(chunk)
        searched += [np.asarray(faces.boxes) * step for faces in detector.detect(picked)] if len(picked) else []
    return square(joined(searched, where), frames.height, frames.width)


def _scaled(picture: Frames) -> Frames:
    import cv2

    cv2.setNumThreads(1)
    if picture.shape[:2] == (SIZE, SIZE):
        return picture
    shrinks = max(picture.shape[:2]) > SIZE
    flags = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (SIZE, SIZE), interpolation=flags), dtype=np.uint8)


def _sound(job: Job, plan: PreparationPlan) -> None:
    from harness.media import read_audio, write_wav

    write_wav(job.wav, read_audio(job.sound).samples)


def _speech(job: Job, plan: PreparationPlan) -> None:
    from harness.media import read_audio

    assert plan.speech is not None
    encode: Callable[[npt.NDArray[np.float32]], Any] = plan.speech.load()
    _save(job.speech, encode(read_audio(job.wav).samples))


def _codes(job: Job, plan: PreparationPlan) -> None:
    from harness.media import VideoReader

    assert plan.codes is not None
    encode: Callable[[Iterable[Frames]], Mapping[str, Any]] = plan.codes.load()
    codes = encode(VideoReader(job.clip, chunk=_CHUNK))
    for kind in ("pose", "lip", "exp"):
        _save(job.codes(kind), codes[kind])


def _save(path: Path, values: Any) -> None:
    array = np.asarray(values, dtype=np.float32)
    if not np.isfinite(array).all():
        raise MediaError(f"{path.stem}: a feature is not a finite number.", reason="not_finite")
    with replacing(path) as partial, partial.open("wb") as stream:
        np.save(stream, array)


_DO: dict[Stage, Callable[[Job, PreparationPlan], None]] = {
    "crop": _crop,
    "sound": _sound,
    "speech": _speech,
    "codes": _codes,
}
