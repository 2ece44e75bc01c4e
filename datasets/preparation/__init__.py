"""How a corpus is prepared: cropped, brought to 25 fps and 16 kHz, its features computed; resumable.

The registry: corpus → "module:Class" of its source (datasets.preparation.sources), imported on use. A source of one's
own is `prepare path/to/my.py:Class`.
"""

from __future__ import annotations

SOURCES: dict[str, str] = {
    "mead": "datasets.preparation.sources:MeadSource",
    "crema_d": "datasets.preparation.sources:CremaSource",
    "meld": "datasets.preparation.sources:MeldSource",
    "meld_extended": "datasets.preparation.sources:MeldSource",  # the dataset whose speech it is
    "folder": "datasets.preparation.sources:FolderSource",
}
