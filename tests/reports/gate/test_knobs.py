"""The gate's settings, typed and kept; a baseline that is accepted; clips of which nobody said the lane."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import bench
from reports import scores
from reports.gate.gate import compare
from reports.model import RunData
from reports.scores_file import read_scores
from tests.synthetic_runs import make_run


def kept(folder: Path, run: RunData) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scores.json").write_text(scores.to_json([run]), encoding="utf-8")
    return folder


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A baseline and a run whose LSE-C fell, each a folder with its scores.json."""
    runs = make_run(methods=("cmet",)), make_run("now", methods=("cmet",), shift={"lse_c": -0.2})
    return kept(tmp_path / "baseline", runs[0]), kept(tmp_path / "now", runs[1])


def code(*arguments: object) -> int:
    return bench.main(["compare", *map(str, arguments)])


def test_metrics_are_chosen_by_any_of_their_names(pair: tuple[Path, Path]) -> None:
    assert code(*pair) == 3
    assert code(*pair, "--ignore", "Sync-C") == 0
    assert code(*pair, "--only", "fid,identity") == 0
    assert code(*pair, "--only", "fid", "--only", "LSE-C") == 3
    assert code(*pair, "--ignore", "sink_c") == 2


def test_settings_are_kept_beside_the_baseline_and_what_is_typed_wins(pair: tuple[Path, Path]) -> None:
    toml = pair[0] / "gate.toml"
    toml.write_text('alpha = 0.01\nignore = ["syncc"]\n', encoding="utf-8")
    assert code(*pair) == 0
    assert code(pair[0] / "scores.json", pair[1]) == 0
    assert code(*pair, "--ignore", "fid") == 3
    toml.write_text("[min_effect]\nlse_c = 0.5\n", encoding="utf-8")
    assert code(*pair) == 0
    assert code(*pair, "--min-effect", "lse_c=0.1") == 3
    toml.write_text('noise = ["scores.json", "../now/scores.json"]\n', encoding="utf-8")
    assert code(*pair) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("alpah = 0.01", "Did you mean 'alpha'?"),
        ("alpha = 2", "a number above 0, at most 1"),
        ("min_effect = 3", "a number for each metric"),
        ('noise = ["one.json"]', "two runs of the same method"),
        ('only = "fid"', "a list of texts"),
        ("only = [", "is not valid TOML"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    pair: tuple[Path, Path], text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (pair[0] / "gate.toml").write_text(text, encoding="utf-8")
    assert code(*pair) == 2
    assert told in capsys.readouterr().err


def test_an_accepted_run_is_the_baseline_and_says_where_it_comes_from(
    pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    baseline, now = pair
    before = (baseline / "scores.json").read_bytes()
    assert code(baseline, now, "--accept") == 0
    assert "Worse: " in (told := capsys.readouterr().out)
    assert f"Accepted: {baseline / 'scores.json'} is now that of now." in told
    written = json.loads((baseline / "scores.json").read_text(encoding="utf-8"))
    assert written["accepted"]["verdict"] == "worse"
    assert len(written["accepted"]["instead_of"]) == 64
    assert (written["run"], written["commit"]) == ("now", "0123abcd")
    assert (baseline / "scores.json").read_bytes() != before
    assert code(baseline, now) == 0
    assert code(baseline, baseline, "--accept") == 0  # its record is replaced, not doubled
    assert (baseline / "scores.json").read_text(encoding="utf-8").count('"accepted"') == 1


def test_the_first_baseline_is_made_of_the_run(pair: tuple[Path, Path], tmp_path: Path) -> None:
    first = tmp_path / "kept" / "first"
    assert code(first, pair[1]) == 2
    assert code(first, pair[1], "--accept") == 0
    assert code(first, pair[1]) == 0
    assert json.loads((first / "scores.json").read_text(encoding="utf-8"))["accepted"]["verdict"] is None


def test_a_run_folder_stays_a_run(pair: tuple[Path, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.sqlite").write_bytes(b"")
    assert code(run, pair[1], "--accept") == 2
    assert not (run / "scores.json").exists()


def test_clips_that_existed_compare_with_any_lane_unless_theirs_is_told(tmp_path: Path) -> None:
    made, judged = make_run(), replace(make_run(lane="as-published"), existing=True)
    assert compare(made, judged).exit_code == 0
    assert compare(made, read_scores(kept(tmp_path / "judged", judged) / "scores.json")).exit_code == 0
    assert "lane" in compare(made, replace(judged, lane="label")).fatal
    assert "lane" in compare(made, replace(judged, existing=False)).fatal
