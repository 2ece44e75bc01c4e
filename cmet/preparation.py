"""Holds the networks that `prepare` runs: speech features (emotion2vec) and EDTalk codes, as plain callables.

`datasets.preparation` knows nothing about networks: it is given these functions by name and calls each once a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from networks.edtalk.generator import Generator
    from networks.emotion2vec.features import SpeechFeatures

Floats = npt.NDArray[np.float32]
Speech = Callable[[Floats], Floats]
Codes = Callable[[Iterable[npt.NDArray[np.uint8]]], dict[str, Floats]]


def speech(weights: str | None = None, demo: bool = False) -> Speech:
    """Returns a callable of (n,) samples at 16 kHz → (1024,): emotion2vec+ large, or the small network of the demo.

    A sound that was embedded before, by `prepare`, `edit` or `run` and under any name, comes from the user's cache.
    weights: path of the official file, else the one in the cache. Raises MissingError when there is none.
    """
    from harness.digest import digest
    from networks.emotion2vec.features import SpeechFeatures
    from networks.emotion2vec.files import EMOTION2VEC, SHIPPED_SPEECH

    file = SHIPPED_SPEECH if demo else EMOTION2VEC
    place = file.weights(weights).path()
    network = file.load(place)  # at once: a damaged file stops the process, not each clip
    return speech_with(SpeechFeatures(lambda: network, digest(place), network.width))


def speech_with(features: SpeechFeatures) -> Speech:
    """Returns the callable of an encoder with a cache."""
    return lambda samples: np.asarray(features.of_waves([samples])[0], dtype=np.float32)


def codes(weights: str | None = None, demo: bool = False) -> Codes:
    """Returns a callable of chunks of frames (n, h, w, 3) → {"exp": (frames, 10), "pose": (frames, 6), "lip": (frames,
    20)}: EDTalk.

    weights: path of the official file, else the one in the cache. Raises MissingError when there is none.
    """
    from networks.edtalk.files import GENERATOR, SHIPPED_GENERATOR

    return codes_with((SHIPPED_GENERATOR if demo else GENERATOR).load(weights))


def codes_with(generator: Generator) -> Codes:
    """Returns the callable of a generator that is in memory; frames are brought to its size."""
    from networks.edtalk.frames import clip_input

    def encode(chunks: Iterable[npt.NDArray[np.uint8]]) -> dict[str, Floats]:
        encoded = generator.codes(clip_input(chunk, generator.size) for chunk in chunks)
        return {kind: getattr(encoded, kind).numpy() for kind in ("exp", "pose", "lip")}

    return encode
