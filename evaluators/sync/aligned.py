"""The transforms of EAT's aligned video for one clip, from the landmarks that the user laid beside it."""

from __future__ import annotations

import numpy as np

from evaluators import pairing
from evaluators.faces import sidecar_landmarks
from evaluators.pairing import Problem
from evaluators.sync import align68
from harness.evaluator import ClipContext


def problem(context: ClipContext) -> Problem | None:
    """Why the clip cannot be aligned, or None."""
    found = transforms(context)
    return found if isinstance(found, tuple) else None


def transforms(context: ClipContext) -> align68.Float | Problem:
    """The similarity of each frame (n, 2, 3), or the reason code and sentence why there is none."""
    return context.once("lse:align68", lambda: _transforms(context))


def _transforms(context: ClipContext) -> align68.Float | Problem:
    points = sidecar_landmarks.read(context.path, pairing.clip_frames(context), align68.SUFFIX)
    if isinstance(points, tuple):
        reason, detail = points
        return reason, f"EAT's crop needs the 68 points of face_alignment: {detail}"
    lost = int((~np.isfinite(points).all(axis=(1, 2))).sum())
    if lost:
        return "no_face", f"{lost} of {len(points)} frames have no landmarks; EAT's alignment then gives up the clip"
    try:
        return align68.transforms(points)
    except ValueError as error:
        return "no_face", str(error)
