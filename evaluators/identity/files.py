"""This module names the files of the identity judges: rows of harness/weights.toml, and the small network that
ships.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from networks.files.official import Official
from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from evaluators.identity.demo_net import IdentityNet


def _small(**config: Any) -> IdentityNet:
    from evaluators.identity.demo_net import IdentityNet

    return IdentityNet(**config)


FACENET = Official("facenet-vggface2")
ARCFACE = Official("arcface-r50")
#: Trained on `demo_crops` (evaluators.faces.crops), input by `identity_input`.
SHIPPED = ShippedFile("identity", _small)
