"""This module draws what only puppets offer a calibration: the same clip with another emotion, or more of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from datasets.puppets.affect import affect_point
from datasets.puppets.dataset import Puppets, Row, frames_of, read_list
from datasets.puppets.face import render
from datasets.puppets.files import SIZE, neutral_pose
from datasets.puppets.voice import speak
from evaluators.calibration.corruption import Take
from harness.emotions import BASIC_EMOTIONS

#: The emotion half-way round the list of basic ones shares no neighbour with the true one.
_FAR = len(BASIC_EMOTIONS) // 2


def scaled(dataset: Puppets, sample_id: str) -> Callable[[float], Take]:
    """Returns strength → a sample's ground truth at that part of its emotional intensity (1: as it is, 0: neutral)."""
    row = _row(dataset, sample_id)
    return lambda strength: _rendered(row, strength * affect_point(row.emotion, row.intensity))


def other_emotion(dataset: Puppets, sample_id: str) -> Take:
    """Returns the ground truth of a sample with another basic emotion: same puppet, words and head motion."""
    row = _row(dataset, sample_id)
    place = BASIC_EMOTIONS.index(row.emotion) if row.emotion in BASIC_EMOTIONS else 0
    return _rendered(row, affect_point(BASIC_EMOTIONS[(place + _FAR) % len(BASIC_EMOTIONS)], row.intensity))


def _row(dataset: Puppets, sample_id: str) -> Row:
    return next(row for row in read_list(dataset.list_name) if row.id == sample_id)


def _rendered(row: Row, affect: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Take:
    """As datasets.puppets.files.ground_truth draws it, without a codec."""
    frames = frames_of(row)
    said = speak(row.identity, affect_point("neutral"), frames, (31, row.seed))
    pose = neutral_pose(row.identity, frames)
    pictures = [render(row.identity, head, mouth, affect, SIZE) for head, mouth in zip(pose, said.lips(), strict=True)]
    return Take(np.stack(pictures), said.sound)
