"""Speech features of wav files are made here: each sound is embedded once, whatever its name; C-MET's folders are read.

The cache is keyed by the samples themselves and the hash of the weights; if every sound is known, the network is not
even loaded. C-MET's trees keep one file per utterance: `<emotion>/emotion2vec+large_features/<wav name>.npy`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.digest import cache_dir, digest
from harness.errors import UsageError
from harness.records import SAMPLE_RATE_HZ
from networks.files.array_file import UNREADABLE, read_array

if TYPE_CHECKING:
    from networks.emotion2vec.encoder import Emotion2Vec
    from networks.emotion2vec.files import EncoderFile

FEATURE_FOLDER = "emotion2vec+large_features"
OFFICIAL_WIDTH = 1024  # of emotion2vec+ large
_GROUP_SECONDS = 60.0  # sound held in memory at once
Floats = npt.NDArray[np.float32]
Progress = Callable[[int, int], None]  # (files done, files in all)


class SpeechFeatures:
    """Embeds waves and files with one encoder, looking every sound up first.

    encoder: makes the network when a sound is not in the cache; weights_sha256: hash of its weights file, plus
    anything else that changes the numbers (`-bf16`); folder: where features are kept (default: the user's cache).
    """

    def __init__(
        self,
        encoder: Callable[[], Emotion2Vec],
        weights_sha256: str,
        width: int = OFFICIAL_WIDTH,
        folder: Path | None = None,
    ) -> None:
        self._make = encoder
        self._encoder: Emotion2Vec | None = None
        self._width = width
        self._folder = (folder or cache_dir() / "features") / weights_sha256[:24]

    @property
    def width(self) -> int:
        """Returns the length of a feature vector."""
        return self._width

    @classmethod
    def of(cls, file: EncoderFile, path: str | Path | None = None, device: str = "cpu") -> SpeechFeatures:
        """Returns the encoder of a file (networks.emotion2vec.files) on `device`; `path`: a copy of one's own.

        Raises MissingError where there is no such file.
        """
        weights = file.weights(path)
        place = weights.path()
        return cls(lambda: file.load(place).to(device), digest(place), weights.config().get("width", OFFICIAL_WIDTH))

    def of_waves(self, waves: Sequence[Floats], names: Sequence[object] = ()) -> Floats:
        """Returns vectors (N, width) of 16 kHz mono waves in [-1, 1). Errors as Emotion2Vec.embed."""
        keys = [_key(wave) for wave in waves]
        known = {key: self._recall(key) for key in keys}
        called = names or [f"Wave {index} of the list" for index in range(len(waves))]
        fresh: dict[str, int] = {key: index for index, key in enumerate(keys) if known[key] is None}
        if fresh:
            if self._encoder is None:
                self._encoder = self._make()
            vectors = self._encoder.embed([waves[i] for i in fresh.values()], [called[i] for i in fresh.values()])
            for key, vector in zip(fresh, vectors, strict=True):
                self._remember(key, vector)
                known[key] = vector
        rows = [vector for vector in (known[key] for key in keys) if vector is not None]
        return np.stack(rows) if rows else np.zeros((0, self._width), np.float32)

    def of_files(self, paths: Iterable[Path], progress: Progress | None = None) -> Floats:
        """Returns vectors (N, width) of sound files of any rate and channel count (16 kHz mono by harness.media's
        rule).

        About a minute of sound is in memory at a time. Raises MediaError or UsageError naming the file.
        """
        paths = list(paths)
        rows: list[Floats] = [np.zeros((0, self._width), np.float32)]
        done = 0
        for waves, names in _groups(paths):
            rows.append(self.of_waves(waves, names))
            done += len(names)
            if progress:
                progress(done, len(paths))
        return np.concatenate(rows)

    def scores(self, waves: Sequence[Floats]) -> tuple[tuple[str, ...], Floats]:
        """Returns (class names, probabilities (N, classes)) of 16 kHz mono waves: the network's own recogniser."""
        if self._encoder is None:
            self._encoder = self._make()
        return self._encoder.labels, self._encoder.scores(waves)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npy"

    def _recall(self, key: str) -> Floats | None:
        try:
            vector = np.load(self._path(key), allow_pickle=False)
        except UNREADABLE:
            return None
        return vector if vector.shape == (self._width,) and vector.dtype == np.float32 else None

    def _remember(self, key: str, vector: Floats) -> None:
        """Keep a vector, atomically. A cache that cannot be written only costs time."""
        path = self._path(key)
        partial = path.with_name(f".{key}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                np.save(file, vector)
            os.replace(partial, path)
        except OSError:
            return


def read_features(folder: Path, width: int = OFFICIAL_WIDTH) -> tuple[list[str], Floats]:
    """Returns (names, (N, width)) of all utterances in a feature folder, or in the one next to its wavs, sorted by
    name.

    Raises UsageError naming the first file that is no feature, or the folder if there is none in it.
    """
    inner = folder / FEATURE_FOLDER
    files = (inner if inner.is_dir() else folder).glob("*.npy")
    paths = sorted(path for path in files if not path.name.startswith("."))
    if not paths:
        raise UsageError(f"There are no features (*.npy) in {folder}.", "Give a folder of wavs or of features.")
    return [path.stem for path in paths], np.stack([_read_feature(path, width) for path in paths])


def _read_feature(path: Path, width: int) -> Floats:
    vector = read_array(path)
    if vector.shape != (width,) or not np.isfinite(vector).all():
        raise UsageError(
            f"{path} is no speech feature: expected {width} finite numbers, found shape {vector.shape}.",
            "Features are of one network: another --weights needs the sounds.",
        )
    return np.asarray(vector, dtype=np.float32)


def _key(wave: Floats) -> str:
    return hashlib.sha256(np.ascontiguousarray(wave, dtype=np.float32).tobytes()).hexdigest()


def _groups(paths: Sequence[Path]) -> Iterator[tuple[list[Floats], list[Path]]]:
    from harness.media import read_audio

    waves: list[Floats] = []
    names: list[Path] = []
    for path in paths:
        waves.append(read_audio(path).samples)
        names.append(path)
        if sum(map(len, waves)) > _GROUP_SECONDS * SAMPLE_RATE_HZ:
            yield waves, names
            waves, names = [], []
    if waves:
        yield waves, names
