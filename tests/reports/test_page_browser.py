"""The page in a real browser: seen by its eyes, on a desktop and a phone, and worked with by its keys and clicks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from PIL import Image

import reports
from harness.media import VideoWriter
from harness.records import Emotion, Sample, Scored
from harness.series import packed
from harness.store import RunStore
from reports.confusion import counted
from reports.model import Confusion, RunData
from tests.chromium import BROWSER, Chromium
from tests.media_samples import film
from tests.reports.test_page import HOSTILE, hostile
from tests.synthetic_runs import EMOTIONS, FACTS, make_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page is not shown to a browser"),
]
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844, "phone": True}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


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


FRAMES = 150


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with six seconds of film, what its methods were given, and curves with a name that would break it."""
    folder = tmp_path_factory.mktemp("played")
    run = make_run(folder=folder, clips=3, identities=3, methods=("cmet", "ground_truth", "edtalk"))
    sound = 0.1 * np.sin(np.arange(FRAMES * 640) / 20).astype(np.float32)
    with VideoWriter(folder / "film.mp4", 64, 64, audio=sound) as writer:
        for frame in film(FRAMES):
            writer.write(frame)
    Image.new("RGB", (32, 32), "red").save(folder / "face.png")
    face = Path(folder / "face.png")
    with RunStore(folder) as store:
        for row in (row for row in run.rows if row.metric == "lse_c"):
            clip = folder / run.clips[row.method, row.sample]
            clip.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "film.mp4", clip)
        asked = dict.fromkeys((row.dataset, row.sample, row.identity, row.emotion) for row in run.rows)
        store.add_samples(
            Sample(sample, dataset, who, Emotion(emotion, label=HOSTILE), face, face, FRAMES)
            for dataset, sample, who, emotion in asked
        )
        curves = {HOSTILE: np.linspace(0, 1, 30), "happy": np.linspace(1, 0, 30)}
        for row in (row for row in run.rows if row.metric == "lse_c" and row.value is not None):
            scored = Scored("lse_c", row.value, row.signature, series=packed(range(0, FRAMES, 5), curves))
            store.put_rows(row.dataset, row.method, row.sample, [scored])
    return reports.write(replace(run, lane="label"), folder / "report")[0].as_uri()


VIDEOS = "[...document.querySelectorAll('.card:first-child video')]"
TIMES = f"{VIDEOS}.map((v) => v.currentTime)"


def test_a_row_plays_in_step_and_is_corrected_by_rate(browser: Chromium, played: str) -> None:
    browser.open(played)
    names = "[...document.querySelectorAll('.card:first-child h4')].map((e) => e.textContent)"
    assert browser.run(names)[:3] == ["ground_truth", "cmet", "edtalk"]
    browser.run("document.querySelector('.card').focus()")
    browser.press(" ")
    browser.wait(f"{TIMES}.every((t) => t > 0.3)")
    browser.run(f"{VIDEOS}[1].currentTime += 0.15")
    browser.wait(f"!{VIDEOS}[1].seeking")
    jumped = "{ window.jumps = 0; VIDEOS.forEach((v) => v.addEventListener('seeking', () => { window.jumps += 1; })); }"
    browser.run(jumped.replace("VIDEOS", VIDEOS))
    browser.wait(f"{VIDEOS}.some((v) => v.playbackRate !== 1)", 3)
    browser.wait(f"(() => {{ const t = {TIMES}; return Math.max(...t) - Math.min(...t) <= 0.04; }})()", 5)
    assert browser.run("window.jumps") == 0
    assert browser.run(f"{VIDEOS}.filter((v) => !v.muted).length") == 1
    browser.press("m")
    assert browser.run(f"{VIDEOS}.filter((v) => !v.muted).length") == 0
    browser.press(" ")
    browser.wait(f"{VIDEOS}.every((v) => v.paused)")


def test_frames_are_stepped_and_samples_turned_by_keys(browser: Chromium, played: str) -> None:
    sample = column(make_run(clips=3, identities=3), "lse_c", "cmet")
    first, second = list(sample)[:2]
    browser.open(f"{played}#clips?sample={first}&t=2.00")
    browser.wait(f"{TIMES}.every((t) => Math.abs(t - 2) < 0.001)")
    for key, time in ((".", 2.06), (",", 2.02), ("ArrowRight", 2.52)):
        browser.press(key)
        browser.wait(f"{TIMES}.every((t) => Math.abs(t - {time}) < 0.001)")
    browser.wait("location.hash.endsWith('t=2.52')")
    browser.press("j")
    assert browser.run("document.activeElement.querySelector('h3').textContent") == second
    browser.press("k")
    assert browser.run("document.activeElement.querySelector('h3').textContent") == first
    browser.press("?")
    assert browser.run("document.querySelector('#keys').open")


def test_what_was_given_and_curves_under_the_playhead(browser: Chromium, played: str) -> None:
    browser.open(played + "#clips?")
    browser.wait("document.querySelectorAll('.card:first-child .curve path').length > 0")
    assert browser.run("document.querySelector('.given').textContent").count(HOSTILE) == 1
    assert browser.run("document.querySelectorAll('.card:first-child .given img').length") == 1
    assert browser.run("document.querySelectorAll('.card:first-child .curve .frame path').length") == 3
    assert not browser.run("document.title").startswith("HACKED")
    needle = "Number(document.querySelector('.curve .needle').getAttribute('x1'))"
    assert browser.run(needle) == 0
    browser.run("document.querySelector('.card').focus()")
    for _ in range(6):
        browser.press("ArrowRight")
    browser.wait(f"Math.abs({needle} - 500) < 5")  # three of six seconds
    assert "0.5" in browser.run("document.querySelector('.curve output').textContent")


def test_without_parts_the_page_says_so(browser: Chromium, page: str, played: str) -> None:
    browser.open(page + "#clips?")
    told = "document.querySelector('.card:first-child .nothing')?.textContent"
    assert "No curves" in browser.wait(told)
    for part in Path(unquote(urlsplit(played).path)).parent.joinpath("series").glob("*.js"):
        part.unlink()
    browser.open(played + "#clips?")
    assert "is not beside the page" in browser.wait(told)


def test_controls_on_a_phone_are_large_and_outside_the_face(browser: Chromium, page: str) -> None:
    browser.open(page + "#clips?", **PHONE)
    small = """[...document.querySelectorAll('button, select, summary, a:not(.skip), label')].filter((e) => {
        const box = e.getBoundingClientRect();
        return box.width && (box.width < 24 || box.height < 23.5);
    }).map((e) => e.outerHTML.slice(0, 80))"""
    assert browser.run(small) == []
    assert browser.run("document.querySelectorAll('video[controls], .player button').length") == 0


def test_no_console_error(browser: Chromium) -> None:
    assert [problem for problem in browser.problems if "ERR_FILE_NOT_FOUND" not in problem] == []
