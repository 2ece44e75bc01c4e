"""Methods that do what no method should: each costs its own sample, says why, and leaves nothing behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from baselines.conformance import Bench
from harness import provenance, registry
from harness.lanes import request_in, unsupported
from harness.method import Output
from harness.records import Clip, Emotion, Failed, Request, Sample, Scored, strip_to_lane
from harness.store import RunStore
from harness.worker import Item, Worker
from tests.fakes import FRAMES, FakeDataset, Painter
from tests.harness.test_runner import go, plan_for, rows


def paint(out: Output, frames: int = FRAMES, side: int = 32) -> None:
    for k in range(frames):
        out.frame(np.full((side, side, 3), 40 * k, dtype=np.uint8))


def leave(out: Output) -> Any:
    sys.exit(3)


def exhaust(out: Output) -> Any:
    raise MemoryError


def give_up_half_way(out: Output) -> Any:
    paint(out, 2)
    return Failed("bad-input", "the rest cannot be made")


def fall_half_way(out: Output) -> Any:
    paint(out, 2)
    raise ValueError("no more")


def paint_odd(out: Output) -> Any:
    paint(out, side=33)
    return out.clip(used="speech")


def finish_twice(out: Output) -> Any:
    paint(out)
    out.clip(used="speech")
    return out.clip(used="speech")


def foreign(out: Output) -> Any:
    paint(out)
    return Clip(Path(__file__), FRAMES, 32, 32, "speech")


def never_written(out: Output) -> Any:
    target: Path = out._target  # type: ignore[attr-defined]
    return Clip(target, FRAMES, 32, 32, "speech")


UNRULY: dict[str, tuple[Callable[[Output], Any], str, str]] = {
    "nothing": (lambda out: None, "bad-output", "but a NoneType"),
    "a word": (lambda out: "done", "bad-output", "but a str"),
    "a foreign file": (foreign, "bad-output", "but a Clip"),
    "a file that is not there": (never_written, "bad-output", "but a Clip"),
    "odd frames": (paint_odd, "bad-output", "even height and width"),
    "a clip finished twice": (finish_twice, "bad-output", "finished before"),
    "half a clip": (give_up_half_way, "bad-input", "cannot be made"),
    "half a clip and an error": (fall_half_way, "crashed", "ValueError: no more"),
    "exit": (leave, "crashed", "SystemExit: 3"),
    "all memory": (exhaust, "out-of-memory", "MemoryError"),
}


class Unruly(Painter):
    """Well behaved but for sample s1."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        if request.id != "s1":
            return super().generate(request, out)
        made: Clip | Failed = UNRULY[self._trouble][0](out)
        return made


def unruly(folder: Path, trouble: str) -> Any:
    return replace(plan_for(folder, trouble), methods={"painter": f"{__name__}:Unruly"})


@pytest.mark.slow
@pytest.mark.parametrize("trouble", UNRULY)
def test_it_costs_its_own_sample_only(tmp_path: Path, trouble: str) -> None:
    folder = tmp_path / "run"
    stale = folder / "clips" / "painter" / "s1.mp4"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"of an earlier run")
    outcome = go(folder, unruly(folder, trouble))
    assert (outcome.made, outcome.failed) == (3, 1)
    assert [row[1] for row in rows(folder) if row[4]] == ["s1"]
    with RunStore(folder, create=False) as store:
        failed = store.clips()["fake", "painter", "s1"][0]
    assert isinstance(failed, Failed)
    assert failed.kind == UNRULY[trouble][1]
    assert UNRULY[trouble][2] in failed.reason
    left = {path.name for path in (folder / "clips").rglob("*") if path.is_file()}
    assert left == {"s0.mp4", "s2.mp4", "s3.mp4"}


@pytest.mark.parametrize("trouble", ["nothing", "half a clip", "exit"])
def test_the_contract_test_meets_it_too(tmp_path: Path, trouble: str) -> None:
    sample = FakeDataset(tmp_path).samples()[1]
    FakeDataset(tmp_path).materialise(sample)
    bench = Bench(Unruly({"trouble": trouble}, "cpu"), tmp_path / "clips")
    made, frames = bench.run(request_in("as-published", sample, 1))
    assert isinstance(made, Failed)
    assert made.kind == UNRULY[trouble][1]
    assert len(frames) == 0
    assert not [path for path in (tmp_path / "clips").rglob("*") if path.is_file()]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C reaches this process, also where a shell started the tests in the background and shut it out."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_clip_and_what_a_kill_left_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(out: Output) -> Any:
        paint(out, 2)
        raise KeyboardInterrupt

    monkeypatch.setitem(UNRULY, "Ctrl-C", (interrupt, "", ""))
    folder = tmp_path / "run"
    killed = folder / "clips" / "painter" / ".partial-0badcafe-s3.mp4"
    killed.parent.mkdir(parents=True)
    killed.write_bytes(b"half")
    with pytest.raises(KeyboardInterrupt):
        go(folder, unruly(folder, "Ctrl-C"))
    assert [path.name for path in killed.parent.iterdir()] == ["s0.mp4"]


class Unloadable(Painter):
    """Its weights do not fit."""

    tries: ClassVar[list[str]] = []

    def load(self) -> None:
        self.tries.append("once")
        raise RuntimeError("size mismatch for layer 1")


