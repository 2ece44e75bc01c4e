"""The lip-sync judge on real clips: hard cases answered by name, every dialect signed, no input computed twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluators.faces import s3fd
from evaluators.judge import chunks, opened, rows_of
from evaluators.packing import unpack
from evaluators.sync import dialect as sync_dialect
from evaluators.sync import weights
from evaluators.sync.clip import left_out
from evaluators.sync.curve import read_curve
from evaluators.sync.frames import FrameStore
from evaluators.sync.inputs import Piece
from evaluators.sync.lse import LipSync
from evaluators.sync.syncnet import SyncNet
from evaluators.sync.syncnet_stream import LipRunner
from evaluators.sync.tracks import Track
from harness.errors import UsageError
from harness.evaluator import Chunk, ClipContext
from harness.media import VideoReader, VideoWriter, read_audio, video, write_wav
from harness.media.order import timed
from harness.records import Clip, Emotion, Row, Sample, Scored, Unscored
from harness.seeded import fill
from harness.signature import Signature
from networks.files import shipped
from networks.files.official import Official
from networks.files.plausibility import ImplausibleError
from networks.files.weights import Weights
from tests.places import CLIPS, GOLDEN

pytestmark = pytest.mark.codec

METRICS = ("lse_c", "lse_d", "sync_offset")


def seeded_net(*_: object) -> SyncNet:
    """A stand-in of small width: shapes and plumbing are under test here, not values."""
    net = SyncNet(divide=32, input_px=64)
    fill(net)
    return net.eval().requires_grad_(False)


@pytest.fixture
def judges(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loaded judges of the given dialects around a seeded network."""
    monkeypatch.setattr(weights, "load", seeded_net)
    monkeypatch.setattr(s3fd, "load", lambda path, device: "detector")
    monkeypatch.setattr(Official, "path", lambda self: Path(self.name))
    monkeypatch.setattr(Official, "long", lambda self: ())
    monkeypatch.setattr(Weights, "short", lambda self: "seeded")

    def make(*dialects: str) -> list[LipSync]:
        made = [LipSync({"dialect": name}, "cpu") for name in dialects]
        for judge in made:
            judge.load()
        return made

    return make


def judged(path: Path, judges: Iterable[LipSync], chunk: int = 32) -> list[list[Row]]:
    """One pass over a clip, as the harness does it."""
    reader = VideoReader(path, chunk=chunk)
    sound = read_audio(path) if reader.info.has_audio else None
    notes = tuple(dict.fromkeys((*reader.notes, *(sound.notes if sound else ()))))
    context = ClipContext(None, path, sound.samples if sound else None, notes)  # type: ignore[arg-type]
    frames = np.concatenate(list(reader))
    pieces = [Chunk(first, frames[first : first + chunk]) for first in range(0, len(frames), chunk)]
    return [rows_of(judge, context, pieces) for judge in judges]


def codes(row: Row) -> set[str]:
    """Reason, notes, and the codes told in a refusal's detail."""
    if isinstance(row, Scored):
        return set(row.notes)
    words = row.detail.translate(str.maketrans(";()", "   ")).split()
    return {row.reason, *words}


def is_scored(rows: list[Row]) -> bool:
    assert [row.metric for row in rows] == list(METRICS)
    return all(isinstance(row, Scored) for row in rows)


def test_frames_outside_the_counted_tracks_are_told() -> None:
    curve = np.zeros(31, np.float32)

    def piece(first: int, last: int) -> Piece:
        boxes = np.tile([10.0, 10.0, 90.0, 90.0], (last - first + 1, 1))
        return Piece(Track(first, boxes, len(boxes)), first, last, 20, curve, curve, np.zeros((20, 31), np.float32))

    whole, halves = [piece(0, 99)], [piece(0, 59), piece(60, 99)]
    assert not left_out("largest", whole, 100)
    assert not left_out("mean", halves, 100)
    assert left_out("largest", halves, 100)
    assert left_out("mean", halves[1:], 100)
    assert not left_out("checked", [replace(whole[0], track=None)], 200)


