"""This module turns corpus files into samples: which parts are cut, and how a method is given the emotion."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from datasets.derived import DerivedFile, Workshop
from harness.records import Emotion, Sample


@dataclass(frozen=True)
class Planned:
    """Holds a sample and the files that must be made before it is used."""

    sample: Sample
    recipes: tuple[DerivedFile, ...]


@dataclass(frozen=True)
class SharedEmotion:
    """Holds an emotion that many rows share, and the files that must be made for it."""

    emotion: Emotion
    recipes: tuple[DerivedFile, ...]


@dataclass(frozen=True)
class Planner:
    """Makes the samples of one corpus; `workshop` names the files that are made for them."""

    workshop: Workshop

    def emotion(
        self,
        name: str,
        spoken: Sequence[Path],
        calm: Sequence[Path],
        example: Path | None = None,
        label: str | None = None,
        label_is: Literal["truth", "pseudo"] = "truth",
        intensity: int | None = None,
    ) -> SharedEmotion:
        """Returns an emotion given by utterances, neutral ones to compare with, a clip and that clip's middle frame.

        label: the name for methods that know only the basic ones. [default: `name`]
        """
        picture = [] if example is None else [self.workshop.recipe("middle_picture", example)]
        recipes = [*self._wav_recipes(spoken), *self._wav_recipes(calm), *picture]
        emotion = Emotion(
            name=name,
            label=label or name,
            label_is=label_is,
            intensity=intensity,
            speech=self._wavs(spoken),
            neutral_speech=self._wavs(calm),
            image=picture[0].target if picture else None,
            clip=example,
        )
        return SharedEmotion(emotion, tuple(recipes))

    def _wav_recipes(self, sources: Iterable[Path]) -> list[DerivedFile]:
        """Wavs are used as they are; other files' sound is made into wavs."""
        return [self.workshop.recipe("whole_sound", path) for path in sources if path.suffix.lower() != ".wav"]

    def _wavs(self, sources: Iterable[Path]) -> tuple[Path, ...]:
        return tuple(next((recipe.target for recipe in self._wav_recipes([path])), path) for path in sources)

    def sample(
        self,
        sample_id: str,
        dataset: str,
        identity: str,
        asked: SharedEmotion,
        source: Path,
        sound_source: Path,
        frames: int,
        pose: Path | None = None,
        reference: Path | None = None,
        aligned: bool = False,
    ) -> Planned:
        """Returns the sample of clip `source`, driven by the sound of `sound_source`; `pose` gives the pose (default:
        the source).

        reference: the ground-truth clip; `aligned` where its frame k belongs to frame k of the result.
        """
        picture = self.workshop.recipe("first_picture", source)
        sound = self.workshop.recipe("sound", sound_source, frames)
        moved = self.workshop.recipe("pose", pose or source, frames)
        sample = Sample(
            id=sample_id,
            dataset=dataset,
            identity=identity,
            emotion=asked.emotion,
            source_image=picture.target,
            driving_audio=sound.target,
            frames=frames,
            source_video=source,
            pose_video=moved.target,
            reference_video=reference,
            reference_aligned=aligned,
        )
        return Planned(sample, (picture, sound, *asked.recipes, moved))
