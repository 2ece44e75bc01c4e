"""Emotion accuracy: does a clip show the emotion that was asked for?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluators.emotion.emotion_fan import EmotionFAN

__all__ = ["EmotionFAN"]


def __getattr__(name: str) -> Any:
    """The network, imported on use: whoever combines rows needs no torch."""
    if name == "EmotionFAN":
        from evaluators.emotion.emotion_fan import EmotionFAN

        return EmotionFAN
    raise AttributeError(name)
