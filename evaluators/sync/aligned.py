"""This module makes the transforms of EAT's aligned video for one clip, from the user's landmark file next to it."""

from __future__ import annotations

import numpy as np

from evaluators import pairing
from evaluators.faces import sidecar_landmarks
from evaluators.sync import align68
from evaluators.sync.frames import own_frames
from harness.evaluator import ClipContext, Refusal


def problem(context: ClipContext) -> Refusal | None:
    """Says why the clip cannot be aligned, or None."""
    result = transforms(context)
    return result if isinstance(result, Refusal) else None


def transforms(context: ClipContext) -> align68.Float | Refusal:
    """Returns the similarity of each frame (n, 2, 3), or why there is none."""
    return context.once("lse:align68", lambda: _transforms(context))


def _transforms(context: ClipContext) -> align68.Float | Refusal:
    _, own = own_frames(context, "ff")
    frames = own().frames if own else pairing.clip_frames(context)
    points = sidecar_landmarks.read(context.path, frames, align68.SUFFIX)
    if isinstance(points, Refusal):
        return Refusal(points.reason, f"EAT's crop needs the 68 points of face_alignment: {points.detail}")
    lost = int((~np.isfinite(points).all(axis=(1, 2))).sum())
    if lost:
        detail = f"{lost} of {len(points)} frames have no landmarks"
        return Refusal("no_face", f"{detail}; EAT's alignment then gives up the clip")
    try:
        return align68.transforms(points)
    except ValueError as error:
        return Refusal("no_face", str(error))
