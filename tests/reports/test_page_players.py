"""Players in a real browser: a row plays in step, is worked by keys, and has curves under its playhead."""

from __future__ import annotations

import numpy as np
import pytest

from tests.chromium import BROWSER, Chromium
from tests.reports.test_page import HOSTILE
from tests.synthetic_runs import make_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page is not shown to a browser"),
]
VIDEOS = "[...document.querySelectorAll('.card:first-child video')]"
TIMES = f"{VIDEOS}.map((v) => v.currentTime)"


WATCH = f"""(() => {{
  window.seen = []; window.jumps = 0;
  {VIDEOS}.forEach((v) => v.addEventListener('seeking', () => {{ window.jumps += 1; }}));
  (function look() {{
    const times = {TIMES};
    window.seen.push([Math.max(...times) - Math.min(...times), Math.min(...times)]);
    requestAnimationFrame(look);
  }})();
}})()"""


def played_row(browser: Chromium, played: str) -> None:
    """The first row of the page plays, its clips with the ground truth first."""
    browser.open(played)
    names = "[...document.querySelectorAll('.card:first-child h4')].map((e) => e.textContent)"
    assert browser.run(names)[:3] == ["ground_truth", "cmet", "edtalk"]
    browser.run("document.querySelector('.card').focus()")
    browser.press(" ")
    browser.wait(f"{TIMES}.every((t) => t > 0.3)")


def test_a_row_plays_ten_seconds_in_step_without_a_jump(browser: Chromium, played: str) -> None:
    """Every single picture is looked at by benchmarks/bench_players.py: here another process may hold one up."""
    played_row(browser, played)
    browser.run(WATCH)
    browser.wait(f"{TIMES}.every((t) => t > 9.8)", 20)
    apart = np.array(browser.run("window.seen"))
    assert len(apart) > 50
    assert np.mean(apart[:, 0] <= 0.04) > 0.85
    assert browser.run("window.jumps") == 0
    browser.wait(f"{VIDEOS}.every((v) => v.paused || v.ended)")


def test_players_that_are_apart_meet_by_their_rate_and_those_ahead_wait(browser: Chromium, played: str) -> None:
    played_row(browser, played)
    for change, sign in (("-= 0.15", "{VIDEOS}[1].playbackRate > 1"), ("+= 0.3", "{VIDEOS}[1].paused")):
        browser.wait(f"{TIMES}.every((t) => t > 0.5)")
        browser.run(f"{VIDEOS}[1].currentTime {change}")
        browser.wait(f"!{VIDEOS}[1].seeking")
        browser.run(WATCH)
        browser.wait(sign.format(VIDEOS=VIDEOS), 3)
        browser.wait("window.seen.at(-1)[0] <= 0.04", 5)
        assert browser.run("window.jumps") == 0
    assert browser.run(f"{VIDEOS}.filter((v) => !v.muted).length") == 1
    browser.press("m")
    assert browser.run(f"{VIDEOS}.filter((v) => !v.muted).length") == 0


def test_a_row_waits_for_a_clip_that_stands_still(browser: Chromium, played: str) -> None:
    played_row(browser, played)
    browser.run(f"{VIDEOS}[1].pause()")
    browser.run(WATCH)
    browser.wait(f"{VIDEOS}.every((v) => v.paused)")
    standing = browser.run(TIMES)
    assert max(standing) - min(standing) < 1.0
    browser.run(f"{VIDEOS}[1].play()")
    browser.wait(f"{TIMES}.every((t) => t > {max(standing) + 0.3})")
    browser.wait("window.seen.at(-1)[0] <= 0.04", 5)
    assert browser.run("window.jumps") == 0
    browser.press(" ")
    browser.wait(f"{VIDEOS}.every((v) => v.paused && !v.seeking)")
    frames = browser.run(f"{TIMES}.map((t) => Math.floor(t / 0.04))")
    assert len(set(frames)) == 1  # who stops, sees one frame of all


def test_frames_are_stepped_and_samples_turned_by_keys(browser: Chromium, played: str) -> None:
    rows = make_run(clips=3, identities=3).rows
    first, second = [row.sample for row in rows if (row.metric, row.method) == ("lse_c", "cmet")][:2]
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
    for _ in range(10):
        browser.press("ArrowRight")
    browser.wait(f"Math.abs({needle} - 500) < 5")  # five of ten seconds
    assert "0.5" in browser.run("document.querySelector('.curve output').textContent")
