"""The run store: samples, clips and rows of one run in sqlite (WAL), so that nothing finished is ever lost.

Schema version 1 (DESIGN §4). One writer (the parent process of a run); readers may open it meanwhile.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.atomic import cannot_write
from harness.errors import UsageError
from harness.records import Clip, Comparison, Failed, Row, Sample, Scored, SummaryRow, Unscored

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS samples (
    dataset TEXT, sample TEXT, position INTEGER, identity TEXT, emotion TEXT, record TEXT,
    PRIMARY KEY (dataset, sample));
CREATE TABLE IF NOT EXISTS clips (
    dataset TEXT, method TEXT, sample TEXT, ok INTEGER, fingerprint TEXT, record TEXT,
    PRIMARY KEY (dataset, method, sample));
CREATE TABLE IF NOT EXISTS rows (
    dataset TEXT, method TEXT, sample TEXT, metric TEXT, signature TEXT,
    value REAL, reason TEXT, detail TEXT, notes TEXT, statistics BLOB,
    PRIMARY KEY (dataset, method, sample, metric, signature));
CREATE TABLE IF NOT EXISTS summary (position INTEGER PRIMARY KEY, record TEXT);
CREATE TABLE IF NOT EXISTS comparisons (position INTEGER PRIMARY KEY, record TEXT);
"""


@dataclass(frozen=True)
class StoredRow:
    """One row as the store holds it; `reason` is None for a scored one."""

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
        """Whether the clip counts: it has a value, or statistics from which a pool's value follows."""
        return self.reason is None


def _encode(record: Any) -> str:
    return json.dumps(asdict(record), default=str, sort_keys=True)


class RunStore:
    """`run.sqlite` in a run folder. Use as a context manager; `create=False` refuses a missing file."""

    def __init__(self, folder: Path, create: bool = True) -> None:
        self.path = folder / "run.sqlite"
        self._home = folder.resolve()
        if not create and not self.path.is_file():
            raise UsageError(f"'{folder}' is not a run folder: it holds no run.sqlite.", "Name a folder made by `run`.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(folder, error) from error
        self._db = sqlite3.connect(self.path, timeout=30.0)
        try:
            self._open_schema(folder)
        except sqlite3.DatabaseError as error:
            self._db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            raise UsageError(
                f"'{self.path}' is not a run store ({error}).", "Name another folder, or delete this one."
            ) from error

    def _open_schema(self, folder: Path) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_SCHEMA)
        found = self.meta("schema_version")
        if found is None:
            self.set_meta("schema_version", SCHEMA_VERSION)
        elif found != SCHEMA_VERSION:
            self._db.close()
            raise UsageError(
                f"'{folder}' was written with run schema {found}; this version reads {SCHEMA_VERSION}.",
                "Use the cmet-bench version that wrote it, or start a new run in another folder.",
            )

    def __enter__(self) -> RunStore:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; everything written is already committed."""
        self._db.close()

    def meta(self, key: str) -> Any:
        """The value stored under `key`, or None."""
        found = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if found is None else json.loads(found[0])

    def set_meta(self, key: str, value: Any) -> None:
        """Store a JSON-able value."""
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, json.dumps(value, default=str)))

    def add_samples(self, samples: Iterable[Sample]) -> None:
        """Record what is asked for, in list order."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?)",
                [(s.dataset, s.id, k, s.identity, s.emotion.name, _encode(s)) for k, s in enumerate(samples)],
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
            self._db.execute("DELETE FROM rows WHERE dataset = ? AND method = ? AND sample = ?", key)
            self._db.execute(
                "INSERT OR REPLACE INTO clips VALUES (?, ?, ?, ?, ?, ?)",
                (*key, int(isinstance(clip, Clip)), fingerprint, _encode(record)),
            )

    def put_rows(self, dataset: str, method: str, sample: str, rows: Iterable[Row]) -> None:
        """Record rows of one clip in one transaction."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(dataset, method, sample, *_row_columns(row)) for row in rows],
            )

    def clips(self) -> dict[tuple[str, str, str], tuple[Clip | Failed, str]]:
        """(dataset, method, sample) → (how it ended, fingerprint of what made it)."""
        found = self._db.execute("SELECT dataset, method, sample, ok, fingerprint, record FROM clips")
        return {(d, m, s): (self._decode_clip(ok, record), mark) for d, m, s, ok, mark, record in found}

    def _decode_clip(self, ok: int, record: str) -> Clip | Failed:
        fields = json.loads(record)
        return Clip(**{**fields, "path": self._home / fields["path"]}) if ok else Failed(**fields)

    def row_keys(self) -> set[tuple[str, str, str, str, str]]:
        """(dataset, method, sample, metric, signature) of every finished row; crashed ones are tried again."""
        columns = "dataset, method, sample, metric, signature"
        return set(self._db.execute(f"SELECT {columns} FROM rows WHERE reason IS NULL OR reason != 'crashed'"))

    def rows(self, statistics: bool = True, cell: tuple[str, str, str, str] | None = None) -> Iterator[StoredRow]:
        """Every row, or those of one `cell` (dataset, method, metric, signature), in list order of the samples.

        Without `statistics` their bytes are left out.
        """
        blob = "r.statistics" if statistics else "x''"
        where = "WHERE r.dataset = ? AND r.method = ? AND r.metric = ? AND r.signature = ? " if cell else ""
        cursor = self._db.execute(
            "SELECT r.dataset, r.method, r.sample, r.metric, r.signature, r.value, r.reason, r.detail, "
            f"r.notes, {blob} "
            f"FROM rows r LEFT JOIN samples s ON s.dataset = r.dataset AND s.sample = r.sample {where}"
            "ORDER BY r.dataset, r.method, s.position, r.sample, r.metric, r.signature",
            cell or (),
        )
        for dataset, method, sample, metric, signature, value, reason, detail, notes, data in cursor:
            found = tuple(json.loads(notes))
            yield StoredRow(dataset, method, sample, metric, signature, value, reason, detail, found, data or b"")

    def samples(self) -> list[tuple[str, str, str, str]]:
        """(dataset, sample, identity, emotion) in list order."""
        return self._db.execute(
            "SELECT dataset, sample, identity, emotion FROM samples ORDER BY dataset, position, sample"
        ).fetchall()

    def set_summary(self, rows: Iterable[SummaryRow], comparisons: Iterable[Comparison] = ()) -> None:
        """Replace the summary and the comparisons between methods."""
        with self._db:
            for table, records in (("summary", rows), ("comparisons", comparisons)):
                self._db.execute(f"DELETE FROM {table}")
                self._db.executemany(
                    f"INSERT INTO {table} VALUES (?, ?)", [(k, _encode(r)) for k, r in enumerate(records)]
                )

    def summary(self) -> list[SummaryRow]:
        """The summary as last written."""
        found = self._db.execute("SELECT record FROM summary ORDER BY position").fetchall()
        return [SummaryRow(**json.loads(record)) for (record,) in found]

    def comparisons(self) -> list[Comparison]:
        """The comparisons as last written."""
        found = self._db.execute("SELECT record FROM comparisons ORDER BY position").fetchall()
        return [Comparison(**json.loads(record)) for (record,) in found]


def _row_columns(row: Row) -> tuple[Any, ...]:
    if isinstance(row, Scored):
        return row.metric, row.signature, row.value, None, "", json.dumps(row.notes), row.statistics
    assert isinstance(row, Unscored)
    return row.metric, row.signature, None, row.reason, row.detail[:4000], "[]", b""
