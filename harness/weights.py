"""Weights are data here: where each file is published, its hash, its licence; they are verified or fetched, never
guessed.

The table is weights.toml. A file is used only if its bytes agree with the published hash; a file without
one is recorded at first sight, any later change is an error, and its loader must put it through a
plausibility gate (`State.published` says which case it is). Nothing here unpickles anything or imports torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from harness.digest import cache_dir, digest, recall, remember
from harness.errors import MissingError, unknown_name

TABLE = Path(__file__).with_name("weights.toml")
BRANCH = "/resolve/main/"  # in an address: what its owner may replace

Status = Literal["verified", "recorded", "new", "own", "wrong", "absent"]


@dataclass(frozen=True)
class WeightsEntry:
    """Holds one row of weights.toml; see its head for the fields."""

    name: str
    file: str
    url: str = ""
    sha256: str = ""
    bytes: int = 0
    about: str = ""
    licence: str = ""
    trained_on: str = ""
    source: str = ""
    groups: tuple[str, ...] = ()
    note: str = ""
    was: tuple[str, ...] = ()  # names of before, which still work
    mirrors: tuple[str, ...] = ()  # addresses of equal bytes, tried in turn when `url` fails
    member: str = ""  # the file's place in the zip at `url`

    @property
    def moves(self) -> bool:
        """Says whether an address is that of a branch, whose file its owner may replace."""
        return any(BRANCH in address for address in (self.url, *self.mirrors))


@dataclass(frozen=True)
class State:
    """Describes the file that is on this machine for one entry. `found` is its SHA-256, "" if there is none.

    Status: `verified` = agrees with the published hash; `recorded` = none is published, same bytes as at first
    sight; `new` = none is published, not seen before; `own` = a file that the user points at himself; `wrong` =
    differs from the file it must be; `absent`.
    """

    entry: WeightsEntry
    path: Path
    status: Status
    found: str = ""
    detail: str = ""

    @property
    def origin(self) -> str:
        """Returns the address that gave these bytes on this machine, at its revision; "" where that is not known."""
        return recall(origins_file()).get(self.found, "") if self.found else ""

    @property
    def published(self) -> bool:
        """Says whether a published hash vouches for the bytes (else: run a plausibility gate)."""
        return self.status == "verified"

    def as_dict(self) -> dict[str, Any]:
        """Returns the plain JSON-able form, for `weights list --json`."""
        here = {"path": str(self.path), "status": self.status, "found": self.found, "origin": self.origin}
        return {**asdict(self.entry), **here}


def table() -> Mapping[str, WeightsEntry]:
    """Returns every entry by name, in the order of weights.toml."""
    return _read_table(TABLE)


@lru_cache(maxsize=4)
def _read_table(path: Path) -> dict[str, WeightsEntry]:
    try:
        import tomllib
    except ImportError:  # Python 3.10
        import tomli as tomllib  # type: ignore[import-not-found,no-redef,unused-ignore]
    rows = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: _entry(name, row) for name, row in rows.items()}


def _entry(name: str, row: Mapping[str, Any]) -> WeightsEntry:
    fields = dict(row)
    fields.setdefault("file", str(fields.get("url", "")).rsplit("/", 1)[-1] or name)
    fields.update({key: tuple(fields.get(key, ())) for key in ("groups", "was", "mirrors")})
    return WeightsEntry(name=name, **fields)


def select(names: Iterable[str] = ()) -> list[WeightsEntry]:
    """Returns the entries of these names and groups, without repeats; all of them for no names. UsageError if
    unknown.
    """
    rows, names = table(), list(names)
    groups = {group for entry in rows.values() for group in entry.groups}
    chosen: dict[str, WeightsEntry] = {}
    for name in names:
        matching = [entry for entry in rows.values() if name in (entry.name, *entry.groups, *entry.was)]
        if not matching:
            raise unknown_name("weights file or group", name, {*rows, *groups})
        chosen.update({entry.name: entry for entry in matching})
    return list(chosen.values()) if names else list(rows.values())


def variable(name: str) -> str:
    """Returns the environment variable that points `name` at a copy of the user's own."""
    return "CMET_BENCH_WEIGHTS_" + name.upper().replace("-", "_")


def cached_path(entry: WeightsEntry) -> Path:
    """Says where the cache keeps this file (whether it is there or not)."""
    return cache_dir() / "weights" / entry.name / entry.file


