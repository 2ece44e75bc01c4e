"""Draws what the generator learns from: portraits of puppets, and what they do after, with keypoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datasets.puppets import head as puppet_head
from datasets.puppets.identity import TRAIN_IDENTITIES
from recipes.eat import anatomy
from recipes.faces import PictureState, calmed, random_states, uint8_pictures

PEOPLE, GOALS = 4, 1  # portraits of a lesson, and true pictures of each, all in one emotion
_FIELD_PX = 256
STILL = 0.4  # share of the pictures whose head keeps its pose
DETECTOR_ERROR, OTHER_ERROR = (
    0.012,
    0.004,
)  # spread about exact keypoints: of a face, of a frame


@dataclass(frozen=True)
class PaintingLesson:
    """Holds PEOPLE portraits uint8 (n, s, s, 3) with keypoints (n, 15, 3), GOALS pictures of each, in order, with
    theirs, where each of MAP x MAP places of them lies in the portrait, as a shift (n, MAP, MAP, 2) of x and y, and the
    number of each person's emotion (n,).
    """

    portraits: npt.NDArray[np.uint8]
    at_rest: npt.NDArray[np.float32]
    goals: npt.NDArray[np.uint8]
    moved: npt.NDArray[np.float32]
    flow: npt.NDArray[np.float32]
    emotion: npt.NDArray[np.int64]


@dataclass(frozen=True)
class PaintingLessons:
    """Makes lesson number i, the same in any process. As in use, portraits are calm, mostly."""

    seed: int
    size: int
    tag: int

    def __call__(self, number: int) -> PaintingLesson:
        rng = np.random.default_rng([self.seed, self.tag, number])
        who = rng.choice(np.array(TRAIN_IDENTITIES), PEOPLE, replace=False)
        portrait = replace(calmed(random_states(rng, PEOPLE), rng), who=who)
        goal = _goals(rng, portrait)
        error = rng.normal(0, DETECTOR_ERROR, (PEOPLE, 1, len(anatomy.KEYPOINTS), 3))
        other = rng.normal(0, OTHER_ERROR, (PEOPLE, GOALS + 1, len(anatomy.KEYPOINTS), 3))
        wrong = (error + other).astype(np.float32)
        at_rest, moved = anatomy.keypoints(portrait).numpy(), anatomy.keypoints(goal).numpy()
        return PaintingLesson(
            uint8_pictures(portrait, self.size),
            at_rest + wrong[:, 0],
            uint8_pictures(goal, self.size),
            moved + wrong[:, 1:].reshape(moved.shape),
            flows(portrait.rows(np.repeat(np.arange(PEOPLE), GOALS)), goal, self.size // 4),
            goal.emotion[::GOALS],
        )


def _goals(rng: np.random.Generator, portrait: PictureState) -> PictureState:
    """PEOPLE times GOALS states of the people of the portraits, each person in one emotion of one strength."""
    one, many = random_states(rng, PEOPLE), random_states(rng, PEOPLE * GOALS)
    still = rng.random((PEOPLE * GOALS, 1)) < STILL
    return replace(
        many,
        who=np.repeat(portrait.who, GOALS),
        pose=np.where(still, np.repeat(portrait.pose, GOALS, 0), many.pose),
        affect=np.repeat(one.affect, GOALS, 0) + rng.normal(0, 0.03, (PEOPLE * GOALS, 5)),
        emotion=np.repeat(one.emotion, GOALS),
    )


def flows(portrait: PictureState, goal: PictureState, size: int) -> npt.NDArray[np.float32]:
    """Returns (n, size, size, 2): how far x and y of the portrait are from those of the picture that shows the same, at
    the places of a map of that size; of heads and jaws, by the renderer's own fields.
    """
    moves = puppet_head.head(int(portrait.who[0]), _FIELD_PX).moves.reshape(6, 2, _FIELD_PX, _FIELD_PX)
    axis = np.linspace(0, _FIELD_PX - 1, size)
    here = np.stack(np.meshgrid(axis, axis), axis=-1)
    found = []
    for before, after in zip(_amounts(portrait), _amounts(goal), strict=True):
        still = here - _moved(moves, here, after)
        found.append(still + _moved(moves, still, before) - here)
    return (np.stack(found) / anatomy.PX).astype(np.float32)


def _amounts(state: PictureState) -> npt.NDArray[np.float64]:
    """(n, 6): yaw, pitch, roll, shifts and jaw."""
    jaw = anatomy.state_offsets(state).unflatten(1, (-1, 3))[:, anatomy.CHIN, 1].double().numpy() * anatomy.PX
    return np.concatenate((state.pose[:, :5], jaw[:, None]), axis=1)


def _moved(moves: npt.NDArray[np.float32], at: npt.NDArray[np.float64], amount: npt.NDArray[np.float64]) -> Any:
    """How far places (h, w, 2) in px are moved by amounts (6,)."""
    x, y = at.round().astype(int).clip(0, _FIELD_PX - 1).transpose(2, 0, 1)
    return np.einsum("a,achw->hwc", amount, moves[:, :, y, x])


@dataclass(frozen=True)
class Shown:
    """Holds a lesson as tensors: portraits (n, 3, s, s) in [0, 1], their keypoints, the goals, theirs, and the flow."""

    portraits: Tensor
    at_rest: Tensor
    goals: Tensor
    moved: Tensor
    flow: Tensor


def shown(lesson: PaintingLesson, device: str) -> Shown:
    """Returns a lesson on a device."""
    portraits, goals = (
        torch.from_numpy(part).to(device).permute(0, 3, 1, 2).float() / 255 for part in (lesson.portraits, lesson.goals)
    )
    rest = (torch.from_numpy(part).to(device) for part in (lesson.moved, lesson.flow))
    return Shown(portraits, torch.from_numpy(lesson.at_rest).to(device), goals, *rest)
