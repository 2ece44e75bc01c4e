"""This module reads the extended emotions: C-MET's 150 Gemini-TTS rows, and MELD lines that MUStARD labels sarcastic
with their controls.

MELD and the TTS voices only give the emotion; the faces are MEAD's neutral clips (or the user's own). No row has a
ground-truth clip (docs/reference/corpora.md, 'Extended-emotion lists').
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from datasets import frozen
from datasets.frozen import Row
from datasets.listed import Listed, Part
from datasets.mead import neutral
from datasets.mead_layout import SOUND_SUFFIXES, VIDEO_SUFFIXES, MeadClip, MeadTree, read_remap
from datasets.meld_layout import SPLITS, Line, MeldTree
from datasets.planning import Planned, SharedEmotion
from datasets.speech_pools import POOL_SIZE, shipped_pool, speech_folder
from harness.emotions import canonical
from harness.errors import MissingError, UsageError, unknown_name

NOT_SARCASTIC = "not_sarcastic"
PARTS = ("mead", "speech", "meld")
_TTS_PER_EMOTION = 25


def _first_root(options: Mapping[str, Any]) -> Path | None:
    """A folder to start from where no `root` is given: the first part that is."""
    return next((options[f"{part}_root"] for part in PARTS if options.get(f"{part}_root")), None)


class MeldExtended(Listed):
    """Edits neutral faces towards extended emotions: TTS voices and sarcastic MELD lines.

    `root` is a folder that holds all parts (a C-MET checkout with its dataset/ folder, or MEAD, gemini and MELD side
    by side). Options name the parts one by one: `mead_root`, `speech_root` (C-MET's audios/), `meld_root`,
    `meld_split` for a MELD folder whose name does not tell its split, and MEAD's `remap`. `neutral_clips` is a folder
    with the user's own neutral clips in place of MEAD; the dataset's label then says so.
    """

    name = "meld_extended"
    lists: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "gemini-150": ("extended-gemini-150",),
        "sarcasm-33": ("meld-sarcasm-33",),
        "sarcasm-controls": ("meld-sarcasm-controls",),
        "sarcasm-contrast": ("meld-sarcasm-33", "meld-sarcasm-controls"),
        "meld-12": ("meld-cmet-12",),
    }
    options = ("mead_root", "speech_root", "meld_root", "meld_split", "neutral_clips", "remap")
    wanted = "MEAD, C-MET's audios/ and, for the sarcasm lists, MELD"

    def __init__(self, root: Path | str | None = None, list_name: str | None = None, **options: Any) -> None:
        super().__init__(root or _first_root(options), list_name, **options)
        self._roots = {part: self._part_root(part, options) for part in PARTS}
        self._remap = options.get("remap")
        self._split = options.get("meld_split")
        if self._split not in (None, *SPLITS):
            raise unknown_name("split of MELD", str(self._split), SPLITS)
        self._faces = self._own_faces(options.get("neutral_clips"))

    def _part_root(self, part: str, options: Mapping[str, Any]) -> Path:
        given = options.get(f"{part}_root")
        folder = Path(given).expanduser().resolve() if given else self.root
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder.", f"Give {self.name}.{part}_root an existing one.")
        return folder

    @staticmethod
    def _own_faces(folder: Path | str | None) -> tuple[Path, ...]:
        if folder is None:
            return ()
        if not Path(folder).is_dir():
            raise UsageError(f"{folder} is not a folder.", "Give neutral_clips a folder with mp4 files.")
        clips = sorted(path for path in Path(folder).resolve().iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
        if not clips:
            raise MissingError(f"{folder} holds no clips.", "Give neutral_clips a folder with mp4 files.")
        return tuple(clips)

    @property
    def label(self) -> str:
        """Returns the label as in Listed; `+own-faces` marks that the faces are not MEAD's."""
        return super().label + ("+own-faces" if self._faces else "")

    @cached_property
    def mead(self) -> MeadTree:
        return MeadTree(self._roots["mead"], read_remap(Path(self._remap)) if self._remap else None)

    @cached_property
    def meld(self) -> MeldTree:
        folder = self._roots["meld"]
        nested = next((folder / name for name in ("MELD.Raw", "MELD") if (folder / name).is_dir()), None)
        shipped = speech_folder(self._roots["speech"], "MELD")
        return MeldTree(nested or (shipped if shipped and self.list_name == "meld-12" else folder), self._split)

    def row_id(self, row: Row) -> str:
        if "utterance" in row:
            return f"{row['utterance']}_{row['identity']}"
        if "matched_to" in row:
            return f"{NOT_SARCASTIC}_{row['split']}_{row['clip']}_for_{row['matched_to']}"
        return f"sarcastic_{row['split']}_{row['clip']}"

    def face_of(self, row: Row) -> tuple[str, Path | None]:
        """Returns the identity and the neutral clip of a row."""
        if self._faces:
            order = sorted({(other["identity"], other["source_number"]) for other in self.rows()})
            clip = self._faces[order.index((row["identity"], row["source_number"])) % len(self._faces)]
            return clip.stem, clip
        return row["identity"], self.mead.video(neutral(row["identity"], int(row["source_number"])))

    def utterance_of(self, row: Row) -> Path | None:
        """Returns the row's own emotional speech."""
        if "utterance" in row:
            return self._spoken(row["emotion"], row["utterance"])
        return self.meld.sound(Line.of(row["split"], row["clip"]))

    def _spoken(self, emotion: str, stem: str) -> Path | None:
        folder = speech_folder(self._roots["speech"], "gemini")
        paths = [] if folder is None else [folder / emotion / f"{stem}{suffix}" for suffix in SOUND_SUFFIXES]
        return next((path for path in paths if path.is_file()), None)

    def parts(self, row: Row) -> tuple[Part, ...]:
        video = self.face_of(row)[1]
        face = f"MEAD {neutral(row['identity'], int(row['source_number'])).name}"
        voice = f"gemini {row['utterance']}" if "utterance" in row else f"MELD {row['split']}/{row['clip']}"
        return (
            Part(face, "picture", video),
            Part(face, "sound", None if video is None else self.sound_source(row)),
            Part(voice, "sound", self.utterance_of(row)),
        )

    def known_name(self, part: Part) -> str:
        """Returns the part's name without the name of the corpus in front."""
        return part.name.split(" ", 1)[-1]

    def sound_source(self, row: Row) -> Path:
        video = self.face_of(row)[1]
        if not self._faces:
            video = self.mead.sound(neutral(row["identity"], int(row["source_number"])))
        assert video is not None
        return video

    def plan(self, row: Row, frames: int) -> Planned:
        identity, source = self.face_of(row)
        assert source is not None
        asked = self._tts_emotion(row) if "utterance" in row else self._meld_emotion(row)
        return self.planner.sample(
            self.row_id(row), self.label, identity, asked, source, self.sound_source(row), frames
        )

    def _tts_emotion(self, row: Row) -> SharedEmotion:
        """The row's utterance first, then the next nine of its emotion; the label is emotion2vec's of the utterance.

        Where emotion2vec knows no label, label-driven methods get `neutral`, like the authors' reference clips.
        """
        first = int(row["utterance"].rsplit("_", 1)[1])
        stems = [f"{row['emotion']}_{(first + k) % _TTS_PER_EMOTION}" for k in range(POOL_SIZE)]
        identity, emotion, level, number = row["pseudo_label_clip"].replace("/front/", "/").split("/")
        return self.planner.emotion(
            row["emotion"],
            spoken=[path for path in (self._spoken(row["emotion"], stem) for stem in stems) if path is not None],
            calm=self._calm(row["identity"]),
            example=self.mead.video(MeadClip(identity, emotion, int(level[-1]), int(number))),
            label="neutral" if row["pseudo_label"] == "<unk>" else row["pseudo_label"],
            label_is="pseudo",
            intensity=int(row["level"]),
        )

    def _calm(self, identity: str) -> tuple[Path, ...]:
        """Neutral speech for the TTS voices: C-MET's shipped one, else MEAD's frozen references."""
        shipped = shipped_pool(self._roots["speech"], "neutral", identity)
        if shipped:
            return shipped
        rows = (row for row in frozen.read("mead-speech-references") if row["emotion"] == "neutral")
        sounds = (self.mead.sound(neutral(row["identity"], int(row["number"]))) for row in rows)
        return tuple(path for path in sounds if path is not None)

    def _meld_emotion(self, row: Row) -> SharedEmotion:
        """The line itself, against neutral lines of the same speaker that MUStARD labels not sarcastic."""
        own = self.utterance_of(row)
        assert own is not None
        known = row.get("meld_emotion") or "neutral"  # C-MET's twelve are all neutral in MELD
        return self.planner.emotion(
            NOT_SARCASTIC if "matched_to" in row else "sarcastic",
            spoken=[own],
            calm=self._calm_lines(row),
            label=canonical("meld", known),
            label_is="pseudo",
        )

    def _calm_lines(self, row: Row) -> list[Path]:
        sounds = []
        for other in frozen.read("meld-not-sarcastic"):
            same_line = (other["split"], other["clip"]) == (row["split"], row["clip"])
            if other["speaker"] == row["speaker"] and other["meld_emotion"] == "neutral" and not same_line:
                path = self.meld.sound(Line.of(other["split"], other["clip"]))
                sounds += [path] if path is not None else []
        return sounds[:POOL_SIZE]
