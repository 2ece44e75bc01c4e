"""This module finds MELD clips on disk: speech for emotions, never a face (the speaker is not marked in the picture).

Clip names restart in every split, so the key is (split, dialogue, utterance). The archive's folder names vary between
mirrors; the split is read from the folder names, or given by the user.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from datasets.mead_layout import SOUND_SUFFIXES

_SPLIT_FOLDER = re.compile(r"^(output_repeated_splits_)?(?P<split>train|dev|test)(_splits?)?(_complete)?$")
SPLITS = ("train", "dev", "test")
VIDEO_SUFFIXES = (".mp4", ".mkv", ".avi")
_NAME = re.compile(r"^(?P<copy>final_videos_test)?dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)$")


@dataclass(frozen=True, order=True)
class Line:
    """Names one utterance of MELD."""

    split: str
    dialogue: int
    utterance: int

    @property
    def name(self) -> str:
        """Returns split/diaN_uttM, as lists and reports write it."""
        return f"{self.split}/dia{self.dialogue}_utt{self.utterance}"

    @classmethod
    def of(cls, split: str, clip: str) -> Line:
        """Returns the line of a clip name. Raises ValueError if it is not one."""
        match = _NAME.match(clip)
        if match is None:
            raise ValueError(f"'{clip}' is not a MELD clip name")
        return cls(split, int(match["dialogue"]), int(match["utterance"]))


def split_of(folders: tuple[str, ...]) -> str | None:
    """Returns the split named by a folder, the deepest first; None if none is."""
    for folder in reversed(folders):
        match = _SPLIT_FOLDER.match(folder.lower())
        if match:
            return match["split"]
    return None


class MeldTree:
    """Indexes every MELD clip under `root` but not under `without`. `split` is used where folder names have none."""

    def __init__(self, root: Path, split: str | None = None, without: Path | None = None) -> None:
        self.root = root
        self.unknown_split: list[Path] = []
        self._index: dict[Line, dict[bool, Path]] = {}
        for folder, subfolders, names in os.walk(root):
            subfolders.sort()
            here = Path(folder)
            if here == without:
                subfolders.clear()
                continue
            here_split = split_of((root.name, *here.relative_to(root).parts)) or self._shipped(here) or split
            for name in sorted(names):
                self._add(here / name, here_split)

    @staticmethod
    def _shipped(folder: Path) -> str | None:
        """C-MET's twelve clips (audios/MELD/sarcastic) are all from the test split."""
        return "test" if folder.parts[-2:] == ("MELD", "sarcastic") else None

    def _add(self, path: Path, split: str | None) -> None:
        match = _NAME.match(path.stem)
        suffix = path.suffix.lower()
        if match is None or suffix not in (*SOUND_SUFFIXES, *VIDEO_SUFFIXES):
            return  # AppleDouble files (._dia…) among them
        if split is None:
            self.unknown_split.append(path)
            return
        line = Line(split, int(match["dialogue"]), int(match["utterance"]))
        kept = self._index.setdefault(line, {})
        is_sound = suffix in SOUND_SUFFIXES
        if is_sound not in kept or not match["copy"]:  # the plain name wins over its renamed copy
            kept[is_sound] = path

    def sound(self, line: Line) -> Path | None:
        """Returns the file that holds the line's speech: an extracted sound if there is one, else the clip; or None."""
        kept = self._index.get(line, {})
        return kept.get(True) or kept.get(False)

    def lines(self) -> list[Line]:
        """Returns every line on disk, sorted."""
        return sorted(self._index)
