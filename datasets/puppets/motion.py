"""This module moves a puppet's head and makes it blink: smooth, deterministic tracks at 25 fps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.records import FPS

Array = npt.NDArray[np.float64]

#: Largest size of yaw, pitch (px), roll (degrees), shift x, shift y (px of 256) in any clip.
SPAN = np.array([7.5, 4.5, 4.5, 4.0, 3.0])
_BLINK = np.array([0.35, 0.85, 1.0, 0.8, 0.45, 0.15])  # lid closure, one frame a step


def pose_track(frames: int, seed: tuple[int, ...]) -> Array:
    """Returns pose (frames, 6) in the order of datasets.puppets.face.POSE_FIELDS: slow sway, and a blink every two to
    four seconds.
    """
    rng = np.random.default_rng(seed)
    seconds = np.arange(frames) / FPS
    track = np.zeros((frames, 6))
    for field in range(5):
        rates = np.array([0.25, 0.6, 1.1]) * rng.uniform(0.8, 1.25, 3)
        sizes = np.array([0.55, 0.3, 0.15]) * rng.uniform(0.4, 1.0, 3)
        phases = rng.uniform(0, 2 * np.pi, 3)
        track[:, field] = SPAN[field] * (sizes * np.sin(2 * np.pi * np.outer(seconds, rates) + phases)).sum(1)
    at = rng.uniform(0.3, 1.5)
    while at < frames / FPS:
        first = int(at * FPS)
        part = _BLINK[: frames - first]
        track[first : first + len(part), 5] = part
        at += rng.uniform(1.6, 3.2)
    return track
