"""This module finds emotional speech: folders of sound, prepared features, single files, or a name kept earlier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from harness.atomic import replacing
from harness.digest import cache_dir
from harness.errors import UsageError, unknown_name
from networks.emotion2vec.features import FEATURE_FOLDER, OFFICIAL_WIDTH, SpeechFeatures, read_features
from networks.files.array_file import UNREADABLE, why

SOUND_SUFFIXES = (".wav", ".flac", ".m4a", ".mp3", ".ogg", ".opus", ".aac", ".mp4", ".mov", ".mkv", ".webm")
NEUTRAL = "neutral"
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pool:
    """Holds the utterances of one emotion: sound files, or features that were prepared already, or a difference kept by
    name.
    """

    name: str
    sounds: tuple[Path, ...] = ()
    features: Path | None = None  # a folder of (width,) npy files
    kept: Path | None = None  # an npz with a finished difference
    width: int = OFFICIAL_WIDTH

    @property
    def needs_network(self) -> bool:
        """Says whether a speech network is needed to use it."""
        return self.features is None and self.kept is None

    def entries(self) -> list[str]:
        """Returns the sorted names of the utterances."""
        return [str(path) for path in self.sounds] if self.features is None else self._read()[0]

    def vectors(self, chosen: Sequence[str], speech: SpeechFeatures | None) -> Floats:
        """Returns the features (n, D) of the chosen entries."""
        if self.features is not None:
            names, vectors = self._read()
            return vectors[[names.index(name) for name in chosen]]
        assert speech is not None
        return speech.of_files([Path(name) for name in chosen])

    def _read(self) -> tuple[list[str], Floats]:
        assert self.features is not None
        return read_features(self.features, self.width)


def pools(values: Sequence[str], width: int = OFFICIAL_WIDTH, names: Names | None = None) -> list[Pool]:
    """Returns one pool per folder or name, in their order; all single files together are one more, where the first one
    stands.

    width: numbers of a feature; a folder's features of that width are used instead of its sounds. names: where emotions
    without a path are looked up. Raises UsageError for what does not exist or holds no sound.
    """
    names = names or Names(width=width)
    all_pools: list[Pool] = []
    files: list[Path] = []
    place = 0
    for value in values:
        path = Path(value).expanduser()
        if path.is_dir():
            all_pools.append(_folder(path, width))
        elif path.suffix == ".npy" and path.is_file():
            raise UsageError(f"'{path}' is one feature file.", "Give the folder that holds it, or sound files.")
        elif path.is_file():
            place = place if files else len(all_pools)
            files.append(path)
        else:
            all_pools.append(names.find(value))
    if files:
        all_pools.insert(place, Pool(files[0].stem, tuple(sorted(files))))
    return all_pools


def _folder(path: Path, width: int) -> Pool:
    inner = path / FEATURE_FOLDER
    features = inner if inner.is_dir() else path if next(path.glob("*.npy"), None) else None
    name = path.resolve().name if path.resolve().name != FEATURE_FOLDER else path.resolve().parent.name
    sounds = tuple(sorted(p for p in path.iterdir() if _is_sound(p)))
    if features is not None and (not sounds or _fits(features, width)):
        return Pool(name, features=features, width=width)
    if not sounds:
        raise UsageError(f"'{path}' holds no sound files.", f"They end in {', '.join(SOUND_SUFFIXES[:4])} ….")
    return Pool(name, sounds=sounds)


def _fits(features: Path, width: int) -> bool:
    """Whether a folder's first feature is of this width: another network's do not count where there are sounds."""
    first = min((p for p in features.glob("*.npy") if not p.name.startswith(".")), default=None)
    try:
        return first is not None and np.load(first, mmap_mode="r", allow_pickle=False).shape == (width,)
    except UNREADABLE:
        return True  # damaged: the reader of the file names it


def _is_sound(path: Path) -> bool:
    """By name; hidden files (macOS leaves `._name.wav`) are nobody's speech."""
    return path.suffix.lower() in SOUND_SUFFIXES and not path.name.startswith(".") and path.is_file()


def neutral_beside(values: Sequence[str], width: int = OFFICIAL_WIDTH, names: Names | None = None) -> Pool:
    """Returns the pool in a folder called `neutral` beside the first emotion's folder, as C-MET lays them out.

    Emotions that were given by name are compared with the neutral speech of the place where names are looked up.
    """
    for value in values:
        path = Path(value).expanduser().resolve()
        emotion = path if path.is_dir() and path.name != FEATURE_FOLDER else path.parent
        if path.exists() and (emotion.parent / NEUTRAL).is_dir():
            return _folder(emotion.parent / NEUTRAL, width)
    if names is not None and not any(Path(value).expanduser().exists() for value in values):
        return names.speech(NEUTRAL)
    raise UsageError(
        "No neutral speech was given, and there is no folder 'neutral' beside the emotional one.",
        "Add --neutral-speech FOLDER (utterances of the same voices, spoken neutrally).",
    )


