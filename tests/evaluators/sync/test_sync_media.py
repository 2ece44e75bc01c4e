"""What the sync references do to picture and sound before the network, redone: equal to ffmpeg's files."""

from __future__ import annotations

from itertools import islice, pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from evaluators.sync import crop as sync_crop
from evaluators.sync import tracks
from evaluators.sync.audio import AudioPath, cut, heard
from evaluators.sync.ffmpeg import avi_timing, pipeline
from evaluators.sync.ffmpeg.mjpeg import JpegReader
from evaluators.sync.frames import FrameStore
from harness.evaluator import ClipContext
from harness.media import VideoReader, read_audio


def jpegs(stored: dict, count: int) -> np.ndarray:
    """The first `count` of the reference's JPEG files as RGB frames."""
    ends = np.r_[0, np.cumsum(stored["jpg_len"][:count])]
    files = [stored["jpg_bytes"][a:b] for a, b in pairwise(ends)]
    return np.stack([cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1] for file in files])


def context(path: Path) -> ClipContext:
    return ClipContext(None, path, read_audio(path).samples)  # type: ignore[arg-type]


@pytest.mark.parametrize(("clip", "chunks"), [("hdtf_radio1", 4), ("edtalk_a", 2)])
def test_hidden_jpeg_equals_ffmpegs_on_every_pixel(clip: str, chunks: int, shared: Path) -> None:
    reader = JpegReader(shared / "real" / "clips" / f"{clip}.mp4")
    got = np.concatenate(list(islice(reader, chunks)))
    want = jpegs(np.load(shared / "golden" / "metrics" / f"syncnet_w2l_{clip}.npz"), len(got))
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(next(iter(reader)), want[:32])  # a second pass starts with fresh rate control


def test_scaled_jpeg_is_close_to_ffmpegs(shared: Path) -> None:
    reader = JpegReader(shared / "real" / "clips" / "edtalk_radio51_512.mp4", (224, 224))
    got = np.concatenate(list(islice(reader, 2)))
    want = jpegs(np.load(shared / "golden" / "metrics" / "syncnet_eat_edtalk_radio51_512.npz"), len(got))
    assert np.abs(got.astype(int) - want).mean() < 0.35


def test_quality_falls_with_a_frames_place(shared: Path) -> None:
    path = shared / "real" / "clips" / "hdtf_radio1.mp4"
    clean, hidden = (next(iter(reader)).astype(int) for reader in (VideoReader(path), JpegReader(path)))
    error = np.abs(clean - hidden).mean(axis=(1, 2, 3))
    assert error[1] < 0.5 * error[20]


#: Pictures that ffmpeg 5.1.9 makes of each clip by `-qscale:v 2 -async 1 -r 25` to AVI, then `-f image2`.
PICTURES = {
    "hard_100frames": 101,
    "hdtf_radio1": 126,
    "mead_w009_038": 177,
    "edtalk_a": 253,
    "float_altman": 378,
    "hard_30fps": 52,
    "hard_vfr": 50,
    "hard_noface": 32,
    "hard_audio_starts_late": 51,
    "silent_30fps": 325,
}


@pytest.mark.parametrize("clip", PICTURES)
def test_pipeline_has_as_many_pictures_as_ffmpeg_makes(clip: str, shared: Path) -> None:
    reader = pipeline.PipelineReader(shared / "real" / "clips" / f"{clip}.mp4")
    assert sum(reader._counts) == PICTURES[clip]


def test_the_rate_of_the_sound_decides_which_frames_come_twice(shared: Path) -> None:
    """44.1 kHz: the second; 16 kHz: the first two. So far does MP3's delay push the picture back."""
    path = shared / "real" / "clips" / "hard_6frames.mp4"
    for rate, order, repeats in ((44_100, [0, 1, 1, 2, 3, 4, 5], {2}), (16_000, [0, 0, 1, 1, 2, 3, 4, 5], {1, 3})):
        reader = pipeline.PipelineReader(path, sound_rate=rate)
        assert reader.repeats == repeats
        assert np.repeat(range(6), reader._counts).tolist() == order
        frames, plain = np.concatenate(list(reader)), np.concatenate(list(VideoReader(path)))
        nearest = [int(np.abs(plain.astype(int) - frame).mean(axis=(1, 2, 3)).argmin()) for frame in frames]
        assert nearest == order
    assert [avi_timing.delay_places(rate) for rate in (0, 48_000, 24_000, 8_000)] == [0, 1, 2, 4]


