"""Random puppet pictures for the recipes: training identities, basic emotions, exact labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from datasets.puppet_affect import affect_point
from datasets.puppet_face import render
from datasets.puppet_identity import TRAIN_IDENTITIES
from harness.records import BASIC_EMOTIONS

Array = npt.NDArray[np.float64]

POSE_SPAN = np.array([9.0, 5.5, 6.0, 5.0, 4.0, 1.0])  # largest size of each pose field in any clip


@dataclass(frozen=True)
class State:
    """What one picture shows: `who` (n,), `pose` (n,6), `lip` (n,2), `affect` (n,5), `emotion` (n,) class numbers."""

    who: npt.NDArray[np.int64]
    pose: Array
    lip: Array
    affect: Array
    emotion: npt.NDArray[np.int64]

    def rows(self, index: npt.NDArray[np.int64]) -> State:
        """The states of these rows."""
        return State(self.who[index], self.pose[index], self.lip[index], self.affect[index], self.emotion[index])


def random_states(
    rng: np.random.Generator, count: int, jitter: float = 0.12, people: Sequence[int] = TRAIN_IDENTITIES
) -> State:
    """Independent random states. Affect: a basic emotion of random strength, with an actor's own variation."""
    emotion = rng.integers(0, len(BASIC_EMOTIONS), count)
    strength = rng.uniform(0.5, 1.1, (count, 1))
    affect = np.stack([affect_point(BASIC_EMOTIONS[e]) for e in emotion]) * strength
    affect = affect + rng.normal(0.0, jitter, affect.shape)
    pose = rng.uniform(-1.0, 1.0, (count, 6)) * POSE_SPAN
    pose[:, 5] = np.where(rng.random(count) < 0.25, rng.uniform(0.0, 1.0, count), 0.0)
    opened = np.where(rng.random(count) < 0.25, 0.0, rng.uniform(0.0, 1.0, count))
    lip = np.stack([opened, rng.uniform(-1.0, 1.0, count)], axis=1)
    return State(rng.choice(np.array(people), count), pose, lip, affect, emotion)


def pictures(state: State, size: int) -> torch.Tensor:
    """The states rendered: float32 (n, 3, size, size) in [-1, 1]."""
    frames = np.stack(
        [
            render(int(w), p, m, a, size)
            for w, p, m, a in zip(state.who, state.pose, state.lip, state.affect, strict=True)
        ]
    )
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1.0


class Pool:
    """Pictures to draw batches from, the same number of every training identity; a few are drawn anew at each step."""

    def __init__(self, rng: np.random.Generator, size: int, each: int) -> None:
        self._rng, self._size, self._each, self._next = rng, size, each, 0
        self.people = len(TRAIN_IDENTITIES)
        drawn = random_states(rng, self.people * each)
        self.state = replace(drawn, who=np.repeat(np.array(TRAIN_IDENTITIES), each))
        self._pictures = torch.cat([self._render(rows) for rows in np.array_split(np.arange(len(drawn.who)), 32)])

    def _render(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        return ((pictures(self.state.rows(rows), self._size) + 1) * 127.5).round().to(torch.uint8)

    def refresh(self, count: int) -> None:
        """Replace the `count` oldest pictures."""
        rows = (self._next + np.arange(count) * (self._each + 1)) % len(self.state.who)
        self._next = int(rows[-1] + self._each + 1) % len(self.state.who)
        drawn = random_states(self._rng, count)
        for name in ("pose", "lip", "affect", "emotion"):
            getattr(self.state, name)[rows] = getattr(drawn, name)
        self._pictures[rows] = self._render(rows)

    def batch(self, people: int, each: int) -> tuple[torch.Tensor, State]:
        """`each` pictures of each of `people` identities, people by people."""
        who = self._rng.choice(self.people, people, replace=False)
        rows = np.concatenate([w * self._each + self._rng.choice(self._each, each, replace=False) for w in who])
        return self._pictures[rows].float() / 127.5 - 1.0, self.state.rows(rows)
