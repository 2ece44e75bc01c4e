"""A voice direction is the mean emotion2vec features of a sample's emotional utterances minus those of its neutral
ones.

Setting `voice`: `emotion2vec` (the official network) or `demo` (the small one that ships).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.records import Sample
from networks.emotion2vec.files import EMOTION2VEC, SHIPPED_SPEECH, EncoderFile

Float = npt.NDArray[np.float32]
NETS = ("emotion2vec", "demo")


class Voice:
    """Runs the speech encoder of the structure measure; it loads on first use, features are cached by content."""

    def __init__(self, net: str, device: str) -> None:
        self._file: EncoderFile = SHIPPED_SPEECH if net == "demo" else EMOTION2VEC
        self._name = "emotion2vec-demo" if net == "demo" else "emotion2vec"
        self._device = device
        self._network: Any = None

    def file(self) -> Path:
        """Returns the file of its weights. Raises MissingError."""
        return self._file.weights().path()

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the signature's fields."""
        return ("voice", self._name), ("vw", self._file.weights().short())

    def direction(self, sample: Sample) -> Float | None:
        """Returns the direction (d,) of a sample, or None if it has no emotional or no neutral utterances. Raises
        MissingError.
        """
        if not sample.emotion.speech or not sample.emotion.neutral_speech:
            return None
        return self._mean(sample.emotion.speech) - self._mean(sample.emotion.neutral_speech)

    def _mean(self, paths: Sequence[Path]) -> Float:
        from evaluators.reference_cache import cached

        key = "voice|" + "|".join(value for _, value in self.fields())
        rows = [cached(path, key, [], lambda path=path: self._embed(path)) for path in paths]  # type: ignore[misc]
        return np.asarray(np.mean(rows, axis=0), dtype=np.float32)

    def _embed(self, path: Path) -> Float:
        from harness.media import read_audio

        return np.asarray(self._loaded().embed([read_audio(path).samples], [path])[0], dtype=np.float32)

    def _loaded(self) -> Any:
        if self._network is None:
            self._network = self._file.load().to(self._device)
        return self._network
