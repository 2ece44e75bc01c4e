"""This package reads corpora as frozen test lists of Samples. The registry: name → "module:Class", imported on use."""

from __future__ import annotations

DATASETS: dict[str, str] = {
    "puppets": "datasets.puppets.dataset:Puppets",
    "mead": "datasets.mead:Mead",
    "crema_d": "datasets.crema_d:CremaD",
    "meld_extended": "datasets.meld_extended:MeldExtended",
    "folder": "datasets.folder:Folder",
}
