"""What the sync references do to picture and sound before the network, redone: equal to ffmpeg's files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from evaluators.sync import crop as sync_crop
from evaluators.sync import dialect, tracks
from evaluators.sync.audio import AudioPath, cut, whole_sound
from evaluators.sync.ffmpeg import avi_timing, pipeline
from evaluators.sync.ffmpeg.mjpeg import JpegReader
from evaluators.sync.frames import FrameStore, own_frames
from harness.evaluator import ClipContext
from harness.media import VideoReader, read_audio
from harness.media.timing import Timing
from tests.golden import jpeg_parts
from tests.media_samples import film, voice, write_film
from tests.places import CLIPS, GOLDEN

pytestmark = pytest.mark.codec


@pytest.fixture(scope="module")
def answers() -> Mapping[str, np.ndarray]:
    """What ffmpeg 5.1.9 read of the puppets' clips (tests/golden/make_ffmpeg.py)."""
    return np.load(GOLDEN / "sync" / "ffmpeg.npz")


def hashed(frames: np.ndarray) -> list[str]:
    """As stored: of each picture's BGR bytes."""
    return [hashlib.sha256(np.ascontiguousarray(one[..., ::-1]).tobytes()).hexdigest()[:16] for one in frames]


def context(path: Path) -> ClipContext:
    return ClipContext(None, path, read_audio(path).samples)  # type: ignore[arg-type]


@pytest.mark.parametrize(("clip", "chunks"), [("talking", 4), ("second", 2)])
def test_hidden_jpeg_equals_ffmpegs_on_every_pixel(clip: str, chunks: int, answers: Mapping[str, np.ndarray]) -> None:
    reader = JpegReader(CLIPS / f"{clip}.mp4")
    want = answers[f"{clip}_sha"].tolist()
    got = hashed(np.concatenate(list(islice(reader, chunks))))
    assert len(got) >= 60
    assert got == want[: len(got)]
    assert hashed(next(iter(reader))) == want[:32]  # a second pass starts with fresh rate control


def test_scaled_jpeg_is_close_to_ffmpegs(answers: Mapping[str, np.ndarray]) -> None:
    got = np.concatenate(list(islice(JpegReader(CLIPS / "large.mp4", (224, 224)), 2)))
    want = jpeg_parts.pictures(answers, "scaled")
    assert len(want) == 14
    assert np.mean([np.abs(got[index].astype(int) - picture).mean() for index, picture in want.items()]) < 0.35


def test_quality_falls_with_a_frames_place() -> None:
    path = CLIPS / "talking.mp4"
    clean, hidden = (next(iter(reader)).astype(int) for reader in (VideoReader(path), JpegReader(path)))
    error = np.abs(clean - hidden).mean(axis=(1, 2, 3))
    assert error[1] < 0.5 * error[20]


@pytest.mark.parametrize("clip", sorted(path.stem for path in CLIPS.glob("*.mp4")))
def test_pipeline_has_as_many_pictures_as_ffmpeg_makes(clip: str, answers: Mapping[str, np.ndarray]) -> None:
    """By `-qscale:v 2 -async 1 -r 25` to AVI, then `-f image2`."""
    wanted = dict(zip(answers["clips"].tolist(), answers["counts"].tolist(), strict=True))
    assert sum(map(len, pipeline.PipelineReader(CLIPS / f"{clip}.mp4"))) == wanted[clip]


def test_the_rate_of_the_sound_decides_which_frames_come_twice() -> None:
    """44.1 kHz: the second; 16 kHz: the first two. So far does MP3's delay push the picture back."""
    path = CLIPS / "hard_6frames.mp4"
    for rate, order in ((44_100, [0, 1, 1, 2, 3, 4, 5]), (16_000, [0, 0, 1, 1, 2, 3, 4, 5])):
        reader = pipeline.PipelineReader(path, sound_rate=rate)
        assert reader.scene == 6  # OpenCV reads as many from that AVI
        frames, plain = np.concatenate(list(reader)), np.concatenate(list(VideoReader(path)))
        nearest = [int(np.abs(plain.astype(int) - frame).mean(axis=(1, 2, 3)).argmin()) for frame in frames]
        assert nearest == order
    assert [avi_timing.delay_places(rate) for rate in (0, 48_000, 24_000, 8_000)] == [0, 1, 2, 4]


