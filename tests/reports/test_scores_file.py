"""A scores.json that is not as `report` writes it is one sentence and never a traceback, field by field."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BenchError, CannotCompareError, UsageError
from reports.model import RunData
from reports.scores_file import read_scores

SUMMARY = {
    "dataset": "d", "method": "m", "metric": "lse_c", "value": 5.0, "unit": "", "higher_is_better": True,
    "low": 4.0, "high": 6.0, "n_scored": 1, "n_expected": 2, "signature": "lse_c|v:2",
}  # fmt: skip
ROWS = [
    {"dataset": "d", "method": "m", "sample": "a", "metric": "lse_c", "value": 5.0},
    {"dataset": "d", "method": "m", "sample": "b", "metric": "lse_c", "value": None, "reason": "no_face"},
]
CONFUSION = {
    "dataset": "d", "method": "m", "metric": "lse_c", "signature": "lse_c|v:2", "classes": ["happy"],
    "others": [], "counts": {"happy": {"happy": 1}}, "recall": {"happy": 100.0},
}  # fmt: skip
GOOD: dict[str, Any] = {
    "schema_version": 1, "run": "r", "protocol": "p", "lane": "speech", "confusion": [CONFUSION],
    "summary": [SUMMARY], "rows": ROWS,
}  # fmt: skip
WRONG = (True, -1, "x", [], [1], {}, {"a": 1}, [[[]]])


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "scores.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    return path


def places(content: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in the file, as the keys that lead there."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [place for key, value in items for place in [(*before, key), *places(value, (*before, key))]]


def with_value(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    content = json.loads(json.dumps(GOOD))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return content


def outcome(path: Path) -> RunData | BenchError:
    try:
        return read_scores(path)
    except BenchError as error:
        return error


def test_a_good_file_is_read(tmp_path: Path) -> None:
    run = read_scores(written(tmp_path, json.dumps(GOOD)))
    assert (run.name, run.summary[0].value, run.rows[1].reason) == ("r", 5.0, "no_face")
    assert run.confusions[0].counts == {"happy": {"happy": 1}}


@pytest.mark.parametrize("place", places(GOOD), ids=lambda place: "/".join(map(str, place)))
def test_a_field_of_another_kind_is_refused_or_means_what_it_says(place: tuple[Any, ...], tmp_path: Path) -> None:
    refused = 0
    for value in WRONG:
        run = outcome(written(tmp_path, json.dumps(with_value(place, value))))
        if isinstance(run, BenchError):
            refused += 1
            assert "\n" not in str(run)
            assert len(str(run)) < 400 + len(str(tmp_path))
            continue
        assert {type(row.value) for row in (*run.summary, *run.rows)} <= {float, int, type(None)}
        assert all(isinstance(row.sample, str) and isinstance(row.reason, str | None) for row in run.rows)
        assert all(isinstance(row.signature, str) for row in run.summary)
    assert refused >= 4


MALFORMED: dict[str, tuple[Callable[[], str | bytes], str]] = {
    "a list": (lambda: json.dumps([GOOD]), "names no schema_version"),
    "a key that lacks": (lambda: json.dumps({**GOOD, "rows": [{"dataset": "d"}]}), "misnames a field.*method"),
    "nested": (lambda: '{"a":' * 100_000, "is not JSON"),
    "5000 digits": (lambda: '{"schema_version": ' + "9" * 5000 + "}", "is not JSON"),
    "UTF-16": (lambda: json.dumps(GOOD).encode("utf-16"), "is not JSON in UTF-8"),
    "Latin-1": (lambda: json.dumps(GOOD).replace('"r"', '"é"').encode("latin-1"), "is not JSON in UTF-8"),
    "cut": (lambda: json.dumps(GOOD)[:100], "is not JSON"),
    "empty": (lambda: "", "is not JSON"),
    "a web page": (lambda: "<html>", "is not JSON"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_file_is_one_sentence(kind: str, tmp_path: Path) -> None:
    content, words = MALFORMED[kind]
    with pytest.raises(UsageError, match=words) as caught:
        read_scores(written(tmp_path, content()))
    assert "\n" not in caught.value.what
    assert len(caught.value.what) < 250 + len(str(tmp_path))


def test_numbers_that_are_none_count_as_none(tmp_path: Path) -> None:
    text = json.dumps(GOOD).replace('"value": 5.0', '"value": NaN', 1).replace('"low": 4.0', f'"low": {10**400}')
    run = read_scores(written(tmp_path, text))
    assert (run.summary[0].value, run.summary[0].low) == (None, None)


def test_another_schema_cannot_be_compared(tmp_path: Path) -> None:
    for schema in (2, "1", True, None, [1], "x" * 10**5):
        with pytest.raises(CannotCompareError) as caught:
            read_scores(written(tmp_path, json.dumps({**GOOD, "schema_version": schema})))
        assert len(caught.value.what) < 200 + len(str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "scores.json")
    with pytest.raises(UsageError, match="is no file"):
        read_scores(tmp_path / "scores.json")
