"""This module holds the anchors, the ceiling and floors against which tables are read; none is a contestant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.donors import Difference
from harness.errors import UsageError
from harness.media import VideoReader
from harness.method import Frame, Missing, Output
from harness.records import FPS, Clip, Failed, Request, Sample


class Anchor:
    """Is shared by the anchors: they are given the ground truth, take no emotion and know every label."""

    emotion_sources: ClassVar[tuple[str, ...]] = ()
    labels: ClassVar[tuple[str, ...]] = ()
    pose: ClassVar[str] = "clip"
    size: ClassVar[int] = 256
    stochastic: ClassVar[bool] = False
    licence: ClassVar[str] = "Apache-2.0"
    anchor: ClassVar[bool] = True
    needs_truth: ClassVar[bool] = True

    name: ClassVar[str]

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        for option in options:
            raise UsageError(f"Method '{self.name}' has no option '{option}': it takes none.", "Leave that --set out.")
        self.truth: Path | None = None  # set by the harness before each request
        self.donor: Sample | None = None

    def missing(self) -> list[Missing]:
        """Returns nothing: anchors need no files."""
        return []

    def load(self) -> None:
        """Does nothing: there is no network to load."""

    def close(self) -> None:
        """Does nothing: there is no network to close."""


def mirrored(frames: list[Frame], count: int) -> Iterator[Frame]:
    """Returns `count` frames of a clip, played forwards and backwards as often as needed."""
    cycle = [*range(len(frames)), *range(len(frames) - 1, -1, -1)]
    return (frames[cycle[k % len(cycle)]] for k in range(count))


def read_frames(path: Path, limit: int) -> list[Frame]:
    """Returns the first `limit` frames of a clip at 25 fps."""
    frames: list[Frame] = []
    for chunk in VideoReader(path, fps=float(FPS)):
        frames.extend(np.asarray(frame) for frame in chunk[: limit - len(frames)])
        if len(frames) >= limit:
            break
    return frames


class GroundTruth(Anchor):
    """Plays the true clip, through the same encoder and the same judges as everyone: the ceiling."""

    name: ClassVar[str] = "ground_truth"

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Copies the true clip's frames, held or cut to the expected length."""
        assert self.truth is not None  # the harness refuses samples without a ground truth
        frames = read_frames(self.truth, request.frames)
        for frame in frames:
            out.frame(frame)
        for _ in range(request.frames - len(frames)):
            out.frame(frames[-1])
        return out.clip(used="truth")


class StillFace(Anchor):
    """Shows the identity picture, motionless: a floor, whose sync and emotion are the worth of no motion at all."""

    name: ClassVar[str] = "still_face"
    needs_truth: ClassVar[bool] = False

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Repeats the source picture."""
        picture = out.image(request.source_image, self.size)
        for _ in range(request.frames):
            out.frame(picture)
        return out.clip(used="none")


class Borrowed(Anchor):
    """Plays the true clip of another sample under this sample's sound; `donor_differs_in` says which sample."""

    donor_differs_in: ClassVar[Difference]

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Plays the donor's clip, forwards and backwards where it is shorter than the sound."""
        donor = self.donor
        if donor is None or donor.reference_video is None:
            return Failed("unsupported", f"no sample of this list has another {self.donor_differs_in} and a true clip")
        frames = read_frames(donor.reference_video, request.frames)
        for frame in mirrored(frames, request.frames):
            out.frame(frame)
        stranger = "" if donor.identity == request.identity else "; another person, as the list has no clip of this one"
        return out.clip(used="truth", notes=f"picture: {donor.id}{stranger}")


class WrongAudio(Borrowed):
    """Shows a true, moving, speaking face whose lips belong to another sound of the same person: a floor for sync."""

    name: ClassVar[str] = "wrong_audio"
    donor_differs_in: ClassVar[Difference] = "sound"


class WrongEmotion(Borrowed):
    """Shows a true clip of the same person in another emotion: a floor for the accuracy of emotion."""

    name: ClassVar[str] = "wrong_emotion"
    donor_differs_in: ClassVar[Difference] = "emotion"
