"""This module describes the emotion judges as data: classes in output order, crop rule, sampling, pooling of frames."""

from __future__ import annotations

from dataclasses import dataclass

from evaluators.emotion import files
from evaluators.emotion.labels import CMET_PAPER, EAT_FAN, HSEMOTION_8
from harness.errors import unknown_name
from networks.files.official import Official
from networks.files.shipped import Shipped


@dataclass(frozen=True)
class NetSpec:
    """Describes one judge, as data."""

    name: str  # as signatures name it
    classes: tuple[str, ...]
    align: str  # default crop rule (evaluators.faces.crops)
    size: int  # px
    samples: str  # default of setting samp (evaluators.sampling)
    pooling: str  # attention: frame attention; mean-logits
    weights: Official | Shipped
    assumed: str = ""  # where the order of its classes is not published: whose it is taken to be


SPECS = {
    "efan8-eat": NetSpec("efan8-eat", EAT_FAN, "mtcnn5", 224, "every5", "attention", files.EMOTION_FAN),
    "cmet7": NetSpec("cmet7", CMET_PAPER, "mtcnn5", 224, "even16", "mean-logits", files.CMET_MEAD),
    "cmet7-crema-d": NetSpec(
        "cmet7-crema-d", CMET_PAPER, "mtcnn5", 224, "even16", "mean-logits", files.CMET_CREMA_D, "as-mead"
    ),
    "hsemotion8": NetSpec("hsemotion-b0-8", HSEMOTION_8, "mtcnn-box", 224, "every5", "mean-logits", files.HSEMOTION),
    "demo": NetSpec("demo-efan", EAT_FAN, "mtcnn5", 64, "every5", "attention", files.SHIPPED.weights()),
}


def spec(name: str) -> NetSpec:
    """Returns the judge of that name. UsageError for an unknown one."""
    if name not in SPECS:
        raise unknown_name("emotion judge", name, SPECS)
    return SPECS[name]
