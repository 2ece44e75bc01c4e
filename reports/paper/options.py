"""This module holds what an author asks of a paper's table: by options of `report`, or by a file kept with the paper.

columns = ["emotion_acc", "sync_c", "fid", "csim"]     # any spelling of a metric; headline metrics by default
rows = ["edtalk", "cmet"]                              # these methods in this order; all by default
wide = true                                            # table*
spread = "pm"                                          # or "intervals"; none by default
label = "tab:main"
caption = "Emotion transfer on MEAD."
with_reported = ["cmet"]                               # published numbers, as `reproduce` names papers
latex = true                                           # names, heads and caption are LaTeX, taken as they are

[names]                                                # of methods and datasets
cmet = "C-MET (ours)"

[metrics.fid]
head = "FID"
decimals = 1
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from harness import metric_names
from harness.errors import UsageError, unknown_name
from reports.model import RunData

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Spread = Literal["", "pm", "intervals"]
_LISTS = ("columns", "rows", "with_reported")
_TEXTS = ("spread", "label", "caption")
_FLAGS = ("wide", "latex")
_TABLES = ("names", "metrics")
_MOST_DECIMALS = 6


@dataclass(frozen=True)
class TableOptions:
    """Holds the wishes for a paper's table; the defaults make one that fits a column of a two-column article."""

    columns: tuple[str, ...] = ()  # (): headline metrics; ("all",): every metric
    rows: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    wide: bool = False
    spread: Spread = ""
    decimals: Mapping[str, int] = field(default_factory=dict)  # metric, or "" for all others
    heads: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    caption: str = ""
    with_reported: tuple[str, ...] = ()
    latex: bool = False

    def for_runs(self, runs: Sequence[RunData]) -> TableOptions:
        """Returns the options with every metric under its key. Raises UsageError for a metric or method that is not
        in `runs`.
        """
        known = list(dict.fromkeys(row.metric for run in runs for row in run.summary))
        methods = {row.method for run in runs for row in run.summary}
        for name in self.rows:
            if name not in methods:
                raise unknown_name("method in these runs", name, methods)

        def key(name: str) -> str:
            return name and metric_names.metric(name, known)

        return replace(
            self,
            columns=self.columns if self.columns == ("all",) else tuple(dict.fromkeys(map(key, self.columns))),
            decimals={key(name): places for name, places in self.decimals.items()},
            heads={key(name): head for name, head in self.heads.items()},
        )


DEFAULT = TableOptions()


def read(path: Path) -> TableOptions:
    """Returns the options of a table.toml. Raises UsageError for a file that is none."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror}.", "Give --table FILE.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"'{path}' is not valid toml: {str(error)[:200].rstrip('.')}.", "Mend the file.") from error
    for key in data:
        if key not in (*_LISTS, *_TEXTS, *_FLAGS, *_TABLES):
            raise unknown_name(f"entry (in '{path.name}')", key, (*_LISTS, *_TEXTS, *_FLAGS, *_TABLES))
    metrics = _table(data, "metrics", path)
    facts = {name: _metric(name, value, path) for name, value in metrics.items()}
    given = {key: data[key] for key in _FLAGS if _is(data, key, bool, "true or false", path)}
    given |= {key: data[key] for key in _TEXTS if _is(data, key, str, "a text", path)}
    given |= {key: _names(data[key], key, path) for key in _LISTS if key in data}
    return TableOptions(
        **given | {"spread": _spread(given.get("spread", ""))},
        names={name: str(text) for name, text in _table(data, "names", path).items()},
        heads={name: str(fact["head"]) for name, fact in facts.items() if "head" in fact},
        decimals={name: decimals(str(fact["decimals"])) for name, fact in facts.items() if "decimals" in fact},
    )


def decimals(text: str) -> int:
    """Returns a number of decimals. Raises UsageError unless it is from 0 to 6."""
    if not (text.isdecimal() and int(text) <= _MOST_DECIMALS):
        raise UsageError(f"'{text}' is no number of decimals.", f"Type 0 to {_MOST_DECIMALS}.")
    return int(text)


def _spread(name: str) -> Spread:
    for known in get_args(Spread):
        if name == known:
            return known
    raise unknown_name("spread", name, ("pm", "intervals"))


def _is(data: Mapping[str, Any], key: str, kind: type, words: str, path: Path) -> bool:
    if key in data and not isinstance(data[key], kind):
        raise UsageError(f"'{key}' in '{path}' is {data[key]!r:.80}.", f"It must be {words}.")
    return key in data


def _table(data: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    return data[key] if _is(data, key, dict, f"a table: [{key}]", path) else {}


def _names(value: Any, key: str, path: Path) -> tuple[str, ...]:
    names = split(value) if isinstance(value, str) else value
    if not isinstance(names, Iterable) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"'{key}' in '{path}' is {value!r:.80}.", "It must be a list of names.")
    return tuple(names)


def split(text: str) -> tuple[str, ...]:
    """Returns the names of a text with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _metric(name: str, value: Any, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict) or set(value) - {"head", "decimals"}:
        raise UsageError(f"[metrics.{name}] in '{path}' is {value!r:.80}.", "It may say head and decimals.")
    return value
