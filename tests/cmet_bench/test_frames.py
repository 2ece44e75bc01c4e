"""`frame` and `clips` read runs as tidy tables: nothing is averaged that must not be, nothing is left out."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cmet_bench import clips, frame
from harness.errors import UsageError
from reports.load import load_run
from reports.model import RunData
from tests.synthetic_runs import make_run

pytestmark = pytest.mark.slow


def test_a_run_is_one_row_a_number(home: Path) -> None:
    table = frame(home / "runs" / "mine")
    summary = load_run(home / "runs" / "mine").summary
    assert table["value"].tolist() == pytest.approx([row.value for row in summary], nan_ok=True)
    assert table["signature"].tolist() == [row.signature for row in summary]
    assert not table.duplicated(["run", "dataset", "method", "column"]).any()
    assert set(table["lane"]) == {"as-published"}
    fid = table.set_index("column").loc["fid"]
    assert fid["n_scored"] == fid["n_expected"] == 3


def test_folder_scores_json_and_lists_of_both_give_the_same_numbers(home: Path) -> None:
    folder, bare = home / "runs" / "mine", home / "runs" / "mine" / "report" / "scores.json"
    columns = ["method", "column", "value", "n_scored", "signature"]
    pd.testing.assert_frame_equal(frame(folder)[columns], frame(str(bare))[columns])
    both = frame([folder, home / "runs" / "true"])
    assert both.groupby("run", sort=False)["column"].nunique().to_dict() == {"mine": 3, "true": 3}


def test_scores_csv_and_clips_csv_are_the_same_tables(home: Path) -> None:
    folder = home / "runs" / "mine"
    for name, table in (("scores.csv", frame(folder)), ("clips.csv", clips(folder))):
        written = pd.read_csv(folder / "report" / name)
        shared = [column for column in written if column in table]
        assert len(shared) > 10
        pd.testing.assert_series_equal(written["value"], table["value"])
        assert written["column"].tolist() == table["column"].tolist()


def test_every_clip_is_there_with_who_what_and_where(home: Path) -> None:
    table = clips(home / "runs" / "mine")
    assert len(table) == 9, "three clips under three metrics"
    worst = table[table["column"] == "identity_sim"].nsmallest(1, "value").iloc[0]
    assert worst["identity"] == worst["sample"]
    assert Path(worst["clip"]) == home / "made" / f"{worst['sample']}.mp4"
    assert dict(zip(table["sample"], table["emotion"], strict=True)) == {"anna": "happy", "bob": "sad", "cleo": "angry"}
    pooled = table[table["column"] == "fid"]
    assert pooled["value"].isna().all()
    assert set(pooled["reason"]) == {"pooled"}


def test_runs_in_memory_are_read_too_and_an_empty_one_keeps_its_columns() -> None:
    run = make_run(methods=("cmet",), clips=4)
    assert len(frame(run)) == len(run.summary)
    assert len(clips([run])) == len(run.rows)
    empty = RunData("none", "demo", "speech", {}, (), (), {})
    assert list(frame(empty)) == list(frame(run))
    assert frame(empty)["value"].dtype == "float64"


def test_what_is_no_run_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no run at"):
        frame(tmp_path / "nothing")
    (tmp_path / "other.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UsageError, match=r"not a scores\.json"):
        clips(tmp_path / "other.json")
