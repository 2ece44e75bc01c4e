"""Many runs on one page: the newest number of each method, its history, and no column of two signatures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

import bench
import reports
from harness.records import SummaryRow
from harness.store import RunStore
from reports.leaderboard.history import histories, sparkline
from reports.leaderboard.standing import committed, dated, in_order, standings
from reports.model import RunData
from tests.chromium import BROWSER, Chromium
from tests.reports.test_page import HOSTILE, Page
from tests.synthetic_runs import make_run, with_signature

OTHER = "lse_c|net:big@fff|fps:25|v:2"


def at(run: RunData, day: int, commit: str = "0123456789abcdef", dirty: bool = False) -> RunData:
    made = {"commit": commit, "dirty": dirty, "date": f"2026-11-{day:02d}T10:00:00+00:00"}
    return replace(run, facts={**run.facts, "made_with": made})


@pytest.fixture(scope="module")
def runs() -> list[RunData]:
    """Four nights of three methods, not in order, the last under another signature of LSE-C; another corpus; a lane."""
    few = ("cmet", "edtalk", "ground_truth")
    nights = [
        at(make_run(f"night{day}", day, few, clips=20, shift={"lse_c": 0.1 * day}), day, f"{day}abc0123456789")
        for day in (7, 3, 5)
    ]
    new = with_signature(make_run("night9", 9, ("cmet", "ground_truth"), clips=20), "lse_c", OTHER)
    mead = at(make_run("mead", 1, few, clips=20, dataset="mead"), 4)
    label = at(make_run("named", 2, ("cmet", "label"), clips=20, lane="label"), 6)
    return [*nights, at(new, 9, dirty=True), replace(mead, protocol="standard"), label]


def test_dates_and_commits_are_those_of_run_json(tmp_path: Path) -> None:
    run = at(make_run(clips=4, folder=tmp_path), 3, dirty=True)
    assert dated(run) == datetime(2026, 11, 3, 10, tzinfo=timezone.utc)
    assert committed(run) == "0123456789+"
    old = replace(run, facts={})
    assert (dated(old), committed(old)) == (None, "")
    (tmp_path / "run.json").write_text("{}")
    assert dated(old) is not None  # the file's own time
    assert dated(replace(run, facts={"made_with": {"date": "yesterday"}})) is None


def test_a_method_stands_with_its_newest_run(runs: list[RunData]) -> None:
    ordered = in_order(runs)
    assert [run.name for run in ordered] == ["night3", "mead", "night5", "named", "night7", "night9"]
    found = standings(ordered)
    assert [board.title for board in found] == [
        "puppets, lane speech, protocol demo",
        "mead, lane speech, protocol standard",
        "puppets, lane label, protocol demo",
    ]
    shown, section = next(iter(found.values()))
    assert {line.label: shown[line.run].name for line in section.lines} == {
        "cmet": "night9",
        "ground_truth": "night9",
        "edtalk": "night7",
    }
    lse = [column for column in section.columns if column.fact.name == "lse_c"]
    assert len({column.signature for column in lse}) == 2
    for column in lse:
        place = section.columns.index(column)
        of = {line.label for line in section.lines if line.cells[place] is not None}
        assert of == ({"cmet", "ground_truth"} if column.signature == OTHER else {"edtalk"})
        assert all(cell.rank == "" for line in section.lines if (cell := line.cells[place]))  # nobody to beat


def test_a_board_of_two_versions_of_its_data_is_two_boards() -> None:
    drawn = [replace(make_run(n, clips=8), facts={"dataset_version": n}) for n in ("v1", "v2")]
    titles = [board.title for board in standings(drawn)]
    assert titles == [f"puppets (version {n}), lane speech, protocol demo" for n in ("v1", "v2")]
    assert [board.title for board in standings(drawn[:1])] == ["puppets, lane speech, protocol demo"]


def test_a_history_has_a_line_for_each_signature(runs: list[RunData]) -> None:
    ordered = in_order(runs)
    found = {(one.method, one.board.lane): one for one in histories(ordered)}
    assert set(found) == {("cmet", "speech"), ("edtalk", "speech")}  # one run is no history, and no anchor has one
    cmet = found["cmet", "speech"]
    assert [ordered[place].name for place in cmet.runs] == ["night3", "night5", "night7", "night9"]
    lines = {one.signature: cmet.line(k) for k, one in enumerate(cmet.columns) if one.fact.name == "lse_c"}
    assert len(lines) == 2
    old, new = (lines[line] for line in sorted(lines, key=OTHER.__eq__))
    assert [cell is not None for cell in old] == [True, True, True, False]
    assert [cell is not None for cell in new] == [False, False, False, True]
    values = [cell.value for cell in old if cell]
    own = [next(r.value for r in run.summary if (r.method, r.metric) == ("cmet", "lse_c")) for run in ordered[:5]]
    assert values == [own[0], own[2], own[4]]
    column = next(one for one in cmet.columns if one.fact.name == "lse_c")
    drawn = sparkline(old, column, ["a", "<b>", "c", "d"])
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    assert len(heights) == 3
    assert heights == sorted(heights, reverse=True)  # it rose
    assert "&lt;b&gt;: " in drawn
    assert sparkline(new, column, list("abcd")) == ""


def test_names_are_text_and_one_run_has_no_leaderboard(runs: list[RunData], tmp_path: Path) -> None:
    odd = [replace(run, name=HOSTILE + run.name, protocol=HOSTILE, lane=HOSTILE) for run in runs[:2]]
    page = reports.write(odd, tmp_path / "both")[1]
    assert page.name == "leaderboard.html"
    text = page.read_text(encoding="utf-8")
    assert len(Page(text).all("script")) == 2
    assert not Page(text).all("img")
    assert HOSTILE not in text
    assert not (reports.write(runs[0], tmp_path / "one")[0].parent / "leaderboard.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page is not shown to a browser")
def test_the_page_is_seen_sorted_and_leads_to_every_run(runs: list[RunData], tmp_path: Path) -> None:
    placed = [replace(run, folder=tmp_path / "runs" / f"{run.name} #1") for run in runs]
    for run in placed:
        (run.folder / "report").mkdir(parents=True)  # type: ignore[operator]
        (run.folder / "report" / "index.html").write_text(f"<title>{run.name}</title>")  # type: ignore[operator]
    page = reports.write(placed, tmp_path / "all")[1].as_uri()
    with Chromium(tmp_path / "profile") as browser:
        for size in ({"width": 1440}, {"width": 390, "phone": True}):
            browser.open(page, **size)
            browser.run("document.querySelectorAll('.all').forEach((box) => { box.checked = true; })")
            assert browser.run("document.documentElement.scrollWidth") == size["width"]
        rows = "[...document.querySelectorAll('#board-0 .contestant th[scope=row]')].map((e) => e.innerText).join()"
        assert browser.run(rows) in ("cmet,edtalk", "edtalk,cmet")
        browser.run("document.querySelectorAll('#board-0 thead .sort')[2].click()")
        best = browser.run(rows)
        shown = "[...document.querySelectorAll('.overview tbody tr')].map((r) => [...r.cells].map((c) => c.innerText))"
        over = {name: values[:3] for name, *values in browser.run(shown)}
        assert [[value == "–" for value in over[name]] for name in ("cmet", "edtalk")] == [
            [False, True, False],
            [True, False, False],
        ]  # LSE-C of both signatures, then FID: no column holds two
        browser.run("document.querySelectorAll('#board-0 thead .sort')[2].click()")
        assert browser.run(rows) == ",".join(reversed(best.split(",")))
        links = browser.run("[...document.querySelectorAll('#runs tbody a')].map((a) => [a.innerText, a.href])")
        assert [name for name, _ in links] == ["night9", "night7", "named", "night5", "mead", "night3"]
        assert browser.run("document.querySelectorAll('#history .spark').length") > 4
        assert browser.run("document.querySelectorAll('a[href=\"leaderboard.html\"]').length") == 0
        browser.run("document.querySelector('a[href=\"index.html\"]').click()")
        browser.wait("!!document.querySelector('nav a[href=\"leaderboard.html\"]')")
        for name, link in links[:2]:
            browser.open(link)
            assert browser.run("document.title") == name
        assert not browser.problems


def test_each_run_keeps_its_own_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = SummaryRow("puppets", "cmet", "lse_c", 5.0, "", True, 4.0, 6.0, 2, 2, "lse_c|v:1")
    for name in "ab":
        with RunStore(tmp_path / name) as store:
            store.set_summary([row])
        assert bench.main(["report", str(tmp_path / name)]) == 0
    own = (tmp_path / "a" / "report" / "index.html").read_text(encoding="utf-8")
    assert bench.main(["report", str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert f"Leaderboard: {tmp_path / 'report' / 'leaderboard.html'}" in capsys.readouterr().out
    assert (tmp_path / "a" / "report" / "index.html").read_text(encoding="utf-8") == own
    text = (tmp_path / "report" / "leaderboard.html").read_text(encoding="utf-8")
    assert all(f'href="../{name}/report/index.html"' in text for name in "ab")
