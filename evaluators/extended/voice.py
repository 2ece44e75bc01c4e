"""Voice directions: mean emotion2vec features of a sample's emotional utterances minus those of its neutral ones.

Setting `voice`: `emotion2vec` (the official network) or `demo` (the small one that ships).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import MissingError
from harness.records import Sample

Float = npt.NDArray[np.float32]
NETS = ("emotion2vec", "demo")


class Voice:
    """The speech encoder of the structure measure; loads on first use, features are cached by content."""

    def __init__(self, net: str, device: str) -> None:
        self._demo, self._device = net == "demo", device
        self._network: Any = None

    def file(self) -> Path:
        """The file of its weights. Raises MissingError."""
        if self._demo:
            from cmet.demo_weights import FOLDER

            return FOLDER / "speech.safetensors"
        from harness.weights import locate

        return locate("emotion2vec")

    def fields(self) -> tuple[tuple[str, str], ...]:
        """The signature's fields."""
        from harness.digest import digest

        try:
            weights = digest(self.file())[:8]
        except (MissingError, OSError):
            weights = "absent"
        return ("voice", "emotion2vec-demo" if self._demo else "emotion2vec"), ("vw", weights)

    def direction(self, sample: Sample) -> Float | None:
        """(d,) of a sample, or None if it has no emotional or no neutral utterances. Raises MissingError."""
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
            from cmet import checkpoints, demo_weights

            network = demo_weights.load_speech() if self._demo else checkpoints.load_emotion2vec()
            self._network = network.eval().to(self._device)
        return self._network
