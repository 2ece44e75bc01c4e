"""Editing: the released program's own end-to-end numbers, and everything a user may hand in."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cmet.connector import Connector
from cmet.edit import FADE_FRAMES, Editor, Tracks, blended, read_schedule
from cmet.emotion_pools import Names, Pool, keep, neutral_beside, pools
from harness.errors import UsageError
from harness.media import VideoReader, VideoWriter, read_image, write_wav
from harness.seeded import fill, seeded_array
from networks.edtalk.frames import clip_input
from networks.edtalk.generator import Audio2Lip, Generator
from networks.edtalk.talker import Networks, Talker
from networks.emotion2vec.features import FEATURE_FOLDER
from tests import cmet_golden
from tests.cmet_golden import Golden
from tests.places import CLIPS

Released = tuple[Golden, Editor, Tracks, Path]


def released(golden: Golden, clip_: Path, picture: Path, speech: Path, folder: Path) -> Released:
    """The released program's inputs: files on disk, 28 pose frames, the golden's sound; a folder of emotions."""
    write_wav(folder / "sound.wav", golden.array("wav_i16").astype(np.float32) / 32768)
    talker = Talker(Networks(cmet_golden.generator(), cmet_golden.audio2lip(), connector=cmet_golden.connector()))
    first = next(iter(VideoReader(clip_, fps=None, chunk=int(golden.array("n_pose")))))
    codes = talker.networks.generator.codes([clip_input(first)])
    lips = talker.lips(folder / "sound.wav")
    tracks = Tracks(read_image(picture), lips, codes.pose, codes.exp, len(lips))
    return golden, Editor(talker, official=True), tracks, speech


def ours(folder: Path, golden: Golden | None = None) -> Released:
    """The released program's options on a puppet; the stored answers are of the code that meets the official ones."""
    golden = golden or Golden("inference_e2e")
    source = folder / "source.png"
    Image.fromarray(golden.pixels("source").transpose(1, 2, 0)).save(source)
    for emotion in ("neutral", "happy"):
        (folder / emotion / FEATURE_FOLDER).mkdir(parents=True)
        for k in range(12):
            np.save(folder / emotion / FEATURE_FOLDER / f"{k:02d}.npy", seeded_array(f"{emotion}/{k}", (1024,)))
    return released(golden, CLIPS / "second.mp4", source, folder, folder)


def official(shared: Path, folder: Path) -> Released:
    golden = Golden("inference_e2e", shared / "golden")
    for name, key in (("pose.mp4", "mp4_file"), ("source.png", "source_file_bytes")):
        (folder / name).write_bytes(golden.array(key).tobytes())
    speech = shared / "real" / "emotion_speech" / "MEAD"
    return released(golden, folder / "pose.mp4", folder / "source.png", speech, folder)


def released_edit(given: Released, every: int = 1) -> None:
    """Lips and codes, the picks and the expressions, and three pictures of the edit."""
    golden, editor, tracks, speech = given
    golden.check("lip", tracks.lip)
    golden.check("source_exp", tracks.expression)
    golden.check("source_pose", tracks.pose)
    (happy,) = pools([str(speech / "happy")])
    difference = editor.difference(happy, neutral_beside([str(speech / "happy")]))
    golden.check("e2v_dir", difference[None, None])
    golden.check("exp_per_frame", editor.expressions(tracks, [difference])[0])
    wrong = np.abs(released_pictures(given, every).astype(int) - golden.array("out_u8_frames_0_20_last").astype(int))
    assert wrong.max() <= 1
    assert (wrong > 0).mean() < 1e-3


def released_pictures(given: Released, every: int) -> np.ndarray:
    """Frames 0, 20 and 35 as the released program stretches them, with the golden's expression and limits."""
    golden, editor, tracks, _ = given
    expression = golden.tensor("exp_per_frame")
    rows = [0, 20, 35]
    pose = tracks.pose[[0, 20, 27]]
    raw = torch.cat(list(editor.talker.render(tracks.picture, tracks.lip[rows], pose, expression[rows], 3)))
    low, high = float(golden.array("raw_min")), float(golden.array("raw_max"))
    made = ((raw.clamp(-1, 1) - low) / (high - low) * 255).permute(0, 2, 3, 1).numpy().astype(np.uint8)
    return made[:, ::every, ::every]


@pytest.mark.full_size
def test_released_edit_of_a_puppet(tmp_path: Path) -> None:
    released_edit(ours(tmp_path), every=4)


@pytest.mark.full_size
def test_released_edit_is_the_official_one(shared: Path, tmp_path: Path) -> None:
    released_edit(official(shared, tmp_path))


