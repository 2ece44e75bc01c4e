"""This module examines one corpus file: everything is decoded once, every problem gets a name."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Literal

from harness.errors import MediaError
from harness.media.container import missing_bytes
from harness.reasons import sentence
from harness.records import FPS, SAMPLE_RATE_HZ

Weight = Literal["blocks", "prepare", "look"]

_SHORT_SECONDS, _LONG_SECONDS = 0.4, 30.0
KNOWN_BAD = Path(__file__).with_name("known_bad.csv")


@dataclass(frozen=True)
class Problem:
    """Describes a kind of fault: whether it blocks a row, goes away with `prepare`, or wants a look; and the cure."""

    weight: Weight
    about: str
    cure: str


PROBLEMS: dict[str, Problem] = {
    "missing": Problem("blocks", "the list names it, the folder lacks it", "Download it, or use --list NAME@part."),
    "empty": Problem("blocks", "0 bytes", "Download it again."),
    "lfs_pointer": Problem("blocks", "a git-lfs pointer, not the file", "Run: git lfs pull"),
    "truncated": Problem("blocks", "the file ends too early", "Download it again."),
    "corrupt": Problem("blocks", "it cannot be decoded", "Download it again."),
    "no_picture": Problem("blocks", "no video stream", "Download it again."),
    "no_sound": Problem("blocks", "no sound stream", "Download it again, or put the wav beside it."),
    "silent": Problem("look", "digital silence or nearly so", "Listen; report it if the original is silent too."),
    "too_short": Problem("look", "shorter than 0.4 s", "Compare with the original."),
    "too_long": Problem("look", "longer than 30 s: probably cut wrongly", "Compare with the original."),
    "wrong_fps": Problem("prepare", "not constant 25 fps", "python bench.py prepare converts it."),
    "stamps_step_back": Problem("prepare", "time stamps of pictures step back", "python bench.py prepare sorts them."),
    "wrong_sound": Problem("prepare", "not 16 kHz mono", "python bench.py prepare converts it."),
    "not_cropped": Problem("prepare", "not a 256x256 face crop", "python bench.py prepare crops it."),
    "length_mismatch": Problem("look", "sound and picture differ by more than 0.5 s", "Compare with the original."),
    "known_bad": Problem("look", "known to be bad in the published corpus", "See datasets/known_bad.csv."),
    "misnamed": Problem("look", "a media file whose name is not in the corpus' grammar", "Rename it."),
    "duplicate": Problem("look", "the same bytes as another clip", "One of them is a wrong copy: download both."),
    "numbering_shift": Problem(
        "look", "the folder follows another numbering", "Give --remap CSV (identity,emotion,level,public,canonical)."
    ),
    "unfinished": Problem("look", "left over from an interrupted write", "Delete it."),
}


@dataclass(frozen=True)
class CorpusFinding:
    """Holds one problem of one file."""

    problem: str  # a key of PROBLEMS
    name: str  # of the clip, by the corpus' grammar
    path: str  # relative to the root; "" if there is no file
    detail: str = ""

    @property
    def blocks(self) -> bool:
        """Says whether a row that needs the file cannot be served."""
        return PROBLEMS[self.problem].weight == "blocks"


@dataclass(frozen=True)
class Task:
    """Names one file to decode. Picklable: it crosses process borders."""

    name: str
    role: Literal["picture", "sound"]
    path: Path


@dataclass(frozen=True)
class Health:
    """Holds the result of decoding one file. `digest` tells equal files apart from others."""

    task: Task
    problems: tuple[tuple[str, str], ...]  # (code, detail)
    seconds: float = 0.0
    digest: str = ""


def examine(task: Task) -> Health:
    """Decodes the whole file. Never raises for a bad file."""
    digest = ""
    try:
        digest = hashlib.sha256(task.path.read_bytes()).hexdigest()
        problems, seconds = _picture(task.path) if task.role == "picture" else _sound(task.path)
        missing = missing_bytes(task.path)
    except MediaError as error:
        return Health(task, ((_code(task, error), error.what),), digest=digest)
    except OSError as error:
        return Health(task, (("corrupt", f"cannot be read: {error.strerror}"),))
    if missing:  # what was asked for decodes, the rest of the file is not there
        problems = [("truncated", f"{missing} bytes are missing at the end"), *problems]
    return Health(task, tuple(problems), seconds, digest)


def _code(task: Task, error: MediaError) -> str:
    known = {"empty": "empty", "no_audio": "no_sound"}.get(error.reason)
    if known:
        return known
    for words, code in (
        ("git-lfs", "lfs_pointer"),
        ("no video stream", "no_picture"),
        ("truncated", "truncated"),
        ("frames decode", "truncated"),
    ):
        if words in error.what:
            return code
    return "corrupt"


def _picture(path: Path) -> tuple[list[tuple[str, str]], float]:
    from harness.media import VideoReader

    reader = VideoReader(path, fps=None)
    for _ in reader:
        pass
    info = reader.info
    problems = _spans(info.duration_seconds)
    if info.variable_rate or abs(info.fps - FPS) > 0.01:
        problems.append(("wrong_fps", f"{info.fps:.2f} fps{', variable' if info.variable_rate else ''}"))
    if info.order_mended:
        problems.append(("stamps_step_back", sentence("stamps_sorted")))
    if (info.width, info.height) != (256, 256):
        problems.append(("not_cropped", f"{info.width}x{info.height}"))
    return problems, info.duration_seconds


def _sound(path: Path) -> tuple[list[tuple[str, str]], float]:
    import numpy as np

    from harness.media import read_audio

    track = read_audio(path)
    seconds = len(track.samples) / SAMPLE_RATE_HZ
    problems = _spans(seconds)
    if (track.rate, track.channels) != (SAMPLE_RATE_HZ, 1):
        problems.append(("wrong_sound", f"{track.rate} Hz, {track.channels} channels"))
    level = float(np.sqrt(np.mean(np.square(track.samples, dtype=np.float64)))) if len(track.samples) else 0.0
    if level < 1e-3:
        problems.append(("silent", f"level {level:.1e} of full scale"))
    return problems, seconds


def _spans(seconds: float) -> list[tuple[str, str]]:
    if seconds < _SHORT_SECONDS - 1e-6:
        return [("too_short", f"{seconds:.2f} s")]
    return [("too_long", f"{seconds:.0f} s")] if seconds > _LONG_SECONDS else []


@lru_cache(maxsize=1)
def _known_bad() -> tuple[dict[str, str], ...]:
    with KNOWN_BAD.open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


def known_bad(corpora: tuple[str, ...], name: str) -> str:
    """Returns the publicly known fault of a clip, with the source; "" if there is none."""
    for row in _known_bad():
        if row["corpus"] in corpora and fnmatchcase(name, row["clip"]):
            return f"{row['problem']} ({row['affects']}; {row['source']})"
    return ""
