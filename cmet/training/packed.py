"""Expression codes and speech vectors of a whole corpus in one memory-mapped file.

C-MET's tree holds two small files per clip, and training opens 40 of them per sample (docs/reference/cmet.md,
'C-MET sampler'). Packed, a corpus is one file that is mapped, not read: opening costs milliseconds, a clip's codes are
a view, and processes share pages.
"""

from __future__ import annotations

import json
import mmap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cmet.training.packed_format import MAGIC, VERSION, Floats
from cmet.training.packing import scan, write_packed
from harness.atomic import replacing
from harness.errors import MissingError, UsageError
from networks.emotion2vec.features import FEATURE_FOLDER

FEATURES = FEATURE_FOLDER


class PackedClip(NamedTuple):
    """Who, which emotion, level 1..3, sentence number, and what there is of it."""

    identity: str
    emotion: str
    level: int
    number: int
    frames: int  # of expression codes; 0: none
    has_speech: bool

    @property
    def name(self) -> str:
        """identity/emotion/level_k/NNN."""
        return f"{self.identity}/{self.emotion}/level_{self.level}/{self.number:03d}"


class PackedCorpus:
    """A packed corpus, opened. Views are read-only and valid as long as the object lives."""

    @staticmethod
    def build(tree: Path | str, out: Path | str, features: str = FEATURES) -> Path:
        """Pack the features of C-MET's tree (its FPS25 folder, or the one above) into the file `out`.

        features: name of the folders of speech vectors.
        Raises MissingError if the tree has none, UsageError naming a damaged feature file, MediaError if the disk
        refuses. Memory stays that of one clip; the file appears whole or not at all.
        """
        tree, out = Path(tree), Path(out)
        found = scan(tree, features)
        if not found:
            raise MissingError(f"{tree} holds no prepared features.", f"python bench.py prepare mead ROOT {tree}")
        with replacing(out) as partial, partial.open("wb") as stream:
            write_packed(found, stream)
        return out

    def __init__(self, path: Path | str) -> None:
        """Map the file. Raises MissingError if it is not there, UsageError if it is not a packed corpus."""
        self.path = Path(path)
        try:
            with self.path.open("rb") as stream:
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise MissingError(f"There is no packed corpus {self.path}.", "python bench.py prepare makes it.") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.path} cannot be read: {error}.") from error
        header = self._header()
        self._arrays = {name: self._array(entry) for name, entry in header["arrays"].items()}
        self.identities: tuple[str, ...] = tuple(header["identities"])
        self.emotions: tuple[str, ...] = tuple(header["emotions"])
        self.clips: tuple[PackedClip, ...] = self._clips()

    def _header(self) -> dict[str, Any]:
        length = int.from_bytes(self._map[8:16], "little")
        try:
            if self._map[:8] != MAGIC:
                raise ValueError
            header: dict[str, Any] = json.loads(self._map[16 : 16 + length])
            if header["version"] != VERSION:
                raise UsageError(f"{self.path} is a packed corpus of version {header['version']}, not {VERSION}.")
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{self.path} is not a packed corpus.", "Pack it again.") from None
        return header

    def _array(self, entry: dict[str, Any]) -> npt.NDArray[Any]:
        dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
        count = int(np.prod(shape))
        if entry["at"] + count * dtype.itemsize > len(self._map):
            raise UsageError(f"{self.path} is truncated.", "Pack it again.")
        return np.frombuffer(self._map, dtype, count, entry["at"]).reshape(shape)

    def _clips(self) -> tuple[PackedClip, ...]:
        columns = {name: self._arrays[name].tolist() for name in ("identity", "emotion", "level", "number")}
        frames = np.diff(self._arrays["offset"]).tolist()
        spoken = (self._arrays["speech_row"] >= 0).tolist()
        return tuple(
            PackedClip(self.identities[who], self.emotions[what], level, number, count, speech)
            for who, what, level, number, count, speech in zip(*columns.values(), frames, spoken, strict=True)
        )

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def codes(self) -> Floats:
        """(all frames, 10) float32: the expression codes of all clips, one after another; a read-only view."""
        codes: Floats = self._arrays["expression"]
        return codes

    @property
    def offsets(self) -> npt.NDArray[np.int64]:
        """(clips + 1,) row of `codes` where each clip begins; the last entry is the number of rows."""
        offsets: npt.NDArray[np.int64] = self._arrays["offset"]
        return offsets

    @property
    def speech_width(self) -> int:
        """Numbers of a speech vector."""
        return int(self._arrays["speech"].shape[1])

    def expression(self, index: int) -> Floats:
        """EDTalk expression codes of clip `index`: (frames, 10) float32, a read-only view; (0, 10) where none is."""
        first, last = self._arrays["offset"][index : index + 2]
        codes: Floats = self._arrays["expression"][first:last]
        return codes

    def speech(self, index: int) -> Floats:
        """emotion2vec vector of clip `index`: (speech_width,) float32, a read-only view. MissingError if none is."""
        row = int(self._arrays["speech_row"][index])
        if row < 0:
            clip = self.clips[index]
            raise MissingError(
                f"{self.path} has no speech vector of {clip.name}.",
                "Prepare with the stage 'speech' and pack again.",
            )
        vector: Floats = self._arrays["speech"][row]
        return vector


def pack(tree: Path, out: Path) -> None:
    """`PackedCorpus.build` as `datasets.preparation.prepare` calls it by name."""
    PackedCorpus.build(tree, out)
