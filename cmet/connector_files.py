"""Reads the files of the connector: the published checkpoint, those of own training, and the small one that ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from networks.files.layout import Layout
from networks.files.official import OfficialFile
from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from cmet.connector import Connector


def _connector(file: Path | None = None) -> Connector:
    """A connector of the widths and window that the training of `file` wrote down; of official size without them."""
    from cmet.connector import Connector
    from cmet.training.checkpoint_files import connector_beside

    return Connector() if file is None else connector_beside(file)


def _small(**config: Any) -> Connector:
    from cmet.connector import Connector

    return Connector(**config)


CONNECTOR = OfficialFile("cmet-connector", Layout(("state_dict",)), _connector)
SHIPPED_CONNECTOR = ShippedFile("connector", _small)
