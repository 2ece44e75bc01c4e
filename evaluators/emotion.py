"""Emotion accuracy: the public names."""

from __future__ import annotations

from evaluators.emotion_fan import ClipDecision, EmotionFAN

__all__ = ["ClipDecision", "EmotionFAN"]
