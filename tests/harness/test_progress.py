"""Progress as people know it: a bar in one line of a terminal, plain lines in a log, a time that knows of loading."""

from __future__ import annotations

import io
import re

import pytest

from harness.pace import Pace
from harness.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_with_bar_share_failures_and_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "110")
    terminal = Terminal()
    with Progress("clips", 4, terminal, Pace([("cmet", False)] * 4, jobs=1)) as progress:
        progress.step("cmet p1", failed=True)
        for name in ("cmet p2", "cmet p3", "cmet p4"):
            progress.step(name)
    drawn = re.split(r"[\r\n]+", terminal.getvalue().strip())
    assert terminal.getvalue().count("\n") == 1, "one line a stage"
    assert re.fullmatch(r"clips 100% \|[^|]+\| 4/4  \d\d:\d\d gone, .*, 1 failed, cmet p4 *", drawn[-1])
    assert "loading" in drawn[0]
    assert max(map(len, drawn)) < 110


def test_a_log_gets_plain_lines_and_no_more_than_it_needs() -> None:
    log = io.StringIO()
    with Progress("files", stream=log) as progress:
        for done in range(1, 101):
            progress.at(done, 100)
    assert re.fullmatch(r"files 100% 100/100  00:00 gone, [\d.]+/s\n", log.getvalue())
    untold = io.StringIO()
    with Progress("files", stream=untold):
        pass
    assert untold.getvalue() == ""


def test_what_is_left_leaves_the_loading_out_and_knows_that_methods_differ() -> None:
    pace = Pace([("cmet", False)] * 4 + [("still", False)] * 10, jobs=2)
    assert pace.left_seconds() is None
    pace.settled(("cmet", False), seconds=30.0, first=True)
    assert pace.left_seconds() is None, "30 s of loading say nothing about the rest"
    pace.settled(("cmet", False), seconds=4.0, first=False)
    assert pace.left_seconds() == pytest.approx((2 * 4 + 10 * 4) / 2)
    pace.settled(("still", False), seconds=5.0, first=True)
    pace.settled(("still", False), seconds=1.0, first=False)
    assert pace.left_seconds() == pytest.approx((2 * 4 + 8 * 1) / 2)
    assert pace.rate() == pytest.approx(2 / 2.5)
    assert pace.record({})["cmet"] == {"clips": 1, "total": 4.0, "first_clips": 1, "first_total": 30.0}
