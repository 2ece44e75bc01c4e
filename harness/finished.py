"""This module decides which parts of a run are finished and still valid: --resume does the rest.

It keeps no number of anything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.digest import digest
from harness.evaluator import Panel
from harness.reasons import reason
from harness.records import Clip, Failed, Sample
from harness.store import RunStore
from harness.worker import Item


class Finished:
    """Holds the store's state when the run was opened. `marks`: method → the fingerprint that its clips are made with
    now.
    """

    def __init__(self, store: RunStore, marks: Mapping[str, str], judge: Panel) -> None:
        self._home = store.path.parent.resolve()
        self._marks = marks
        self._clips = store.clips()
        columns = judge.columns()
        self._wanted = frozenset((metric, line) for _, metric, line in columns)
        lacking = {line for evaluator, _, line in columns if evaluator.missing()}
        self._rows: dict[tuple[str, str, str], set[tuple[str, str]]] = {}
        for (dataset, method, sample, metric, line), code in store.row_reasons().items():
            # A cause that may be gone by now is tried again: a mended judge, a file that was laid next to the clip.
            if not reason(code or "").may_pass or (code == "weights_missing" and line in lacking):
                self._rows.setdefault((dataset, method, sample), set()).add((metric, line))

    def item(self, method: str, sample: Sample, donor: Sample | None) -> Item | None:
        """Returns the remaining work for a sample and a method; None if there is none."""
        key = (sample.dataset, method, sample.id)
        clip, mark = self._clips.get(key, (None, ""))
        if not isinstance(clip, Clip) or not clip.path.is_file() or mark != self.mark(method, clip, sample, donor):
            return Item(method, sample, None, donor)
        rows = frozenset(self._rows.get(key, ()))
        return None if self._wanted <= rows else Item(method, sample, clip, donor, rows)

    def ended_badly(self, method: str, sample: Sample) -> bool:
        """Says whether the method failed on this sample before: others come first, since it may end its process."""
        clip, _ = self._clips.get((sample.dataset, method, sample.id), (None, ""))
        return isinstance(clip, Failed) and clip.kind != "unavailable"

    def mark(self, method: str, clip: Clip | Failed, sample: Sample, donor: Sample | None) -> str:
        """Returns the fingerprint of a clip's origin: the method, and the donor sample where it has one.

        A clip that lies elsewhere (`score`) adds its bytes and those of its ground truth: both may be made anew.
        """
        parts = [self._marks[method], *([] if donor is None else [donor.id])]
        if isinstance(clip, Clip) and not clip.path.is_relative_to(self._home):
            parts += [_bytes_of(path) for path in (clip.path, sample.reference_video) if path is not None]
        return "+".join(parts)


def _bytes_of(path: Path) -> str:
    try:
        return digest(path)[:16]
    except OSError:  # the judge says it in a row; read again once it can be
        return "unreadable"