def test_strict_mode_refuses_another_frame_rate() -> None:
    judge = LipSync({"dialect": "demo", "fps": "refuse"}, "cpu")
    sample = Sample("s", "test", "who", Emotion("happy"), Path("none.png"), Path("none.wav"), 50)
    for note in ("fps_resampled", "vfr_resampled"):
        rows = rows_of(judge, ClipContext(sample, Path("clip.mp4"), np.zeros(32000, np.float32), (note,)), ())
        assert [(row.metric, row.reason) for row in rows if isinstance(row, Unscored)] == [
            (facts.name, "fps_refused") for facts in judge.metrics
        ]
    assert "|fps:25-only|" in str(judge.signature("lse_c"))
    with pytest.raises(UsageError):
        LipSync({"fps": "30"}, "cpu")


def test_hard_cases_are_answered_as_a_trustworthy_tool_would(judges: Any) -> None:
    expected = json.loads((GOLDEN / "hard_cases.json").read_text(encoding="utf-8"))
    refused = {"no_face", "no_audio", "silent_audio", "downmix_cancels", "too_short", "rotation_applied"}
    both = judges("clean", "w2l-lrs")
    for name, want in expected.items():
        for dialect, rows in zip(("clean", "w2l-lrs"), judged(CLIPS / name, both), strict=True):
            wanted = set(want["codes"]) - {"track_too_short"}  # neither of these needs a hundred detections
            assert wanted <= codes(rows[0]), (name, dialect, rows[0])
            squeezed = dialect == "w2l-lrs" and "multiple_faces" in wanted
            if name != "hard_rotated.mp4":  # a face on its side: found or not, the remark is there
                assert is_scored(rows) == (not (wanted & refused) and not squeezed), (name, dialect)


def constant_faces(boxes: list[list[float]]) -> Any:
    """A detector that finds the same boxes in every frame: S3FD's own weights cannot be had here."""
    return lambda net, frames: [np.array([[*box, 0.99] for box in boxes]) for _ in frames]


FACE = [50.0, 40.0, 200.0, 210.0]


