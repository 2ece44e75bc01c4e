"""Emotion accuracy says in how many clips a face recogniser sees the emotion that was asked for, in per cent.

A judge network looks at aligned face crops of sampled frames, decides on one emotion a clip, and the clip is right or
wrong; the score is the share of right ones. Judges differ in training data, classes, crop and pooling, so the judge is
the first field of the signature: `efan8-eat` (EAT's Emotion-FAN, eight classes), `cmet7` (the C-MET paper's ResNet-18,
seven), `hsemotion8`, and `demo` for the built-in puppets.

Conventions: labels go by name onto the canonical eight, never by index; a clip without a face is left out (`miss:skip`)
or wrong (`miss:wrong`); the answer is the largest of all classes (`set:open`) or of those named in `among`.

Known biases: a judge's own accuracy on true clips is the ceiling (EAT's: 84.4 %), so ground truth stands in every
table; a judge that was trained on the corpus of a method favours it; emotions that a judge's classes lack cannot be
scored, and extended emotions (sarcastic, envious ...) have no recogniser at all: see evaluators.extended.

Source: Meng et al. 2019 (Emotion-FAN); Gan et al. 2023 (EAT). Facts: docs/reference/metrics.md, 'Emotion'.

>>> from evaluators.emotion.accuracy import EmotionAccuracy
>>> print(EmotionAccuracy({"net": "demo"}, "cpu").signature("emotion_acc").fields[0])
('net', 'demo-efan')
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluators.emotion.emotion_fan import EmotionFAN

__all__ = ["EmotionFAN"]


def __getattr__(name: str) -> Any:
    """Returns the network, imported on use: combining rows needs no torch."""
    if name == "EmotionFAN":
        from evaluators.emotion.emotion_fan import EmotionFAN

        return EmotionFAN
    raise AttributeError(name)
