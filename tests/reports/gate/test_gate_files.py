"""What the gate reads and writes: a bare scores file, JUnit, markdown."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from xml.etree import ElementTree

import pytest

import bench
from reports import scores
from reports.gate.gate import Circumstances, compare, write_junit, write_markdown
from reports.gate.page import Place, markdown
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


WHEN = Circumstances(datetime(2026, 11, 30, 12, 0, 30, tzinfo=timezone.utc), "runner", 1.25)


def strictly(path: Path) -> ElementTree.Element:
    """The one suite of a JUnit file, after it was held against the strict schema of Ant's reports, rule by rule."""
    root = ElementTree.parse(path).getroot()
    assert (root.tag, root.attrib) == ("testsuites", {})
    (suite,) = root
    needed = {"package", "id", "name", "timestamp", "hostname", "tests", "failures", "errors", "time"}
    assert set(suite.attrib) == needed
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    assert suite.attrib["hostname"].strip() == suite.attrib["hostname"] != ""
    float(suite.attrib["time"])
    assert [child.tag for child in suite] == [
        "properties",
        *("testcase" for _ in range(int(suite.attrib["tests"]))),
        "system-out",
        "system-err",
    ]
    for case in suite.findall("testcase"):
        assert set(case.attrib) == {"name", "classname", "time"}
        assert [child.tag for child in case] in ([], ["error"], ["failure"])
        assert all(set(child.attrib) == {"type", "message"} for child in case)
    for tag in ("failure", "error"):
        assert len(suite.findall(f"testcase/{tag}")) == int(suite.attrib[f"{tag}s"])
    return suite


def test_junit_counts_failures_and_errors(tmp_path: Path) -> None:
    baseline = make_run(methods=("cmet", "edtalk"))
    verdict = compare(baseline, replace(make_run(methods=("cmet",), shift={"lse_c": -1.0}), name="<&\x1b\"'>"))
    write_junit(verdict, tmp_path / "sub" / "junit.xml", WHEN)
    suite = strictly(tmp_path / "sub" / "junit.xml")
    assert suite.attrib["failures"] == "1"
    assert suite.attrib["errors"] == str(sum(c.method == "edtalk" for c in verdict.cells))
    assert (suite.attrib["timestamp"], suite.attrib["time"]) == ("2026-11-30T12:00:30", "1.250")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "−1.000" in failure.attrib["message"]
    assert (suite.findtext("system-out") or "").startswith("Worse: ")


def test_junit_of_a_fatal_verdict_is_an_error(tmp_path: Path) -> None:
    write_junit(compare(make_run(), make_run("\x00<x>", lane="label")), tmp_path / "j.xml", WHEN)
    suite = strictly(tmp_path / "j.xml")
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")


def test_markdown_names_the_worst_first_and_folds_the_rest(tmp_path: Path) -> None:
    baseline, run = make_run(), replace(make_run(shift={"lse_c": -1.0}), name="<img|x>")
    verdict = compare(baseline, run)
    write_markdown(verdict, baseline, run, tmp_path / "v.md")
    text = (tmp_path / "v.md").read_text(encoding="utf-8")
    assert text.startswith("## Worse: &lt;img\\|x&gt; against baseline bench")
    assert "Baseline: bench, commit 0123abcd." in text
    assert text.index("**worse**") < text.index("<details>")
    assert plain(verdict).splitlines()[1].strip().startswith("worse")


def test_markdown_links_the_three_worst_clips(tmp_path: Path) -> None:
    baseline = make_run(methods=("cmet",), folder=tmp_path / "runs" / "a b")
    run = make_run("now", methods=("cmet",), lose={"lse_c": 2}, folder=tmp_path / "runs" / "now")
    verdict = compare(baseline, run)
    lost = sorted(clip.sample for cell in verdict.cells for clip in cell.clips)
    write_markdown(verdict, baseline, run, tmp_path / "out" / "v.md")
    text = (tmp_path / "out" / "v.md").read_text(encoding="utf-8")
    for sample in lost:
        assert f"](../runs/now/clips/cmet/{sample}.mp4)" in text
        assert f"](../runs/a%20b/clips/cmet/{sample}.mp4)" in text
    assert len(lost) == 2
    assert "→ –" in text
    far = markdown(verdict, baseline, run, Place(address="https://ci.example/42/"))
    assert f"](https://ci.example/42/clips/cmet/{lost[0]}.mp4)" in far
    assert f"`clips/cmet/{lost[0]}.mp4`" in markdown(verdict, baseline, run, Place())


def test_a_job_of_github_gets_its_summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, summary = tmp_path / "scores.json", tmp_path / "summary.md"
    path.write_text(scores.to_json([make_run(methods=("cmet",))]), encoding="utf-8")
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert bench.main(["compare", str(path), str(path)]) == 0
    assert summary.read_text(encoding="utf-8").startswith("before\n## Same: bench against baseline bench")


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
