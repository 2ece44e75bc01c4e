"""The last screen of a run is never higher than a terminal, and what had no room is counted."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import pytest

from reports.fitting import ALL, Block, fitted, height, shortened, wrapped
from reports.model import RunData
from tests.synthetic_runs import TRUTH, make_run, renamed
from verbs.outcome import show

HIGH = 35
LONG = "a reason that goes on and on, with /a/path/that/is/long and a word, " * 8


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@lru_cache
def crowded(methods: int, datasets: int) -> tuple[RunData, ...]:
    """Runs of many methods with long names; every metric lost some clips."""
    found = []
    for k in range(datasets):
        run = make_run(f"run{k}", k, dataset=f"corpus{k}", lose=dict.fromkeys(("lse_c", "identity", "lpips"), 3))
        for n in range(methods):
            more = renamed(make_run(f"more{n}", n, methods=("cmet",), dataset=f"corpus{k}"), "cmet", f"method_{n}" * 6)
            run = replace(run, summary=(*run.summary, *more.summary), rows=(*run.rows, *more.rows))
        found.append(run)
    return tuple(found)


def printed(
    monkeypatch: pytest.MonkeyPatch,
    runs: Sequence[RunData],
    width: int,
    below: Sequence[str],
    columns: str = "headline",
) -> list[str]:
    """What is seen on a terminal of that width, colours left out."""
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", str(width))
    show(runs, columns, below)
    return re.sub(r"\x1b\[[0-9]+m", "", terminal.getvalue()).removesuffix("\n").split("\n")


@pytest.mark.parametrize("width", [80, 100, 120])
@pytest.mark.parametrize(("methods", "datasets"), [(0, 1), (40, 1), (2, 2), (0, 5)])
@pytest.mark.parametrize("below", [0, 30], ids=["nothing", "many_lines"])
def test_a_screen_is_never_higher_than_a_terminal(
    monkeypatch: pytest.MonkeyPatch, width: int, methods: int, datasets: int, below: int
) -> None:
    lines = printed(monkeypatch, crowded(methods, datasets), width, [f"Failed: {k} {LONG}" for k in range(below)])
    assert height(lines, width) <= HIGH
    assert any(line.startswith("cmet") for line in lines)
    assert "Who beats whom" in lines
    if methods == 40:
        (more,) = [line for line in lines if "more rows" in line]
        shown = sum(line.split("  ")[0] in TRUTH or line.startswith("method_") for line in lines)
        counted = int(re.findall(r"\d+", more)[0])
        assert shown + counted >= methods + len(TRUTH)  # "floors:" is a row too
        assert ALL in more
    if datasets == 5:
        assert any("more tables" in line for line in lines)
    if below == 30:
        assert any("more of these" in line for line in lines)


def test_all_columns_are_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, crowded(40, 1), 100, ["the end"], "all")
    assert len(lines) > HIGH
    assert lines[-1] == "the end"


def blocks(rows: int, notes: int) -> list[Block]:
    note = wrapped("  a remark " * 30, 80)
    return [Block(("what", "head"), tuple(f"row {k}" for k in range(rows)), (), (note,) * notes)]


def test_sentences_go_before_remarks_and_remarks_before_rows() -> None:
    claims = [[f"claim {k}" for k in range(many)] for many in (9, 6, 4, 3)]
    deep = height([blocks(1, 1)[0].notes[0]], 80)
    whole = fitted(blocks(5, 2), claims, 100)
    assert len([line for line in whole if line.startswith("claim")]) == 9
    fewer = fitted(blocks(5, 2), claims, 8 + 2 * deep + 6)
    assert (len(fewer), fewer[-1]) == (8 + 2 * deep + 6, "claim 5")
    remark = fitted(blocks(5, 2), claims, 8 + deep + 1 + 4)
    assert "  1 more remark on what methods were given: --columns all" in remark
    assert remark[-1] == "claim 3"
    rows = fitted(blocks(20, 2), claims, 14)
    assert (len(rows), rows[-1]) == (14, "claim 2")
    assert sum(line.startswith("row") for line in rows) == 6
    assert "(14 more rows: --columns all)" in rows


def test_a_line_loses_its_middle() -> None:
    assert shortened("short", 10) == "short"
    assert shortened(text := "begins here and " * 9 + "type this", 40).startswith("begins here")
    assert shortened(text, 40).endswith("type this")
    assert len(shortened(text, 40)) <= 40
