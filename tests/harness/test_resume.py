"""--resume keeps what is finished and still true: no number of another clip, label, donor or signature survives."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bench
from harness import registry, run_file, runner
from harness.errors import UsageError
from harness.records import Clip, Failed, Sample, Unscored
from harness.store import RunStore
from reports.load import load_run
from tests.fakes import Deadly, FakeDataset, FakeJudge, Waiting
from tests.harness.test_runner import go, plan_for, rows
from verbs.outcome import not_made


def test_a_larger_limit_gives_every_sample_the_donor_of_the_whole_list(tmp_path: Path) -> None:
    def plan(folder: Path) -> Any:
        return replace(plan_for(folder), methods={"borrower": "tests.fakes:Borrower"}, method_options={})

    grown, plain = tmp_path / "grown" / "run", tmp_path / "plain" / "run"
    for folder in (grown, plain):
        folder.parent.mkdir()
    assert go(grown, plan(grown), limit=2).made == 2
    first = rows(grown)
    assert go(grown, plan(grown), resume=True).reused == 2
    go(plain, plan(plain))
    assert rows(grown) == rows(plain)
    assert set(first) <= set(rows(plain))
    assert go(grown, plan(grown), resume=True).reused == 4


def test_a_donor_outside_the_drawn_samples_is_never_judged(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, replace(plan_for(folder), methods={"borrower": "tests.fakes:Borrower"}, method_options={}), limit=1)
    with RunStore(folder, create=False) as store:
        assert [sample for _, sample, *_ in store.samples()] == [row[1] for row in rows(folder)]
        assert len(rows(folder)) == 1


def test_clips_that_were_made_anew_elsewhere_are_judged_anew(tmp_path: Path) -> None:
    clips, folder = tmp_path / "results", tmp_path / "run"
    clips.mkdir()
    for k in range(4):
        (clips / f"s{k}.mp4").write_bytes(b"0" * (100 + k))
    plan = replace(
        plan_for(folder),
        methods={"mine": "baselines.existing:Existing"},
        method_options={"mine": {"clips": str(clips)}},
    )
    go(folder, plan)
    (clips / "s2.mp4").write_bytes(b"1" * 500)
    again = go(folder, plan, resume=True)
    assert (again.made, again.reused) == (1, 3)
    assert [r[3] for r in rows(folder)] == [100.0, 101.0, 500.0, 103.0]


def samples_of(folder: Path) -> tuple[Sample, ...]:
    return FakeDataset(root=folder).samples()


def judged(store: RunStore, samples: tuple[Sample, ...]) -> None:
    store.add_samples(samples)
    for sample in samples:
        store.put("fake", "painter", sample.id, Clip(Path("/a.mp4"), 4, 8, 8, "none"), "mark")
        store.put_rows("fake", "painter", sample.id, [Unscored("bytes", "no_face", "bytes|v:1")])


def test_a_sample_that_is_asked_otherwise_is_made_and_judged_again(tmp_path: Path) -> None:
    samples = samples_of(tmp_path / "data")
    with RunStore(tmp_path) as store:
        judged(store, samples)
        store.add_samples(samples_of(tmp_path / "moved" / "data"))
        assert len(list(store.rows())) == 4
        other = replace(samples[1], emotion=replace(samples[1].emotion, name="angry"))
        store.add_samples((samples[0], other, *samples[2:]))
        assert [row.sample for row in store.rows()] == ["s0", "s2", "s3"]
        assert ("fake", "painter", "s1") not in store.clips()


def test_clips_that_left_the_folder_leave_the_table_and_come_back_with_it(tmp_path: Path) -> None:
    samples = samples_of(tmp_path / "data")
    with RunStore(tmp_path) as store:
        judged(store, samples)
        store.add_samples(samples[:2])  # a smaller --limit: what was measured stays
        assert len(list(store.rows())) == len(store.samples()) == 4
        store.add_samples(samples[:3], complete=True)
        assert (
            [row.sample for row in store.rows()] == [sample for _, sample, *_ in store.samples()] == ["s0", "s1", "s2"]
        )
        store.add_samples(samples, complete=True)
        assert len(list(store.rows())) == 4


@pytest.mark.parametrize(("reason", "patient"), [("weights_missing", True), ("tool_missing", False)])
def test_what_was_lacking_is_measured_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, patient: bool
) -> None:
    monkeypatch.setattr(Waiting, "reason", reason)
    folder, judge = tmp_path / "run", Waiting("1", "cpu")
    plan = replace(plan_for(folder), judge_spec="tests.fakes:Waiting")
    (tmp_path / "data").mkdir()
    asked = runner.Asked(("painter",), "fake", {}, "1", "speech", 7, None, plan.method_options)

    def work() -> runner.RunOutcome:
        with runner.open_store(folder, asked, True) as store:
            return runner.run(store, plan, samples_of(tmp_path / "data"), judge, asked, 1, "here")

    work()
    assert {r[4] for r in rows(folder)} == {reason}
    assert work().reused == (4 if patient else 0)  # nothing is decoded again for weights that are still not there
    monkeypatch.setattr(Waiting, "here", True)
    work()
    assert {r[4] for r in rows(folder)} == {None}


def test_a_judge_that_ends_its_process_costs_the_clip_nothing_but_its_rows(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder))
    made = {path.name: path.read_bytes() for path in (folder / "clips" / "painter").glob("*.mp4")}
    plan = replace(plan_for(folder), judge_spec="tests.fakes:Deadly", protocol="2")
    asked = runner.Asked(("painter",), "fake", {}, "1", "speech", 7, None, plan.method_options)
    with runner.open_store(folder, asked, True) as store:
        runner.run(store, plan, samples_of(tmp_path / "data"), Deadly("2", "cpu"), asked, 1, "local")
    told = {row.sample: (row.reason, row.detail) for row in load_run(folder).rows}
    assert told["s1"] == ("crashed", "the worker process died (exit code 9)")
    assert {told[name][0] for name in ("s0", "s2", "s3")} == {None}
    assert {path.name: path.read_bytes() for path in (folder / "clips" / "painter").glob("*.mp4")} == made


def test_rows_of_an_earlier_signature_are_in_no_report(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder))
    with RunStore(folder) as store:  # as if the judge's weights had been absent first
        store.put_rows("fake", "painter", "s0", [Unscored("bytes", "weights_missing", "bytes|w:absent|v:1")])
    told = load_run(folder).rows
    assert [(row.sample, row.signature) for row in told] == [(f"s{k}", "bytes|v:1") for k in range(4)]


class Twice(FakeJudge):
    """One metric under two signatures, as `standard` has emotion accuracy."""

    def columns(self) -> list[tuple[Any, str, str]]:
        return [(FakeJudge(version, "cpu"), "bytes", f"bytes|v:{version}") for version in ("1", "2")]


def test_run_json_names_every_signature_of_a_metric(tmp_path: Path) -> None:
    plan = plan_for(tmp_path)
    run_file.write(tmp_path, {}, plan, Twice("1", "cpu"), {})
    facts = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    assert facts["signatures"] == {"bytes": "bytes|v:1", "bytes #2": "bytes|v:2"}


def test_readers_write_nothing_into_a_foreign_database(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "run.sqlite").execute("CREATE TABLE mine (x)").connection.close()
    before = (tmp_path / "run.sqlite").read_bytes()
    with pytest.raises(UsageError, match="is not a run store"):
        RunStore(tmp_path, create=False)
    assert (tmp_path / "run.sqlite").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["run.sqlite"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_in_a_folder_that_is_only_readable_can_be_read(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder))
    folder.chmod(0o555)
    (folder / "run.sqlite").chmod(0o444)
    try:
        assert len(load_run(folder).rows) == 4
    finally:
        folder.chmod(0o755)


def test_clips_may_be_added_to_a_folder_that_was_scored(tmp_path: Path) -> None:
    from verbs.session import Session

    def session() -> Session:
        options = {"root": tmp_path}
        return Session.for_clips("mine", tmp_path, "folder", options, "demo", limit=None, device="cpu")

    (tmp_path / "a.mp4").write_bytes(b"no clip, but a sample")
    first = session()
    (tmp_path / "b.mp4").write_bytes(b"another")
    second = session()
    assert first.asked == second.asked
    assert [sample.id for sample in second.samples] == ["a", "b"]
    runner.open_store(tmp_path / "run", first.asked, False).close()
    runner.open_store(tmp_path / "run", second.asked, True).close()


def test_the_ids_that_the_readme_names_are_those_of_the_lists() -> None:
    from datasets import frozen
    from datasets.crema_d import CremaD
    from datasets.mead import Mead
    from tests.places import ROOT

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    kinds: tuple[tuple[str, Any], ...] = (("mead-cmet-1143", Mead), ("crema_d-cmet-1546", CremaD))
    for name, kind in kinds:
        assert any(f"`{kind.row_id(kind.__new__(kind), row)}`" in text for row in frozen.read(name)), name


def test_a_csv_names_the_clips_of_a_dataset_too(tmp_path: Path) -> None:
    from verbs.session import Session

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "p108_happy_3.webm").write_bytes(b"a clip")
    (tmp_path / "mine.csv").write_text("clip\ndeep/p108_happy_3.webm\n", encoding="utf-8")
    session = Session.for_clips("mine", tmp_path / "mine.csv", "puppets", {}, "demo", None, "cpu")
    method = registry.load(session.plan.methods["mine"])(session.plan.method_options["mine"], "cpu")
    assert method._path("p108_happy_3") == tmp_path / "deep" / "p108_happy_3.webm"
    assert "index" not in session.asked.method_options["mine"]


def test_a_csv_with_two_clips_of_one_sample_is_refused(tmp_path: Path) -> None:
    from verbs.session import Session

    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "p108_happy_3.mp4").write_bytes(b"a clip")
    (tmp_path / "mine.csv").write_text("clip\na/p108_happy_3.mp4\nb/p108_happy_3.mp4\n", encoding="utf-8")
    with pytest.raises(UsageError, match="two clips of sample 'p108_happy_3'"):
        Session.for_clips("mine", tmp_path / "mine.csv", "puppets", {}, "demo", None, "cpu")


@pytest.mark.parametrize(
    ("option", "says"),
    [("--root", "Add --dataset NAME"), ("--list", "has no lists"), ("--reference", "is not a folder")],
)
def test_what_a_plain_folder_of_clips_cannot_have_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, says: str
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no clip, but a sample")
    code = bench.main(["score", "--clips", str(tmp_path), option, str(tmp_path / "x"), "--out", str(tmp_path / "run")])
    assert code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_reason_that_is_no_text_does_not_end_a_resumed_run(tmp_path: Path) -> None:
    """An earlier version kept what a method gave, whatever it was."""
    folder = tmp_path / "run"
    go(folder, plan_for(folder, "refuse"))
    record = {"kind": "bad-input", "reason": 7, "cure": None, "detail": ["a"], "code": ""}
    with closing(sqlite3.connect(folder / "run.sqlite")) as db, db:
        db.execute("UPDATE clips SET record = ? WHERE sample = 's1'", (json.dumps(record),))
    with RunStore(folder, create=False) as store:
        failed = store.clips()["fake", "painter", "s1"][0]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.cure, failed.detail) == ("7", "None", "['a']")
    assert any("7" in line for line in not_made(folder))
    assert go(folder, plan_for(folder, "refuse"), resume=True).failed == 4
