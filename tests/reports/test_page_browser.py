"""The page in a real browser: seen by its eyes, on a desktop and a phone, and worked with by its keys and clicks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import reports
from tests.chromium import BROWSER, Chromium
from tests.reports.test_page import hostile
from tests.synthetic_runs import FACTS, make_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page is not shown to a browser"),
]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844, "phone": True}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page whose table has headline metrics, more beside them, and long names in its provenance."""
    folder = tmp_path_factory.mktemp("run")
    run = make_run(lose={"lse_c": 3}, folder=folder)
    long = {"signatures": {"x" * 300: {"a": "y" * 300}}, "methods": {"cmet": {"facts": {"sources": ["z" * 200]}}}}
    return reports.write(replace(run, facts={**run.facts, **long}), folder / "report")[0].as_uri()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_window_scrolls_in_one_direction(browser: Chromium, page: str, size: dict) -> None:
    browser.open(page, **size)
    browser.run("document.querySelectorAll('details, .all').forEach((e) => { e.open = e.checked = true; })")
    assert browser.run("document.documentElement.scrollWidth") == size["width"]
    assert browser.run("document.querySelector('#provenance table').clientWidth") <= size["width"]


def test_headlines_come_first_and_the_rest_by_one_click(browser: Chromium, page: str) -> None:
    browser.open(page)
    shown = "[...document.querySelectorAll('.scores thead .name')].filter((e) => e.offsetWidth).map((e) => e.innerText)"
    assert browser.run(shown) == ["LSE-C", "FID"]
    browser.run("document.querySelector('.all').click()")
    told = [f"{fact.title}{f' ({fact.unit})' if fact.unit else ''}" for name, fact in FACTS.items() if name != "lpips"]
    assert sorted(browser.run(shown)) == sorted(told)
    assert browser.run("document.querySelector('.goes-on').hidden")
    browser.open(page, **PHONE)
    browser.run("document.querySelector('.all').click()")
    browser.wait("!document.querySelector('.goes-on').hidden")
    browser.run("document.querySelector('.more-right').scrollLeft = 5000")
    browser.wait("document.querySelector('.goes-on').hidden")


def test_columns_are_sorted_within_their_group(browser: Chromium, page: str) -> None:
    browser.open(page)
    rows = "[...document.querySelectorAll('.scores tbody th[scope=row]')].map((e) => e.innerText)"
    click = "document.querySelectorAll('.sort')[1].click()"  # FID: the lowest is the best
    before = browser.run(rows)
    browser.run(click)
    assert browser.run(rows) == ["cmet", "edtalk", "label", "ground_truth", "no_edit", "still_face"]
    browser.run(click)
    assert browser.run(rows) == ["label", "edtalk", "cmet", "ground_truth", "still_face", "no_edit"]
    assert browser.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "descending"
    assert sorted(before) == sorted(browser.run(rows))


def test_nothing_hostile_runs(browser: Chromium, tmp_path: Path) -> None:
    run = hostile(make_run(folder=tmp_path / "a run", clips=20))
    browser.open(reports.write(run, tmp_path / "a run" / "report")[0].as_uri())
    assert browser.run("document.title").startswith("<script>")
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.run("document.querySelectorAll('.card').length") == 8


def test_no_console_error(browser: Chromium) -> None:
    assert [problem for problem in browser.problems if "ERR_FILE_NOT_FOUND" not in problem] == []
