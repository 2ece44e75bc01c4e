"""PSNR and SSIM, frame pairing and lock-step reading: goldens, laws, refusals."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from evaluators import pairing
from evaluators.faces.eat_crop import crop128
from evaluators.faces.sidecar_landmarks import sidecar
from evaluators.full_reference.pixels import PixelQuality, psnr, ssim
from evaluators.packing import pack, unpack
from evaluators.pairing import frames_at, spread, stretch, truncate
from harness.errors import MediaError, UsageError
from harness.evaluator import Chunk
from harness.media import VideoReader
from harness.records import Emotion, Sample, Scored, Unscored
from harness.store import RunStore
from harness.summary import summarise
from tests.media_samples import write_film
from tests.places import GOLDEN
from tests.reference_pairs import context, film, judged, noisy

Picture = npt.NDArray[np.uint8]


def test_identical_pictures_are_infinite_and_one() -> None:
    picture = film(1)[0]
    assert math.isinf(psnr(picture, picture))
    assert ssim(picture, picture, "u7", "sample") == ssim(picture, picture) == 1.0


def test_one_level_everywhere_is_48_db() -> None:
    picture = np.full((16, 16, 3), 100, dtype=np.uint8)
    assert psnr(picture, picture + 1) == pytest.approx(20 * math.log10(255), rel=1e-12)


def test_damage_lowers_both_and_more_damage_more() -> None:
    picture = film(1)[0]
    values = [(psnr(picture, bad), ssim(picture, bad)) for bad in (noisy(picture, s) for s in (2, 8, 32))]
    assert values == sorted(values, reverse=True)
    assert [s for _, s in values] == sorted((s for _, s in values), reverse=True)


def test_windows_that_do_not_fit_are_refused() -> None:
    small = np.zeros((8, 8, 3), dtype=np.uint8)
    assert ssim(small, small, "u7") == 1.0
    with pytest.raises(ValueError, match="smaller than the 11 px window"):
        ssim(small, small, "g1.5")


@pytest.mark.parametrize("case", ["fake_longer", "gt_longer", "equal_length"])
def test_stretching_is_eats_pairing(case: str) -> None:
    golden = json.loads((GOLDEN / "lmd.json").read_text())["cases"][case]
    first, second = stretch(golden["n_fake"], golden["n_gt"])
    assert first.tolist() == golden["index_fake"]
    assert second.tolist() == golden["index_gt"]


def test_truncation_and_spreading() -> None:
    assert [part.tolist() for part in truncate(3, 5)] == [[0, 1, 2]] * 2
    assert spread(10, 3).tolist() == [0, 3, 6]
    assert spread(2, 5).tolist() == [0, 1]


@pytest.mark.parametrize("rule", ["trunc", "stretch"])
@pytest.mark.parametrize("lengths", [(13, 29), (29, 13), (8, 8)])
def test_lock_step_gives_every_pair_once(rule: str, lengths: tuple[int, int], tmp_path: Path) -> None:
    clip, reference = film(29)[: lengths[0]], film(29)[: lengths[1]]
    given = context(tmp_path, clip, reference)
    decoded = [np.concatenate(list(VideoReader(path))) for path in (given.path, pairing.reference_reader(given).path)]
    parts = []
    for first in range(0, lengths[0], 4):
        chunk = Chunk(first, decoded[0][first : first + 4])
        parts.append(pairing.pairs(given, chunk, rule))
        assert pairing.pairs(given, chunk, rule) is parts[-1]  # shared by the judges that ask
    wanted = pairing.RULES[rule](*lengths)
    assert np.concatenate([p.index for p in parts]).tolist() == list(range(min(lengths)))
    assert np.array_equal(np.concatenate([p.clip for p in parts]), decoded[0][wanted[0]])
    assert np.array_equal(np.concatenate([p.reference for p in parts]), decoded[1][wanted[1]])


def test_single_frames_are_picked_from_any_chunk(tmp_path: Path) -> None:
    path = context(tmp_path, film(20), None).path
    everything = np.concatenate(list(VideoReader(path)))
    wanted = np.array([0, 6, 7, 19], dtype=np.int64)
    found = list(frames_at(VideoReader(path, chunk=7), wanted))
    assert np.concatenate([index for index, _ in found]).tolist() == wanted.tolist()
    assert np.array_equal(np.concatenate([frames for _, frames in found]), everything[wanted])


def test_a_clip_is_scored_frame_by_frame(tmp_path: Path) -> None:
    truth = film(12)
    given = context(tmp_path, noisy(truth, 12), truth)
    rows = judged(PixelQuality({}, "cpu"), given)
    clip, reference = (np.concatenate(list(VideoReader(p))) for p in (given.path, given.sample.reference_video or ""))
    wanted = [np.mean([f(a, b) for a, b in zip(clip, reference, strict=True)]) for f in (psnr, ssim)]
    assert [row.value for row in rows if isinstance(row, Scored)] == pytest.approx(wanted, rel=1e-12)


def test_identical_frames_are_counted_and_left_out(tmp_path: Path) -> None:
    truth = film(6)
    other = truth.copy()
    other[4:] = 255 - other[4:]
    rows = judged(PixelQuality({"pair": "stretch"}, "cpu"), context(tmp_path, truth, truth, name="same"))
    assert [type(row) for row in rows] == [Unscored, Scored]
    assert isinstance(rows[0], Unscored)
    assert rows[0].reason == "identical"
    judge = PixelQuality({}, "cpu")
    pictures = np.full((4, 32, 32, 3), 90, dtype=np.uint8)  # flat: H.264 keeps it exactly
    changed = pictures.copy()
    changed[2:] += 9
    row = judged(judge, context(tmp_path, changed, pictures, name="half"))[0]
    assert isinstance(row, Scored)
    counted = unpack(row.statistics)
    assert (int(counted["count"]), int(counted["infinite"])) == (2, 2)
    assert "identical" in row.notes
    assert judge.combine("psnr", [counted]) == pytest.approx(row.value)


def test_a_reference_of_another_rate_is_told(tmp_path: Path) -> None:
    given = context(tmp_path, noisy(film(8), 9), film(8))
    assert given.sample.reference_video is not None
    assert [row.notes for row in judged(PixelQuality({}, "cpu"), given) if isinstance(row, Scored)] == [(), ()]
    slower = write_film(tmp_path / "slow.mkv", film(8), fps=20)
    given = replace(given, sample=replace(given.sample, reference_video=slower), cache={})
    rows = judged(PixelQuality({}, "cpu"), given)
    assert [row.notes for row in rows if isinstance(row, Scored)] == [("reference_resampled",)] * 2


def test_picture_sizes_are_in_the_signature_of_a_number(tmp_path: Path) -> None:
    judge = PixelQuality({"size": "area"}, "cpu")
    rows = []
    for name, side in (("small", 32), ("large", 48)):
        given = context(tmp_path, noisy(film(4, (side, side)), 9), film(4), name=name)
        found = [row for row in judged(judge, given) if isinstance(row, Scored)]
        assert [row.metric for row in found] == ["psnr", "ssim"]
        rows.append(unpack(found[1].statistics))
    line = judge.measured("ssim", rows)
    assert "|res:32x32+48x48/64x64|size:area|" in str(line)
    assert line.settings() == judge.signature("ssim")
    many = [{"clip_size": np.array([64, k]), "reference_size": np.array([64, 64])} for k in range(64, 70)]
    assert "|res:6sizes-" in str(judge.measured("ssim", many))
    assert judge.measured("ssim", many) != judge.measured("ssim", [*many[1:], {**many[0], "clip_size": (1, 1)}])
    assert "|res:?/?|" in str(judge.measured("psnr", [{"sum": np.array(1.0), "count": np.array(1)}]))


def test_numbers_of_two_sizes_are_never_compared_and_no_number_has_no_column_of_its_own(tmp_path: Path) -> None:
    judge = PixelQuality({"size": "area"}, "cpu")
    line = str(judge.signature("ssim"))
    sides = {"a": 64, "b": 64, "large": 512, "none": 0}
    with RunStore(tmp_path) as store:
        store.set_meta("asked", {"methods": list(sides)})
        for k in range(3):
            one = Sample(str(k), "test", "who", Emotion("happy"), tmp_path, tmp_path, 4)
            store.add_samples([one])
            for method, side in sides.items():
                kept = pack(sum=0.5 + k / 10, count=1, clip_size=(side, side), reference_size=(64, 64))
                row = Scored("ssim", 0.5 + k / 10, line, kept) if side else Unscored("ssim", "no_reference", line)
                store.put_rows("test", method, one.id, [row])
        rows, comparisons = summarise(store, [(judge, "ssim", line)])
    signed = {row.method: row.signature for row in rows}
    assert signed["a"] == signed["b"] == signed["none"] != signed["large"]
    assert [(one.first, one.second, one.signature) for one in comparisons] == [("a", "b", signed["a"])]


def test_pooling_over_frames_or_clips() -> None:
    rows = [{"sum": np.array(30.0), "count": np.array(1)}, {"sum": np.array(60.0), "count": np.array(3)}]
    assert PixelQuality({}, "cpu").combine("psnr", rows) == 25.0
    assert PixelQuality({"agg": "frame"}, "cpu").combine("psnr", rows) == 22.5
    assert math.isnan(PixelQuality({}, "cpu").combine("psnr", []))


@pytest.mark.parametrize(
    ("clip", "reference", "aligned", "settings", "reason"),
    [
        ((64, 64), None, True, {}, "no_reference"),
        ((64, 64), (64, 64), False, {}, "not_aligned"),
        ((64, 64), (64, 64), False, {"pair": "stretch"}, None),
        ((64, 64), (32, 32), True, {}, "size_mismatch"),
        ((32, 32), (64, 64), True, {"size": "area"}, None),
        ((8, 8), (8, 8), True, {}, "too_small"),
    ],
)
def test_what_cannot_be_compared_has_a_reason(
    clip: tuple[int, int],
    reference: tuple[int, int] | None,
    aligned: bool,
    settings: dict[str, str],
    reason: str | None,
    tmp_path: Path,
) -> None:
    truth = None if reference is None else film(4, reference)
    rows = judged(PixelQuality(settings, "cpu"), context(tmp_path, noisy(film(4, clip), 9), truth, aligned))
    assert [getattr(row, "reason", None) for row in rows] == [reason] * 2


def test_a_reference_that_ends_early_is_an_error_not_a_number(tmp_path: Path) -> None:
    lock_step = pairing._LockStep(tmp_path / "truth.mp4", iter([film(3)]), np.arange(5), np.arange(5))
    with pytest.raises(MediaError, match="ends before frame 3"):
        lock_step.take(Chunk(0, film(5)))


def test_eats_crop_leaves_out_pairs_without_a_face(tmp_path: Path) -> None:
    truth = film(6)
    given = context(tmp_path, noisy(truth, 10), truth)
    points = np.random.default_rng(0).uniform(10, 54, (6, 68, 2))
    for video, missing in ((given.path, 2), (given.sample.reference_video, 4)):
        assert video is not None
        own = points.copy()
        own[missing] = np.nan
        np.save(sidecar(video), own)
    judge = PixelQuality({"crop": "eat128", "points": "sidecar", "win": "u7", "cov": "sample"}, "cpu")
    judge.load()
    rows = judged(judge, given, chunk=4)
    assert [int(unpack(row.statistics)["count"]) for row in rows if isinstance(row, Scored)] == [4, 4]
    assert all("no_face" in row.notes for row in rows if isinstance(row, Scored))
    clip, reference = (np.concatenate(list(VideoReader(p))) for p in (given.path, given.sample.reference_video or ""))
    wanted = [psnr(crop128(clip[k], points[k]), crop128(reference[k], points[k])) for k in (0, 1, 3, 5)]
    assert rows[0].value == pytest.approx(np.mean(wanted))  # type: ignore[union-attr]
    for video in (given.path, given.sample.reference_video):
        assert video is not None
        np.save(sidecar(video), np.full((6, 68, 2), np.nan))
    fresh = context(tmp_path, noisy(truth, 10), truth)
    assert [getattr(row, "reason", None) for row in judged(judge, fresh)] == ["no_face"] * 2


def test_signatures_differ_where_numbers_do() -> None:
    settings: list[dict[str, str]] = [{}, {"win": "u7"}, {"cov": "sample"}, {"col": "gray"}, {"agg": "frame"}]
    settings += [{"pair": "stretch"}, {"size": "area"}, {"crop": "eat128"}, {"crop": "eat128", "points": "sidecar"}]
    lines = [str(PixelQuality(s, "cpu").signature("ssim")) for s in settings]
    assert len(set(lines)) == len(lines)
    same = [str(PixelQuality(s, "cpu").signature("psnr")) for s in settings[:3]]
    assert len(set(same)) == 1  # a window does not change PSNR
    with pytest.raises(UsageError):
        PixelQuality({"win": "8"}, "cpu")
    with pytest.raises(UsageError):
        PixelQuality({"window": "u7"}, "cpu")
