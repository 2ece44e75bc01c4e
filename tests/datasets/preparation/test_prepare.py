"""`prepare`: the official tree out of a raw corpus, resumable after kill -9, a bad clip costs only itself."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from datasets.mead_layout import MeadClip, MeadTree
from datasets.preparation.jobs import FAILURES
from datasets.preparation.prepare import LOCK, prepare
from datasets.preparation.sources import jobs_of, source_of
from datasets.preparation.stages import SIZE, STAGES, Network, PreparationPlan, needed
from harness.errors import EXIT_MISSING, MediaError, MissingError, UsageError
from harness.media import VideoReader, probe, read_audio, write_wav
from harness.media.face_track import Square, joined, overlap, square
from tests.datasets.test_datasets_meld import surround, write_extensible_wav
from tests.media_samples import voice, write_film

pytestmark = pytest.mark.codec

NETWORKS = "tests.prepare_networks"
FACES = Network(f"{NETWORKS}:faces", {})
QUICK = PreparationPlan(("crop", "sound"), faces=FACES)
WHOLE = PreparationPlan(STAGES, FACES, Network(f"{NETWORKS}:speech", {}), Network(f"{NETWORKS}:codes", {}))


def green_face(frames: int, left: int, top: int, size: tuple[int, int] = (120, 200)) -> npt.NDArray[np.uint8]:
    """(frames, height, width, 3): a green 30 x 40 rectangle that moves by a pixel a frame over gray."""
    out = np.full((frames, *size, 3), 100, dtype=np.uint8)
    for k in range(frames):
        out[k, top : top + 40, left + k % 5 : left + k % 5 + 30] = 20, 230, 20
    return out


def raw_mead(root: Path, count: int = 4, fps: int = 30) -> Path:
    """The official download: 30 fps pictures and 44.1 kHz sound apart."""
    for number in range(1, count + 1):
        place = f"neutral/level_1/{number:03d}"
        write_film(root / "M003/video/front" / f"{place}.mp4", green_face(18, 40 + number, 30), fps=fps)
        write_wav(root / "M003/audio" / f"{place}.wav", voice(0.6, seed=number), rate=44100)
    return root


def tree(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_a_raw_corpus_becomes_the_official_tree(tmp_path: Path) -> None:
    out = tmp_path / "FPS25"
    done = prepare("mead", raw_mead(tmp_path / "raw", count=2), out, WHOLE)
    assert (done.clips, done.made, done.failures, done.exit_code) == (2, 2, (), 0)
    folder = out / "M003/front/neutral/level_1"
    names = {path.name for path in folder.iterdir()}
    assert {"001.mp4", "001.wav", "001_ED_exp.npy", "001_ED_pose.npy", "001_ED_lip.npy"} < names
    info = probe(folder / "001.mp4")
    assert (info.width, info.height, info.fps, info.variable_rate, info.has_audio) == (256, 256, 25.0, False, True)
    assert info.frames == 15  # 18 frames at 30 fps
    track = read_audio(folder / "001.wav")
    assert (track.rate, track.channels) == (16000, 1)
    shapes = {kind: np.load(folder / f"001_ED_{kind}.npy").shape for kind in ("exp", "pose", "lip")}
    assert shapes == {"exp": (15, 10), "pose": (15, 6), "lip": (15, 20)}
    feature = np.load(folder / "emotion2vec+large_features" / "001.npy")
    assert (feature.shape, feature.dtype) == ((1024,), np.dtype(np.float32))
    emotions = {name: sorted(path.name for path in (out / name / "front").iterdir()) for name in os.listdir(out)}
    assert emotions == {"M003": ["neutral"], "cmet-bench": []}  # as C-MET's scripts list the tree
    assert MeadTree(out).layout == "fps25"
    assert MeadTree(out).video(MeadClip("M003", "neutral", 1, 2)) == folder / "002.mp4"


def test_the_crop_holds_the_whole_face_and_keeps_its_shape(tmp_path: Path) -> None:
    write_film(tmp_path / "raw" / "a.mp4", green_face(20, 60, 40), audio=voice(0.8))
    prepare("folder", tmp_path / "raw", tmp_path / "out", QUICK)
    frames = np.concatenate(list(VideoReader(tmp_path / "out" / "a.mp4")))
    green = (frames[..., 1] > 170) & (frames[..., 0] < 100)
    heights = green.any(axis=2).sum(axis=1)
    widths = green.any(axis=1).sum(axis=1)
    assert 0.68 < np.median(widths) / np.median(heights) < 0.82  # 30 : 40, not stretched
    assert 180 < np.median(heights) < 245  # the joined box is grown by a tenth on each side


def test_squares_stay_inside_and_are_never_stretched() -> None:
    assert square((10, 10, 40, 50), 100, 100) == Square(1, 6, 48)
    corner = square((0, 0, 40, 40), 100, 100)
    assert (corner.left, corner.top, corner.side) == (0, 0, 48)
    wide = square((0, 0, 100, 90), 90, 100)
    assert wide.cut(np.full((90, 100, 3), 7, np.uint8)).shape == (100, 100, 3)
    rng = np.random.default_rng(0)
    for _ in range(200):
        height, width = rng.integers(40, 300, 2)
        x0, y0 = rng.integers(0, width - 20), rng.integers(0, height - 20)
        x1, y1 = rng.integers(x0 + 10, width + 1), rng.integers(y0 + 10, height + 1)
        found = square((x0, y0, x1, y1), height, width)
        cut = found.cut(np.ones((height, width, 3), np.uint8))
        assert cut.shape == (found.side, found.side, 3)
        assert found.side > max(height, width) * 0.999 or found.left <= x0
        if found.side <= min(height, width):
            assert cut.all()


def test_tracks_follow_one_face() -> None:
    near, far = np.array([10.0, 10, 50, 50]), np.array([200.0, 10, 260, 70])
    assert overlap(near, near) == 1.0
    assert overlap(near, far) == 0.0
    box = joined([np.stack([near, far]), np.stack([far, near + 4]), np.zeros((0, 4)), near[None] - 2], "x")
    assert box == (8.0, 8.0, 54.0, 54.0)
    with pytest.raises(MediaError, match="no face") as caught:
        joined([np.zeros((0, 4))], "x")
    assert caught.value.reason == "no_face"
    with pytest.raises(MediaError, match="1 of 3") as caught:
        joined([near[None], far[None], far[None]], "x")
    assert caught.value.reason == "track_too_short"


def test_a_bad_clip_costs_only_itself_and_is_tried_again_when_it_changes(tmp_path: Path) -> None:
    raw, out = raw_mead(tmp_path / "raw", count=3), tmp_path / "out"
    bad = raw / "M003/video/front/neutral/level_1/002.mp4"
    good = bad.read_bytes()
    bad.write_bytes(good[:2000])
    write_film(raw / "M003/video/front/happy/level_1/001.mp4", np.full((8, 64, 64, 3), 90, np.uint8), audio=voice(0.3))
    first = prepare("mead", raw, out, QUICK)
    assert (first.clips, first.made) == (4, 2)
    assert {(clip, stage) for clip, stage, _ in first.failures} == {
        ("M003/neutral/level_1/002", "crop"),
        ("M003/happy/level_1/001", "crop"),
    }
    assert "no face" in {clip: reason for clip, _, reason in first.failures}["M003/happy/level_1/001"]
    before = tree(out)
    again = prepare("mead", raw, out, QUICK)
    assert (again.made, again.failures) == (0, first.failures)
    assert tree(out) == before
    bad.write_bytes(good)
    healed = prepare("mead", raw, out, QUICK)
    assert (healed.made, [clip for clip, _, _ in healed.failures]) == (1, ["M003/happy/level_1/001"])


def test_a_second_run_touches_nothing_and_a_changed_source_is_redone(tmp_path: Path) -> None:
    raw, out = raw_mead(tmp_path / "raw", count=2), tmp_path / "out"
    prepare("mead", raw, out, QUICK)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != "lock"}
    assert prepare("mead", raw, out, QUICK).made == 0
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.name != "lock"}
    sound = raw / "M003/audio/neutral/level_1/001.wav"
    write_wav(sound, voice(0.5, seed=9), rate=44100)
    assert needed(jobs_of(source_of("mead"), raw, out)[0], QUICK.stages) == ("crop", "sound")
    assert prepare("mead", raw, out, QUICK).made == 1


def test_stages_can_be_added_later(tmp_path: Path) -> None:
    raw, out = raw_mead(tmp_path / "raw", count=1), tmp_path / "out"
    prepare("mead", raw, out, QUICK)
    clip = out / "M003/front/neutral/level_1/001.mp4"
    before = clip.stat().st_mtime_ns
    assert prepare("mead", raw, out, WHOLE).made == 1
    assert clip.stat().st_mtime_ns == before
    assert (out / "M003/front/neutral/level_1/001_ED_exp.npy").exists()


def test_training_reads_what_was_prepared(tmp_path: Path) -> None:
    from cmet.training.verb import command

    raw = tmp_path / "raw"
    for identity in ("M003", "M005"):
        for emotion, numbers in (("neutral", (1, 31)), ("happy", (1, 21)), ("sad", (1, 21))):
            for number in numbers:
                place = raw / identity / "video/front" / emotion / "level_1" / f"{number:03d}.mp4"
                write_film(place, green_face(9, 40 + number, 30), fps=30, audio=voice(0.3, seed=number))
    prepare("mead", raw, tmp_path / "FPS25", WHOLE, pack="cmet.training.packed:pack")
    widths = ["--hidden", "64", "--feedforward", "32", "--layers", "1", "--heads", "2", "--batch", "2", "--steps", "2"]
    where = ["--data", str(tmp_path / "FPS25"), "--out", str(tmp_path / "run"), "--device", "cpu", "--no-tensorboard"]
    without = "angry,contempt,disgusted,fear,surprised"
    assert command.main([*where, *widths, "--except-emotions", without], standalone_mode=False) == 0
    lines = [json.loads(line) for line in (tmp_path / "run/losses.jsonl").read_text().splitlines()]
    assert all(np.isfinite(value) for line in lines for value in line.values() if isinstance(value, float))


@pytest.mark.parametrize("corpus", ["mead", "crema_d", "meld", "folder"])
def test_results_may_lie_inside_the_corpus(tmp_path: Path, corpus: str) -> None:
    raw = raw_mead(tmp_path / "raw", count=1) if corpus == "mead" else tmp_path / "raw"
    if corpus != "mead":
        name = "VideoFlash/1001_DFA_NEU_XX" if corpus == "crema_d" else "train_splits/dia0_utt0"
        write_film(raw / f"{name}.mp4", green_face(9, 40, 30), fps=30, audio=voice(0.3))
    out = raw / "FPS25"
    assert prepare(corpus, raw, out, QUICK).made == 1
    before = tree(out)
    again = prepare(corpus, raw, out, QUICK)
    assert (again.clips, again.made) == (1, 0)
    assert tree(out) == before


def test_a_missing_network_is_told_before_the_first_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench import main

    monkeypatch.delenv("CMET_BENCH_WEIGHTS_EMOTION2VEC", raising=False)
    raw = raw_mead(tmp_path / "raw", count=1)
    assert main(["prepare", "mead", str(raw), str(tmp_path / "out"), "--jobs", "1"]) == EXIT_MISSING
    told = capsys.readouterr().err
    assert "weights fetch emotion2vec" in told
    assert "--stage crop --stage sound" in told
    assert not (tmp_path / "out").exists()


def test_sound_files_of_a_folder_give_speech(tmp_path: Path) -> None:
    write_wav(tmp_path / "raw/gemini/envious_1.wav", voice(0.4), rate=24000)
    write_film(tmp_path / "raw/a.mp4", green_face(9, 40, 30), audio=voice(0.3))
    write_wav(tmp_path / "raw/a.wav", voice(0.2, seed=3))
    prepare("folder", tmp_path / "raw", tmp_path / "out", QUICK)
    names = sorted(path.name for path in (tmp_path / "out").glob("*.*") if path.suffix in (".wav", ".mp4"))
    assert names == ["a.mp4", "a.wav", "gemini__envious_1.wav"]
    assert len(read_audio(tmp_path / "out/a.wav").samples) == 3200  # the sound file beside the film wins


@pytest.mark.parametrize("seconds", [0.03, 300.0])
def test_very_short_and_very_long_lines_of_meld(tmp_path: Path, seconds: float) -> None:
    """30 ms have a speech feature, and so have five minutes."""
    samples = np.full((round(seconds * 8000), 6), 1000, dtype=np.int16)
    samples[::7] = -900
    write_extensible_wav(tmp_path / "MELD/dev_splits_complete/dia1_utt1.wav", samples, 8000)
    done = prepare(
        "meld_extended", tmp_path / "MELD", tmp_path / "out", PreparationPlan(("sound", "speech"), speech=WHOLE.speech)
    )
    assert abs(len(read_audio(tmp_path / "out/dev/dia1_utt1.wav").samples) - seconds * 16000) <= 1
    assert done.failures == ()
    feature = np.load(tmp_path / "out/dev/emotion2vec+large_features/dia1_utt1.npy")
    assert feature.shape == (1024,)
    assert np.isfinite(feature).all()


def test_meld_gives_speech_only(tmp_path: Path) -> None:
    write_extensible_wav(tmp_path / "MELD" / "dev_splits_complete" / "dia3_utt1.wav", surround(0.4), 48000)
    write_wav(tmp_path / "MELD" / "train_splits" / "dia125_utt3.wav", voice(0.4))  # known to be bad: left out
    out = tmp_path / "out"
    done = prepare("meld", tmp_path / "MELD", out, PreparationPlan(("crop", "sound", "speech"), FACES, WHOLE.speech))
    assert done.clips == 1
    assert read_audio(out / "dev" / "dia3_utt1.wav").rate == 16000
    assert np.load(out / "dev" / "emotion2vec+large_features" / "dia3_utt1.npy").shape == (1024,)
    assert not list(out.rglob("*.mp4"))


def test_cropped_clips_are_only_brought_to_25_fps(tmp_path: Path) -> None:
    pictures = np.full((12, SIZE, SIZE, 3), 90, np.uint8)  # no face: a tracker would refuse it
    write_film(tmp_path / "raw" / "1001_DFA_NEU_XX.mp4", pictures, fps=30, audio=voice(0.4))
    done = prepare("crema_d", tmp_path / "raw", tmp_path / "out", QUICK)
    assert (done.made, done.failures) == (1, ())
    assert probe(tmp_path / "out" / "1001_DFA_NEU_XX.mp4").frames == 10


def test_remapped_numbers_become_canonical(tmp_path: Path) -> None:
    raw = raw_mead(tmp_path / "raw", count=2)
    table = tmp_path / "remap.csv"
    table.write_text("identity,emotion,level,public,canonical\nM003,neutral,1,2,7\n")
    prepare("mead", raw, tmp_path / "out", QUICK, remap=table)
    folder = tmp_path / "out/M003/front/neutral/level_1"
    assert sorted(path.name for path in folder.glob("*.mp4")) == ["001.mp4", "007.mp4"]


def test_wrong_requests_are_refused_before_any_work(tmp_path: Path) -> None:
    raw, out = raw_mead(tmp_path / "raw", count=1), tmp_path / "out"
    with pytest.raises(UsageError, match="--remap says nothing about crema_d"):
        prepare("crema_d", raw, out, QUICK, remap=tmp_path / "x.csv")
    with pytest.raises(UsageError, match="--split says nothing about mead"):
        prepare("mead", raw, out, QUICK, split="dev")
    with pytest.raises(UsageError, match="split of MELD"):
        prepare("meld", raw, out, QUICK, split="trian")
    with pytest.raises(UsageError, match="no corpus"):
        prepare("meed", raw, out, QUICK)
    with pytest.raises(MissingError, match="no clips"):
        prepare("crema_d", raw, out, QUICK)
    with pytest.raises(UsageError, match="OUT must not be"):
        prepare("mead", raw, raw, QUICK)
    with pytest.raises(MissingError, match="needs its network"):
        prepare("mead", raw, out, PreparationPlan(STAGES, FACES))
    with pytest.raises(UsageError, match="Add --stage crop"):
        prepare("mead", raw, out, PreparationPlan(("codes",), codes=WHOLE.codes))
    prepare("mead", raw, out, QUICK)
    with pytest.raises(UsageError, match="other settings"):
        prepare("mead", raw, out, PreparationPlan(("crop", "sound"), Network(f"{NETWORKS}:faces", {"x": 1})))
    with (out / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UsageError, match="Another prepare"):
            prepare("mead", raw, out, QUICK)
    assert (out / FAILURES).read_text() == "clip,stage,reason,source\n"
