"""The networks that `prepare` runs: speech features (emotion2vec) and EDTalk codes, as plain callables.

`datasets.preparation` knows nothing about networks: it is given these functions by name and calls each once a process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
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
    """(n,) samples at 16 kHz → (1024,): emotion2vec+ large, or the small network of the demo.

    A sound that was embedded before, by `prepare`, `edit` or `run` and under any name, comes from the user's cache.
    weights: path of the official file, else the one in the cache. Raises MissingError when there is none.
    """
    from harness.weights import digest, locate
    from networks.emotion2vec.features import SpeechFeatures

    if demo:
        from cmet.demo_weights import FOLDER, load_speech

        file = Path(weights) if weights else FOLDER / "speech.safetensors"
        network = load_speech(file)
    else:
        from cmet.checkpoints import load_emotion2vec

        file = locate("emotion2vec", weights, any_hash=True)
        network = load_emotion2vec(file)
    return speech_with(SpeechFeatures(lambda: network, digest(file), network.width))


def speech_with(features: SpeechFeatures) -> Speech:
    """The callable of an encoder with a cache."""
    return lambda samples: np.asarray(features.of_waves([samples])[0], dtype=np.float32)


def codes(weights: str | None = None, demo: bool = False) -> Codes:
    """Chunks of frames (n, h, w, 3) → {"exp": (frames, 10), "pose": (frames, 6), "lip": (frames, 20)}: EDTalk.

    weights: path of the official file, else the one in the cache. Raises MissingError when there is none.
    """
    if demo:
        from cmet.demo_weights import load_generator

        return codes_with(load_generator(Path(weights) if weights else None))
    from cmet.checkpoints import load_generator as load_official

    return codes_with(load_official(weights))


def codes_with(generator: Generator) -> Codes:
    """The callable of a generator that is in memory; frames are brought to its size."""
    from networks.edtalk.frames import clip_input

    def encode(chunks: Iterable[npt.NDArray[np.uint8]]) -> dict[str, Floats]:
        found = generator.codes(clip_input(chunk, generator.size) for chunk in chunks)
        return {kind: getattr(found, kind).numpy() for kind in ("exp", "pose", "lip")}

    return encode
