"""A feature space, in which an emotion direction can be seen, gives one mean vector a clip.

* `fer`: penultimate features of an emotion judge, independent of every method;
* `hog`: edge directions of brows, eyes and mouth on the aligned face, independent of any emotion training.

Facts: docs/reference/extended_emotions.md, 'Directions'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from evaluators.emotion.features import SETTINGS as FRONT_SETTINGS
from evaluators.emotion.features import EmotionFront
from evaluators.extended.edge_space import EdgeSpace
from evaluators.settings import choice, unused
from harness.errors import Missing
from harness.evaluator import Chunk

Float = npt.NDArray[np.float32]
SETTINGS = ("space", *FRONT_SETTINGS)


class SpaceTrack(Protocol):
    """Collects one clip's features in a space."""

    def feed(self, chunk: Chunk) -> None: ...

    def stacked(self) -> Float: ...  # (frames that could be used, features)


class Space(Protocol):
    """Declares a feature space; cheap to make, networks load in `load`."""

    device: str

    @property
    def searches(self) -> int: ...  # MTCNN looks at each N-th frame; 0: at none

    def missing(self) -> list[Missing]: ...

    def load(self) -> None: ...

    def fields(self) -> tuple[tuple[str, str], ...]: ...  # of the signature, weights' hash last

    def follow(self, path: Path) -> SpaceTrack: ...


def build(settings: Mapping[str, str], device: str) -> Space:
    """Returns the space that setting `space` names (default: fer)."""
    if choice(settings, "space", ("fer", "hog"), "fer") == "hog":
        unused("The space 'hog'", settings, FRONT_SETTINGS)
        return EdgeSpace(device)
    return JudgeSpace({key: value for key, value in settings.items() if key in FRONT_SETTINGS}, device)


def clip_mean(space: Space, path: Path) -> Float:
    """Returns the mean vector (d,) of a clip or picture, from the cache where it is known; (0,) if no frame can be
    used.
    """
    from evaluators.reference_cache import cached

    key = "|".join(f"{name}:{value}" for name, value in space.fields())
    return cached(path, f"mean|{key}", [], lambda: _clip_mean(space, path), space)


def _clip_mean(space: Space, path: Path) -> Float:
    from evaluators.faces.reference_faces import searched_chunks

    track = space.follow(path)
    for chunk in searched_chunks(path, space.device, space.searches):
        track.feed(chunk)
    return mean_of(track)


def mean_of(track: SpaceTrack) -> Float:
    """Returns the mean over the usable frames, (d,); (0,) without any."""
    rows = track.stacked()
    return np.asarray(rows.mean(axis=0), dtype=np.float32) if len(rows) else np.zeros(0, np.float32)


class JudgeSpace:
    """Implements `fer`: the penultimate layer of the emotion judge that setting `net` names."""

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        self.front = EmotionFront(settings, device, net="hsemotion8")
        self.device = device

    @property
    def searches(self) -> int:
        """Returns the step of a sampling that MTCNN serves."""
        return self.front.sampling.step if self.front.align.startswith("mtcnn") else 0

    def missing(self) -> list[Missing]:
        """Returns the judge's missing prerequisites."""
        return self.front.missing()

    def load(self) -> None:
        """Build the judge's network."""
        self.front.load()

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns space, network, crop, sampling, weights."""
        return ("space", "fer"), *self.front.fields(), *self.front.weight_fields()

    def follow(self, path: Path) -> SpaceTrack:
        """Returns an empty track for one clip."""
        return self.front.follow(path)
