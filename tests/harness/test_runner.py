"""The runner: every item ends as a row, nothing finished is lost, resumed and sharded runs equal a plain one."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from harness import provenance, runner, weights
from harness.digest import remember
from harness.errors import MissingError, UsageError
from harness.executors import Local
from harness.records import Clip, Failed
from harness.store import RunStore
from harness.worker import Item, RunPlan, request_for
from tests.fakes import FakeDataset, FakeJudge, Painter


def plan_for(
    folder: Path,
    trouble: str = "",
    methods: tuple[str, ...] = ("painter",),
    broken: int = -1,
    count: int = 4,
    **options: str,
) -> RunPlan:
    return RunPlan(
        dataset_spec="tests.fakes:FakeDataset",
        dataset_options={"root": folder.parent / "data", "broken": broken, "count": count},
        methods=dict.fromkeys(methods, "tests.fakes:Painter"),
        method_options={name: {"trouble": trouble, **options} for name in methods},
        judge_spec="tests.fakes:FakeJudge",
        protocol="1",
        lane="speech",
        seed=7,
        device="cpu",
        clips_folder=folder / "clips",
    )


def go(
    folder: Path,
    plan: RunPlan,
    resume: bool = False,
    jobs: int = 1,
    limit: int | None = None,
    executor: str = "",
) -> runner.RunOutcome:
    """Work in child processes only where more than one is asked for: what is tested with one needs no protection."""
    (folder.parent / "data").mkdir(exist_ok=True)
    dataset = FakeDataset(**plan.dataset_options)
    every = dataset.samples()
    asked = runner.Asked(
        tuple(plan.methods), "fake", {}, plan.protocol, plan.lane, plan.seed, limit, plan.method_options
    )
    with runner.open_store(folder, asked, resume) as store:
        samples = runner.with_limit(every, limit)
        where = executor or ("here" if jobs == 1 else "local")
        return runner.run(store, plan, samples, FakeJudge(plan.protocol, "cpu"), asked, jobs, where, every)


def rows(folder: Path) -> list[tuple[object, ...]]:
    with RunStore(folder, create=False) as store:
        return [(r.method, r.sample, r.metric, r.value, r.reason) for r in store.rows()]


def test_every_sample_ends_as_a_row(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    outcome = go(folder, plan_for(folder))
    assert (outcome.made, outcome.failed, outcome.reused) == (4, 0, 0)
    assert [r[1] for r in rows(folder)] == ["s0", "s1", "s2", "s3"]
    assert all(r[3] is not None for r in rows(folder))


@pytest.mark.parametrize(("trouble", "kind"), [("raise", "crashed"), ("refuse", "bad-input"), ("still", "bad-output")])
def test_a_failure_is_a_row_with_its_reason(tmp_path: Path, trouble: str, kind: str) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder, trouble))
    with RunStore(folder, create=False) as store:
        failed = {key[2]: clip for key, (clip, _) in store.clips().items() if isinstance(clip, Failed)}
    assert failed
    assert {clip.kind for clip in failed.values()} == {kind}
    assert {r[1] for r in rows(folder) if r[4] == "generation_failed"} == set(failed)
    assert not list(folder.rglob("*.partial*"))
    assert {p.stem for p in (folder / "clips").rglob("*.mp4")} == {f"s{k}" for k in range(4)} - set(failed)


def test_a_sample_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder, broken=2))
    assert [r[1] for r in rows(folder) if r[4]] == ["s2"]


@pytest.mark.parametrize(("frames", "scored"), [("2", True), ("1", False), ("5", True), ("6", False)])
def test_lengths_within_the_contract_are_mended_others_refused(tmp_path: Path, frames: str, scored: bool) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder, frames=frames), limit=1)
    assert (rows(folder)[0][3] is not None) is scored


@pytest.mark.slow
def test_resumed_and_sharded_runs_equal_a_plain_one(tmp_path: Path) -> None:
    plain, resumed, sharded = (tmp_path / name / "run" for name in ("plain", "resumed", "sharded"))
    for folder in (plain, resumed, sharded):
        folder.parent.mkdir()
    go(plain, plan_for(plain))
    go(resumed, plan_for(resumed), limit=2)
    second = go(resumed, plan_for(resumed), resume=True)
    assert second.reused == 2
    go(sharded, plan_for(sharded), jobs=2)
    assert sorted(rows(plain)) == sorted(rows(resumed)) == sorted(rows(sharded))


@pytest.mark.slow
def test_a_dying_worker_fails_its_own_sample_only(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    outcome = go(folder, plan_for(folder, "die"), jobs=2)
    assert (outcome.made, outcome.failed) == (3, 1)
    assert [r[1] for r in rows(folder) if r[4] == "generation_failed"] == ["s1"]


def test_a_missing_clip_is_made_again_and_a_new_signature_judged_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder))
    (folder / "clips" / "painter" / "s3.mp4").unlink()
    again = go(folder, plan_for(folder), resume=True)
    assert (again.made, again.reused) == (1, 3)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_full_disk_stops_the_run_and_keeps_what_is_finished(tmp_path: Path, jobs: int) -> None:
    folder = tmp_path / "run"
    with pytest.raises(MissingError, match="disk is full"):
        go(folder, plan_for(folder, "full"), jobs=jobs)
    kept = [r[1] for r in rows(folder)]
    assert kept
    assert "s2" not in kept
    assert all(r[4] is None for r in rows(folder))


def test_a_run_folder_may_be_moved(tmp_path: Path) -> None:
    folder, moved = tmp_path / "run", tmp_path / "elsewhere"
    go(folder, plan_for(folder))
    folder.rename(moved)
    again = go(moved, plan_for(moved), resume=True)
    assert (again.made, again.reused) == (0, 4)
    with RunStore(moved, create=False) as store:
        assert all(isinstance(clip, Clip) and clip.path.is_file() for clip, _ in store.clips().values())


def test_a_run_may_be_extended_by_a_method_with_its_options(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder))
    both = plan_for(folder, methods=("painter", "other"))
    both = replace(both, method_options={**both.method_options, "other": {"trouble": "", "frames": "3"}})
    again = go(folder, both, resume=True)
    assert (again.made, again.reused) == (4, 4)
    with RunStore(folder, create=False) as store:
        assert set(store.meta("asked")["method_options"]) == {"painter", "other"}
    go(folder, plan_for(folder), resume=True)  # the first call again: what the second one added stays recorded
    facts = json.loads((folder / "run.json").read_text())
    assert set(facts["methods"]) == set(facts["weights"]) == set(facts["asked"]["methods"]) == {"painter", "other"}
    assert abs((datetime.now(timezone.utc) - datetime.fromisoformat(facts["made_with"]["date"])).total_seconds()) < 3600


def test_run_json_says_where_the_bytes_of_a_methods_weights_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "cache"))
    used, unused = "a" * 64, "b" * 64
    remember(weights.origins_file(), {used: "https://example.org/resolve/1/a.pt", unused: "https://example.org/b.pt"})
    monkeypatch.setattr(Painter, "weights", lambda self: {"a.pt": used}, raising=False)
    go(tmp_path / "run", plan_for(tmp_path / "run"))
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert facts["weights"] == {"painter": {"a.pt": used}}
    assert facts["weights_from"] == {used: "https://example.org/resolve/1/a.pt"}


@pytest.mark.slow
def test_a_fingerprint_covers_library_weights_and_drawings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from baselines.anchors import StillFace
    from baselines.cmet import CMet

    def marks(dataset: object = None) -> list[str]:
        return [
            provenance.fingerprint(one, dataset) for one in (CMet({"weights": "demo"}, "cpu"), StillFace({}, "cpu"))
        ]

    class Redrawn:
        version = staticmethod(lambda: "another")

    plain = marks()
    assert plain == marks()
    assert all(a != b for a, b in zip(plain, marks(Redrawn), strict=True))
    sources = provenance.sources(CMet)
    assert provenance.ROOT / "networks" / "edtalk" / "talker.py" in sources
    assert provenance.ROOT / "harness" / "media" / "encode.py" in sources
    assert not [path for path in provenance.sources(StillFace) if path.parent.name == "cmet"]
    monkeypatch.setattr(CMet, "weights", lambda self: {"generator": "other"})
    assert marks()[0] != plain[0]
    assert marks()[1] == plain[1]


def test_another_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder), limit=1)
    with pytest.raises(UsageError, match="already holds a run"):
        go(folder, plan_for(folder))
    with pytest.raises(UsageError, match="another --set"):
        go(folder, plan_for(folder, frames="3"), resume=True)


def test_a_run_folder_has_one_writer_at_a_time(tmp_path: Path) -> None:
    with RunStore(tmp_path) as store:
        with pytest.raises(UsageError, match="Another run is writing"):
            RunStore(tmp_path)
        store.set_meta("kept", 1)
        with RunStore(tmp_path, create=False) as reader:
            assert reader.meta("kept") == 1
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "run.sqlite").write_text("not a database, but long enough to be looked at " * 50)
    for _ in range(2):  # what could not be opened holds nothing
        with pytest.raises(UsageError, match="is not a run store"):
            RunStore(tmp_path / "foreign")
    RunStore(tmp_path).close()


def test_another_schema_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    with RunStore(tmp_path) as store:
        store.set_meta("schema_version", 99)
    with pytest.raises(UsageError, match="schema 99"):
        RunStore(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "run.sqlite").write_text("not a database, but long enough to be looked at " * 50)
    with pytest.raises(UsageError, match="is not a run store"):
        RunStore(tmp_path / "other")
    with pytest.raises(UsageError, match="not a run folder"):
        RunStore(tmp_path / "nothing", create=False)


def test_rows_survive_a_kill_between_items(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan = plan_for(folder)
    (tmp_path / "data").mkdir()
    samples = FakeDataset(**plan.dataset_options).samples()
    asked = runner.Asked(("painter",), "fake", {}, "1", "speech", 7, None, plan.method_options)
    store = runner.open_store(folder, asked, False)
    store.add_samples(samples)
    results = Local(1).run(plan, [Item("painter", sample) for sample in samples])
    result = next(results)
    store.put("fake", "painter", result.item.sample.id, result.clip, "mark")
    store.put_rows("fake", "painter", result.item.sample.id, result.rows)
    other = sqlite3.connect(folder / "run.sqlite")  # the first connection is never closed: as if killed
    assert other.execute("SELECT count(*) FROM rows").fetchone() == (1,)


def test_seeds_depend_on_what_is_asked_only(tmp_path: Path) -> None:
    plan = plan_for(tmp_path / "run")
    a, b = FakeDataset(root=tmp_path).samples()[:2]
    assert request_for(a, "m", plan).seed == request_for(a, "m", plan).seed
    assert len({request_for(s, m, plan).seed for s in (a, b) for m in ("m", "n")}) == 4


def test_the_lane_hides_what_it_forbids(tmp_path: Path) -> None:
    plan = plan_for(tmp_path / "run")
    sample = FakeDataset(root=tmp_path).samples()[0]
    assert request_for(sample, "m", plan).emotion.label is None
    assert not hasattr(request_for(sample, "m", plan), "reference_video")


@pytest.mark.slow
def test_processes_yield_every_item_once(tmp_path: Path) -> None:
    plan = plan_for(tmp_path / "run")
    samples = FakeDataset(root=tmp_path / "data").samples()
    (tmp_path / "data").mkdir()
    found = [r.item.sample.id for r in Local(2).run(plan, [Item("painter", s) for s in samples])]
    assert sorted(found) == ["s0", "s1", "s2", "s3"]


class Undefined(FakeJudge):
    """Measures every clip, and has no number for so few of them."""

    def combine(self, metric: str, rows: Sequence[Mapping[str, Any]]) -> float:
        return math.nan


def test_a_set_without_a_number_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    go(folder, plan_for(folder))
    with RunStore(folder) as store:
        runner.finish(store, Undefined("1", "cpu"))
        (row,) = store.summary()
    assert (row.value, row.n_scored, row.note) == (None, 4, "too_few")