def test_opencv_reads_the_frames_that_an_avi_holds_and_fills_no_place(tmp_path: Path) -> None:
    """Six frames, the second two places late: `-f image2` makes eight pictures of it, PySceneDetect counts six."""
    path = tmp_path / "gap.avi"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for place in (0, 3, 4, 5, 6, 7):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * place, np.uint8), "rgb24")
            frame.pts, frame.time_base = place, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    video, read = cv2.VideoCapture(str(path)), 0
    while video.read()[0]:
        read += 1
    video.release()
    assert read == 6
    assert avi_timing.pictures(Timing((0.0, 0.04, 0.08, 0.12, 0.16, 0.2), 0.04, 1e-4), 0.0, 2).held == 6


def test_free_places_are_filled_as_image2_does() -> None:
    assert avi_timing.filled([]) == []
    assert avi_timing.filled([0, 1, 2]) == [1, 1, 1]
    assert avi_timing.filled([0, 2, 3, 5]) == [1, 2, 1, 2]
    assert avi_timing.filled([0, 5, 10, 15]) == [4, 5, 5, 5]  # and the last goes on


@pytest.mark.parametrize(
    ("rate", "mp4", "avi"),
    [
        ("24000/1001", [*range(13), *range(12, 17)], [*range(13), *range(12, 17)]),
        ("25", [*range(18)], [*range(18)]),
        ("30", [*range(13), *range(14, 19)], [*range(10), 11, 12, 13, 14, 15, 17, 18, 19]),
        ("50", [0, 1, 2, *range(3, 33, 2)], [0, 1, *range(2, 34, 2)]),
        (
            "60",
            [0, 1, 2, 4, 6, 9, 11, 14, 16, 18, 21, 23, 26, 28, 30, 33, 35, 38],
            [0, 1, 3, 5, 8, 10, 12, 15, 17, 20, 22, 24, 27, 29, 32, 34, 36, 39],
        ),
    ],
)
def test_frames_of_r_25_are_those_of_ffmpeg_5(rate: str, mp4: list[int], avi: list[int]) -> None:
    """Frame counters through `ffmpeg -i … -r 25` 5.1.9 into mp4, and into AVI and then JPEGs."""
    step = float(1 / Fraction(rate))
    timing = Timing(tuple(step * k for k in range(300)), step, 1e-5)
    into = {"mp4": avi_timing.constant(timing), "avi": avi_timing.pictures(timing, 0.0, 0).counts}
    for kind, wanted in (("mp4", mp4), ("avi", avi)):
        shown = [k for k, count in enumerate(into[kind]) for _ in range(count)]
        assert shown[:18] == wanted, kind


def test_pipeline_follows_the_reference(answers: Mapping[str, np.ndarray]) -> None:
    """ffmpeg's AVI and JPEGs, the median-filtered crop, OpenCV's XVID file, and ffmpeg's JPEGs of that."""
    frames = np.concatenate(list(pipeline.PipelineReader(CLIPS / "talking.mp4")))
    assert len(frames) == 126
    for index, want in jpeg_parts.pictures(answers, "pipeline").items():
        np.testing.assert_array_equal(frames[index], want)
    track = tracks.Track(0, answers["boxes"], 125)
    crops = (crop for _, crop in sync_crop.crops(frames, 0, track, sync_crop.path(track)))
    got = np.concatenate(list(pipeline.crop_file_frames(crops, "XVID")))
    if int(cv2.__version__.partition(".")[0]) < 5:
        pytest.skip("OpenCV 4 writes another XVID file (the long signature has its version)")
    assert hashed(got) == answers["crop_file_sha"].tolist()