def test_a_method_that_cannot_be_loaded_is_tried_once(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    outcome = go(folder, replace(plan_for(folder), methods={"painter": f"{__name__}:Unloadable"}))
    assert (outcome.failed, Unloadable.tries) == (4, ["once"])


def test_a_clip_that_is_there_is_not_lost_with_what_it_was_made_from(tmp_path: Path) -> None:
    """A resumed run judges it: the source is asked for only to make it."""
    folder = tmp_path / "run"
    go(folder, plan_for(folder))
    plan, sample = plan_for(folder, broken=1), FakeDataset(tmp_path / "data").samples()[1]
    with RunStore(folder, create=False) as store:
        clip = store.clips()["fake", "painter", "s1"][0]
    assert isinstance(clip, Clip)
    result = Worker(plan).work(Item("painter", sample, clip))
    assert result.clip is clip
    assert clip.path.is_file()
    assert [type(row) for row in result.rows] == [Scored]
    assert isinstance(Worker(plan).work(Item("painter", sample)).clip, Failed)


class ByLabel(Painter):
    """Takes a label it knows, else the sound that drives it, as FLOAT does."""

    emotion_sources: ClassVar[tuple[str, ...]] = ("label", "driving-speech")
    labels: ClassVar[tuple[str, ...]] = ("happy", "sad")


def sample_with(label: str | None, tmp_path: Path) -> Sample:
    sample = FakeDataset(tmp_path).samples()[0]
    return replace(sample, emotion=replace(sample.emotion, label=label))


def test_labels_are_asked_for_only_where_the_lane_offers_one(tmp_path: Path) -> None:
    method = ByLabel({}, "cpu")
    contempt = sample_with("contempt", tmp_path)
    assert unsupported(method, contempt, "speech") is None
    refusal = unsupported(method, contempt, "label")
    assert refusal is not None
    assert "does not know the label 'contempt'" in refusal.reason
    assert unsupported(method, sample_with("sad", tmp_path), "label") is None
    assert unsupported(method, sample_with(None, tmp_path), "label") is None  # nothing but the sound is offered


FULL = Emotion(
    name="angry",
    label="angry",
    intensity=3,
    speech=(Path("/a.wav"),),
    neutral_speech=(Path("/n.wav"),),
    features=Path("/f.npy"),
    image=Path("/i.png"),
    clip=Path("/c.mp4"),
    strength=0.5,
)
#: What each lane lets through of an emotion (docs/reference/methods.md, 'Lanes').
LANES: Mapping[str, set[str]] = {
    "label": {"name", "label"},
    "reference": {"label", "image", "clip"},
    "speech": {"speech", "neutral_speech", "features"},
    "as-published": {"name", "label", "intensity", "speech", "neutral_speech", "features", "image", "clip"},
}


@pytest.mark.parametrize("lane", LANES)
def test_a_lane_lets_through_what_it_names_and_nothing_else(lane: Any) -> None:
    seen = strip_to_lane(FULL, lane)
    fields = {key: getattr(seen, key) for key in FULL.__dataclass_fields__}
    told = {key for key, value in fields.items() if value} - {"label_is", "strength"}
    assert told == LANES[lane]
    assert all(value in (getattr(FULL, key), None, "", ()) for key, value in fields.items())


def test_a_fingerprint_covers_the_classes_that_a_method_is_made_of() -> None:
    from baselines.edtalk.method import EDTalk

    sources = provenance.sources(EDTalk)
    for name in (
        "baselines/edtalk/method.py",
        "baselines/backbone.py",
        "networks/edtalk/talker.py",
        "harness/media/__init__.py",
        "harness/media/video.py",
    ):
        assert provenance.ROOT / name in sources
    assert Path(__file__).resolve() in provenance.sources(Unruly)
    assert provenance.ROOT / "tests" / "fakes.py" in provenance.sources(Unruly)


def test_a_worker_is_given_what_its_lane_allows(tmp_path: Path) -> None:
    seen: list[Request] = []

    class Witness(Painter):
        def generate(self, request: Request, out: Output) -> Clip | Failed:
            seen.append(request)
            return Failed("bad-input", "seen")

    plan = plan_for(tmp_path / "run")
    (tmp_path / "data").mkdir()
    worker = Worker(plan)
    worker._methods["painter"] = Witness({}, "cpu")  # type: ignore[assignment]
    sample = FakeDataset(**plan.dataset_options).samples()[0]
    worker.work(Item("painter", sample))
    assert (seen[0].emotion.name, seen[0].emotion.label, seen[0].emotion.speech) == ("", None, sample.emotion.speech)


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    specs = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "my.py").write_text(f"class Mine:\n    name = '{folder}'\n", encoding="utf-8")
        specs.append(f"{tmp_path / folder / 'my.py'}:Mine")
    kinds = [registry.load(spec) for spec in specs]
    assert [kind.name for kind in kinds] == ["a", "b"]
    for kind, folder in zip(kinds, ("a", "b"), strict=True):
        mine = [path for path in provenance.sources(kind) if path.name == "my.py"]
        assert mine == [(tmp_path / folder / "my.py").resolve()]
