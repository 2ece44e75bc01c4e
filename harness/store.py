"""The run store keeps samples, clips and rows of one run in sqlite (WAL), so that nothing finished is ever lost.

Schema version 1 (docs/reference/runs.md, 'Run folder'). One writer (the parent process of a run); readers may open it
meanwhile.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from harness import foreign, store_file
from harness.errors import UsageError
from harness.records import Clip, Comparison, Failed, Row, Sample, Scored, SummaryRow, Unscored

R = TypeVar("R", Clip, Failed, SummaryRow, Comparison)
_ASIDE = -1  # position of a sample that is not asked for any more: its rows are kept, and shown nowhere


@dataclass(frozen=True)
class StoredRow:
    """Holds one row as the store has it; `reason` is None for a scored one."""

    dataset: str
    method: str
    sample: str
    metric: str
    signature: str
    value: float | None
    reason: str | None
    detail: str
    notes: tuple[str, ...]
    statistics: bytes

    @property
    def scored(self) -> bool:
        """Says whether the clip counts: it has a value, or statistics from which a pool's value follows."""
        return self.reason is None


def _encode(record: Any) -> str:
    return json.dumps(asdict(record), default=str, sort_keys=True)


class RunStore:
    """Reads and writes `run.sqlite` in a run folder. Use as a context manager; `create=False` only reads, and refuses a
    missing file.

    A store that writes holds its folder: a second one is refused (UsageError) until the first is closed or dead.
    """

    def __init__(self, folder: Path, create: bool = True) -> None:
        self.path = folder / store_file.NAME
        self._home = folder.resolve()
        with ExitStack() as opened:
            if create and (held := store_file.hold(folder)) is not None:
                opened.callback(os.close, held)
            self._db = store_file.open_to_write(folder) if create else store_file.open_to_read(folder)
            opened.callback(self._db.close)
            self._opened = opened.pop_all()

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything written is already committed."""
        self._opened.close()

    def meta(self, key: str) -> Any:
        """Returns the value stored under `key`, or None."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON-able value."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value, default=str)))

    def add_samples(self, samples: Iterable[Sample], complete: bool = False) -> None:
        """Record the samples that are asked for, in list order; with `complete`, all else of these datasets is set
        aside.

        A sample that is asked otherwise than before (another label, another ground truth) loses its clips and rows.
        """
        new = {(s.dataset, s.id): (k, s.identity, s.emotion.name, _encode(s)) for k, s in enumerate(samples)}
        datasets = {dataset for dataset, _ in new}
        with self._db:
            for dataset, sample, record in self._db.execute("SELECT dataset, sample, record FROM samples").fetchall():
                key = (dataset, sample)
                if key in new and not store_file.asked_alike(json.loads(record), json.loads(new[key][3])):
                    for table in ("rows", "series", "clips"):
                        self._db.execute(f"DELETE FROM {table} WHERE dataset = ? AND sample = ?", key)
                elif key not in new and complete and dataset in datasets:
                    self._db.execute("UPDATE samples SET position = ? WHERE dataset = ? AND sample = ?", (_ASIDE, *key))
            self._db.executemany(
                "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?)", [(*key, *row) for key, row in new.items()]
            )

    def put(self, dataset: str, method: str, sample: str, clip: Clip | Failed, fingerprint: str) -> None:
        """Record how a clip ended; a re-made clip loses the rows that judged its predecessor.

        Clips of this run are recorded by their place in its folder, so that the folder may be moved or copied.
        """
        key = (dataset, method, sample)
        record = clip
        if isinstance(clip, Clip) and clip.path.is_relative_to(self._home):
            record = replace(clip, path=clip.path.relative_to(self._home))
        with self._db:
            for table in ("rows", "series"):
                self._db.execute(f"DELETE FROM {table} WHERE dataset = ? AND method = ? AND sample = ?", key)
            self._db.execute(
                "INSERT OR REPLACE INTO clips VALUES (?, ?, ?, ?, ?, ?)",
                (*key, int(isinstance(clip, Clip)), fingerprint, _encode(record)),
            )

    def put_rows(self, dataset: str, method: str, sample: str, rows: Iterable[Row]) -> None:
        """Record rows of one clip, and their series, in one transaction."""
        rows = list(rows)
        kept = [row for row in rows if isinstance(row, Scored) and row.series]
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?)",
                [(dataset, method, sample, row.metric, row.signature, row.series) for row in kept],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(dataset, method, sample, *_row_columns(row)) for row in rows],
            )

    def clips(self) -> dict[tuple[str, str, str], tuple[Clip | Failed, str]]:
        """Returns (dataset, method, sample) → (how it ended, fingerprint of its making)."""
        rows = self._db.execute("SELECT dataset, method, sample, ok, fingerprint, record FROM clips")
        return {(d, m, s): (self._decode_clip(ok, record), mark) for d, m, s, ok, mark, record in rows}

    def _decode_clip(self, ok: int, record: str) -> Clip | Failed:
        if not ok:
            return foreign.failed(self._decoded(Failed, record))  # an earlier version kept what methods said as it was
        clip = self._decoded(Clip, record)
        return replace(clip, path=self._home / clip.path)

    def _decoded(self, kind: type[R], record: str) -> R:
        try:
            return kind(**json.loads(record))
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"'{self.path}' holds a {kind.__name__} that this version cannot read: {error}.",
                "Use the cmet-bench version that wrote it, or start a new run in another folder.",
            ) from error

    def row_reasons(self) -> dict[tuple[str, str, str, str, str], str | None]:
        """Returns (dataset, method, sample, metric, signature) of every row → why it has no number; None where it has
        one.
        """
        rows = self._db.execute("SELECT dataset, method, sample, metric, signature, reason FROM rows")
        return {(d, m, s, metric, line): reason for d, m, s, metric, line, reason in rows}

    def rows(self, statistics: bool = True, cell: tuple[str, str, str, str] | None = None) -> Iterator[StoredRow]:
        """Yields every row, or those of one `cell` (dataset, method, metric, signature), in list order of the samples.

        Without `statistics` their bytes are left out.
        """
        blob = "r.statistics" if statistics else "x''"
        where = "AND r.dataset = ? AND r.method = ? AND r.metric = ? AND r.signature = ? " if cell else ""
        cursor = self._db.execute(
            "SELECT r.dataset, r.method, r.sample, r.metric, r.signature, r.value, r.reason, r.detail, "
            f"r.notes, {blob} "
            f"FROM rows r LEFT JOIN samples s ON s.dataset = r.dataset AND s.sample = r.sample "
            f"WHERE coalesce(s.position, 0) >= 0 {where}"
            "ORDER BY r.dataset, r.method, s.position, r.sample, r.metric, r.signature",
            cell or (),
        )
        read: dict[str, tuple[str, ...]] = {}  # most rows have the same few notes, or none
        for dataset, method, sample, metric, signature, value, reason, detail, notes, data in cursor:
            if (codes := read.get(notes)) is None:
                codes = read[notes] = tuple(json.loads(notes))
            yield StoredRow(dataset, method, sample, metric, signature, value, reason, detail, codes, data or b"")

    def series(self) -> Iterator[tuple[str, str, str, str, str, bytes]]:
        """Yields (dataset, sample, method, metric, signature, packed series); nothing in runs of versions without."""
        if self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'series'").fetchone():
            yield from self._db.execute(
                "SELECT dataset, sample, method, metric, signature, data FROM series "
                "ORDER BY dataset, sample, method, metric, signature"
            )

    def sample_records(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Returns (dataset, sample) → the Sample's fields as they were asked, in list order."""
        asked = "SELECT dataset, sample, record FROM samples WHERE position >= 0 ORDER BY dataset, position, sample"
        return {(dataset, sample): json.loads(record) for dataset, sample, record in self._db.execute(asked)}

    def samples(self) -> list[tuple[str, str, str, str]]:
        """Returns (dataset, sample, identity, emotion) in list order."""
        return self._db.execute(
            "SELECT dataset, sample, identity, emotion FROM samples WHERE position >= 0 "
            "ORDER BY dataset, position, sample"
        ).fetchall()

    def frames(self) -> dict[tuple[str, str], int]:
        """Returns (dataset, sample) → the number of frames that is asked for."""
        records = self._db.execute("SELECT dataset, sample, record FROM samples WHERE position >= 0")
        return {(dataset, sample): int(json.loads(record).get("frames", 0)) for dataset, sample, record in records}

    def set_summary(self, rows: Iterable[SummaryRow], comparisons: Iterable[Comparison] = ()) -> None:
        """Replace the summary and the comparisons between methods."""
        with self._db:
            for table, records in (("summary", rows), ("comparisons", comparisons)):
                self._db.execute(f"DELETE FROM {table}")
                self._db.executemany(
                    f"INSERT INTO {table} VALUES (?, ?)", [(k, _encode(r)) for k, r in enumerate(records)]
                )

    def summary(self) -> list[SummaryRow]:
        """Returns the summary as last written."""
        records = self._db.execute("SELECT record FROM summary ORDER BY position").fetchall()
        return [self._decoded(SummaryRow, _by_person(record)) for (record,) in records]

    def comparisons(self) -> list[Comparison]:
        """Returns the comparisons as last written."""
        records = self._db.execute("SELECT record FROM comparisons ORDER BY position").fetchall()
        return [self._decoded(Comparison, record) for (record,) in records]


def _by_person(record: str) -> str:
    """A row of the summary with the interval over people in `low` and `high`: it was `cluster_…` in suite v:1."""
    fields = json.loads(record)
    if "cluster_low" not in fields:
        return record
    ends = fields.pop("cluster_low"), fields.pop("cluster_high")
    fields["clip_low"], fields["clip_high"] = fields["low"], fields["high"]
    if None not in ends:
        fields["low"], fields["high"] = ends
    return json.dumps(fields)


def _row_columns(row: Row) -> tuple[Any, ...]:
    if isinstance(row, Scored):
        return row.metric, row.signature, row.value, None, "", json.dumps(row.notes), row.statistics
    assert isinstance(row, Unscored)
    detail = row.detail[:4000].encode("utf-8", "backslashreplace").decode()  # a path in it need not be UTF-8
    return row.metric, row.signature, None, row.reason, detail, "[]", b""
