"""The eight files of a report and the terminal: complete, escaped, read back, refused in one sentence."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import reports
from harness.errors import CannotCompareError, MediaError, UsageError
from reports import markdown, scores, terminal
from reports.model import RunData
from reports.scores_file import read_scores
from tests.places import ROOT
from tests.synthetic_runs import HOSTILE, SIGNATURES, make_run, renamed


def test_markdown_has_value_interval_coverage_and_signature(run: RunData) -> None:
    text = markdown.table([run])
    assert re.search(r"\| cmet \| \*\*[\d.]+\*\* \[[\d.]+, [\d.]+\] 60/60 \|", text)
    assert "57/60" in text
    assert "Emotion accuracy (%) ↑" in text
    assert "FID ↓" in text
    assert all(f"`{SIGNATURES[name]}`" in text for name in ("fid", "lpips"))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    widths = {len(re.split(r"(?<!\\)\|", line)) for line in rows[:8]}
    assert len(widths) == 1


def test_markdown_escapes_hostile_names(run: RunData) -> None:
    text = markdown.table([renamed(run, "cmet", HOSTILE)])
    assert "<script>" not in text
    line = next(line for line in text.splitlines() if "alert(1)" in line)
    assert len(re.split(r"(?<!\\)\|", line)) == len(re.split(r"(?<!\\)\|", text.splitlines()[4]))
    assert markdown.code("a`b``c") == "``` a`b``c ```"


def test_csv_is_the_summary_at_full_precision(run: RunData) -> None:
    rows = list(csv.DictReader(io.StringIO(scores.to_csv([run]))))
    assert len(rows) == len(run.summary)
    for row, cell in zip(rows, run.summary, strict=True):
        assert row["method"] == cell.method
        assert (float(row["value"]) if row["value"] else None) == cell.value
        assert row["n_scored"] == str(cell.n_scored)
        assert row["signature"] == cell.signature
        assert row["lane"] == "speech"


def test_scores_json_has_the_schema(run: RunData) -> None:
    found = json.loads(scores.to_json([run]), parse_constant=lambda name: pytest.fail(name))
    assert found["schema_version"] == 1
    assert (found["run"], found["protocol"], found["lane"]) == ("bench", "demo", "speech")
    keys = [
        "dataset",
        "method",
        "metric",
        "value",
        "unit",
        "higher_is_better",
        "low",
        "high",
        "n_scored",
        "n_expected",
        "signature",
    ]
    assert all([key for key in item if key != "drop"] == keys for item in found["summary"])
    lost = {(item["dataset"], item["method"], item["metric"]): item.get("drop", {}) for item in found["summary"]}
    for key, dropped in lost.items():
        rows = [r for r in found["rows"] if (r["dataset"], r["method"], r["metric"]) == key and r["value"] is None]
        assert dropped == Counter(row["reason"] for row in rows if row["reason"] != "pooled")
    assert any(lost.values())
    assert set(found["lists"]) == {row.dataset for row in run.rows}
    assert len(found["rows"]) == len(run.rows)
    for item in found["rows"]:
        assert set(item) == {"dataset", "method", "sample", "metric", "value"} | (
            {"reason"} if item["value"] is None else set()
        )


def test_numbers_of_several_lanes_say_theirs(run: RunData) -> None:
    found = json.loads(scores.to_json([run, make_run("l", lane="label", methods=("other",))]))
    assert found["lane"] == "speech + label"
    assert {(item["method"] == "other", item["lane"]) for item in found["summary"]} == {
        (True, "label"),
        (False, "speech"),
    }


def test_scores_json_comes_back(run: RunData, tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(scores.to_json([run]), encoding="utf-8")
    back = read_scores(path)
    assert [replace(r, note="", clip_low=None, clip_high=None, n_people=0) for r in run.summary] == list(back.summary)
    assert [(r.method, r.sample, r.metric, r.value, r.scored, r.signature) for r in run.rows] == [
        (r.method, r.sample, r.metric, r.value, r.scored, r.signature) for r in back.rows
    ]
    assert not back.fact("offset").ranked
    assert scores.to_json([back]) == scores.to_json([run])


def test_numbers_that_are_not_finite_become_null_with_a_reason(run: RunData) -> None:
    rows = (replace(run.rows[0], value=math.nan), *run.rows[1:])
    summary = (replace(run.summary[0], value=math.inf, low=math.nan), *run.summary[1:])
    found = json.loads(scores.to_json([replace(run, rows=rows, summary=summary)]))
    assert found["rows"][0]["value"] is None
    assert found["rows"][0]["reason"] == "not_finite"
    assert found["summary"][0]["value"] is None
    assert found["summary"][0]["low"] is None


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("{", UsageError, "not JSON"),
        ("[1]", UsageError, "schema_version"),
        ('{"schema_version": 2}', CannotCompareError, "schema 2"),
        ('{"schema_version": 1, "run": "a", "protocol": "p", "rows": []}', UsageError, "summary"),
        ('{"schema_version": 1, "run": "a", "protocol": "p", "summary": [3], "rows": []}', UsageError, "scores.json"),
    ],
)
def test_other_files_are_refused_in_one_sentence(tmp_path: Path, text: str, error: type, words: str) -> None:
    path = tmp_path / "scores.json"
    path.write_text(text)
    with pytest.raises(error, match=words):
        read_scores(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_scores(tmp_path / "none.json")


def test_terminal_table_fits_100_columns(run: RunData) -> None:
    text = terminal.table(run)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "60/60" in text
    assert "57/60" in text
    assert "no face was found (18 clips; 6 methods)" in text
    assert re.search(r"cmet +[\d.]+\* 60/60", text)


def test_the_terminal_tells_of_sets_without_a_number(run: RunData) -> None:
    gone = {"value": None, "low": None, "high": None, "note": "too_few"}
    summary = tuple(replace(row, **gone) if row.metric == "fid" else row for row in run.summary)
    text = terminal.table(replace(run, summary=summary))
    assert "too few, or too alike, for this measure (whole sets): FID" in text


def test_terminal_table_lets_no_name_drive_the_terminal(run: RunData) -> None:
    text = terminal.table(renamed(run, "cmet", HOSTILE))
    assert "\x1b" not in text
    assert all(c.isprintable() or c == "\n" for c in text)


def test_an_empty_run_is_reported_as_such(tmp_path: Path) -> None:
    empty = RunData("none", "demo", "speech", {}, (), (), {})
    assert terminal.table(empty)
    assert len(reports.write(empty, tmp_path)) == 8


@pytest.mark.slow
def test_write_gives_eight_whole_files_and_nothing_else(run: RunData, tmp_path: Path) -> None:
    paths = reports.write(run, tmp_path / "new" / "report")
    assert [p.name for p in paths] == [
        "index.html",
        "table.md",
        "table.tex",
        "appendix.tex",
        "numbers.tex",
        "scores.csv",
        "clips.csv",
        "scores.json",
    ]
    assert sorted(p.name for p in (tmp_path / "new" / "report").iterdir()) == sorted(p.name for p in paths)
    first = {p.name: p.read_bytes() for p in paths}
    assert {p.name: p.read_bytes() for p in reports.write(run, tmp_path / "new" / "report")} == first


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_is_one_sentence(run: RunData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="cannot be written"):
        reports.write(run, tmp_path / "file" / "report")


@pytest.mark.slow
def test_names_that_are_no_utf8_do_not_break_a_report(run: RunData, tmp_path: Path) -> None:
    rows = tuple(replace(r, sample="bad\udcff") if r.sample == run.rows[0].sample else r for r in run.rows)
    assert reports.write(replace(run, rows=rows), tmp_path)


@pytest.mark.slow
def test_no_torch_in_reports() -> None:
    code = (
        "import sys, reports, reports.gate.gate, reports.gate.text, reports.page, reports.reproduce, reports.terminal,"
        "reports.paper.appendix, reports.paper.macros, reports.markdown, reports.scores, harness.statistics;"
        "sys.exit('torch' in sys.modules)"
    )
    root = ROOT
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
