"""This module names the small networks of FLOAT that ship: of our own training on puppets, none of FLOAT's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from networks.float.networks import FloatNetworks


def _small(
    channels: Mapping[str, int], audio: Mapping[str, Any], emotion: Mapping[str, Any], **rest: Any
) -> FloatNetworks:
    from networks.float.networks import FloatNetworks, Widths
    from networks.float.wav2vec2 import Shape

    widths = {int(size): width for size, width in channels.items()}
    return FloatNetworks(Widths(channels=widths, audio=Shape(**audio), emotion=Shape(**emotion), **rest))


SHIPPED_FLOAT = ShippedFile("float", _small)
