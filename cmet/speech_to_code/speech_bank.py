"""Reads the data of the speech-to-code experiment: speech features by speaker and emotion, one code per emotion.

Layout: `<speech>/<emotion>/emotion2vec+large_features/<speaker>_*.npy`, one utterance (D,) each, and
`<codes>/<emotion>.npy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness.emotions import BASIC_EMOTIONS
from harness.errors import MissingError, UsageError, unknown_name
from networks.emotion2vec.features import FEATURE_FOLDER
from networks.files.array_file import read_array

NEUTRAL = "neutral"
EMOTIONS = BASIC_EMOTIONS

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SpeechBank:
    """Holds features[speaker][emotion]: (n, D) utterances of one cell, n >= 1; codes: (8, C) in the order of
    `EMOTIONS`.
    """

    features: Mapping[str, Mapping[str, Floats]]
    codes: Floats

    @property
    def size(self) -> int:
        """Returns the number of values of a feature, D."""
        return next(int(array.shape[1]) for cells in self.features.values() for array in cells.values())

    @property
    def speakers(self) -> tuple[str, ...]:
        """Returns the names of all speakers, sorted."""
        return tuple(sorted(self.features))

    def training_speakers(self, held_out: Iterable[str]) -> tuple[str, ...]:
        """Returns all other speakers with neutral and emotional speech. UsageError if there are none."""
        left_out = set(held_out)
        usable = tuple(
            name
            for name in self.speakers
            if name not in left_out and NEUTRAL in self.features[name] and len(self.features[name]) > 1
        )
        if not usable:
            raise UsageError(
                f"No speaker with neutral and emotional speech is left beside {', '.join(sorted(left_out))}.",
                "Add speakers to --speech.",
            )
        return usable

    def differences(self, speaker: str) -> dict[str, Floats]:
        """Returns, per emotion other than neutral, each utterance (n, D) minus the mean of the speaker's neutral ones.

        UsageError for an unknown speaker and for one without neutral speech.
        """
        if speaker not in self.features:
            raise unknown_name("speaker", speaker, self.speakers)
        cells = self.features[speaker]
        if NEUTRAL not in cells:
            raise UsageError(f"Speaker {speaker} has no neutral speech to measure the others against.")
        middle = cells[NEUTRAL].mean(axis=0)
        return {emotion: cells[emotion] - middle for emotion in EMOTIONS if emotion in cells and emotion != NEUTRAL}


def read_bank(speech: Path, codes: Path) -> SpeechBank:
    """Reads both folders. MissingError for an absent folder or code, UsageError for a file that is no feature."""
    cells_of: dict[str, dict[str, list[Floats]]] = {}
    for emotion in EMOTIONS:
        for path in feature_files(speech / emotion):
            speaker = path.stem.split("_")[0]
            cells_of.setdefault(speaker, {}).setdefault(emotion, []).append(read_feature(path))
    if not cells_of:
        raise MissingError(
            f"{speech} holds no <emotion>/{FEATURE_FOLDER}/<speaker>_*.npy.", "Make them: python bench.py prepare."
        )
    sizes = {array.size for cells in cells_of.values() for arrays in cells.values() for array in arrays}
    if len(sizes) > 1:
        raise UsageError(f"The features of {speech} have different lengths: {sorted(sizes)}.")
    features = {
        speaker: {emotion: np.stack(arrays) for emotion, arrays in cells.items()} for speaker, cells in cells_of.items()
    }
    return SpeechBank(features, _codes(codes))


def feature_files(folder: Path) -> list[Path]:
    """Returns the feature files of one emotion's folder, sorted; empty where there is none."""
    inner = folder / FEATURE_FOLDER
    return sorted(path for path in inner.glob("*.npy") if path.is_file() and not path.name.startswith("."))


def read_feature(path: Path) -> Floats:
    """Returns one utterance's vector (D,). UsageError if the file is not one finite vector."""
    array = read_array(path)
    vector = np.asarray(array, dtype=np.float32).reshape(-1) if array.size == max(array.shape, default=0) else None
    if vector is None or not vector.size or not np.isfinite(vector).all():
        raise UsageError(f"{path} is not one finite vector: shape {array.shape}.", "Extract it again or remove it.")
    return vector


def _codes(folder: Path) -> Floats:
    """(8, C) in the order of `EMOTIONS`."""
    codes = {emotion: _code(folder / f"{emotion}.npy") for emotion in EMOTIONS}
    sizes = {emotion: code.size for emotion, code in codes.items()}
    if len(set(sizes.values())) > 1 or not 5 <= sizes[NEUTRAL] <= 12:
        counts = ", ".join(f"{emotion} {size}" for emotion, size in sizes.items())
        raise UsageError(
            f"The expression codes of {folder} must have one length from 5 to 12, as EDTalk's 10: {counts}.",
            "--codes: a folder with EDTalk's <emotion>.npy of all eight.",
        )
    return np.stack(list(codes.values()))


def _code(path: Path) -> Floats:
    if not path.is_file():
        raise MissingError(f"There is no expression code {path}.", "--codes: a folder with <emotion>.npy of all eight.")
    return read_feature(path)