def locate(name: str, override: str | Path | None = None, *, any_hash: bool = False) -> Path:
    """Returns the verified file of `name`: `override`, else $CMET_BENCH_WEIGHTS_NAME, else the cache.

    Raises MissingError if it is absent or its hash is not the published (or recorded) one. With `any_hash`, a
    file that the user points at himself is taken as it is (own training): its digest still belongs in the record.
    """
    entry = _one(name)
    given = override or os.environ.get(variable(name))
    path = Path(given).expanduser() if given else cached_path(entry)
    if given and any_hash and path.is_file():
        return path
    state = inspect(entry, path)
    if state.status == "absent":
        where = f"at {path}" if given else "on this machine"
        raise MissingError(f"The weights '{name}' ({entry.file}) are not {where}.", cure(entry))
    if state.status == "wrong":
        raise MissingError(state.detail, cure(entry))
    if state.status == "new" and not given:
        remember(recorded_file(), {name: state.found})
    return path


def verify(names: Iterable[str] = (), *, any_hash: bool = False) -> list[State]:
    """Returns the state of each named entry or group (default: all): hashes every file that is here, fetches nothing.

    any_hash: as in `locate`, a file that $CMET_BENCH_WEIGHTS_NAME points at is `own`, not `wrong`.
    """
    states = []
    for entry in select(names):
        path = _configured(entry)
        if any_hash and path != cached_path(entry) and path.is_file():
            states.append(State(entry, path, "own", digest(path)))
        else:
            states.append(inspect(entry, path))
    return states


def _configured(entry: WeightsEntry) -> Path:
    given = next(filter(None, (os.environ.get(variable(name)) for name in (entry.name, *entry.was))), None)
    return Path(given).expanduser() if given else cached_path(entry)


def _one(name: str) -> WeightsEntry:
    rows = table()
    if name not in rows:
        raise unknown_name("weights file", name, rows)
    return rows[name]


def inspect(entry: WeightsEntry, path: Path) -> State:
    """Returns the state of the file at `path`, which is or should be that of `entry`."""
    if not path.is_file():
        return State(entry, path, "absent")
    problem = fault(entry, path)
    actual = digest(path)
    if problem:
        return State(entry, path, "wrong", actual, problem)
    if entry.sha256:
        return State(entry, path, "verified", actual)
    recorded = recall(recorded_file()).get(entry.name) if path == cached_path(entry) else None
    if recorded is None:
        return State(entry, path, "new", actual)
    if recorded != actual:
        detail = f"{path} has changed since it was recorded: expected SHA-256 {recorded}, found {actual}."
        return State(entry, path, "wrong", actual, detail)
    return State(entry, path, "recorded", actual)


def fault(entry: WeightsEntry, path: Path) -> str:
    """Returns the fault of the bytes at `path`, as one sentence; "" if there is none."""
    size = path.stat().st_size
    if entry.sha256 and not digest(path).startswith(entry.sha256.lower()):
        cut = f" ({size} of {entry.bytes} bytes)" if entry.bytes and size != entry.bytes else ""
        return f"{path} is not the published {entry.file}{cut}: expected SHA-256 {entry.sha256}, found {digest(path)}."
    if entry.bytes and size != entry.bytes:
        return f"{path} is not the published {entry.file}: expected {entry.bytes} bytes, found {size}."
    return ""


def cure(entry: WeightsEntry) -> str:
    """Returns how a file gets onto this machine, in words: by a command, or by hand."""
    if entry.url:
        return f"Type: python bench.py weights fetch {entry.name} (licence: {entry.licence or 'see ' + entry.source})."
    known = (_size(entry), entry.note, f"licence: {entry.licence}" if entry.licence else "")
    described = "; ".join(filter(None, known))
    return f"Get {entry.file} ({described}) from {entry.source} and put it at {cached_path(entry)}."


def _size(entry: WeightsEntry) -> str:
    return f"{entry.bytes / 1e6:.0f} MB" if entry.bytes else entry.about


def origins(told: Iterable[str]) -> dict[str, str]:
    """Returns SHA-256 → the address that gave those bytes on this machine, for each that `told` (texts) names."""
    texts = list(told)
    return {sha256: address for sha256, address in recall(origins_file()).items() if any(sha256 in t for t in texts)}


def recorded_file() -> Path:
    """Says where the hashes of files without a published one are recorded."""
    return cache_dir() / "weights" / "recorded.json"


def origins_file() -> Path:
    """Says where it is recorded which address, at which revision, gave the bytes of a SHA-256."""
    return cache_dir() / "weights" / "origins.json"
