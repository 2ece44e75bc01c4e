"""Published numbers beside ours: only under one protocol, and what is missing is said."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest

from harness.errors import UsageError
from harness.records import LANES
from reports.model import RunData
from reports.published import PATH, find, tables
from reports.reproduce import reproduce
from tests.synthetic_runs import make_run


@pytest.fixture(scope="module")
def paper_run() -> RunData:
    """A run as cmet-paper would have it, on mead."""
    run = make_run("ours", dataset="mead", lane="as-published", lose={"lse_c": 2})

    def named(row: object) -> object:
        metric = row.metric  # type: ignore[attr-defined]
        return replace(row, metric="emotion_acc" if metric == "emotion_accuracy" else metric)  # type: ignore[type-var]

    facts = {"emotion_acc": replace(run.fact("emotion_accuracy"), name="emotion_acc"), **run.metric_facts}
    summary, rows = tuple(map(named, run.summary)), tuple(map(named, run.rows))
    return replace(run, protocol="cmet-paper", summary=summary, rows=rows, metric_facts=facts)  # type: ignore[arg-type]


def test_every_published_number_has_a_source_and_a_protocol_note() -> None:
    with PATH.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 200
    assert all(row["source"] and row["protocol_notes"] for row in rows)
    assert not any(word in row["source"] for row in rows for word in ("stored text", "/work"))
    assert all(row["our_lane"] in LANES for row in rows if row["our_protocol"])
    assert {row["our_protocol"] for row in rows} == {"", "cmet-paper", "eat"}


def test_the_shared_table_is_complete_here(shared: object) -> None:
    with open(f"{shared}/specs/paper_tables.csv", encoding="utf-8", newline="") as file:
        theirs = list(csv.DictReader(file))
    with PATH.open(encoding="utf-8", newline="") as file:
        ours = list(csv.DictReader(file))
    keys = ("dataset", "method", "metric", "direction", "value", "unit", "protocol_notes")
    assert [tuple(row[k] for k in keys) for row in ours] == [tuple(row[k] for k in keys) for row in theirs]


def test_tables_are_found_by_their_numbers() -> None:
    assert len(find("cmet", "1").cells) == 52
    assert find("cmet", "Table 1") == find("cmet") == find("cmet", "1")
    assert ("eat", "log") in tables()
    with pytest.raises(UsageError, match="no paper 'cmett'"):
        find("cmett")
    with pytest.raises(UsageError, match="no table '9'"):
        find("cmet", "9")


def test_nothing_of_ours_stands_there_without_a_run() -> None:
    found = reproduce(find("cmet", "1"), [])
    assert found.measured == 0
    assert "python bench.py run --method cmet --dataset mead --protocol cmet-paper --lane as-published" in found.text()
    assert "not run yet: needs protocol cmet-paper, lane as-published" in found.text()
    assert "55.91 %" in found.text()
    advice = reproduce(find("cmet", "1"), [], {"cmet"}).commands
    assert "python bench.py score --clips FOLDER --name eat --dataset mead --protocol cmet-paper --root DIR" in advice
    assert not any("run --method eat" in line for line in advice)


@pytest.mark.parametrize("change", [{"protocol": "standard"}, {"lane": "speech"}])
def test_another_protocol_or_lane_never_enters_the_column(paper_run: RunData, change: dict[str, str]) -> None:
    found = reproduce(find("cmet", "1"), [replace(paper_run, **change)])
    assert found.measured == 0
    assert all(line.ours is None for line in found.lines)
    assert any("not comparable: needs protocol cmet-paper" in line.explained for line in found.lines)


def test_a_fitting_run_stands_beside_with_difference_and_coverage(paper_run: RunData) -> None:
    found = reproduce(find("cmet", "1"), [paper_run])
    lines = {(line.paper.dataset, line.paper.method[:5], line.paper.metric): line for line in found.lines}
    cell = lines["MEAD", "C-MET", "Acc_emo"]
    row = next(r for r in paper_run.summary if (r.method, r.metric) == ("cmet", "emotion_acc"))
    assert cell.ours is not None
    assert cell.ours.value == row.value
    assert cell.paper.value == 55.91
    assert cell.columns()[5] == f"+{row.value - 55.91:.2f} points"
    assert "beyond our interval" in cell.explained
    sync = lines["MEAD", "C-MET", "Sync_conf"]
    assert sync.ours is not None
    assert "58/60" in sync.columns()[4]
    assert "60 clips, the paper's number is over 1143" in sync.explained
    assert "2 clips without a number" in sync.explained
    assert lines["MEAD", "C-MET", "FVD"].explained == "the runs have no such number"
    assert lines["MEAD", "EAMM ", "FID"].explained.endswith("the method is none of ours")
    assert lines["CREMA-D", "C-MET", "Acc_emo"].ours is None
    assert found.measured == 4  # accuracy and sync of cmet and edtalk; the paper's FID is per pair, ours here is pooled


@pytest.mark.slow
def test_per_emotion_numbers_come_from_the_rows(paper_run: RunData) -> None:
    found = reproduce(find("cmet", "8"), [paper_run])
    line = next(line for line in found.lines if (line.paper.dataset, line.paper.metric) == ("MEAD", "Acc_emo[angry]"))
    rows = [r for r in paper_run.rows if (r.method, r.metric, r.emotion) == ("cmet", "emotion_acc", "angry")]
    assert line.ours is not None
    assert line.ours.value == pytest.approx(sum(r.value or 0 for r in rows) / len(rows))
    assert f"{len(rows)}/{len(rows)}" in line.columns()[4]
    assert f"{len(rows)} clips, the paper's number is over 159" in line.explained
    elsewhere = tuple(replace(r, n_scored=r.n_scored - 1) for r in paper_run.summary)  # a clip of another emotion
    assert line in reproduce(find("cmet", "8"), [replace(paper_run, summary=elsewhere)]).lines


def test_the_interval_over_people_counts_and_options_are_told(paper_run: RunData) -> None:
    wide = tuple(
        replace(r, value=60.0, low=50.0, high=62.0, clip_low=58.0, clip_high=61.0) if r.metric == "emotion_acc" else r
        for r in paper_run.summary
    )
    facts = {"asked": {"method_options": {"cmet": {"weights": "demo"}}}}
    found = reproduce(find("cmet", "1"), [replace(paper_run, summary=wide, facts=facts)])
    lines = {(x.paper.dataset, x.paper.method[:5], x.paper.metric): x for x in found.lines}
    line = lines["MEAD", "C-MET", "Acc_emo"]  # 55.91: beyond the interval over clips, within the one over people
    assert line.explained.startswith("within our interval")
    assert "[50.00, 62.00]" in line.columns()[4]
    assert line.explained.endswith("weights=demo")


def test_seconds_never_look_like_the_papers(paper_run: RunData) -> None:
    run = replace(paper_run, summary=tuple(replace(r, metric="aitv") for r in paper_run.summary if r.metric == "lse_c"))
    lines = [line for line in reproduce(find("cmet", "1"), [run]).lines if line.ours is not None]
    assert {line.paper.metric for line in lines} == {"AITV"}
    assert all("seconds of another machine" in line.explained for line in lines)


def test_two_signatures_are_not_guessed_between(paper_run: RunData) -> None:
    other = replace(paper_run, summary=tuple(replace(r, signature=r.signature + "x") for r in paper_run.summary))
    found = reproduce(find("cmet", "1"), [paper_run, other])
    assert found.measured == 0
    assert any("different signatures" in line.explained for line in found.lines)


def test_markdown_is_a_table_with_notes_and_signatures(paper_run: RunData) -> None:
    text = reproduce(find("cmet", "1"), [paper_run]).markdown()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert {line.count(" | ") for line in rows} == {6}
    assert "per video pair" in text
    assert "lse_c|net:small@sha1a2b" in text


def test_numbers_without_ours_are_grouped_by_reason_and_none_is_left_out(paper_run: RunData) -> None:
    found = reproduce(find("cmet", "1"), [paper_run])
    groups = dict(found.missing())
    assert "not comparable: the method is none of ours (10 numbers, 19 %)" in groups
    (first, _) = groups["not comparable: the method is none of ours (10 numbers, 19 %)"]
    assert first.startswith("MEAD, EAMM (image-driven): AITV 3.745 s, FID 161.602")
    listed = " ".join(text for texts in groups.values() for text in texts)
    missing = [line.paper for line in found.lines if line.ours is None]
    assert all(f"{paper.metric} {paper.text}" in listed for paper in missing)
    assert sum(int(reason.rpartition("(")[2].split()[0]) for reason in groups) == len(missing) == 48


def test_clips_without_a_number_are_told_by_emotion_and_identity(paper_run: RunData) -> None:
    text = reproduce(find("cmet", "1"), [paper_run]).text()
    line = next(line for line in text.splitlines() if "LSE-C of cmet on mead" in line)
    assert line == (
        "- no face was found: clips 2/60 (3.3 %) (LSE-C of cmet on mead); by emotion: angry 1/6 (16.7 %), "
        "contempt 1/6 (16.7 %); by identity: p00 1/3 (33.3 %), p01 1/3 (33.3 %)"
    )


def test_one_sentence_closes_it(paper_run: RunData) -> None:
    last = reproduce(find("cmet", "1"), [paper_run]).text().rstrip().splitlines()[-1]
    assert last == (
        "4 of 52 published numbers were measured here in the paper's way; within our 95 % interval: 1, beyond it: 3."
    )
