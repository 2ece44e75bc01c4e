"""This module gathers the feature files of C-MET's tree into the arrays of a packed corpus (`packed`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.emotions import BASIC_EMOTIONS
from harness.errors import UsageError
from networks.emotion2vec.features import FEATURE_FOLDER, OFFICIAL_WIDTH
from networks.files.array_file import read_array

EMOTIONS = BASIC_EMOTIONS
FEATURES = FEATURE_FOLDER
EXPRESSION = 10

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FeatureFiles:
    """Names the feature files of one clip in a tree."""

    identity: str
    emotion: int
    level: int
    number: int
    expression: Path | None
    speech: Path | None


def scan(tree: Path, features: str) -> list[FeatureFiles]:
    """Returns the clips with features in C-MET's tree (front view), by identity, emotion, level, number."""
    clips: list[FeatureFiles] = []
    for identity in sorted(path for path in _folders(tree) if (path / "front").is_dir()):
        for index, emotion in enumerate(EMOTIONS):
            for level in (1, 2, 3):
                folder = identity / "front" / emotion / f"level_{level}"
                codes = {p.name[: -len("_ED_exp.npy")]: p for p in folder.glob("*_ED_exp.npy")}
                speech = {p.stem: p for p in (folder / features).glob("*.npy")}
                for stem in sorted(stem for stem in {*codes, *speech} if stem.isdigit()):
                    clips.append(
                        FeatureFiles(identity.name, index, level, int(stem), codes.get(stem), speech.get(stem))
                    )
    return clips


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


def _speech_width(clips: Sequence[FeatureFiles]) -> int:
    """Of the first speech vector: all must be like it."""
    path = next((clip.speech for clip in clips if clip.speech is not None), None)
    return OFFICIAL_WIDTH if path is None else read_array(path).size


def gathered(clips: Sequence[FeatureFiles]) -> tuple[list[str], dict[str, npt.NDArray[Any]]]:
    """Returns (identities by name, the arrays of these clips). UsageError naming a damaged feature file.

    expression (all frames, 10) and speech (vectors, width) are float32; offset (clips + 1,) is where each clip's codes
    begin, speech_row (clips,) its vector or -1; identity, emotion, level and number (clips,) say what it is.
    """
    width, nothing = _speech_width(clips), np.zeros((0, EXPRESSION), np.float32)
    codes = [nothing if clip.expression is None else _read(clip.expression, EXPRESSION, 2) for clip in clips]
    vectors = [_read(clip.speech, width, 1) for clip in clips if clip.speech is not None]
    spoken = np.array([clip.speech is not None for clip in clips])
    identities = sorted({clip.identity for clip in clips})
    who = {name: index for index, name in enumerate(identities)}
    return identities, {
        "expression": np.concatenate(codes),
        "speech": np.concatenate([np.zeros((0, width), np.float32), *vectors]),
        "offset": np.cumsum([0, *map(len, codes)], dtype=np.int64),
        "speech_row": np.where(spoken, np.cumsum(spoken) - 1, -1),
        "identity": np.array([who[clip.identity] for clip in clips]),
        **{name: np.array([getattr(clip, name) for clip in clips]) for name in ("emotion", "level", "number")},
    }
