"""A rater's way through the page in a real browser: clips are played, answers chosen, the file downloaded and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.study import design, publish
from reports.study.answers import Answer, read, sort_out
from reports.study.material import gather
from tests.chromium import BROWSER, Chromium
from tests.reports.study.study_samples import METHODS, small_film
from tests.synthetic_runs import make_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: the page is not shown to a browser"),
]
#: Plays every clip of what is shown, one after the other, and resolves when the answers can be chosen.
PLAY = """(async () => {
  for (const button of document.querySelectorAll(".clips button")) {
    const video = button.previousSibling;
    const ended = new Promise((done) => video.addEventListener("ended", done, { once: true }));
    button.click();
    await ended;
  }
  return document.querySelectorAll(".answers button:not(:disabled)").length;
})()"""


def test_a_rater_goes_through_the_page_and_the_file_is_read_back(tmp_path: Path) -> None:
    film = small_film(tmp_path / "film.mp4")
    run = make_run(clips=8, folder=tmp_path / "a run", methods=(*METHODS, "ground_truth", "still_face"))
    for path in run.clips.values():
        place = tmp_path / "a run" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(film)
    material = gather([run], METHODS)
    key = publish.designed(material, publish.Settings(2, 6, 1, design.QUESTIONS, 1))
    page, _ = publish.publish(key, material.files, tmp_path / "study")
    gone = next(k for k, name in enumerate(key.order[2]) if key.items[name].right and not key.items[name].truth)
    item = key.items[key.order[2][gone]]
    lost = next(name for name, clip in key.clips.items() if clip == (item.right, item.sample, "paired"))
    (page.parent / "clips" / f"{lost}.mp4").write_bytes(b"")
    with Chromium(tmp_path / "profile") as browser:
        browser.ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "downloads"))
        browser.open(page.as_uri() + "?rater=9")
        browser.run("document.querySelector('#begin button').click()")
        assert browser.run("document.getElementById('task').hidden")  # there is no rater 9
        browser.open(page.as_uri() + "?rater=2", 390, 844, phone=True)
        chosen = {}
        for k, name in enumerate(key.order[2]):
            if k == 3:  # the page was closed, and goes on
                browser.open(page.as_uri() + "?rater=2", 390, 844, phone=True)
            if k in (0, 3):
                browser.run("document.querySelector('#begin button').click()")
            assert browser.run("document.getElementById('place').textContent") == f"{k + 1} of 7"
            assert browser.run("document.documentElement.scrollWidth") == 390
            assert browser.run("document.querySelectorAll('.answers button:disabled').length") > 1
            pair = bool(key.items[name].right)
            if lost in browser.run("[...document.querySelectorAll('video')].map((v) => v.src).join()"):
                browser.wait("!document.getElementById('broken').hidden")
                browser.run("document.getElementById('broken').click()")
                chosen[name] = "broken"
                continue
            assert browser.run(PLAY) == (2 if pair else len(key.choices) + 1)
            place = ("left", "right").index(key.items[name].truth or ("left", "right")[k % 2])
            browser.run(f"document.querySelectorAll('.answers button')[{place}].click()")
            chosen[name] = ("left", "right")[place] if pair else key.choices[place]
        browser.wait("!document.getElementById('done').hidden")
        browser.run("document.getElementById('download').click()")
        file = tmp_path / "downloads" / f"answers-{key.study}-002.csv"
        for _ in range(200):
            if file.is_file():
                break
            browser.run("new Promise((done) => setTimeout(done, 50))")
        assert not [told for told in browser.problems if "ERR_" not in told]  # but for the clip that is empty
    answers = read([tmp_path / "downloads"], key)
    assert {one.item: one.answer for one in answers} == chosen
    assert [one.order for one in answers] == list(range(1, 8))
    assert all(isinstance(one, Answer) and one.rater == 2 and 0 < one.seconds < 60 for one in answers)
    broken = list(chosen.values()).count("broken")
    assert broken >= 1
    assert len(sort_out(answers, key).answers) == 6 - broken
