"""Every method fulfils this contract: a Request in, a Clip or a Failed out.

A third party's method needs only `name`, `emotion_sources`, `__init__` and `generate`: a caller of another fact or
method has a default for it. Class facts are literals, so that `list` and `doctor` never import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
import numpy.typing as npt

from harness.errors import Missing
from harness.records import Clip, Failed, Request

__all__ = ["FACTS", "Frame", "Method", "Missing", "Output", "facts_of"]

Frame = npt.NDArray[np.uint8]  # (height, width, 3) RGB


#: The facts of a method that its run keeps, and from which the notes of the table are made (reports.fairness).
FACTS = ("emotion_sources", "labels", "pose", "size", "stochastic", "licence", "extended_only_by")


def facts_of(method: Any) -> dict[str, Any]:
    """Returns the facts that a method, or its class, states; {} for clips that exist already."""
    if getattr(method, "existing", False):
        return {}
    return {name: getattr(method, name) for name in FACTS if hasattr(method, name)}


class Output(Protocol):
    """Takes the frames that `generate` writes; bound to one request by the harness (harness.output.ClipWriter)."""

    def image(self, path: Path, size: int) -> Frame:
        """Returns the picture as uint8 RGB (size, size, 3)."""

    def audio(self, path: Path) -> npt.NDArray[np.float32]:
        """Returns the sound as float32 (n,) in [-1, 1), 16 kHz mono."""

    def frame(self, frame: Frame) -> None:
        """Append one frame, uint8 RGB; every frame of a clip has one size, of even height and width."""

    def timing(self, frames: int, fps: int) -> None:
        """Gives the clip another length and rate than the request's, before its first frame: a released program's."""

    def alive(self) -> None:
        """Tell that work goes on, where it takes minutes before a frame: whoever is silent for too long is ended."""

    def clip(self, used: str, notes: str = "", label: str = "") -> Clip | Failed:
        """Returns the finished clip: verified, with the driving sound, in its place.

        used: the emotion source; label: the basic label, where that was it; notes: remarks, `; ` between them.
        """


class Method(Protocol):
    """Declares a method. See the field comments; `generate` must not raise for a bad sample."""

    name: ClassVar[str]  # column title, [a-z0-9_-]+
    emotion_sources: ClassVar[tuple[str, ...]]  # sources it can take, best first: speech, label, image, clip; () = none
    labels: ClassVar[tuple[str, ...]]  # canonical labels it knows; () = any
    pose: ClassVar[Literal["clip", "own", "source"]]
    lips: ClassVar[tuple[str, ...]]  # where they come from: sound, clip; ("sound",) where it is not stated
    size: ClassVar[int]  # pixels, square
    stochastic: ClassVar[bool]
    licence: ClassVar[str]
    extended_only_by: ClassVar[str]  # what it would take to reach extended emotions, where that is not done here
    options: ClassVar[tuple[str, ...]]  # the names that `options` may have
    takes_strength: ClassVar[bool]  # `emotion.strength` changes the result
    crops: ClassVar[bool]  # cuts the face out of a whole picture by itself
    anchor: ClassVar[bool]  # a ceiling or floor, not a competing method
    keeps_time: ClassVar[bool]  # it has a process of its own, and ends that for silence: gets the option `timeout`
    needs_truth: ClassVar[bool]  # gets the ground truth as `self.truth`, `self.donor` (only anchors may)
    donor_differs_in: ClassVar[Literal["sound", "emotion"]]  # `self.donor` is a sample that differs in this

    def __init__(self, options: Mapping[str, str], device: str) -> None: ...  # cheap: no weights, no GPU

    def missing(self) -> list[Missing]: ...  # for doctor; loads nothing

    def load(self) -> None: ...  # once per process; timed apart

    def generate(self, request: Request, out: Output) -> Clip | Failed: ...

    def close(self) -> None: ...
