"""This module opens `run.sqlite` as a file, to be written or only read, and holds its schema."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from harness.atomic import cannot_write
from harness.errors import SchemaError, UsageError

NAME = "run.sqlite"
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
CREATE TABLE IF NOT EXISTS series (
    dataset TEXT, method TEXT, sample TEXT, metric TEXT, signature TEXT, data BLOB,
    PRIMARY KEY (dataset, method, sample, metric, signature));
CREATE TABLE IF NOT EXISTS summary (position INTEGER PRIMARY KEY, record TEXT);
CREATE TABLE IF NOT EXISTS comparisons (position INTEGER PRIMARY KEY, record TEXT);
"""
#: Tables that a run must have; those of earlier versions have no series.
_TABLES = set(re.findall(r"EXISTS (\w+)", _SCHEMA)) - {"series"}


def hold(folder: Path) -> int | None:
    """Make the run folder and keep other writers out of it until the descriptor that is given is closed.

    The folder itself is locked, so that no file stays behind after a kill. None where the system has no such lock
    (Windows, some network disks). Raises UsageError where another run holds it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        import fcntl

        held = os.open(folder, os.O_RDONLY)
    except ImportError:
        return None
    except OSError as error:
        raise cannot_write(folder, error) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise UsageError(f"Another run is writing into '{folder}'.", "Wait for it, or choose another --out.") from None
    except OSError:
        os.close(held)
        return None
    return held


def open_to_write(folder: Path) -> sqlite3.Connection:
    """Returns the run's file, made where there is none, in WAL mode. Raises SchemaError, UsageError for a
    foreign file.
    """
    with _closing_what_fails(folder / NAME) as opened:
        db = opened.enter_context(closing(sqlite3.connect(folder / NAME, timeout=30.0)))
        if "meta" in _tables(db) and _version(db) not in (None, SCHEMA_VERSION):
            raise _other_schema(folder, db)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(_SCHEMA)
        with db:
            db.execute("INSERT OR IGNORE INTO meta VALUES ('schema_version', ?)", (json.dumps(SCHEMA_VERSION),))
        return db


def open_to_read(folder: Path) -> sqlite3.Connection:
    """Opens the run's file as it is: nothing is written, and nothing need be writable (a CI server's artifacts).

    Raises UsageError where there is none, or a foreign one; SchemaError.
    """
    path = folder / NAME
    if not path.is_file():
        raise UsageError(f"'{folder}' is not a run folder: it holds no {NAME}.", "Name a folder made by `run`.")
    with _closing_what_fails(path) as opened:
        db = opened.enter_context(closing(sqlite3.connect(path, timeout=30.0)))
        try:
            tables = _tables(db)
        except sqlite3.OperationalError:  # WAL needs a file next to this one
            log = path.with_name(f"{NAME}-wal")
            if log.exists() and log.stat().st_size:
                raise
            db.close()
            db = opened.enter_context(closing(sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)))
            tables = _tables(db)
        if "meta" not in tables or _version(db) is None:
            raise _foreign(path, "it has none of its tables")
        if _version(db) != SCHEMA_VERSION:
            raise _other_schema(folder, db)
        if lacking := sorted(_TABLES - tables):
            raise _foreign(path, f"it lacks the table {lacking[0]}")
        return db


@contextmanager
def _closing_what_fails(path: Path) -> Iterator[ExitStack]:
    """Keeps the entered resources open unless the block raises; a file that sqlite cannot read is a UsageError."""
    with ExitStack() as opened:
        try:
            yield opened
        except sqlite3.OperationalError:  # a disk, a lock: not the file's fault
            raise
        except (sqlite3.DatabaseError, ValueError) as error:
            raise _foreign(path, str(error)) from error
        opened.pop_all()


def _tables(db: sqlite3.Connection) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _version(db: sqlite3.Connection) -> object:
    row = db.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    return None if row is None else json.loads(row[0])


def _foreign(path: Path, why: str) -> UsageError:
    return UsageError(f"'{path}' is not a run store ({why}).", "Name another folder, or delete this one.")


def _other_schema(folder: Path, db: sqlite3.Connection) -> SchemaError:
    return SchemaError(
        f"'{folder}' was written with run schema {_version(db)}; this version reads {SCHEMA_VERSION}.",
        "Use the cmet-bench version that wrote it, or start a new run in another folder.",
    )


def asked_alike(before: Any, now: Any) -> bool:
    """Says whether two stored samples ask for the same; of a path its last two parts count, since folders may move.

    Fields that one of them does not have (another version wrote it) are left out.
    """
    if isinstance(before, dict) and isinstance(now, dict):
        return all(asked_alike(before[key], now[key]) for key in before if key in now)
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(asked_alike, before, now))
    if isinstance(before, str) and isinstance(now, str):
        return before.split("/")[-2:] == now.split("/")[-2:]
    return bool(before == now)
