"""The real thing on the built-in dataset with the shipped networks: `run`, its files, `compare`, resumed."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from harness.store import RunStore
from tests.places import ROOT

pytestmark = pytest.mark.slow

METRICS = {"emotion_acc", "lse_c", "lse_d", "fid", "identity_sim", "psnr", "lpips", "face_rate"}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "run"
    code = bench.main(["run", "--method", "cmet", "--limit", "3", "--jobs", "1", "--out", str(folder)])
    assert code == 0
    return folder


def test_every_cell_is_a_row_and_every_file_is_there(run_folder: Path) -> None:
    scores = json.loads((run_folder / "report" / "scores.json").read_text(encoding="utf-8"))
    assert scores["schema_version"] == 1
    methods = {row["method"] for row in scores["summary"]}
    assert methods == {"cmet", "ground_truth", "no_edit", "still_face", "wrong_audio", "wrong_emotion"}
    assert {row["metric"] for row in scores["summary"]} >= METRICS
    for row in scores["rows"]:
        assert row["value"] is not None or row["reason"]
    for row in scores["summary"]:
        assert row["n_scored"] <= row["n_expected"]
        assert row["signature"].startswith(row["metric"] + "|")
        assert row["value"] is None or row["n_scored"] > 0
    names = {path.name for path in (run_folder / "report").iterdir()}
    assert {"index.html", "table.md", "table.tex", "numbers.tex", "scores.csv", "scores.json"} <= names
    assert len(list((run_folder / "clips").rglob("*.mp4"))) == 18


def test_what_must_hold_on_ground_truth(run_folder: Path) -> None:
    with RunStore(run_folder, create=False) as store:
        value = {(r.method, r.metric): r.value for r in store.summary()}
    assert value["ground_truth", "face_rate"] == 100.0
    assert value["ground_truth", "lse_d"] < value["wrong_audio", "lse_d"]
    assert value["ground_truth", "lse_c"] > value["wrong_audio", "lse_c"]
    assert value["wrong_audio", "identity_sim"] > 0.8  # the same person's, though only three samples were drawn
    assert value["wrong_emotion", "emotion_acc"] < value["ground_truth", "emotion_acc"]


def test_resuming_a_finished_run_does_nothing(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (run_folder / "clips").rglob("*.mp4")}
    code = bench.main(["run", "--method", "cmet", "--limit", "3", "--jobs", "1", "--out", str(run_folder), "--resume"])
    assert code == 0
    assert "0 clips made, 0 failed, 18 already there" in capsys.readouterr().out
    assert before == {path: path.stat().st_mtime_ns for path in (run_folder / "clips").rglob("*.mp4")}


def test_a_run_compared_with_itself_is_the_same(run_folder: Path, tmp_path: Path) -> None:
    junit = tmp_path / "gate.xml"
    code = bench.main(["compare", str(run_folder), str(run_folder), "--junit", str(junit)])
    assert code in (0, 4)  # three clips may be too few to tell
    assert junit.is_file()


def test_run_folders_are_compared_without_torch_and_at_once(run_folder: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    code = "import sys; sys.modules['torch'] = None; import bench; sys.exit(bench.main(['compare', *2 * sys.argv[1:]]))"
    done = subprocess.run(
        [sys.executable, "-c", code, run_folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 4), done.stderr
    assert "FID" in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 2.0
