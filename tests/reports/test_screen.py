"""The screen that ends a run: what is on it, how wide and long it is, and that nothing on it drives the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness import metric_names
from harness.errors import UsageError
from reports.screen import HEADLINES, lost, screen
from tests.synthetic_runs import make_run, renamed

HOSTILE = "evil\x1b[31m\u202e"


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_it_fits(width: int) -> None:
    lines = screen([make_run("ours", 0)], width).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= 28  # places and reasons follow: 35 in all


def test_words_are_whole_and_uncertainty_has_two_digits() -> None:
    lines = screen([make_run("ours", 0)], 100, metrics=["identity", "fid"]).splitlines()
    assert lines[1].split() == ["Identity"]
    assert lines[2].split()[0] == "similarity"
    assert all(line == line.rstrip() for line in lines)
    alone = screen([make_run("ours", 0, methods=("cmet", "edtalk"), identities=1)], 100)
    assert alone.splitlines()[0].endswith("protocol demo, 1 person")
    reach = [part.partition("±")[2] for line in lines for part in line.split() if "±" in part and part != "±"]
    assert reach
    assert all(len(digits.replace(".", "").lstrip("0")) <= 2 for digits in reach), reach


def test_sentences_say_who_wins_and_what_is_too_small_to_tell() -> None:
    text = screen([make_run("ours", 0)], 200)
    claims = text.partition("Who beats whom")[2].splitlines()[2:]
    assert 3 <= len(claims) - 1 <= 6
    assert "cmet is worse than ground_truth in LSE-C" in claims[0]
    assert "cmet and edtalk do not differ measurably in LSE-C" in " ".join(claims)
    assert "see the page" in claims[-1]


def test_headlines_come_first_and_others_are_asked_for() -> None:
    run = make_run("ours", 0)
    text = screen([run], 160)
    assert "LSE-C" in text
    assert "LPIPS" not in text
    asked = metric_names.several("offset, sync-c", {row.metric for row in run.summary})
    assert asked == ["offset", "lse_c"]
    head = " ".join(screen([run], 160, metrics=asked).splitlines()[1:4])
    assert "LSE-C" in head
    assert "FID" not in head


def test_what_others_wrote_does_not_print() -> None:
    text = screen([renamed(make_run("ours", 0), "cmet", HOSTILE)], 100)
    assert "\x1b" not in text
    assert "evil?[31m?" in text


def test_missing_numbers_are_counted_by_reason() -> None:
    run = make_run("ours", 0)
    rows = [replace(row, value=None, reason="no_face") if k < 3 else row for k, row in enumerate(run.rows)]
    told = lost([replace(run, rows=tuple(rows))])
    assert any(line.startswith("no face was found: ") for line in told)
    assert lost([replace(run, rows=())]) == []


@pytest.mark.parametrize(("name", "key"), [("Sync-C", "lse_c"), ("sync_d", "lse_d"), ("CSIM", "identity_sim")])
def test_metrics_are_found_under_the_names_that_people_search_for(name: str, key: str) -> None:
    assert metric_names.metric(name, HEADLINES) == key
    assert metric_names.metric(key.upper(), HEADLINES) == key


def test_a_name_that_means_nothing_says_the_nearest() -> None:
    with pytest.raises(UsageError, match="no metric 'synk_c'"):
        metric_names.metric("synk_c", HEADLINES)
    with pytest.raises(UsageError):
        metric_names.metric("csim", ["lse_c"])


def test_a_run_in_which_nothing_was_measured_has_a_screen() -> None:
    run = make_run("ours", 0)
    summary = [replace(row, value=None, low=None, high=None, n_scored=0) for row in run.summary]
    rows = [replace(row, value=None, reason="too_large") for row in run.rows]
    text = screen([replace(run, summary=tuple(summary), rows=tuple(rows), comparisons=())], 100)
    assert "cmet" in text