def test_free_places_are_filled_as_image2_does() -> None:
    assert avi_timing.filled([]) == []
    assert avi_timing.filled([0, 1, 2]) == [1, 1, 1]
    assert avi_timing.filled([0, 2, 3, 5]) == [1, 2, 1, 2]
    assert avi_timing.filled([0, 5, 10, 15]) == [4, 5, 5, 5]  # and the last goes on


def test_pipeline_follows_the_reference(shared: Path) -> None:
    stored = np.load(shared / "golden" / "metrics" / "syncnet_crop_hdtf_radio1.npz")
    frames = np.concatenate(list(pipeline.PipelineReader(shared / "real" / "clips" / "hdtf_radio1.mp4")))
    assert len(frames) == 126
    ends = np.r_[0, np.cumsum(stored["src_jpg_len"])]
    for k, index in enumerate(stored["ids"]):
        want = cv2.imdecode(stored["src_jpg"][ends[k] : ends[k + 1]], cv2.IMREAD_COLOR)[..., ::-1]
        assert np.abs(frames[index].astype(int) - want).mean() < 0.05
    track = tracks.Track(0, stored["bbox"], 125)
    crops = (crop for _, crop in sync_crop.crops(frames, 0, track, sync_crop.path(track)))
    got = np.concatenate(list(pipeline.crop_file_frames(crops, "XVID")))
    want = jpegs(np.load(shared / "golden" / "metrics" / "syncnet_joon_hdtf_radio1.npz"), len(got))
    np.testing.assert_array_equal(got[0], want[0])
    assert np.abs(got.astype(int) - want).mean() < 1.0


@pytest.mark.parametrize(
    ("clip", "golden", "how", "levels"),
    [
        ("hdtf_radio1", "w2l_hdtf_radio1", "direct", 0),
        ("edtalk_a", "w2l_edtalk_a", "direct", 1),
        ("edtalk_radio51_512", "eat_edtalk_radio51_512", "direct", 1),
        ("hdtf_radio1", "joon_hdtf_radio1", "mp3", 0),
    ],
)
def test_sound_equals_the_references_wav(clip: str, golden: str, how: AudioPath, levels: int, shared: Path) -> None:
    want = np.load(shared / "golden" / "metrics" / f"syncnet_{golden}.npz")["audio"]
    sound = heard(context(shared / "real" / "clips" / f"{clip}.mp4"), how)
    got = cut(sound, 0, 124, how) if how == "mp3" else sound
    assert len(got) == len(want)
    assert np.abs(got.astype(int) - want).max() <= levels


def test_late_sound_is_padded_as_ffmpeg_5_did(shared: Path) -> None:
    clip = context(shared / "real" / "clips" / "hard_audio_starts_late.mp4")
    assert len(heard(clip, "direct")) == 32166
    assert len(heard(clip, "mp3")) == 32601  # 30093 without the padding: the sound four frames early


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
    sound = heard(ClipContext(None, path, None), "mp3")  # type: ignore[arg-type]
    assert len(sound) == pytest.approx(16_000, abs=1500)
    assert sound[4000:12000].any()


def test_aac_passes_keep_time(shared: Path) -> None:
    clip = context(shared / "real" / "clips" / "edtalk_a.mp4")
    plain, twice = heard(clip, "direct")[6400:38400], cut(heard(clip, "aac2"), 10, 59, "aac2")[:32000]
    lags = range(-40, 41)
    fit = [float(np.dot(plain[100:-100].astype(float), np.roll(twice, -lag)[100:-100])) for lag in lags]
    assert lags[int(np.argmax(fit))] == 0


@pytest.mark.parametrize("keep", [1 << 30, 0])
def test_frames_come_again_from_memory_or_from_the_file(keep: int, shared: Path) -> None:
    path = shared / "real" / "clips" / "hard_30fps.mp4"
    store = FrameStore(path, pipeline=False, keep_bytes=keep)
    first = [chunk.frames for chunk in store.read()]
    again = [chunk.frames for chunk in store.chunks()]
    np.testing.assert_array_equal(np.concatenate(first), np.concatenate(again))
    assert (again[0] is first[0]) == bool(keep)