@pytest.fixture(scope="module")
def small() -> Editor:
    """Tiny networks of the same classes; their pictures mean nothing, their tracks and lengths do."""
    generator = Generator(size=32, style=40, channels={4: 8, 8: 8, 16: 8, 32: 8})
    connector = Connector(hidden=32, speech=8, layers=1, feedforward=32)
    nets = [module.eval() for module in (generator, Audio2Lip(width=4), connector)]
    for module in nets:
        fill(module)
    return Editor(Talker(Networks(nets[0], nets[1], connector=nets[2])))


def clip(path: Path, frames: int, fps: int = 25) -> Path:
    rng = np.random.default_rng(frames)
    with VideoWriter(path, 32, 32, fps=fps) as writer:
        for _ in range(frames):
            writer.write(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8))
    return path


def sound(path: Path, frames: int) -> Path:
    write_wav(path, np.random.default_rng(0).normal(0, 0.1, frames * 640).astype(np.float32))
    return path


@pytest.mark.slow
@pytest.mark.parametrize(("pose_frames", "fps", "sound_frames"), [(1, 25, 30), (7, 25, 30), (60, 30, 10), (12, 50, 40)])
def test_any_clip_gives_exactly_the_sounds_length(
    small: Editor, tmp_path: Path, pose_frames: int, fps: int, sound_frames: int
) -> None:
    tracks = small.tracks(
        np.zeros((32, 32, 3), np.uint8),
        sound(tmp_path / "a.wav", sound_frames),
        clip(tmp_path / "p.mp4", pose_frames, fps),
    )
    (expression,) = small.expressions(tracks, [np.ones(8, np.float32)])
    frames = list(small.render(tracks, expression))
    assert (len(expression), len(frames)) == (sound_frames, sound_frames)
    assert all(frame.shape == (32, 32, 3) and frame.dtype == np.uint8 for frame in frames)


def test_a_short_pose_goes_back_and_forth_and_is_held_in_the_released_program(small: Editor, tmp_path: Path) -> None:
    inputs = np.zeros((32, 32, 3), np.uint8), sound(tmp_path / "a.wav", 60), clip(tmp_path / "p.mp4", 26)
    ours, theirs = (Editor(small.talker, official).tracks(*inputs) for official in (False, True))
    assert torch.equal(ours.pose, torch.cat([theirs.pose, theirs.pose.flip(0), theirs.pose[:8]]))
    assert len(theirs.pose) == 26  # the renderer holds the last one


def test_the_expression_may_be_a_picture_s(small: Editor, tmp_path: Path) -> None:
    face = np.random.default_rng(5).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(face).save(tmp_path / "face.png")
    given = face, sound(tmp_path / "a.wav", 6), clip(tmp_path / "p.mp4", 4)
    tracks = small.tracks(*given, expression=tmp_path / "face.png")
    assert torch.equal(tracks.expression, small.talker.picture_codes(face).exp)
    assert torch.equal(tracks.pose, small.tracks(*given).pose)
    (expression,) = small.expressions(tracks, [np.ones(8, np.float32)])
    assert expression.shape == (6, tracks.expression.shape[1])


@pytest.mark.parametrize("frames", [1, 24])
def test_released_program_would_hang_on_a_short_clip(small: Editor, tmp_path: Path, frames: int) -> None:
    editor = Editor(small.talker, official=True)
    with pytest.raises(UsageError, match="below 25 the released program never ends"):
        editor.tracks(np.zeros((32, 32, 3), np.uint8), sound(tmp_path / "a.wav", 5), clip(tmp_path / "p.mp4", frames))


def test_a_sound_with_values_that_are_no_numbers_is_one_sentence(small: Editor, tmp_path: Path) -> None:
    values = np.full(6400, np.nan, "<f4").tobytes()
    facts = struct.pack("<IHHIIHH", 16, 3, 1, 16000, 64000, 4, 32)  # 32-bit floats, as editors export them
    size = struct.pack("<I", len(values))
    riff = b"WAVEfmt " + facts + b"data" + size + values
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(riff)) + riff)
    with pytest.raises(UsageError, match=r"a\.wav' holds values that are no numbers"):
        small.tracks(np.zeros((32, 32, 3), np.uint8), tmp_path / "a.wav", clip(tmp_path / "p.mp4", 1))


def test_edits_together_equal_edits_alone(small: Editor, tmp_path: Path) -> None:
    tracks = small.tracks(np.zeros((32, 32, 3), np.uint8), sound(tmp_path / "a.wav", 20), clip(tmp_path / "p.mp4", 20))
    one, two = np.ones(8, np.float32), np.linspace(-1, 1, 8, dtype=np.float32)
    together = small.expressions(tracks, [one, two])
    alone = [small.expressions(tracks, [part])[0] for part in (one, two)]
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=0)


