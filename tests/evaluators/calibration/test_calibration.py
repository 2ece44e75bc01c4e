"""Calibration: what each corruption does, curves and verdicts of judges whose answers are known, files, page,
command.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from evaluators.calibration import degraded
from evaluators.calibration.corruption import CORRUPTIONS, Donors, Take, corrupted
from evaluators.calibration.curves import UNCORRUPTED, Reading, Subject, curves, measure, read_take
from evaluators.calibration.expectations import TABLE
from evaluators.calibration.verdicts import Range, document, range_of, silent
from harness.errors import UsageError
from harness.evaluator import ClipContext, Column, Evaluator, Fields, MetricFacts, Refusal
from harness.media import VideoReader, VideoWriter
from harness.records import SAMPLES_PER_FRAME, Clip, Emotion, Failed, Row, Sample, Scored, Unscored
from reports.calibration import render
from verbs.calibrating import orders

pytestmark = pytest.mark.slow

FRAMES = 10


def take(seed: int = 0) -> Take:
    rng = np.random.default_rng(seed)
    smooth = np.linspace(40, 200, 64)[None, :, None] * np.ones((64, 1, 3))
    frames = [np.roll(smooth, 3 * k + seed, axis=1) + rng.uniform(-3, 3, smooth.shape) for k in range(FRAMES)]
    sound = rng.standard_normal(FRAMES * SAMPLES_PER_FRAME).astype(np.float32) * 0.1
    return Take(np.stack(frames).round().astype(np.uint8), sound)


DONORS = Donors(take(7), take(8), take(9), lambda strength: take(int(10 * strength)))


def sample(name: str = "s0", identity: str = "who", emotion: str = "happy") -> Sample:
    none = Path("/nowhere")
    return Sample(name, "test", identity, Emotion(emotion, label=emotion), none, none, FRAMES)


def does(name: str, strength: float) -> Take:
    return corrupted(take(), CORRUPTIONS[name], strength, DONORS, np.random.default_rng(0))


def distance(first: Take, second: Take) -> float:
    pictures = np.abs(first.frames.astype(float) - second.frames).mean()
    return float(pictures + 100 * np.abs(first.sound - second.sound).mean())


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_damage_changes_the_clip_and_the_undamaged_strength_does_not(name: str) -> None:
    corruption = CORRUPTIONS[name]
    assert distance(take(), does(name, corruption.baseline)) == 0
    for strength in corruption.strengths:
        hurt = does(name, strength)
        assert hurt.frames.shape == take().frames.shape
        assert hurt.sound.shape == take().sound.shape
        assert hurt.frames.dtype == np.uint8
    assert distance(take(), does(name, corruption.strengths[-1])) > 0
    assert distance(take(), take()) == 0  # nothing was done in place


@pytest.mark.parametrize("name", ["other_sound", "blur", "noise", "compression", "freeze", "identity", "drift"])
def test_more_strength_is_more_damage(name: str) -> None:
    amounts = [distance(take(), does(name, strength)) for strength in CORRUPTIONS[name].strengths]
    assert amounts == sorted(amounts)


@pytest.mark.parametrize("shift", [-8, -1, 3])
def test_sound_moves_by_whole_frames_and_silence_fills_in(shift: int) -> None:
    whole, moved = take().sound, does("sound_shift", shift).sound
    step = abs(shift) * SAMPLES_PER_FRAME
    kept = (moved[step:], whole[:-step]) if shift > 0 else (moved[:-step], whole[step:])
    np.testing.assert_array_equal(*kept)
    assert not (moved[:step] if shift > 0 else moved[-step:]).any()


def test_dropped_frames_repeat_the_one_before() -> None:
    hurt, whole = does("drop", 0.5).frames, take().frames
    for k in range(1, FRAMES):
        assert np.array_equal(hurt[k], whole[k]) or np.array_equal(hurt[k], hurt[k - 1])


def test_a_conversion_to_a_slower_rate_repeats_frames_and_loses_no_time() -> None:
    numbers = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    for fps, kept in ((25.0, 50), (20.0, 40), (10.0, 20)):
        back = degraded.through_rate(numbers, fps)[:, 0, 0, 0].astype(int)
        assert len(set(back.tolist())) == kept
        assert np.abs(back - np.arange(50)).max() <= np.ceil(12.5 / fps) + 1
    np.testing.assert_array_equal(degraded.through_rate(numbers, 30.0), numbers)


def test_a_band_limit_leaves_what_is_below_it() -> None:
    time = np.arange(16_000) / 16_000
    low, high = (np.sin(2 * np.pi * hertz * time).astype(np.float32) for hertz in (500, 3000))
    np.testing.assert_allclose(degraded.band_limited(low + high, 2.0), low, atol=1e-5)
    assert 20 * np.log10(np.abs(degraded.louder(low, -20)).max()) == pytest.approx(-20, abs=0.01)


class Known(Evaluator):
    """A judge whose answers are known: a metric that sees sharpness, one that sees nothing, one of sound only."""

    metrics: tuple[MetricFacts, ...] = (
        MetricFacts("psnr", "Sharp", "dB", True, 0, 100),
        MetricFacts("frames", "Blind", "", True, 0, 100),
        MetricFacts("fid", "Pool", "", False, 0, 100, aggregation="pooled"),
    )

    def fields(self, metric: str) -> Fields:
        return ()

    def start(self, context: ClipContext) -> Refusal:
        return Refusal("not_implemented_here")

    def columns(self) -> list[Column]:
        return [(self, fact.name, str(self.signature(fact.name))) for fact in self.metrics]

    def rows(self, sample: Sample, clip: Clip | Failed, finished: Any = frozenset()) -> tuple[Row, ...]:
        assert isinstance(clip, Clip)
        frames = np.concatenate(list(VideoReader(clip.path))).astype(np.float64)
        sharp = float(np.abs(np.diff(frames, axis=2)).mean())
        stored = _packed(sharp)
        lines = [str(self.signature(fact.name)) for fact in self.metrics]
        return (
            Scored("psnr", sharp, lines[0]),
            Scored("frames", float(len(frames)), lines[1]),
            Scored("fid", None, lines[2], stored),
        )

    def combine(self, metric: str, rows: Sequence[Mapping[str, Any]]) -> float:
        return 10 - float(np.mean([row["sharp"] for row in rows]))


def _packed(sharp: float) -> bytes:
    from evaluators.packing import pack

    return pack(sharp=sharp)


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    """Three clips, blurred and shifted, judged by Known."""
    judge, corruptions = Known({}, "cpu"), [CORRUPTIONS["blur"], CORRUPTIONS["sound_shift"]]
    subjects = [Subject(sample(f"s{k}"), take(k), Donors()) for k in range(3)]
    readings = [reading for subject in subjects for reading in measure(subject, corruptions, judge, 0)]
    found = curves(readings, judge.columns(), corruptions, 0)
    facts = {
        "dataset": "te<st>",
        "protocol": "p",
        "clips": 3,
        "seconds": 1.0,
        "seed": 0,
        "left_out": {"<b>": "bad & <i>"},
    }
    return document(found, judge.columns(), facts, {})


def _curve_of(content: Mapping[str, Any], metric: str, corruption: str) -> dict[str, Any]:
    curve: dict[str, Any] = next(
        c for m in content["metrics"] if m["metric"] == metric for c in m["curves"] if c["damage"] == corruption
    )
    return curve


@pytest.mark.slow
def test_curves_of_a_known_judge(content: dict[str, Any]) -> None:
    sharp = _curve_of(content, "psnr", "blur")
    values = [point["value"] for point in sharp["points"]]
    assert [point["strength"] for point in sharp["points"]] == [0.0, 1.0, 2.0, 4.0, 8.0]
    assert values == sorted(values, reverse=True)
    assert sharp["verdict"] == "answers"
    for point in sharp["points"]:
        assert point["low"] <= point["value"] <= point["high"]
        assert point["change_low"] <= point["change"] <= point["change_high"]
        assert (point["n_scored"], point["n_expected"]) == (3, 3)
    assert sharp["points"][0]["change"] == 0
    assert _curve_of(content, "psnr", "sound_shift")["verdict"] == "flat"
    assert _curve_of(content, "frames", "blur")["verdict"] == "flat"
    assert silent(content) == []


@pytest.mark.slow
def test_a_pooled_metric_has_its_curve_from_statistics(content: dict[str, Any]) -> None:
    pool, sharp = _curve_of(content, "fid", "blur"), _curve_of(content, "psnr", "blur")
    for one, other in zip(pool["points"], sharp["points"], strict=True):
        assert one["value"] == pytest.approx(10 - other["value"])
        assert one["change_low"] <= one["change"] <= one["change_high"]
    assert pool["verdict"] == "answers"


def test_floor_and_ceiling_are_those_of_the_data(content: dict[str, Any]) -> None:
    metric = content["metrics"][0]
    values = [point["value"] for curve in metric["curves"] for point in curve["points"]]
    assert metric["ceiling"] == pytest.approx(_curve_of(content, "psnr", "blur")["points"][0]["value"])
    assert metric["floor"] == min(values)


def test_unscored_clips_leave_the_curve_with_their_reason() -> None:
    judge = Known({}, "cpu")
    line = str(judge.signature("psnr"))
    rows: dict[str, list[Row]] = {
        UNCORRUPTED: [Scored("psnr", 9.0, line), Scored("psnr", 7.0, line)],
        "blur": [Scored("psnr", 5.0, line), Unscored("psnr", "no_face", line)],
    }
    readings = [
        Reading(f"s{k}", name, 0.0 if name == UNCORRUPTED else 8.0, row)
        for name, pair in rows.items()
        for k, row in enumerate(pair)
    ]
    ((_, curve),) = curves(readings, judge.columns(), [CORRUPTIONS["blur"]], 0)
    uncorrupted, blurred = curve.points
    assert (uncorrupted.value, uncorrupted.n_scored) == (8.0, 2)
    assert (blurred.value, blurred.change, blurred.n_scored, blurred.n_expected) == (5.0, -4.0, 1, 2)
    assert blurred.reasons == {"no_face": 1}
    assert range_of([curve], True) == Range(8.0, 5.0)


def test_the_table_of_expectations_names_known_damages() -> None:
    assert {corruption for row in TABLE.values() for corruption in row} <= set(CORRUPTIONS)


def test_donors_are_strangers_with_the_same_emotion_and_the_same_person_with_another() -> None:
    every = [sample("a", "p1", "happy"), sample("b", "p2", "sad"), sample("c", "p2", "happy"), sample("d", "p1", "sad")]
    (order,) = orders(every[:1], every)
    assert [lender.id for lender in (order.sound, order.identity, order.emotion) if lender] == ["b", "c", "d"]
    (alone,) = orders(every[:1], every[:1])
    assert (alone.sound, alone.identity, alone.emotion) == (None, None, None)
    corruptions = list(CORRUPTIONS.values())
    assert order.steps(corruptions) - alone.steps(corruptions) == sum(
        len(CORRUPTIONS[name].strengths) for name in ("other_sound", "identity", "emotion")
    )


def test_a_clip_is_read_to_its_limit_with_sound_as_long(tmp_path: Path) -> None:
    whole = take()
    with VideoWriter(tmp_path / "a.mp4", 64, 64, audio=whole.sound[:2000]) as writer:
        for frame in whole.frames:
            writer.write(frame)
    read = read_take(tmp_path / "a.mp4", 6)
    assert read.frames.shape == (6, 64, 64, 3)
    assert len(read.sound) == 6 * SAMPLES_PER_FRAME


def test_the_page_escapes_names_runs_nothing_and_has_a_curve_each(content: dict[str, Any]) -> None:
    page = render(json.loads(json.dumps(content, allow_nan=False)))
    assert page.count("<svg") == sum(len(metric["curves"]) for metric in content["metrics"])
    assert "te&lt;st&gt;" in page
    assert "bad &amp; &lt;i&gt;" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "nan" not in page.lower().replace("dominan", "")


def test_a_page_of_nothing_measured_says_why(content: dict[str, Any]) -> None:
    empty = [
        {**metric, "ceiling": None, "floor": None, "curves": [], "unmeasured": "weights_missing"}
        for metric in content["metrics"]
    ]
    assert "the judge&#39;s weights are not on this machine" in render({**content, "metrics": empty})


def test_metrics_of_one_title_are_told_apart_by_what_differs(content: dict[str, Any]) -> None:
    first = content["metrics"][0]
    twice = [{**first, "signature": f"psnr|v:1|space:{name}"} for name in ("f&r", "geo")]
    page = render({**content, "metrics": [*twice, *content["metrics"][1:]]})
    assert page.count("<small>f&amp;r</small>") == 1
    assert page.count(">geo</small>") == 2
    assert render(content).count('class="which"') == 0


def test_the_interval_of_a_bounded_pool_stays_within_its_bounds() -> None:
    class Share(Known):
        metrics = (MetricFacts("fid", "Share", "%", True, 0, 10, aggregation="pooled"),)

        def combine(self, metric: str, rows: Sequence[Mapping[str, Any]]) -> float:
            return float(np.mean([float(row["sharp"]) for row in rows]) ** 2 * 10)

    judge = Share({}, "cpu")
    line = str(judge.signature("fid"))
    readings = [
        Reading(f"s{k}", name, strength, Scored("fid", None, line, _packed(float(k < 3))))
        for name, strength in ((UNCORRUPTED, 0.0), ("blur", 8.0))
        for k in range(4)
    ]
    ((_, curve),) = curves(readings, judge.columns(), [CORRUPTIONS["blur"]], 0)
    for point in curve.points:
        assert point.low is not None
        assert point.high is not None
        assert 0 <= point.low <= point.high <= 10
        assert (point.change, point.change_low, point.change_high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--damage", "blurr"], "There is no damage 'blurr'."),
        (["--clips", "/nowhere/at/all"], "There is no '/nowhere/at/all'."),
        (["--clips", ".", "--dataset", "mead"], "--clips is a folder of its own."),
    ],
)
def test_wrong_options_are_one_sentence(arguments: list[str], sentence: str) -> None:
    from verbs.calibrate import command

    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, UsageError)
    assert result.exception.what == sentence


@pytest.mark.slow
def test_two_real_files_through_the_command(tmp_path: Path) -> None:
    """The weight-free metrics on a folder of clips: written, judged, told, and exit code 0."""
    from verbs.calibrate import command

    for k in range(2):
        with VideoWriter(tmp_path / "clips" / f"{k}.mp4", 64, 64, audio=take(k).sound) as writer:
            for frame in take(k).frames:
                writer.write(frame)
    (tmp_path / "clips" / "2.mp4").write_bytes(b"no film")
    protocol = tmp_path / "free.toml"
    protocol.write_text('[[metric]]\nevaluator = "pixels"\n', encoding="utf-8")
    asked = ["--clips", str(tmp_path / "clips"), "--protocol", str(protocol), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(command, [*asked, "--damage", "blur", "--damage", "sound_shift"], standalone_mode=False)
    assert result.exception is None, result.output
    assert result.return_value == 0, result.output
    told = json.loads((tmp_path / "out" / "calibration.json").read_text(encoding="utf-8"))
    assert (told["schema_version"], told["clips"], list(told["left_out"])) == (1, 2, ["2"])
    assert _curve_of(told, "psnr", "blur")["verdict"] == "answers"
    assert _curve_of(told, "psnr", "sound_shift")["verdict"] == "flat"
    assert (tmp_path / "out" / "index.html").is_file()


@pytest.mark.slow
def test_the_demo_judges_answer_on_puppets(tmp_path: Path) -> None:
    """The built-in dataset and trained judges through the command: what must move moves, the rest stays."""
    from verbs.calibrate import command

    protocol = tmp_path / "demo.toml"
    judges = ('"lse"\ndialect = "demo"', '"identity"\nnet = "demo"\nsamp = "every10"')
    protocol.write_text("".join(f"[[metric]]\nevaluator = {judge}\n" for judge in judges), encoding="utf-8")
    asked = ["--protocol", str(protocol), "--out", str(tmp_path / "out"), "--limit", "2", "--seconds", "2"]
    result = CliRunner().invoke(
        command, [*asked, "--damage", "identity", "--damage", "other_sound"], standalone_mode=False
    )
    assert result.exception is None, result.output
    assert result.return_value == 0, result.output
    told = json.loads((tmp_path / "out" / "calibration.json").read_text(encoding="utf-8"))
    assert (told["dataset"], told["clips"], told["left_out"]) == ("puppets", 2, {})
    assert _curve_of(told, "identity_sim", "identity")["verdict"] == "answers"
    assert _curve_of(told, "identity_sim", "other_sound")["verdict"] == "flat"
    for corruption in ("identity", "other_sound"):
        confidence = [point["value"] for point in _curve_of(told, "lse_c", corruption)["points"]]
        assert confidence[-1] < 0.8 * confidence[0]  # the best of 31 shifts of two short clips is never far off
