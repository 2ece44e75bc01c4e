"""The page in a real browser: seen by its eyes, on a desktop and a phone, and worked with by its keys and clicks."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import reports
from reports.confusion import counted
from reports.model import Confusion, RunData
from tests.chromium import BROWSER, Chromium
from tests.reports.test_page import hostile
from tests.synthetic_runs import EMOTIONS, FACTS, make_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page is not shown to a browser"),
]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844, "phone": True}


def taken(run: RunData, method: str) -> Confusion:
    """The confusion of a judge that takes every third clip of an emotion for sad."""
    rows = [row for row in run.rows if (row.method, row.metric) == (method, "emotion_accuracy")]
    given = [(row.sample, row.emotion, "sad" if k % 3 else row.emotion) for k, row in enumerate(rows)]
    confusion = counted((rows[0].dataset, method, rows[0].metric, rows[0].signature), EMOTIONS, given, [])
    assert confusion
    return confusion


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page whose table has headline metrics, more beside them, and long names in its provenance."""
    folder = tmp_path_factory.mktemp("run")
    run = make_run(lose={"lse_c": 3}, folder=folder)
    run = replace(run, confusions=(taken(run, "edtalk"),))
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
    browser.wait("document.querySelector('.goes-on').hidden")
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


SAMPLES = "[...document.querySelectorAll('.card h3')].map((e) => e.textContent)"


def column(run: RunData, metric: str, method: str) -> dict[str, float | None]:
    return {row.sample: row.value for row in run.rows if (row.metric, row.method) == (metric, method)}


def follow(browser: Chromium, link: str) -> str:
    """The address that a link leads to; it is clicked."""
    found = browser.run(f"(() => {{ const link = {link}; const to = link.hash; link.click(); return to; }})()")
    browser.wait(f"location.hash === {json.dumps(found)}")
    browser.wait("[...document.querySelectorAll('.card')].length > 0")
    return found


def test_a_cell_opens_its_clips_the_worst_first(browser: Chromium, page: str) -> None:
    values = column(make_run(lose={"lse_c": 3}), "lse_c", "edtalk")
    worst = sorted((s for s in values if values[s] is not None), key=lambda s: round(values[s] or 0, 3))
    browser.open(page)
    cell = "[...document.querySelectorAll('.scores tbody tr')].find((row) => row.cells[0].textContent === 'edtalk')"
    assert follow(browser, f"{cell}.querySelector('.value a')") == "#clips?order=worst&metric=lse_c&method=edtalk"
    assert browser.run(SAMPLES) == worst[:8]
    assert browser.run("document.querySelector('#f-order').value") == "worst"
    browser.run("document.querySelector('#after').click()")
    assert browser.run(SAMPLES) == worst[8:16]
    address = browser.run("location.hash")
    browser.open(page + address)  # a view can be sent to somebody
    assert browser.run(SAMPLES) == worst[8:16]
    assert follow(browser, f"{cell}.querySelector('.coverage a')") == "#clips?metric=lse_c&method=edtalk&reason=*"
    assert browser.run(SAMPLES) == [sample for sample, value in values.items() if value is None]
    browser.run("history.back()")
    browser.wait(f"{SAMPLES}.length === 8")


def test_bars_and_confused_clips_are_opened(browser: Chromium, page: str) -> None:
    run = make_run(lose={"lse_c": 3})
    browser.open(page)
    told = taken(run, "edtalk").taken
    row = "[...document.querySelectorAll('.confusion tbody tr')].find((row) => row.cells[0].textContent === 'happy')"
    assert "answer=sad" in follow(browser, f"[...{row}.querySelectorAll('a')].find((a) => a.title.endsWith('for sad'))")
    asked = {row.sample: row.emotion for row in run.rows}
    assert browser.run(SAMPLES) == [s for s, answer in told.items() if answer == "sad" and asked[s] == "happy"]
    browser.run("document.querySelector('#emotions figure [data-at]').dispatchEvent(new Event('click'))")
    browser.wait("location.hash.includes('emotion=') && !location.hash.includes('answer=')")
    emotion = browser.run("new URLSearchParams(location.hash.slice(7)).get('emotion')")
    assert {asked[sample] for sample in browser.run(SAMPLES)} == {emotion}


def test_orders_and_filters(browser: Chromium, page: str) -> None:
    run = make_run(lose={"lse_c": 3})
    one, two = (column(run, "lse_c", method) for method in ("cmet", "edtalk"))
    gaps = {s: abs(round(one[s] or 0, 3) - round(two[s] or 0, 3)) for s in one if one[s] is not None}
    widest = sorted(gaps, key=lambda s: round(-gaps[s], 6))[:8]
    browser.open(page + "#clips?order=apart&metric=lse_c&method=cmet&other=edtalk")
    assert browser.run(SAMPLES) == widest
    browser.open(page + "#clips?order=failed&metric=lse_c")
    assert browser.run(SAMPLES)[:3] == [s for s in one if one[s] is None]
    browser.open(page + "#clips?emotion=happy&show=cmet&show=label")
    happy = browser.run(SAMPLES)
    assert happy
    assert all("_happy_" in sample for sample in happy)
    assert browser.run("document.querySelectorAll('.card:first-child .player').length") == 2
    browser.run("document.querySelector('#f-clear').click()")
    assert browser.run("location.hash") == "#clips?"
    assert browser.run("document.querySelectorAll('.card:first-child .player').length") == 6


def test_nothing_hostile_runs(browser: Chromium, tmp_path: Path) -> None:
    run = hostile(make_run(folder=tmp_path / "a run", clips=20))
    browser.open(reports.write(run, tmp_path / "a run" / "report")[0].as_uri())
    assert browser.run("document.title").startswith("<script>")
    assert browser.run("document.querySelectorAll('img').length") == 0
    assert browser.run("document.querySelectorAll('.card').length") == 8


def test_without_parts_the_page_says_so(browser: Chromium, page: str, played: str) -> None:
    browser.open(page + "#clips?")
    told = "document.querySelector('.card:first-child .nothing')?.textContent"
    assert "No curves" in browser.wait(told)
    for part in Path(unquote(urlsplit(played).path)).parent.joinpath("series").glob("*.js"):
        part.unlink()
    browser.open(played + "#clips?")
    assert "is not beside the page" in browser.wait(told)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_everything_that_is_pressed_is_large_and_outside_the_face(browser: Chromium, played: str, size: dict) -> None:
    browser.open(played + "#clips?order=apart&all=1", **size)
    browser.run("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
    browser.run("[...document.querySelectorAll('.card')].forEach((card) => card.scrollIntoView())")
    browser.wait("document.querySelectorAll('.card:first-child .along').length > 0")
    kinds = "button, select, input, summary, video, a:not(.skip), label, [role=button], [tabindex='0'], [onclick]"
    small = f"""[...document.querySelectorAll("{kinds}")].filter((e) => {{
        const box = (e.type === 'checkbox' ? e.closest('label') : e).getBoundingClientRect();
        return box.width && (box.width < 24 || box.height < 23.5);
    }}).map((e) => e.outerHTML.slice(0, 80))"""
    assert browser.run(small) == []
    assert browser.run("document.querySelectorAll('video[controls], .player button').length") == 0
    marks = "[...document.querySelectorAll('[data-at]')].map((e) => getComputedStyle(e).pointerEvents)"
    small_marks = set(browser.run(marks))
    assert small_marks == ({"none"} if size is PHONE else {"auto"})  # the table of the figure has the same links


def test_no_console_error(browser: Chromium) -> None:
    assert [problem for problem in browser.problems if "ERR_FILE_NOT_FOUND" not in problem] == []
