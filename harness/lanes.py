"""A lane says how methods are told the emotion: what a request keeps, and which methods it leaves nothing to go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.records import FPS, Failed, Lane, Request, Sample, strip_to_lane


def request_in(lane: Lane, sample: Sample, seed: int) -> Request:
    """Returns the sample as its lane allows a method to see it."""
    return Request(
        id=sample.id,
        identity=sample.identity,
        emotion=strip_to_lane(sample.emotion, lane),
        source_image=sample.source_image,
        driving_audio=sample.driving_audio,
        frames=sample.frames,
        fps=FPS,
        seed=seed,
        lane=lane,
        source_video=sample.source_video,
        pose_video=sample.pose_video,
    )


#: The lane that offers each source that a method takes the emotion from.
_LANES: Mapping[str, Lane] = {
    "speech": "speech",
    "driving-speech": "speech",
    "label": "label",
    "image": "reference",
    "clip": "reference",
}


def _other_lanes(sources: tuple[str, ...], lane: Lane) -> str:
    """The option to type to get the emotion as one of `sources`; empty where no other lane would help."""
    lanes = dict.fromkeys(_LANES[source] for source in sources if source in _LANES)
    named = [f"--lane {other}" for other in lanes if other != lane]
    if not named or lane == "as-published":
        return ""
    return f"Type {' or '.join(named)}, or --lane as-published, which tells each method in its own way."


def unsupported(method: Any, sample: Sample, lane: Lane) -> Failed | None:
    """Returns the refusal of a sample that the method cannot take in this lane, or None (checked before any work)."""
    emotion = strip_to_lane(sample.emotion, lane)
    has = {
        "speech": bool(emotion.speech or emotion.features),
        "label": emotion.label is not None,
        "image": emotion.image is not None,
        "clip": emotion.clip is not None,
        "driving-speech": True,
    }
    sources = tuple(getattr(method, "emotion_sources", ()))
    offered = next((source for source in sources if has.get(source, False)), None)
    if getattr(method, "needs_truth", False) and sample.reference_video is None:
        return Failed("unsupported", f"sample {sample.id} has no ground-truth clip")
    if sources and offered is None:
        return Failed(
            "unsupported",
            f"{method.name} takes the emotion as {' or '.join(sources)}, which lane '{lane}' does not offer",
            _other_lanes(sources, lane),
        )
    labels = tuple(getattr(method, "labels", ()))
    if labels and offered == "label" and emotion.label not in labels:
        return Failed("unsupported", f"{method.name} does not know the label '{emotion.label}'")
    return None