@pytest.mark.slow
def test_a_schedule_shows_each_emotion_as_its_plain_edit_does(small: Editor, tmp_path: Path) -> None:
    tracks = small.tracks(np.zeros((32, 32, 3), np.uint8), sound(tmp_path / "a.wav", 60), clip(tmp_path / "p.mp4", 60))
    both = {"happy": np.full(8, 3.0, np.float32), "sad": np.full(8, -2.0, np.float32)}
    happy, sad = small.expressions(tracks, list(both.values()))
    steps = read_schedule("0:neutral,0.8:happy,1.6:sad", list(both))
    track = small.scheduled(tracks, steps, both, 1.0)
    torch.testing.assert_close(track[:20], tracks.expression[:20])
    torch.testing.assert_close(track[20 + FADE_FRAMES : 40], happy[20 + FADE_FRAMES : 40])
    torch.testing.assert_close(track[40 + FADE_FRAMES :], sad[40 + FADE_FRAMES :])
    halfway = 40 + FADE_FRAMES // 2 - 1
    torch.testing.assert_close(track[halfway], (happy[halfway] + sad[halfway]) / 2)
    torch.testing.assert_close(small.scheduled(tracks, [(0.0, "happy")], both, 1.0), happy)


@pytest.mark.slow
def test_only_frames_that_can_be_seen_are_encoded(small: Editor, tmp_path: Path) -> None:
    picture, wav = np.zeros((32, 32, 3), np.uint8), sound(tmp_path / "a.wav", 12)
    whole = clip(tmp_path / "p.mp4", 70)
    tracks = small.tracks(picture, wav, whole, whole)
    assert (len(tracks.expression), len(tracks.lip)) == (15, 12)
    codes = small.talker.clip_codes(whole)
    everything = Tracks(picture, tracks.lip, codes.pose, codes.exp, 12)
    difference = [np.ones(8, np.float32)]
    assert torch.equal(small.expressions(tracks, difference)[0], small.expressions(everything, difference)[0])


def test_the_expression_may_come_from_another_clip_than_the_pose(small: Editor, tmp_path: Path) -> None:
    picture, wav = np.zeros((32, 32, 3), np.uint8), sound(tmp_path / "a.wav", 12)
    pose, other = clip(tmp_path / "p.mp4", 20), clip(tmp_path / "e.mp4", 20, fps=50)
    tracks = small.tracks(picture, wav, pose, expression=other)
    assert torch.equal(tracks.pose, small.talker.clip_codes(pose, limit=12).pose)
    assert torch.equal(tracks.expression, small.talker.clip_codes(other, limit=15).exp)
    assert not torch.equal(tracks.expression[:5], small.talker.clip_codes(pose, limit=15).exp[:5])


def test_released_length_with_lips_from_a_clip_is_that_clips(small: Editor, tmp_path: Path) -> None:
    editor = Editor(small.talker, official=True)
    pose, lips = clip(tmp_path / "p.mp4", 30), clip(tmp_path / "l.mp4", 11, fps=50)
    tracks = editor.tracks(np.zeros((32, 32, 3), np.uint8), sound(tmp_path / "a.wav", 20), pose, lips)
    assert (
        tracks.frames,
        len(list(editor.render(tracks, editor.expressions(tracks, [np.ones(8, np.float32)])[0]))),
    ) == (11, 11)


def test_blend_and_intensity_are_linear_in_speech() -> None:
    a, b = np.ones(3, np.float32), np.arange(3, dtype=np.float32)
    np.testing.assert_allclose(blended([a, b], [0.5, 2.0]), 0.5 * a + 2.0 * b)
    with pytest.raises(ValueError, match=r"shorter|longer"):
        blended([a], [1.0, 2.0])


@pytest.mark.parametrize(
    "text", ["happy", "0:joy", "-1:happy", "x:happy", "0:happy,", "nan:happy", "0:happy,inf:happy"]
)
def test_a_wrong_schedule_is_one_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="not SECONDS:NAME"):
        read_schedule(text, ["happy"])


def features(folder: Path, count: int, width: int = 1024) -> Path:
    (folder / FEATURE_FOLDER).mkdir(parents=True)
    for k in range(count):
        np.save(folder / FEATURE_FOLDER / f"u{k:02d}.npy", np.full(width, k, np.float32))
    return folder


