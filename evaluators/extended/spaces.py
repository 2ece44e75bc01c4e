"""Feature spaces in which an emotion direction can be seen: one mean vector a clip.

* `fer`: penultimate features of an emotion judge, independent of every contestant;
* `hog`: edge directions of brows, eyes and mouth on the aligned face, independent of any emotion training;
* `au`: fourteen distances of 68 landmarks named after action units, for whoever has dlib's predictor or landmarks;
* `geo`: the five MTCNN points after their similarity to the mean face is taken out: coarse (mouth width, corner
  height, eye and nose offsets, no brows);
* `ed`: EDTalk's expression code. Native space of EDTalk and C-MET, which synthesise in it: never the only one.

Facts: docs/reference/extended_emotions.md, 'Directions'.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evaluators.emotion.features import SETTINGS as FRONT_SETTINGS
from evaluators.emotion.features import EmotionFront
from evaluators.extended import shape_spaces
from evaluators.settings import choice, unused
from evaluators.weights.judge_weights import shipped_missing, short_hash
from harness.errors import MissingError
from harness.evaluator import Chunk

Float = npt.NDArray[np.float32]
SETTINGS = ("space", "points", *FRONT_SETTINGS)
#: Space -> the settings that it has a use for.
_USED: dict[str, tuple[str, ...]] = {
    "fer": FRONT_SETTINGS,
    "hog": (),
    "au": ("points",),
    "geo": (),
    "ed": ("net",),
}


class Track(Protocol):
    """One clip on its way through a space."""

    def feed(self, chunk: Chunk) -> None: ...

    def stacked(self) -> Float: ...  # (frames that could be used, features)


class Space(Protocol):
    """A feature space; cheap to make, networks load in `load`."""

    device: str

    @property
    def searches(self) -> int: ...  # MTCNN looks at each N-th frame; 0: at none

    def missing(self) -> list[tuple[str, str]]: ...

    def load(self) -> None: ...

    def fields(self) -> tuple[tuple[str, str], ...]: ...  # of the signature, weights' hash last

    def follow(self, path: Path) -> Track: ...


def build(settings: Mapping[str, str], device: str) -> Space:
    """The space that setting `space` names (default: fer)."""
    name = choice(settings, "space", _USED, "fer")
    unused(f"The space '{name}'", settings, (key for key in SETTINGS[1:] if key not in _USED[name]))
    points = choice(settings, "points", ("dlib68", "sidecar"), "dlib68")
    if name in ("geo", "hog"):
        return shape_spaces.GeometrySpace(device) if name == "geo" else shape_spaces.EdgeSpace(device)
    if name == "au":
        return shape_spaces.ActionSpace(points, device)
    if name == "ed":
        return ExpressionSpace(choice(settings, "net", ("official", "demo"), "official"), device)
    return JudgeSpace({key: value for key, value in settings.items() if key in FRONT_SETTINGS}, device)


def clip_mean(space: Space, path: Path) -> Float:
    """Mean vector (d,) of a clip or picture, from the cache where it is known; (0,) if no frame can be used."""
    from evaluators.reference_cache import cached

    content = space.content(path) if isinstance(space, shape_spaces.ActionSpace) else ""
    key = "|".join(f"{name}:{value}" for name, value in (*space.fields(), ("points", content)))
    return cached(path, f"mean|{key}", [], lambda: _clip_mean(space, path))


def _clip_mean(space: Space, path: Path) -> Float:
    from evaluators.faces.reference_faces import searched_chunks

    track = space.follow(path)
    for chunk in searched_chunks(path, space.device, space.searches):
        track.feed(chunk)
    return mean_of(track)


def mean_of(track: Track) -> Float:
    """Mean over the usable frames, (d,); (0,) without any."""
    rows = track.stacked()
    return np.asarray(rows.mean(axis=0), dtype=np.float32) if len(rows) else np.zeros(0, np.float32)


class JudgeSpace:
    """`fer`: the penultimate layer of the emotion judge that setting `net` names."""

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        self.front = EmotionFront(settings, device, net="hsemotion8")
        self.device = device

    @property
    def searches(self) -> int:
        """The step of a sampling that MTCNN serves."""
        return self.front.sampling.step if self.front.align.startswith("mtcnn") else 0

    def missing(self) -> list[tuple[str, str]]:
        """(what, cure) of the judge."""
        return self.front.missing()

    def load(self) -> None:
        """Build the judge's network."""
        self.front.load()

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Space, network, crop, sampling, weights."""
        return ("space", "fer"), *self.front.fields(), *self.front.weight_fields()

    def follow(self, path: Path) -> Track:
        """A track for one clip."""
        return self.front.follow(path)


class ExpressionSpace:
    """`ed`: EDTalk's expression code of whole frames, (10,). The one judge that needs the method's own library."""

    def __init__(self, net: str, device: str) -> None:
        self._demo, self.device = net == "demo", device
        self.searches = 0
        self._generator: Any = None

    def missing(self) -> list[tuple[str, str]]:
        """(what, cure) of EDTalk's weights."""
        if self._demo:
            from cmet.demo_weights import FOLDER

            return shipped_missing(FOLDER / "generator.safetensors")
        from harness.weights import locate

        try:
            locate("edtalk")
        except MissingError as error:
            return [(error.what, error.cure)]
        return []

    def load(self) -> None:
        """Build EDTalk's encoder."""
        if self._generator is None:
            from cmet import checkpoints, demo_weights

            generator = demo_weights.load_generator() if self._demo else checkpoints.load_generator()
            self._generator = generator.eval().requires_grad_(False).to(self.device)

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Space, network, sampling, weights."""
        from harness.weights import locate

        if self._demo:
            from cmet.demo_weights import FOLDER

            weights = short_hash(FOLDER / "generator.safetensors")
        else:
            weights = "absent" if self.missing() else short_hash(locate("edtalk"))
        name = "edtalk-demo" if self._demo else "edtalk"
        return (
            ("space", "ed"),
            ("net", name),
            ("align", "frame"),
            ("fps", "25"),
            ("samp", f"every{shape_spaces.EVERY}"),
            ("w", weights),
        )

    def follow(self, path: Path) -> Track:
        """A track for one clip."""
        return _ExpressionTrack(self._generator, self.device)


class _ExpressionTrack:
    def __init__(self, generator: Any, device: str) -> None:
        self._generator, self._device = generator, device
        self._rows: list[Float] = []

    def feed(self, chunk: Chunk) -> None:
        import torch

        from evaluators.faces.crops import chunk_crops, identity_input
        from evaluators.faces.mtcnn import sampled

        crops = chunk_crops(chunk, sampled(chunk, shape_spaces.EVERY), "frame", self._generator.size)
        pictures = [crop for crop in crops.values() if crop is not None]
        if pictures:
            with torch.inference_mode():
                codes = self._generator.encode(identity_input(pictures, self._device)).exp
            self._rows.append(codes.float().cpu().numpy())

    def stacked(self) -> Float:
        return np.concatenate(self._rows) if self._rows else np.zeros((0, 0), np.float32)
