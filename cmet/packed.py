"""Expression codes and speech vectors of a whole corpus in one memory-mapped file.

C-MET's tree holds two small files a clip; training on it opens 40 of them per sample (cmet spec §11). Packed, a corpus
is one file that is mapped, not read: opening costs milliseconds, a clip's codes are a view, and processes share pages.

File: 8 bytes of magic, 8 bytes length of a JSON header, the header, then arrays, each at a multiple of 64 bytes. The
header gives name, dtype, shape and place of every array, the identities and the emotions by name.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.atomic import replacing
from harness.errors import MissingError, UsageError

MAGIC = b"CMETPACK"
VERSION = 1
EXPRESSION = 10
SPEECH = 1024  # of emotion2vec+ large; a smaller network's vectors make a corpus of that width
FEATURES = "emotion2vec+large_features"
EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
_ALIGN = 64
_BATCH = 512  # clips gathered before they are written

Floats = npt.NDArray[np.float32]


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


@dataclass(frozen=True)
class _Found:
    """Feature files of one clip in a tree."""

    identity: str
    emotion: int
    level: int
    number: int
    expression: Path | None
    speech: Path | None


def _scan(tree: Path, features: str) -> list[_Found]:
    """Clips with features in C-MET's tree (front view), by identity, emotion, level, number."""
    found: list[_Found] = []
    for identity in sorted(path for path in _folders(tree) if (path / "front").is_dir()):
        for index, emotion in enumerate(EMOTIONS):
            for level in (1, 2, 3):
                folder = identity / "front" / emotion / f"level_{level}"
                codes = {p.name[: -len("_ED_exp.npy")]: p for p in folder.glob("*_ED_exp.npy")}
                speech = {p.stem: p for p in (folder / features).glob("*.npy")}
                for stem in sorted(stem for stem in {*codes, *speech} if stem.isdigit()):
                    found.append(_Found(identity.name, index, level, int(stem), codes.get(stem), speech.get(stem)))
    return found


def _folders(tree: Path) -> Iterator[Path]:
    for base in (tree, tree / "FPS25"):
        if base.is_dir():
            yield from (path for path in base.iterdir() if path.is_dir() and not path.name.startswith("."))


def _read(path: Path, width: int, ndim: int) -> Floats:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"{path} is no feature file: {error}.", "Run `python bench.py prepare` again.") from error
    flat = array.reshape(-1, width) if array.size and array.size % width == 0 else None
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
        self.place += -self.place % _ALIGN
        self._stream.seek(self.place)
        first, count = self.place, 0
        for part in parts:
            data = np.ascontiguousarray(part, dtype=dtype)
            self._stream.write(data.tobytes())
            self.place += data.nbytes
            count += len(data)
        self.arrays[name] = {"dtype": dtype, "shape": [count, width] if width else [count], "at": first}


def _speech_width(found: Sequence[_Found]) -> int:
    """Of the first speech vector: all must be like it."""
    path = next((clip.speech for clip in found if clip.speech is not None), None)
    return SPEECH if path is None else _read(path, 1, 2).size


def _build(found: Sequence[_Found], stream: BinaryIO) -> None:
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
        found = _scan(tree, features)
        if not found:
            raise MissingError(f"{tree} holds no prepared features.", f"python bench.py prepare mead ROOT {tree}")
        with replacing(out) as partial, partial.open("wb") as stream:
            _build(found, stream)
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
    """`PackedCorpus.build` as `datasets.prepare` calls it by name."""
    PackedCorpus.build(tree, out)
