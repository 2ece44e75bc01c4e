"""Draws a contact sheet of a run on puppets: `python -m recipes.contact_sheet RUN METHOD FILE.jpg`.

Twelve clips, spread over the list; of each the portrait, five frames and, last, the true clip's middle frame. That is
how the sheets in docs were made; they are looked at, no number comes from them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from harness.atomic import replacing
from harness.errors import UsageError
from harness.media import VideoReader, read_image
from harness.records import Clip
from harness.store import RunStore

CLIPS, FRAMES, SIZE_PX, QUALITY = 12, 5, 96, 82
_COLUMNS, _GAP_PX = 2, 8
Picture = npt.NDArray[np.uint8]


def main(run: Path, method: str, file: Path) -> None:
    """Write the sheet of one method's clips."""
    with RunStore(run, create=False) as store:
        made = {key[2]: clip for key, (clip, _) in store.clips().items() if key[1] == method and isinstance(clip, Clip)}
        records = {key[1]: record for key, record in store.sample_records().items() if key[1] in made}
    if not records:
        raise UsageError(
            f"'{method}' has no clips in {run}.", f"Type: python bench.py run --method {method} --out {run}"
        )
    names = sorted(records)
    chosen = [names[place] for place in np.linspace(0, len(names) - 1, min(CLIPS, len(names))).round().astype(int)]
    strips = [_strip(run / made[name].path, records[name]) for name in chosen]
    with replacing(file) as partial:
        _, coded = cv2.imencode(".jpg", _sheet(strips)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        partial.write_bytes(coded.tobytes())


def _strip(clip: Path, record: dict[str, Any]) -> Picture:
    """(SIZE_PX, 7 * SIZE_PX, 3): a clip's pictures side by side, with the name of its emotion."""
    frames, true = _frames(clip), _frames(Path(record["reference_video"]))
    shown = [read_image(Path(record["source_image"]))]
    shown += [frames[place] for place in np.linspace(0, len(frames) - 1, FRAMES + 2).round().astype(int)[1:-1]]
    shown.append(true[len(true) // 2])
    strip = np.hstack([cv2.resize(one, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA) for one in shown])
    cv2.putText(strip, record["emotion"]["name"], (3, 11), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return np.asarray(strip, np.uint8)


def _frames(clip: Path) -> Picture:
    return np.concatenate(list(VideoReader(clip)))


def _sheet(strips: list[Picture]) -> Picture:
    """The strips below each other, in columns."""
    rows = -(-len(strips) // _COLUMNS)
    blank = np.full_like(strips[0], 255)
    padded = [*strips, *[blank] * (rows * _COLUMNS - len(strips))]
    columns = [np.vstack(padded[first : first + rows]) for first in range(0, len(padded), rows)]
    gap = np.full((rows * SIZE_PX, _GAP_PX, 3), 255, np.uint8)
    return np.hstack([columns[0], *[part for column in columns[1:] for part in (gap, column)]])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
