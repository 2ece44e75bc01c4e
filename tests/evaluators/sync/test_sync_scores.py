"""Lip-sync scores from embeddings, and MFCC: equal to the references, and sane where the references are not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evaluators.sync import curve as sync
from harness.seeded import seeded_array
from tests.places import GOLDEN

CASES = json.loads((GOLDEN / "sync_score.json").read_text(encoding="utf-8"))


def planted(case: str, windows: int, lag: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings whose sound is `lag` windows late, as the golden's README makes them."""
    base = seeded_array(f"score/{case}/base.weight", (windows + 60, 1024)).astype(np.float64) * 16
    blur = seeded_array(f"score/{case}/noise.weight", (windows, 1024)).astype(np.float64) * 32 * noise
    start = 30 + lag
    return base[30 : 30 + windows].astype(np.float32), (base[start : start + windows] + blur).astype(np.float32)


@pytest.mark.parametrize("case", [name for name in CASES if name != "constant_equal"])
def test_scores_equal_the_reference(case: str) -> None:
    want = CASES[case]
    got = sync.score(*planted(case, want["N"], want["planted_lag"], want["noise"]), vshift=want["vshift"])
    assert got.offset == want["offset"]
    assert got.lse_c == pytest.approx(want["confidence"], abs=5e-5)
    assert got.lse_d == pytest.approx(want["min_dist"], abs=5e-5)


def test_equal_embeddings_keep_the_references_epsilon() -> None:
    same = np.ones((40, 1024), np.float32)
    got, want = sync.score(same, same), CASES["constant_equal"]
    assert got.lse_d == pytest.approx(want["min_dist"], rel=1e-3)
    assert got.lse_c == pytest.approx(want["confidence"], abs=5e-5)
    assert got.offset == 0


def test_curves_equal_the_reference() -> None:
    stored = np.load(GOLDEN / "sync" / "curves.npz")
    for case in ("n120_lag+4", "n20_lag0", "n1_lag0", "n60_lag3_vshift10"):
        want = CASES[case]
        table = sync.distances(*planted(case, want["N"], want["planted_lag"], want["noise"]), vshift=want["vshift"])
        np.testing.assert_allclose(sync.mean_curve(table), stored[f"{case}/mean_curve"], atol=5e-5)


def test_mfcc_of_silence_and_of_a_few_samples_is_finite() -> None:
    assert np.isfinite(sync.mfcc(np.zeros(1000, np.int16))).all()
    assert sync.mfcc(np.ones(3, np.int16)).shape == (1, 13)
    with pytest.raises(ValueError, match="non-empty"):
        sync.mfcc(np.zeros(0, np.int16))


def test_blocks_of_a_long_sound_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = (seeded_array("sync/long.weight", (1, 20_000))[0] * 141 * 3000).astype(np.int16)
    whole = sync.mfcc(sound)
    monkeypatch.setattr("networks.mfcc.BLOCK_FRAMES", 7)
    np.testing.assert_allclose(sync.mfcc(sound), whole, rtol=0, atol=1e-10)


def test_valid_curves_do_not_depend_on_length_or_constant_delay() -> None:
    lip, audio = planted("n120_lag0", 120, 0, 0.05)
    valid = [sync.score(lip[:n], audio[:n], pad="valid").lse_c for n in (120, 40)]
    zero = [sync.score(lip[:n], audio[:n]).lse_c for n in (120, 40)]
    assert abs(valid[0] - valid[1]) < 0.15
    assert abs(zero[0] - zero[1]) > 0.5  # what padding does to the published protocols
    late = sync.score(lip[:113], audio[7:], pad="valid")  # the picture's partner sounds seven windows earlier
    assert late.offset == 7
    assert late.lse_c == pytest.approx(valid[0], abs=0.15)


@pytest.mark.parametrize("lag", [-15, -3, 0, 8, 15])
def test_valid_offset_is_the_planted_one(lag: int) -> None:
    assert sync.score(*planted("n120_lag0", 60, lag, 0.05), pad="valid").offset == lag


def test_shifts_without_a_pair_are_unknown_not_zero() -> None:
    curve = sync.score(*planted("n6_lag-1", 6, 0, 0.05), pad="valid").curve
    assert np.isnan(curve[:10]).all()
    assert np.isfinite(curve[10:21]).all()


def test_unlike_or_empty_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        sync.score(np.zeros((3, 8), np.float32), np.zeros((4, 8), np.float32))
    with pytest.raises(ValueError, match="one shape"):
        sync.score(np.zeros((0, 8), np.float32), np.zeros((0, 8), np.float32))


def test_values_that_are_not_finite_never_leave_a_mean_in_silence() -> None:
    lip, audio = planted("n120_lag0", 40, 0, 0.05)
    for broken in (np.nan, np.inf):
        other = lip.copy()
        other[39, 3] = broken
        for pad in ("zero", "valid"):
            with pytest.raises(ValueError, match="finite"):
                sync.score(other, audio, pad=pad)
            with pytest.raises(ValueError, match="finite"):
                sync.score(lip, other, pad=pad)
    with pytest.raises(ValueError, match="'zeros'"):
        sync.score(lip, audio, pad="zeros")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="vshift"):
        sync.score(lip, audio, vshift=-1)


def test_one_window_has_a_distance_and_no_confidence() -> None:
    lip, audio = planted("n120_lag0", 1, 0, 0.05)
    alone, padded = sync.score(lip, audio, pad="valid"), sync.score(lip, audio)
    assert (alone.lse_c, alone.offset) == (0.0, 0)
    assert alone.lse_d == pytest.approx(padded.lse_d)
    assert padded.curve[0] == pytest.approx(np.linalg.norm(lip[0] + 1e-6), rel=1e-6)


def test_other_number_types_change_nothing() -> None:
    lip, audio = planted("n120_lag0", 40, 3, 0.05)
    want = sync.score(lip, audio)
    for kind in (np.float64, np.float16):
        found = sync.score(lip.astype(kind), audio.astype(kind))
        assert found.offset == want.offset
        assert found.lse_c == pytest.approx(want.lse_c, rel=2e-3)
    assert sync.score(lip.astype(np.float64), audio.astype(np.float64)).lse_d == want.lse_d


def test_mfcc_refuses_sound_that_is_not_on_the_int16_scale() -> None:
    sound = (seeded_array("sync/scale.weight", (1, 4000))[0] * 60 * 3000).astype(np.int16)
    np.testing.assert_array_equal(sync.mfcc(sound.astype(np.float64)), sync.mfcc(sound))
    for wrong in (sound / 32768, np.where(sound > 0, np.nan, 1.0)):
        with pytest.raises(ValueError, match="int16 scale"):
            sync.mfcc(wrong)
    with pytest.raises(ValueError, match="one-dimensional"):
        sync.mfcc(sound.reshape(2, -1))


@pytest.mark.parametrize(("frames", "samples", "want"), [(5, 3200, 0), (6, 3840, 1), (6, 3839, 0), (125, 80265, 120)])
def test_number_of_windows(frames: int, samples: int, want: int) -> None:
    assert sync.windows(frames, samples) == want
