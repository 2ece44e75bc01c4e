"""This module names the files of the lip-sync judge: rows of harness/weights.toml, and the small network that ships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from networks.files.official import Official
from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from evaluators.sync.syncnet import SyncNet


def _small(**config: Any) -> SyncNet:
    from evaluators.sync.syncnet import SyncNet

    return SyncNet(**config)


SYNCNET = Official("syncnet")
FACES = Official("s3fd")
SHIPPED = ShippedFile("sync", _small)