def neutral_named(values: Sequence[str], width: int = OFFICIAL_WIDTH, names: Names | None = None) -> Pool:
    """Returns the pool of neutral speech that a user names. UsageError as `pools`, for several, and for a kept
    difference.
    """
    pool, *more = pools(values, width, names)
    if more:
        raise UsageError(
            f"--neutral-speech names {1 + len(more)} things: {', '.join(values)}.", "Give one folder, or sound files."
        )
    if pool.kept is not None:
        raise UsageError(
            f"'{pool.name}' is a kept difference, no speech.", "--neutral-speech takes a folder or sound files."
        )
    return pool


@dataclass(frozen=True)
class Names:
    """Finds emotions by name: kept ones first, then folders of that name in or below `root`, then `shipped` ones.

    root: a folder of `<emotion>/` folders, or of corpora of them (C-MET's audios/: MEAD/, gemini/, MELD/); shipped:
    name -> function that makes its sound files.
    """

    root: Path | None = None
    shipped: Mapping[str, Callable[[], Sequence[Path]]] = field(default_factory=dict)
    width: int = OFFICIAL_WIDTH

    def find(self, name: str) -> Pool:
        """Returns the pool of a name. UsageError, with the names that there are, for an unknown one."""
        if kept_path(name).is_file():
            return Pool(name, kept=kept_path(name))
        return self.speech(name)

    def speech(self, name: str) -> Pool:
        """Returns the speech of a name, kept differences aside. UsageError as `find`."""
        if name in self._folders():
            return replace(_folder(self._folders()[name], self.width), name=name)
        if name in self.shipped:
            return Pool(name, sounds=tuple(self.shipped[name]()))
        known = sorted({*kept_names(), *self._folders(), *self.shipped})
        none = "Give a folder or sound files; names need --speech DIR, or --weights demo."
        cure = unknown_name("emotion", name, known).cure if known else none
        raise UsageError(f"'{name}' is neither a file nor a folder nor an emotion known by name.", cure)

    def _folders(self) -> dict[str, Path]:
        """Folders by emotion; where two corpora have the same, MEAD's counts, then the alphabet."""
        if self.root is None:
            return {}
        if not self.root.is_dir():
            raise UsageError(f"'{self.root}' is not a folder.", "--speech names a folder of <emotion>/ folders.")
        parents = sorted((p for p in self.root.iterdir() if p.is_dir()), key=lambda p: (p.name != "MEAD", p.name))
        inner = [p for parent in parents for p in sorted(parent.iterdir()) if p.is_dir()]
        folder_of: dict[str, Path] = {}
        for path in [*parents, *inner]:
            if _holds_speech(path):
                folder_of.setdefault(path.name, path)
        return folder_of


def _holds_speech(path: Path) -> bool:
    return path.name != FEATURE_FOLDER and (
        (path / FEATURE_FOLDER).is_dir() or any(_is_sound(p) or p.suffix == ".npy" for p in path.iterdir())
    )


def kept_path(name: str) -> Path:
    """Returns the path of an emotion kept under `name`; two names never share a file."""
    return cache_dir() / "emotions" / f"{quote(name, safe=' ')}.npz"


def keep(name: str, difference: Floats) -> Path:
    """Keeps a difference (D,) under a name for later edits; returns its file."""
    path = kept_path(name)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez(file, difference=difference.astype(np.float32))
    return path


def recall(pool: Pool, width: int) -> Floats:
    """Returns the kept difference (D,) of a pool. UsageError if it is damaged or was made by another speech network."""
    assert pool.kept is not None
    try:
        with np.load(pool.kept, allow_pickle=False) as arrays:
            difference: Floats = arrays["difference"]
    except UNREADABLE as error:
        raise UsageError(f"{pool.kept} is no kept emotion: {why(error)}.", "Delete it, and keep it again.") from error
    if difference.shape != (width,):
        raise UsageError(
            f"The kept emotion '{pool.name}' has {len(difference)} numbers, this network needs {width}.",
            "It was kept with another --weights; keep it again under another name.",
        )
    return difference


def kept_names() -> list[str]:
    """Returns the names under which emotions were kept."""
    return sorted(unquote(path.stem) for path in (cache_dir() / "emotions").glob("*.npz"))
