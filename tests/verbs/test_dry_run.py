"""`run --dry-run` says what a run would do, by the record of an earlier run or by two clips, and makes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import bench
from harness.pace import Seconds, estimated
from harness.store import RunStore

pytestmark = pytest.mark.slow

PROTOCOL = 'name = "quick"\ndescription = "x"\n\n[[metric]]\nevaluator = "pixels"\n'


def test_seconds_are_those_of_clips_and_of_loading_once_a_process() -> None:
    record = {"cmet": Seconds(10, 20.0, 2, 24.0), "still": Seconds(0, 0.0, 1, 3.0)}
    assert estimated(record, {"cmet": 10}, jobs=2) == pytest.approx((10 * 2 + 2 * 10) / 2)
    assert estimated(record, {"still": 4}, jobs=1) == pytest.approx(4 * 3)
    assert estimated(record, {"label": 1}, jobs=1) is None


def test_a_dry_run_tries_two_clips_then_knows_then_has_nothing_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol, folder = tmp_path / "quick.toml", tmp_path / "runs" / "first"
    protocol.write_text(PROTOCOL)
    run = ["run", "--method", "still_face", "--no-anchors", "--protocol", str(protocol), "--jobs", "1"]
    first = [*run, "--limit", "3", "--out", str(folder)]
    assert bench.main([*first, "--dry-run"]) == 0
    told = capsys.readouterr()
    assert "Clips: 3 to be made and judged, 0 are there (3 samples, still_face)." in told.out
    assert "by 2 clips of each method" in told.out
    assert "MB are free" in told.out
    assert told.err.splitlines()[0] == "Runs on cpu, 1 job (as asked)."
    assert not folder.exists()
    assert bench.main(first) == 0
    with RunStore(folder, create=False) as store:
        assert store.meta("pace")["still_face"]["clips"] == 2
        assert store.meta("process_bytes") > 10**8
    capsys.readouterr()
    assert bench.main([*run, "--limit", "5", "--out", str(folder.with_name("second")), "--dry-run"]) == 0
    assert f"by the record of '{folder}'" in capsys.readouterr().out
    before = (folder / "run.sqlite").read_bytes()
    assert bench.main([*run, "--limit", "5", "--out", str(folder), "--resume", "--dry-run"]) == 0
    assert "Clips: 2 to be made and judged, 3 are there" in capsys.readouterr().out
    assert (folder / "run.sqlite").read_bytes() == before
    assert bench.main([*first, "--dry-run"]) == 2, "as the run itself: --resume is asked for"
    assert "--resume" in capsys.readouterr().err


def test_a_run_that_goes_on_keeps_its_device_unless_one_is_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    protocol, folder = tmp_path / "quick.toml", tmp_path / "run"
    protocol.write_text(PROTOCOL)
    run = ["run", "--method", "still_face", "--no-anchors", "--limit", "1", "--protocol", str(protocol)]
    go_on = [*run, "--out", str(folder), "--resume"]
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"device": "cuda:99"}))
    assert bench.main(go_on) == 5
    told = capsys.readouterr().err
    assert f"The run in '{folder}' was begun on cuda:99." in told
    assert "--device cpu" in told
    assert bench.main([*go_on, "--device", "cpu"]) == 0
    assert json.loads((folder / "run.json").read_text())["device"] == "cpu"
