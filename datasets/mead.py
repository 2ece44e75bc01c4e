"""This module reads MEAD through C-MET's list of 1143 (neutral clip edited towards an emotion) and EAT's list of 100
(own sound).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from datasets import frozen
from datasets.frozen import Row
from datasets.listed import Listed, Part, first_of
from datasets.mead_layout import MeadClip, MeadTree, read_remap
from datasets.planning import Planned, SharedEmotion
from datasets.speech_pools import shipped_pool, speech_folder
from harness.errors import MissingError, UsageError

_EAT_SOURCE_NUMBER = 1
TRAINING_LISTS = ("mead-cmet-train-identities", "mead-edtalk-train-identities")


def neutral(identity: str, number: int) -> MeadClip:
    """Returns the identity's neutral clip."""
    return MeadClip(identity, "neutral", 1, number)


def target_of(row: Row) -> MeadClip:
    """Returns the emotional (or, in EAT's list, any) clip of a row."""
    return MeadClip(row["identity"], row["emotion"], int(row["level"]), int(row.get("target_number") or row["number"]))


class Mead(Listed):
    """Reads MEAD in the official layout, C-MET's FPS25 tree or EAT's flat names.

    Options: `remap` (csv, see mead_layout.read_remap) and `speech_pool`: where the emotional utterances come from,
    `train` (frozen list of training identities, the default) or `shipped` (C-MET's audios/MEAD: other test speakers),
    which lies under `speech_root`. [default: the root]
    """

    name = "mead"
    lists: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "cmet-1143": ("mead-cmet-1143",),
        "eat-100": ("mead-eat-100",),
    }
    options = ("remap", "speech_pool", "speech_root")
    speech_cure = (
        "Add the training identities, or use C-MET's own speech: "
        "--set mead.speech_pool=shipped --set mead.speech_root=audios"
    )
    wanted = "MEAD (official download, C-MET's FPS25 tree, or EAT's flat names)"

    def __init__(self, root: Path | str | None = None, list_name: str | None = None, **options: Any) -> None:
        super().__init__(root, list_name, **options)
        self._remap = options.get("remap")
        self._pool = str(options.get("speech_pool") or "train")
        if self._pool not in ("train", "shipped"):
            raise UsageError(f"speech_pool '{self._pool}' does not exist.", "Known: train, shipped.")
        self._speech_root = Path(options.get("speech_root") or self.root).expanduser().resolve()
        if self._pool == "shipped" and speech_folder(self._speech_root, "MEAD") is None:
            raise MissingError(
                f"{self._speech_root} holds no speech of C-MET (audios/MEAD).", "Give mead.speech_root that folder."
            )

    @cached_property
    def tree(self) -> MeadTree:
        return MeadTree(self.root, read_remap(Path(self._remap)) if self._remap else None)

    def training(self) -> tuple[str, ...]:
        clips = Counter(clip.identity for clip in self.tree.clips())
        return tuple(self._trained_on(name, clips) for name in TRAINING_LISTS)

    @staticmethod
    def _trained_on(name: str, clips: Mapping[str, int]) -> str:
        wanted = [row["identity"] for row in frozen.read(name)]
        here = [identity for identity in wanted if clips.get(identity)]
        count = sum(clips[identity] for identity in here)
        return f"{name}: {len(here)} of {len(wanted)} identities, {count} clips (by name, not decoded)"

    def hint(self) -> str:
        """Returns advice on archives that were downloaded and not unpacked."""
        packed = self.tree.still_packed()
        return f"Unpack the archives of the download first, e.g. {packed[0]}." if packed else ""

    def source_of(self, row: Row) -> MeadClip:
        """Returns the neutral clip that gives the identity and, in C-MET's list, the sound."""
        return neutral(row["identity"], int(row.get("source_number") or _EAT_SOURCE_NUMBER))

    def row_id(self, row: Row) -> str:
        clip = target_of(row)
        own = f"{clip.identity}_{clip.emotion}_{clip.level}_{clip.number:03d}"
        return f"{own}_n{int(row['source_number']):03d}" if "source_number" in row else own

    def driver_of(self, row: Row) -> MeadClip:
        """Returns the clip whose sound drives the sample."""
        return self.source_of(row) if "source_number" in row else target_of(row)

    def parts(self, row: Row) -> tuple[Part, ...]:
        source, target, driver = self.source_of(row), target_of(row), self.driver_of(row)
        return (
            Part(source.name, "picture", self.tree.video(source)),
            Part(target.name, "picture", self.tree.video(target)),
            Part(driver.name, "sound", self.tree.sound(driver)),
        )

    def references(self) -> tuple[Part, ...]:
        if self._pool == "shipped":
            return ()
        clips = [clip for pool in self._references.values() for clip in pool]
        return tuple(Part(clip.name, "sound", self.tree.sound(clip)) for clip in clips)

    def sound_source(self, row: Row) -> Path:
        sound = self.tree.sound(self.driver_of(row))
        assert sound is not None
        return sound

    def plan(self, row: Row, frames: int) -> Planned:
        target, edited = target_of(row), "source_number" in row
        source, target_clip = self.tree.video(self.source_of(row)), self.tree.video(target)
        assert source is not None
        assert target_clip is not None
        return self.planner.sample(
            self.row_id(row),
            self.label,
            row["identity"],
            self.once((target.identity, target.emotion, str(target.level)), lambda: self._ask(target)),
            source,
            self.sound_source(row),
            frames,
            pose=source if edited else target_clip,
            reference=target_clip,
            aligned=not edited,
        )

    def _ask(self, clip: MeadClip) -> SharedEmotion:
        return self.planner.emotion(
            clip.emotion,
            spoken=self.sounds(clip.identity, clip.emotion, clip.level),
            calm=self.sounds(clip.identity, "neutral", 1),
            example=first_of(map(self.tree.video, self.utterances(clip.emotion, clip.level))),
            intensity=clip.level,
        )

    @cached_property
    def _references(self) -> dict[tuple[str, int], list[MeadClip]]:
        pools: dict[tuple[str, int], list[MeadClip]] = {}
        for row in frozen.read("mead-speech-references"):
            clip = MeadClip(row["identity"], row["emotion"], int(row["level"]), int(row["number"]))
            pools.setdefault((clip.emotion, clip.level), []).append(clip)
        return pools

    def utterances(self, emotion: str, level: int) -> list[MeadClip]:
        """Returns the frozen reference clips of an emotion and level: training identities only."""
        return self._references[emotion, level]

    def sounds(self, identity: str, emotion: str, level: int) -> tuple[Path, ...]:
        """Returns the emotional utterances that `identity` may be given: those of the pool that are on disk, never its
        own.
        """
        if self._pool == "shipped":
            return shipped_pool(self._speech_root, emotion, identity)
        paths = [self.tree.sound(clip) for clip in self.utterances(emotion, level) if clip.identity != identity]
        return tuple(path for path in paths if path is not None)