def test_a_hundred_detections_are_too_few_for_the_pipelines(judges: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline makes 101 pictures of this clip's 100 frames, as ffmpeg does; its scene has 100."""
    monkeypatch.setattr(s3fd, "detect", constant_faces([FACE]))
    sp, real, mocha = judged(CLIPS / "hard_100frames.mp4", judges("sp", "w2l-real", "mocha"))
    assert isinstance(sp[0], Unscored)
    assert isinstance(real[0], Unscored)
    assert sp[0].reason == real[0].reason == "track_too_short"
    assert "more than 100 detections" in sp[0].detail
    assert is_scored(mocha)
    for dialect in ("sp", "w2l-real", "mocha", "cmet-paper"):
        assert "avi@100px" in str(LipSync({"dialect": dialect}, "cpu").signature("lse_c"))


def test_the_pipeline_dialects_share_one_pass(judges: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3fd, "detect", constant_faces([FACE]))
    passed = []
    rows_of = LipRunner.rows
    monkeypatch.setattr(LipRunner, "rows", lambda self, frames: passed.append(len(frames)) or rows_of(self, frames))
    results = judged(CLIPS / "talking.mp4", judges("sp", "w2l-real", "sp"))
    assert all(is_scored(rows) for rows in results)
    assert results[0][0].value == results[1][0].value == results[2][0].value  # type: ignore[union-attr]
    assert sum(passed) <= 126 + 4 * len(passed)


RULES = ("clean", "eat", "sp", "latentsync")


def test_a_clip_is_decoded_once_for_the_rules_of_all_dialects(judges: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rule takes its own of the decoded frames; each number is that of a dialect which decodes for itself."""
    path, decoded = CLIPS / "hard_30fps.mp4", []
    monkeypatch.setattr(s3fd, "detect", constant_faces([FACE]))
    monkeypatch.setattr(video, "timed", lambda frames, timing: decoded.append(frames) or timed(frames, timing))
    made = judges(*RULES)
    for judge in made:
        judge.dialect = replace(judge.dialect, more_than=0, file="-")  # no crop file, which is decoded too
    alone = judged(path, made)
    assert len(decoded) == len(RULES)
    decoded.clear()
    reader, context = opened(None, Clip(path, 0, 0, 0, "none"), 32)  # type: ignore[arg-type]
    measured = [judge.start(context) for judge in made]
    for chunk in chunks(reader):
        for one in measured:
            one.feed(chunk)
    together = [one.finish() for one in measured]
    assert len(decoded) == 1
    for own, shared in zip(alone, together, strict=True):
        assert is_scored(own)
        assert [row.value for row in shared] == pytest.approx([row.value for row in own], rel=1e-4)  # type: ignore[union-attr]


def test_several_tracks_are_all_reported_and_one_named_rule_decides(
    judges: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [10.0, 60.0, 115.0, 180.0]
    monkeypatch.setattr(s3fd, "detect", constant_faces([small, [120.0, 40.0, 250.0, 210.0]]))
    clip = CLIPS / "talking.mp4"
    largest, each, best = judged(clip, judges("sp", "w2l-real", "mocha"))
    told = unpack(largest[0].statistics)  # type: ignore[union-attr]
    assert len(told["c"]) == 2
    assert largest[0].value == pytest.approx(told["c"][1])  # type: ignore[union-attr]
    assert each[0].value == pytest.approx(told["c"].mean())  # type: ignore[union-attr]
    assert "multiple_faces" in largest[0].notes  # type: ignore[union-attr]
    direct = unpack(best[1].statistics)  # type: ignore[union-attr]
    assert best[1].value == pytest.approx(direct["d"].min())  # type: ignore[union-attr]


def test_statistics_give_every_curve_without_a_network(judges: Any) -> None:
    rows = judged(CLIPS / "hard_30fps.mp4", judges("clean"))[0]
    told = unpack(rows[0].statistics)  # type: ignore[union-attr]
    valid, zero = read_curve(told["curve_valid"][0]), read_curve(told["curve_zero"][0])
    assert [row.value for row in rows] == [valid.lse_c, valid.lse_d, valid.offset]  # type: ignore[union-attr]
    assert zero.lse_c != valid.lse_c


def test_chunks_do_not_change_the_number(judges: Any) -> None:
    clip = CLIPS / "hard_gray.mp4"
    (one,), (other,) = (judged(clip, judges("clean"), chunk) for chunk in (32, 7))
    assert one[0].value == pytest.approx(other[0].value, rel=1e-4)  # type: ignore[union-attr]


def test_a_long_clip_is_decoded_again_rather_than_kept(judges: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = CLIPS / "hard_gray.mp4"
    kept = judged(clip, judges("clean"))[0][0]
    monkeypatch.setattr("evaluators.sync.inputs.FrameStore", partial(FrameStore, keep_bytes=0))
    assert judged(clip, judges("clean"))[0][0].value == kept.value  # type: ignore[union-attr]


def test_sound_that_hardly_covers_the_picture_is_refused(judges: Any, tmp_path: Path) -> None:
    frames = next(iter(VideoReader(CLIPS / "talking.mp4")))
    sound = read_audio(CLIPS / "talking.mp4").samples
    with VideoWriter(tmp_path / "partial.mp4", 256, 256, audio=sound[8000:11200]) as writer:
        for frame in [*frames, *frames]:
            writer.write(frame)
    row = judged(tmp_path / "partial.mp4", judges("clean"))[0][0]
    assert isinstance(row, Unscored)
    assert row.reason == "audio_partial"


def test_combining_is_a_mean_over_clips_or_over_tracks(judges: Any) -> None:
    one = {"value": np.array(1.0), "c": np.array([1.0])}
    two = {"value": np.array(4.0), "c": np.array([2.0, 6.0])}
    clean, real = judges("clean", "w2l-real")
    assert clean.combine("lse_c", [one, two]) == 2.5
    assert real.combine("lse_c", [one, two]) == 3.0
    assert np.isnan(clean.combine("lse_c", []))


def test_every_dialect_has_its_own_signature_that_reads_back() -> None:
    lines = {name: str(LipSync({"dialect": name}, "cpu").signature("lse_d")) for name in sync_dialect.table()}
    assert len(set(lines.values())) == len(lines)
    for name, line in lines.items():
        fields = dict(Signature.parse(line).fields)
        assert str(Signature.parse(line)) == line
        assert fields["dialect"] == name
        assert {"net", "img", "pad", "win", "minN", "gate", "w", "v"} <= set(fields)
    assert "det:s3fd" in str(LipSync({"detector": "s3fd"}, "cpu").signature("lse_c"))


def test_a_switched_off_gate_is_in_the_signature() -> None:
    assert "gate:off" in str(LipSync({"gate": "off"}, "cpu").signature("lse_c")).split("|")


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="claen"):
        LipSync({"dialect": "claen"}, "cpu")
    with pytest.raises(UsageError, match="dialekt"):
        LipSync({"dialekt": "clean"}, "cpu")
    with pytest.raises(UsageError, match="mtcnn"):
        LipSync({"dialect": "sp", "detector": "mtcnn"}, "cpu")


def test_absent_weights_are_named_with_their_cure() -> None:
    missing = LipSync({"dialect": "sp"}, "cpu").missing()
    assert len(missing) == 2
    assert all("weights fetch" in lack.cure for lack in missing)
    assert len(LipSync({}, "cpu").missing()) == 1


def test_random_official_weights_never_give_a_number_unless_the_signature_says_so(tmp_path: Path) -> None:
    with torch.device("meta"):
        net = SyncNet()
    net = net.to_empty(device="cpu")
    fill(net)
    path = str(tmp_path / "mine.model")
    torch.save(net.state_dict(), path)
    published = LipSync({"weights": path}, "cpu")
    assert "not the published" in published.missing()[0].what
    own = LipSync({"weights": path, "hash": "any"}, "cpu")
    assert own.missing() == []
    with pytest.raises(ImplausibleError, match="untrained"):
        own.load()
    trusted = LipSync({"weights": path, "hash": "any", "gate": "off"}, "cpu")
    trusted.load()
    rows = judged(CLIPS / "hard_audio_longer.mp4", [trusted])[0]
    assert is_scored(rows)
    assert {"hash:any", "gate:off"} <= set(rows[0].signature.split("|"))


def test_the_demo_dialect_is_the_same_judge_around_a_stored_small_network(tmp_path: Path) -> None:
    config = {"divide": 32, "input_px": 96, "embedding": 64}
    net = SyncNet(**config)
    fill(net)
    shipped.store(tmp_path / "sync.safetensors", net, config, {"seed": 0})
    settings = {"dialect": "demo", "weights": str(tmp_path / "sync.safetensors")}
    with pytest.raises(ImplausibleError):
        LipSync(settings, "cpu").load()
    judge = LipSync({**settings, "gate": "off"}, "cpu")
    judge.load()
    rows = judged(CLIPS / "hard_gray.mp4", [judge])[0]
    assert is_scored(rows)
    assert unpack(rows[0].statistics)["windows"].tolist() == [45]  # type: ignore[union-attr]
    assert rows[0].signature.startswith("lse_c|net:demo-sync|dialect:demo|")


def test_the_driving_sound_may_stand_in_for_the_clips_own(judges: Any, tmp_path: Path) -> None:
    """The C-MET paper scores the picture with the neutral sound it was made for, whatever sound the file carries."""
    path = CLIPS / "hard_100frames.mp4"
    (own,), (other,) = judges("clean"), judges("clean")
    other.dialect = replace(other.dialect, source="driving")
    assert "|aud:clean@driving|" in str(other.signature("lse_c"))
    assert sync_dialect.read("cmet-paper").source == "driving"
    sound = tmp_path / "driving.wav"
    write_wav(sound, read_audio(path).samples)

    def rows(judge: LipSync, audio: Any, driving: Path, notes: tuple[str, ...] = ()) -> list[Row]:
        sample = Sample("s", "test", "w", Emotion("happy"), path, driving, 100)
        frames = np.concatenate(list(VideoReader(path)))
        return rows_of(judge, ClipContext(sample, path, audio, notes), [Chunk(0, frames)])

    want = rows(own, read_audio(path).samples, tmp_path / "none.wav")
    for audio in (None, np.zeros(64_000, np.float32)):
        found = rows(other, audio, sound, ("grayscale", "downmix_cancels", "audio_offset"))
        for left, right in zip(want, found, strict=True):
            assert isinstance(left, Scored)
            assert isinstance(right, Scored)
            assert left.value == right.value
            assert set(right.notes) - set(left.notes) == {"grayscale"}  # notes on the clip's own sound are left out
    lost = rows(other, read_audio(path).samples, tmp_path / "none.wav")
    assert {row.reason for row in lost if isinstance(row, Unscored)} == {"no_audio"}
    write_wav(sound, np.zeros(64_000))
    silent = rows(other, read_audio(path).samples, sound)
    assert {row.reason for row in silent if isinstance(row, Unscored)} == {"silent_audio"}
