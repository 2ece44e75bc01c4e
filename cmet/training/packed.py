"""This module keeps a corpus' expression codes and speech vectors in one memory-mapped safetensors file.

C-MET's tree holds two small files per clip, and training opens 40 of them per sample (docs/reference/cmet.md,
'C-MET sampler'). Packed, a corpus is one file that is mapped, not read: a clip's codes are a view, and processes
share pages.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cmet.training.packing import EMOTIONS, FEATURES, gathered, scan
from harness.atomic import partly_written, replacing
from harness.errors import MissingError, UsageError

__all__ = ["FEATURES", "PackedClip", "PackedCorpus", "pack"]

Floats = npt.NDArray[np.float32]
_ABOUT = "corpus"  # key of the file's metadata: identities and emotions by name, as JSON


class PackedClip(NamedTuple):
    """Names one clip: who, which emotion, level 1..3, sentence number, and whether it has codes and speech."""

    identity: str
    emotion: str
    level: int
    number: int
    frames: int  # of expression codes; 0: none
    has_speech: bool

    @property
    def name(self) -> str:
        """Returns identity/emotion/level_k/NNN."""
        return f"{self.identity}/{self.emotion}/level_{self.level}/{self.number:03d}"


class PackedCorpus:
    """Is a packed corpus, opened. Its views are read-only.

    codes: (all frames, 10) float32, the expression codes of all clips, one after another; offsets: (clips + 1,) row of
    `codes` where each clip begins, and at last the number of rows.
    """

    @staticmethod
    def build(tree: Path | str, out: Path | str, features: str = FEATURES) -> Path:
        """Pack the features of C-MET's tree (its FPS25 folder, or the one above) into the file `out`.

        features: name of the folders of speech vectors.
        Raises MissingError if the tree has none, UsageError naming a damaged feature file, MediaError if the disk
        refuses. Takes twice the features' size of memory; the file appears whole or not at all.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        tree, out = Path(tree), Path(out)
        feature_files = scan(tree, features)
        if not feature_files:
            raise MissingError(f"{tree} holds no prepared features.", f"python bench.py prepare mead ROOT {tree}")
        identities, arrays = gathered(feature_files)
        about = {_ABOUT: json.dumps({"identities": identities, "emotions": EMOTIONS})}
        with replacing(out) as partial:
            try:
                save_file(arrays, partial, about)
            except SafetensorError as error:  # what the library makes of a disk that takes only a part
                raise partly_written(out.parent, sum(array.nbytes for array in arrays.values())) from error
        return out

    def __init__(self, path: Path | str) -> None:
        """Map the file. Raises MissingError if it is not there, UsageError if it is not a packed corpus."""
        self.path = Path(path)
        about, arrays = _opened(self.path)
        self.identities: tuple[str, ...] = tuple(about["identities"])
        self.codes: Floats = arrays["expression"]
        self._speech: Floats = arrays["speech"]
        self._speech_row = arrays["speech_row"]
        self.offsets: npt.NDArray[np.int64] = arrays["offset"]
        columns = (arrays[name].tolist() for name in ("identity", "emotion", "level", "number"))
        frames, spoken = np.diff(self.offsets).tolist(), (self._speech_row >= 0).tolist()
        self.clips: tuple[PackedClip, ...] = tuple(
            PackedClip(self.identities[who], about["emotions"][what], level, number, count, speech)
            for who, what, level, number, count, speech in zip(*columns, frames, spoken, strict=True)
        )

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def speech_width(self) -> int:
        """Returns the number of values of a speech vector."""
        return self._speech.shape[1]

    def expression(self, index: int) -> Floats:
        """Returns the EDTalk expression codes of clip `index`: (frames, 10) float32, a read-only view; (0, 10) where
        none is.
        """
        first, last = self.offsets[index : index + 2]
        return self.codes[first:last]

    def speech(self, index: int) -> Floats:
        """Returns the emotion2vec vector of clip `index`: (speech_width,) float32, a read-only view. MissingError if
        none is.
        """
        row = int(self._speech_row[index])
        if row < 0:
            raise MissingError(
                f"{self.path} has no speech vector of {self.clips[index].name}.",
                "Prepare with the stage 'speech' and pack again.",
            )
        vector: Floats = self._speech[row]
        return vector


def _opened(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """The file's metadata, and its arrays as read-only views of the mapped file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UsageError(f"There is no packed corpus {path}.", "python bench.py prepare makes it.")
    try:
        with safe_open(path, "pt") as file:  # PyTorch's arrays are views; numpy's would be read into memory
            about = json.loads(file.metadata()[_ABOUT])
            arrays = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
        raise UsageError(
            f"{path} is no packed corpus of this version, or is damaged.", "Repeat `python bench.py prepare`."
        ) from error
    for array in arrays.values():
        array.flags.writeable = False
    return about, arrays


def pack(tree: Path, out: Path) -> None:
    """Runs `PackedCorpus.build` as `datasets.preparation.prepare` calls it by name."""
    PackedCorpus.build(tree, out)
