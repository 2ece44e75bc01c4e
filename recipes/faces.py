"""This module draws random puppet pictures for the recipes: training identities, basic emotions, exact labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from datasets.puppets.affect import affect_point
from datasets.puppets.face import render
from datasets.puppets.identity import TRAIN_IDENTITIES
from harness.emotions import BASIC_EMOTIONS

Array = npt.NDArray[np.float64]
Frames = npt.NDArray[np.uint8]

POSE_SPAN = np.array([9.0, 5.5, 6.0, 5.0, 4.0, 1.0])  # largest size of each pose field in any clip


@dataclass(frozen=True)
class PictureState:
    """Describes the contents of pictures: `who` (n,), `pose` (n,6), `lip` (n,2), `affect` (n,5), `emotion` (n,) class
    numbers.
    """

    who: npt.NDArray[np.int64]
    pose: Array
    lip: Array
    affect: Array
    emotion: npt.NDArray[np.int64]

    def rows(self, index: npt.NDArray[np.int64]) -> PictureState:
        """Returns the states of these rows."""
        return PictureState(self.who[index], self.pose[index], self.lip[index], self.affect[index], self.emotion[index])


def random_states(
    rng: np.random.Generator, count: int, jitter: float = 0.12, people: Sequence[int] = TRAIN_IDENTITIES
) -> PictureState:
    """Returns independent random states. Affect: a basic emotion of random strength, with an actor's own variation."""
    emotion = rng.integers(0, len(BASIC_EMOTIONS), count)
    strength = rng.uniform(0.5, 1.1, (count, 1))
    affect = np.stack([affect_point(BASIC_EMOTIONS[e]) for e in emotion]) * strength
    affect = affect + rng.normal(0.0, jitter, affect.shape)
    pose = rng.uniform(-1.0, 1.0, (count, 6)) * POSE_SPAN
    pose[:, 5] = np.where(rng.random(count) < 0.25, rng.uniform(0.0, 1.0, count), 0.0)
    opened = np.where(rng.random(count) < 0.25, 0.0, rng.uniform(0.0, 1.0, count))
    lip = np.stack([opened, rng.uniform(-1.0, 1.0, count)], axis=1)
    return PictureState(rng.choice(np.array(people), count), pose, lip, affect, emotion)


def calmed(state: PictureState, rng: np.random.Generator) -> PictureState:
    """Returns the states, three in four of them as portraits: hardly an emotion, mouth nearly closed, facing the
    camera.
    """
    calm = rng.random((len(state.who), 1)) < 0.75
    lip = np.where(calm, np.array([0.05, 0.0]), state.lip)
    return replace(
        state,
        affect=np.where(calm, 0.1, 1.0) * state.affect,
        pose=np.where(calm, 0.15, 1.0) * state.pose,
        lip=lip,
    )


def pictures(state: PictureState, size: int) -> torch.Tensor:
    """Returns the pictures of the states: float32 (n, 3, size, size) in [-1, 1]."""
    return as_input(uint8_pictures(state, size), "cpu")


def uint8_pictures(state: PictureState, size: int) -> Frames:
    """Returns the pictures of the states as drawn: uint8 (n, size, size, 3)."""
    rows = zip(state.who, state.pose, state.lip, state.affect, strict=True)
    return np.stack([render(int(who), pose, lip, affect, size) for who, pose, lip, affect in rows])


def as_input(frames: Frames, device: str) -> torch.Tensor:
    """Returns uint8 pictures (n, s, s, 3) as float32 (n, 3, s, s) in [-1, 1] on `device`."""
    return torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1.0


PEOPLE, EACH = 3, 6  # puppets a lesson, pictures of each


@dataclass(frozen=True)
class Lesson:
    """Holds one step's pictures: `sources` uint8 (n, s, s, 3) of `state`, people by people; `goals` uint8 (m, s, s, 3)
    whose face, expression, lips and pose are those of the source rows `shuffle` (None: no pictures are drawn in this
    step); `seed` for whatever else is random in the step.
    """

    sources: Frames
    state: PictureState
    goals: Frames | None
    shuffle: tuple[npt.NDArray[np.int64], ...]
    seed: tuple[int, int, int]


@dataclass(frozen=True)
class Lessons:
    """Makes lesson number i, the same in any process: pictures of EACH states of PEOPLE training puppets, and from
    number `codes_only` on the true pictures of DRAWN shuffles of them.
    """

    DRAWN: ClassVar[int] = 12
    STILL_SHARE: ClassVar[float] = 0.5  # of the goals keep the source's pose: only lips and expression differ

    seed: int
    size: int
    codes_only: int

    def __call__(self, number: int) -> Lesson:
        rng = np.random.default_rng([self.seed, 7, number])
        people = rng.choice(np.array(TRAIN_IDENTITIES), PEOPLE, replace=False)
        state = replace(random_states(rng, PEOPLE * EACH), who=np.repeat(people, EACH))
        sources, seed = uint8_pictures(state, self.size), (self.seed, 8, number)
        if number < self.codes_only:
            return Lesson(sources, state, None, (), seed)
        who, exp, lip, pose = shuffle = self._shuffle(rng, state)
        goal = PictureState(state.who[who], state.pose[pose], state.lip[lip], state.affect[exp], state.emotion[exp])
        return Lesson(sources, state, uint8_pictures(goal, self.size), shuffle, seed)

    def _shuffle(self, rng: np.random.Generator, state: PictureState) -> tuple[npt.NDArray[np.int64], ...]:
        """Rows (who, exp, lip, pose). As in use, sources are rather calm and expressions rather not."""
        count, strength = len(state.who), np.linalg.norm(state.affect, axis=1)
        calm, moved = np.exp(-1.5 * strength), 0.3 + strength
        who = rng.choice(count, self.DRAWN, p=calm / calm.sum())
        exp = rng.choice(count, self.DRAWN, p=moved / moved.sum())
        lip, pose = (rng.choice(count, self.DRAWN) for _ in range(2))
        return who, exp, lip, np.where(rng.random(self.DRAWN) < self.STILL_SHARE, who, pose)
