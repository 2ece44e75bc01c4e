"""This module names the files of the emotion judges: rows of harness/weights.toml, and the small network that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from networks.files.official import Official
from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from evaluators.emotion.emotion_fan import EmotionFAN


def _small(**config: Any) -> EmotionFAN:
    from evaluators.emotion.emotion_fan import EmotionFAN

    return EmotionFAN(**config)


EMOTION_FAN = Official("emotion-fan-eat")
CMET_MEAD = Official("emotion-cmet-mead")
CMET_CREMA_D = Official("emotion-cmet-crema-d")
HSEMOTION = Official("hsemotion-b0-8")
#: Trained on `demo_crops` (evaluators.faces.crops), input by `emotion_input`.
SHIPPED = ShippedFile("emotion", _small)
