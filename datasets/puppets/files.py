"""This module writes puppets as files: pictures, clips and sounds, each written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.puppets.affect import affect_point
from datasets.puppets.face import render
from datasets.puppets.motion import pose_track
from datasets.puppets.voice import Utterance, speak
from harness.atomic import replacing
from harness.media import VideoWriter, write_wav

Array = npt.NDArray[np.float64]

SIZE = 256


def sound(path: Path, samples: npt.NDArray[np.float32]) -> None:
    """Writes a 16 kHz mono wav."""
    write_wav(path, samples)


def portrait(path: Path, who: int, affect: Array) -> None:
    """Writes a picture: facing the camera, eyes open, mouth nearly closed."""
    from PIL import Image

    frame = render(who, np.zeros(6), np.array([0.05, 0.0]), affect, SIZE)
    with replacing(path) as partial:
        Image.fromarray(frame).save(partial, format="PNG")


def clip(path: Path, who: int, affect: Array, pose: Array, lips: Array, samples: npt.NDArray[np.float32]) -> None:
    """Writes a clip of `len(lips)` frames with its sound."""
    with VideoWriter(path, SIZE, SIZE, audio=samples) as writer:
        for head, mouth in zip(pose, lips, strict=True):
            writer.write(render(who, head, mouth, affect, SIZE))


def neutral_clip(path: Path, who: int, frames: int) -> None:
    """Writes the puppet's own neutral clip, which is edited, and whose head motion is borrowed."""
    said = speak(who, affect_point("neutral"), frames, (33, who))
    clip(path, who, affect_point("neutral"), neutral_pose(who, frames), said.lips(), said.sound)


def neutral_pose(who: int, frames: int) -> Array:
    """Returns the head motion (frames, 6) of the neutral clip."""
    return pose_track(frames, (34, who))


def ground_truth(path: Path, who: int, affect: Array, said: Utterance) -> None:
    """Writes the clip that a perfect method would make: the neutral clip's head motion, the driving sound's mouth, the
    emotion.
    """
    clip(path, who, affect, neutral_pose(who, said.frames), said.lips(), said.sound)


def emotional_clip(path: Path, who: int, affect: Array, frames: int) -> None:
    """Writes another puppet speaking with the emotion, for methods that look at a face."""
    said = speak(who, affect, frames, (35, who))
    clip(path, who, affect, pose_track(frames, (36, who)), said.lips(), said.sound)
