"""Making a packed corpus (`packed`) of the feature files in C-MET's tree; memory stays that of one clip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cmet.training.packed_format import ALIGN, EMOTIONS, EXPRESSION, MAGIC, SPEECH, VERSION, Floats
from harness.errors import UsageError
from networks.files.array_file import read_array


@dataclass(frozen=True)
class Found:
    """Feature files of one clip in a tree."""

    identity: str
    emotion: int
    level: int
    number: int
    expression: Path | None
    speech: Path | None


def scan(tree: Path, features: str) -> list[Found]:
    """Clips with features in C-MET's tree (front view), by identity, emotion, level, number."""
    found: list[Found] = []
    for identity in sorted(path for path in _folders(tree) if (path / "front").is_dir()):
        for index, emotion in enumerate(EMOTIONS):
            for level in (1, 2, 3):
                folder = identity / "front" / emotion / f"level_{level}"
                codes = {p.name[: -len("_ED_exp.npy")]: p for p in folder.glob("*_ED_exp.npy")}
                speech = {p.stem: p for p in (folder / features).glob("*.npy")}
                for stem in sorted(stem for stem in {*codes, *speech} if stem.isdigit()):
                    found.append(Found(identity.name, index, level, int(stem), codes.get(stem), speech.get(stem)))
    return found


def _folders(tree: Path) -> Iterator[Path]:
    for base in (tree, tree / "FPS25"):
        if base.is_dir():
            yield from (path for path in base.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read(path: Path, width: int, ndim: int) -> Floats:
    """(n, width) rows of a feature file, one row for `ndim` 1; codes of another width are not cut into rows of it."""
    array = read_array(path, "Run `python bench.py prepare` again.")
    flat = array.reshape(-1, width) if array.size and array.shape[-1:] == (width,) else None
    if flat is None or (ndim == 1 and len(flat) != 1) or not np.isfinite(flat).all():
        raise UsageError(f"{path} is no feature: expected rows of {width} finite numbers, found {array.shape}.")
    return np.ascontiguousarray(flat, dtype=np.float32)


class _Writer:
    """Appends arrays at aligned places and remembers where."""

    def __init__(self, stream: BinaryIO, start: int) -> None:
        self._stream = stream
        self.place = start
        self.arrays: dict[str, dict[str, Any]] = {}

    def rows(self, name: str, parts: Iterable[npt.NDArray[Any]], width: int, dtype: str) -> None:
        """One array (n, width), or (n,) for width 0, from its pieces."""
        self.place += -self.place % ALIGN
        self._stream.seek(self.place)
        first, count = self.place, 0
        for part in parts:
            data = np.ascontiguousarray(part, dtype=dtype)
            self._stream.write(data.tobytes())
            self.place += data.nbytes
            count += len(data)
        self.arrays[name] = {"dtype": dtype, "shape": [count, width] if width else [count], "at": first}


def _speech_width(found: Sequence[Found]) -> int:
    """Of the first speech vector: all must be like it."""
    path = next((clip.speech for clip in found if clip.speech is not None), None)
    return SPEECH if path is None else read_array(path).size


def write_packed(found: Sequence[Found], stream: BinaryIO) -> None:
    """Write the packed file of these clips. UsageError naming a damaged feature file."""
    identities = sorted({clip.identity for clip in found})
    numbers = {name: index for index, name in enumerate(identities)}
    # The header comes first but is known last: room for it is reserved (places have at most 20 digits).
    room = 4096 + len(json.dumps(identities))
    writer = _Writer(stream, 16 + room)
    lengths: list[int] = []

    def expressions() -> Iterator[Floats]:
        for clip in found:
            codes = None if clip.expression is None else _read(clip.expression, EXPRESSION, 2)
            lengths.append(0 if codes is None else len(codes))
            if codes is not None:
                yield codes

    writer.rows("expression", expressions(), EXPRESSION, "<f4")
    width = _speech_width(found)
    writer.rows("speech", (_read(c.speech, width, 1) for c in found if c.speech is not None), width, "<f4")
    spoken = np.array([clip.speech is not None for clip in found], dtype=bool)
    rows = np.where(spoken, np.cumsum(spoken) - 1, -1)
    writer.rows("speech_row", [rows], 0, "<i4")
    writer.rows("offset", [np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])], 0, "<i8")
    writer.rows("identity", [np.array([numbers[clip.identity] for clip in found])], 0, "<i4")
    for name in ("emotion", "level", "number"):
        writer.rows(name, [np.array([getattr(clip, name) for clip in found])], 0, "<i2")
    header = {"version": VERSION, "identities": identities, "emotions": EMOTIONS, "arrays": writer.arrays}
    text = json.dumps(header).encode().ljust(room)
    stream.seek(0)
    stream.write(MAGIC + len(text).to_bytes(8, "little") + text)
