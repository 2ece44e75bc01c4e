"""Every failure mode that issue and design name is produced by some input, as a refusal's reason or a number's note."""

# ruff: noqa: F811 (a fixture that is imported is named again where it is used)
from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluators.fid.features import DemoNet
from evaluators.fid.fid import Fid, PairFid
from evaluators.full_reference.lpips import Lpips
from evaluators.identity.nets import DemoIdentity
from evaluators.identity.similarity import IdentitySimilarity
from evaluators.judge import Judge
from harness.reasons import REASONS, Reason, reason
from harness.records import Clip, Emotion, Row, Sample, Scored, Unscored
from tests import face_samples
from tests.evaluators.sync.test_sync_judge import constant_faces, judges  # noqa: F401 (a fixture)
from tests.evaluators.sync.test_sync_judge import judged as sync_judged
from tests.places import CLIPS, ROOT
from tests.reference_pairs import context, film, judged

_FACE = [50.0, 40.0, 200.0, 210.0]
#: The failure modes that the judges' issue names -> the module that produces them from a real file.
PRODUCED = {
    "no_audio": "test_hard_cases",
    "silent_audio": "test_hard_cases",
    "no_face": "test_hard_cases",
    "multiple_faces": "test_hard_cases",  # the issue's `several_faces`, by the name that the goldens give it
    "too_short": "test_hard_cases",
    "fps_resampled": "test_hard_cases",
    "unreadable": "test_hard_cases",
    "audio_partial": "test_sync_judge",
    "track_too_short": "test_reasons",
    "padding_dominates": "test_reasons",
    "not_finite": "test_reasons",
}


def test_every_named_failure_mode_has_its_test() -> None:
    for code, module in PRODUCED.items():
        assert code in REASONS
        (file,) = (ROOT / "tests").rglob(f"{module}.py")
        assert f'"{code}"' in file.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_short_track_is_a_reason_and_padding_a_note(judges: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluators.faces.s3fd.detect", constant_faces([_FACE]))
    clips = CLIPS
    short = sync_judged(clips / "hard_30fps.mp4", judges("sp"))[0][0]
    assert isinstance(short, Unscored)
    assert short.reason == "track_too_short"
    padded, clean = sync_judged(clips / "hard_audio_longer.mp4", judges("w2l-lrs", "clean"))
    assert isinstance(padded[0], Scored)
    assert isinstance(clean[0], Scored)
    assert "padding_dominates" in padded[0].notes
    assert "padding_dominates" not in clean[0].notes  # only windows that exist


def test_the_table_says_whose_fault_it_is_and_what_may_pass() -> None:
    passing = {"crashed", "took_too_long", "tool_missing", "weights_missing"}
    assert {code for code, one in REASONS.items() if one.may_pass} == passing
    machine = {"weights_missing", "weights_implausible", "tool_missing"}
    assert {code for code, one in REASONS.items() if one.fault == "machine"} == machine
    for code in ("no_face", "generation_failed", "missing_clip", "unreadable"):
        assert reason(code).fault == "clip"
    assert reason("a word of one's own") == Reason("a word of one's own")


class _Blown:
    """A network whose every answer is nan, in the shape of each judge's own."""

    validated = None
    width = 4

    def embed(self, crops: Sequence[Any]) -> np.ndarray:
        return np.full((len(crops), 4), np.nan, np.float32)

    features = embed

    def logits(self, features: np.ndarray) -> np.ndarray:
        return np.full(8, np.nan, np.float32)


def _fid(kind: type[Any]) -> Callable[[Path, Any], Sequence[Row]]:
    def rows(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[Row]:
        judge = kind({"net": "demo", "samp": "2"}, "cpu")
        judge.load()
        monkeypatch.setattr(DemoNet, "features", lambda self, frames: _Blown().features(frames))
        return judged(judge, context(folder, film(6), film(6)))

    return rows


def _identity(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[Row]:
    judge = IdentitySimilarity({"net": "demo", "ref": "first"}, "cpu")
    judge.load()
    monkeypatch.setattr(DemoIdentity, "embed", lambda self, crops: _Blown().embed(crops))
    crops = {k: np.zeros((8, 8, 3), np.uint8) for k in range(6)}
    monkeypatch.setattr(
        "evaluators.faces.crops.chunk_crops", lambda chunk, wanted, *rest: {k: crops[k] for k in wanted}
    )
    return face_samples.judged(judge, face_samples.sample(), film(6))


def _lpips(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sequence[Row]:
    judge = Lpips({"net": "alex"}, "cpu")
    monkeypatch.setattr(judge, "distances", lambda *frames: np.full(len(frames[0]), np.nan))
    return judged(judge, context(folder, film(3, (64, 64)), film(3, (64, 64))))


@pytest.mark.parametrize(
    "rows", [_fid(Fid), _fid(PairFid), _identity, _lpips], ids=["fid", "pair", "identity", "lpips"]
)
def test_a_network_that_blows_up_is_not_finite(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = rows(tmp_path, monkeypatch)
    assert {row.reason for row in found if isinstance(row, Unscored)} == {"not_finite"}
    assert not any(isinstance(row, Scored) for row in found)


def test_no_judge_can_put_nan_into_a_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wrote it: the pass itself looks at every value."""
    path = tmp_path / "p.toml"
    path.write_text("[[metric]]\nevaluator = 'faces'\nevery = 25\n")
    judge = Judge(str(path), "cpu")
    (one,) = judge.evaluators
    plain = type(one).start

    class Odd:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def feed(self, chunk: Any) -> None:
            self.inner.feed(chunk)

        def finish(self) -> Sequence[Row]:
            rows = self.inner.finish()
            first = next(row for row in rows if isinstance(row, Scored))
            return [Scored(row.metric, np.inf if row is first else getattr(row, "value", None), row.signature, b"", ())
                    if isinstance(row, Scored) else row for row in rows]  # fmt: skip

    monkeypatch.setattr(type(one), "start", lambda self, given: Odd(plain(self, given)))
    clip = CLIPS / "hard_4frames.mp4"
    asked = Sample("s", "test", "who", Emotion("happy"), clip, clip, 4)
    rows = judge.rows(asked, Clip(clip, 4, 256, 256, "none"))
    assert [row.reason for row in rows if isinstance(row, Unscored) and row.reason == "not_finite"] == ["not_finite"]
    assert all(row.value is None or np.isfinite(row.value) for row in rows if isinstance(row, Scored))


def test_judging_that_takes_too_long_ends_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.toml"
    path.write_text("[[metric]]\nevaluator = 'faces'\nevery = 25\n")
    monkeypatch.setenv("CMET_BENCH_JUDGING_SECONDS", "1e-6")
    clip = CLIPS / "hard_4frames.mp4"
    rows = Judge(str(path), "cpu").rows(
        Sample("s", "test", "who", Emotion("happy"), clip, clip, 4), Clip(clip, 4, 256, 256, "none")
    )
    assert {row.reason for row in rows if isinstance(row, Unscored)} == {"took_too_long"}
    assert not any(isinstance(row, Scored) for row in rows)
    assert all("frame 0 of 4" in row.detail for row in rows if isinstance(row, Unscored))