def test_pools_from_folders_files_and_kept_names(tmp_path: Path) -> None:
    odd = tmp_path / "o'dd näme $x"
    happy, _ = features(odd / "happy", 1), features(odd / "neutral", 12)
    (odd / "happy" / "README.txt").write_text("foreign")
    wav = sound(odd / "a b.wav", 2)
    found = pools([str(happy), str(wav)])
    assert [pool.name for pool in found] == ["happy", "a b"]
    assert (found[0].entries(), found[0].needs_network, found[1].needs_network) == (["u00"], False, True)
    assert neutral_beside([str(happy)]).features == odd / "neutral" / FEATURE_FOLDER
    keep("my joy", np.arange(8, dtype=np.float32))
    assert pools(["my joy"])[0].kept is not None
    with pytest.raises(UsageError, match="neither a file nor a folder nor an emotion"):
        pools([str(tmp_path / "nothing")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no sound files"):
        pools([str(tmp_path / "empty")])
    with pytest.raises(UsageError, match="no folder 'neutral' beside"):
        neutral_beside([str(tmp_path / "empty")])


def test_emotions_keep_the_order_they_were_given_in(tmp_path: Path) -> None:
    sad, joy, more = features(tmp_path / "sad", 1), sound(tmp_path / "joy.wav", 2), sound(tmp_path / "a.wav", 2)
    assert [pool.name for pool in pools([str(joy), str(sad), str(more)])] == ["joy", "sad"]
    assert [pool.name for pool in pools([str(sad), str(joy)])] == ["sad", "joy"]


def test_emotions_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "cache"))
    for name in ("MEAD/happy", "MEAD/neutral", "gemini/happy", "gemini/envious"):
        features(tmp_path / name, 3)
    (tmp_path / "MEAD" / "empty").mkdir()
    names = Names(tmp_path, {"sad": lambda: [Path("s.wav")]})
    found = pools(["happy", "envious", "sad"], names=names)
    assert [pool.name for pool in found] == ["happy", "envious", "sad"]
    assert found[0].features == tmp_path / "MEAD" / "happy" / FEATURE_FOLDER
    assert found[2].sounds == (Path("s.wav"),)
    assert neutral_beside(["envious"], names=names).features == tmp_path / "MEAD" / "neutral" / FEATURE_FOLDER
    with pytest.raises(UsageError, match="neither") as error:
        pools(["empty"], names=names)
    assert error.value.cure.endswith("envious, happy, neutral, sad.")
    with pytest.raises(UsageError, match="is not a folder"):
        pools(["happy"], names=Names(tmp_path / "none"))


def test_foreign_files_beside_speech_do_no_harm(tmp_path: Path) -> None:
    wav = sound(tmp_path / "a.wav", 2)
    (tmp_path / "._a.wav").write_bytes(b"\0\5\x16\7")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "sub.wav").mkdir()
    assert pools([str(tmp_path)])[0].sounds == (wav,)
    folder = features(tmp_path / "happy", 2)
    (folder / FEATURE_FOLDER / "._u00.npy").write_bytes(b"\0")
    assert pools([str(folder)])[0].entries() == ["u00", "u01"]
    np.save(folder / FEATURE_FOLDER / "codes.npy", np.zeros((7, 10), np.float32))
    with pytest.raises(UsageError, match=r"codes\.npy is no speech feature: expected 1024 .* found shape \(7, 10\)"):
        pools([str(folder)])[0].entries()


def test_features_of_another_network_give_way_to_the_sounds_beside_them(tmp_path: Path) -> None:
    folder = features(tmp_path / "happy", 2)
    with pytest.raises(UsageError, match=r"u00\.npy is no speech feature: expected 8 .* found shape \(1024,\)"):
        pools([str(folder)], width=8)[0].entries()
    wav = sound(folder / "a.wav", 2)
    assert pools([str(folder)], width=8)[0].sounds == (wav,)
    assert pools([str(folder)])[0].entries() == ["u00", "u01"]
    small_ones = features(tmp_path / "sad", 3, width=8)
    assert pools([str(small_ones)], width=8)[0].vectors(["u02"], None).tolist() == [[2.0] * 8]
    with pytest.raises(UsageError, match="is one feature file"):
        pools([str(small_ones / FEATURE_FOLDER / "u00.npy")], width=8)


def test_one_utterance_is_enough_and_picks_repeat(small: Editor, tmp_path: Path) -> None:
    happy, neutral = features(tmp_path / "happy", 1), features(tmp_path / "neutral", 12)
    target, calm = pools([str(happy)])[0], pools([str(neutral)])[0]
    first = small.difference(target, calm, num_samples=3)
    np.testing.assert_array_equal(first, small.difference(target, calm, num_samples=3))
    assert first.shape == (1024,)
    assert Pool("x", kept=Path("y")).needs_network is False