def test_pipeline_of_full_range_video_is_close_to_ffmpegs(answers: Mapping[str, np.ndarray]) -> None:
    """Its black and white are moved to 16 and 235 for MPEG-4 and back for JPEG; the scaler's chroma differs."""
    got = next(iter(pipeline.PipelineReader(CLIPS / "full_range.mp4")))
    for index, want in jpeg_parts.pictures(answers, "full_range").items():
        assert np.abs(got[index].astype(int) - want).mean() < 1.2


@pytest.mark.parametrize(
    ("clip", "stored", "how", "levels"),
    [
        ("talking", "talking_sound", "direct", 0),
        ("second", "second_sound", "direct", 1),
        ("large", "large_sound", "direct", 1),
        ("talking", "pipeline_sound", "mp3", 0),
    ],
)
def test_sound_equals_the_references_wav(
    clip: str, stored: str, how: AudioPath, levels: int, answers: Mapping[str, np.ndarray]
) -> None:
    length, want = int(answers[stored][0]), answers[stored][1:]
    got = whole_sound(context(CLIPS / f"{clip}.mp4"), how)
    assert len(got) == length
    assert np.abs(got[::8].astype(int) - want).max() <= levels


def test_late_sound_is_padded_as_ffmpeg_5_did(answers: Mapping[str, np.ndarray]) -> None:
    clip = context(CLIPS / "hard_audio_starts_late.mp4")
    assert len(whole_sound(clip, "direct")) == int(answers["hard_audio_starts_late_sound"][0])
    assert len(whole_sound(clip, "mp3")) == int(answers["hard_audio_starts_late_mp3"][0])


def test_sound_that_mp3_cannot_hold_is_converted(tmp_path: Path) -> None:
    """Six channels at 96 kHz, as camera files have them: ffmpeg mixes down to two and goes to 48 kHz."""
    path = tmp_path / "six.wav"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=96_000)
        stream.codec_context.layout = "5.1"
        frame = av.AudioFrame.from_ndarray(np.full((1, 6 * 96_000), 1000, np.int16), format="s16", layout="5.1")
        frame.sample_rate = 96_000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    sound = whole_sound(ClipContext(None, path, None), "mp3")  # type: ignore[arg-type]
    assert len(sound) == pytest.approx(16_000, abs=1500)
    assert sound[4000:12000].any()


def test_aac_passes_keep_time() -> None:
    clip = context(CLIPS / "second.mp4")
    plain, twice = whole_sound(clip, "direct")[6400:32000], cut(whole_sound(clip, "aac2"), 10, 49, "aac2")[:25600]
    lags = range(-40, 41)
    fit = [float(np.dot(plain[100:-100].astype(float), np.roll(twice, -lag)[100:-100])) for lag in lags]
    assert lags[int(np.argmax(fit))] == 0


@pytest.mark.parametrize("keep", [1 << 30, 0])
def test_frames_come_again_from_memory_or_from_the_file(keep: int) -> None:
    path = CLIPS / "hard_30fps.mp4"
    store = FrameStore(path, keep_bytes=keep)
    first = [chunk.frames for chunk in store.read()]
    again = [chunk.frames for chunk in store.chunks()]
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))
    assert (again[0] is first[0]) == bool(keep)


def test_a_clip_of_25_has_the_frames_of_every_rule_and_30_its_dialects(tmp_path: Path) -> None:
    """`-r 25` brings frames late, which a signature says; nothing is decoded twice where the rules agree."""
    assert own_frames(context(CLIPS / "talking.mp4"), "ff") == ("decoded", None)
    path = tmp_path / "thirty.mp4"
    write_film(path, film(60, size=(64, 64)), fps=30, audio=voice(2.0))
    name, own = own_frames(context(path), "ff")
    assert (name, dialect.read("eat").rate, dialect.read("clean").rate) == ("ff", "ff", "near")
    assert own is not None
    late, near, coded = (np.concatenate(list(reader)) for reader in (own(), VideoReader(path), VideoReader(path, None)))
    assert (len(late), len(near)) == (52, 50)
    np.testing.assert_array_equal(late[12:14], coded[[12, 14]])
    np.testing.assert_array_equal(near[12:14], coded[[14, 16]])
