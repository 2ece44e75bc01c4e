"""What the gate reads and writes: a bare scores file, JUnit, markdown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

import bench
from reports import scores
from reports.gate.gate import compare, write_junit, write_markdown
from reports.gate.text import plain
from reports.scores_file import read_scores
from tests.reports.gate.test_gate import states
from tests.synthetic_runs import make_run


@pytest.mark.slow
def test_a_scores_file_can_be_the_baseline(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(scores.to_json([make_run()]), encoding="utf-8")
    bare = read_scores(path)
    assert compare(bare, make_run()).exit_code == 0
    verdict = compare(bare, make_run(shift={"lse_c": -1.0}))
    assert states(verdict)["lse_c"] == "worse"
    assert "LSE-C" in plain(verdict)


def test_junit_counts_failures_and_errors(tmp_path: Path) -> None:
    baseline = make_run(methods=("cmet", "edtalk"))
    verdict = compare(baseline, replace(make_run(methods=("cmet",), shift={"lse_c": -1.0}), name="<&\x1b\"'>"))
    write_junit(verdict, tmp_path / "sub" / "junit.xml")
    suite = ElementTree.parse(tmp_path / "sub" / "junit.xml").getroot()
    assert suite.get("failures") == "1"
    assert suite.get("errors") == str(sum(c.method == "edtalk" for c in verdict.cells))
    assert suite.get("tests") == str(len(suite.findall("testcase"))) == str(len(verdict.cells))
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "LSE" not in (failure.get("message") or "")
    assert "−1.000" in (failure.get("message") or "")


def test_junit_of_a_fatal_verdict_is_an_error(tmp_path: Path) -> None:
    write_junit(compare(make_run(), make_run("\x00<x>", lane="label")), tmp_path / "j.xml")
    suite = ElementTree.parse(tmp_path / "j.xml").getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")


def test_markdown_names_the_worst_first_and_folds_the_rest(tmp_path: Path) -> None:
    verdict = compare(make_run(), replace(make_run(shift={"lse_c": -1.0}), name="<img|x>"))
    write_markdown(verdict, tmp_path / "v.md")
    text = (tmp_path / "v.md").read_text(encoding="utf-8")
    assert text.startswith("## Worse: &lt;img\\|x&gt; against baseline bench")
    assert text.index("**worse**") < text.index("<details>")
    assert plain(verdict).splitlines()[1].strip().startswith("worse")


def test_the_command_takes_the_noise_and_the_least_effect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    one.write_text(scores.to_json([make_run(methods=("cmet",))]), encoding="utf-8")
    other.write_text(scores.to_json([make_run(methods=("cmet",), shift={"lse_c": -0.2})]), encoding="utf-8")
    assert bench.main(["compare", str(one), str(other)]) == 3
    assert bench.main(["compare", str(one), str(other), "--min-effect", "lse_c=0.3"]) == 0
    assert bench.main(["compare", str(one), str(other), "--min-effect", "Sync-C=0.3"]) == 0
    assert bench.main(["compare", str(one), str(other), "--min-effect", "sink_c=0.3"]) == 2
    assert bench.main(["compare", str(one), str(other), "--noise", str(one), str(other)]) == 0
    assert "within the noise of the same method run twice" in capsys.readouterr().out
    assert bench.main(["compare", str(one), str(other), "--min-effect", "lse_c"]) == 2
