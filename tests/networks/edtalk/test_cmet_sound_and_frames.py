"""What goes into and comes out of the networks: mel windows, lip codes, resized pictures, pixels of a video."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.media.video import VideoReader
from networks.edtalk.frames import clip_input, fixed_pixels, picture_input, stretched_pixels
from networks.edtalk.generator import Audio2Lip
from networks.edtalk.lips import lips_from_audio, smooth
from networks.edtalk.mel import mel_batches, mel_spectrogram, mel_windows, window_starts
from tests.cmet_golden import Golden, audio2lip

WAV = "W009_038"


@pytest.fixture
def speech(shared: Path) -> np.ndarray:
    return Golden(shared, "audio2lip").array(f"{WAV}_wav_i16").astype(np.float32) / 32768


def test_mel_and_its_windows(shared: Path, speech: np.ndarray) -> None:
    golden = Golden(shared, "audio2lip")
    frames = int(golden.array(f"{WAV}_n_frames"))
    golden.check(f"{WAV}_wav_head", speech[2000:2032])
    golden.check(f"{WAV}_mel", mel_spectrogram(speech[: frames * 640]))
    golden.check(f"{WAV}_win_start", window_starts(frames))
    windows = mel_windows(speech)
    assert windows.shape == (frames, 1, 80, 16)
    golden.check(f"{WAV}_windows_pick", windows[golden.array(f"{WAV}_pick")])
    golden.check(f"{WAV}_windows_sum", windows.sum(axis=(1, 2, 3)))


def test_lip_codes_from_sound(shared: Path, speech: np.ndarray) -> None:
    golden = Golden(shared, "audio2lip")
    raw = lips_from_audio(audio2lip(), speech, smoothed=False)
    golden.check(f"{WAV}_lip_raw", raw)
    golden.check(f"{WAV}_lip_smooth", smooth(raw))


def test_window_starts_truncate_toward_zero() -> None:
    frames = 3000
    assert window_starts(frames).tolist() == [int(80.0 * (frame - 2) / 25) for frame in range(frames)]


def test_long_sound_gives_the_windows_of_its_parts() -> None:
    """60 s cross several of the spectrum's chunks; a window in the middle must not notice."""
    sound = np.random.default_rng(5).standard_normal(16000 * 60).astype(np.float32) * 0.1
    whole = mel_windows(sound)
    part = mel_windows(sound[16000 * 20 : 16000 * 30])
    np.testing.assert_allclose(whole[20 * 25 + 5 : 30 * 25 - 5], part[5:-5], rtol=0, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, 639])
def test_sound_shorter_than_a_frame_has_no_lips(samples: int) -> None:
    model = Audio2Lip(lip=4, width=2).eval()
    assert lips_from_audio(model, np.zeros(samples, dtype=np.float32)).shape == (0, 4)


def test_batches_of_windows_are_all_windows() -> None:
    sound = np.random.default_rng(3).normal(0, 0.1, 26 * 16000).astype(np.float32)  # its spectrum has two parts
    batches = list(mel_batches(sound, 64))
    assert [len(batch) for batch in batches] == [64] * 10 + [10]
    np.testing.assert_array_equal(np.concatenate(batches), mel_windows(sound))
    assert list(mel_batches(sound[:639], 64)) == []


def test_silence_is_the_floor_of_the_mel_scale() -> None:
    assert np.unique(mel_windows(np.zeros(6400, dtype=np.float32))).tolist() == [-4.0]


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_smoothing(shared: Path, count: int) -> None:
    golden = Golden(shared, "lip_smoothing")
    golden.check(f"out_n{count}", smooth(golden.tensor(f"in_n{count}")))


def test_smoothing_with_other_kernels(shared: Path) -> None:
    golden = Golden(shared, "lip_smoothing")
    track = golden.tensor("in_n50")
    golden.check("out_n50_k5_s2", smooth(track, kernel=5, sigma=2.0))
    golden.check("out_n50_w", smooth(track, weights=(0.2, 0.5, 0.3)))


@pytest.mark.parametrize("name", ["sydney", "leijun512", "uncrop840x1024", "w009"])
def test_picture_input(shared: Path, name: str) -> None:
    golden = Golden(shared, "image_preproc")
    picture = Image.open(io.BytesIO(golden.array(f"{name}_file").tobytes())).convert("RGB")
    tensor = picture_input(np.asarray(picture))
    assert np.array_equal(fixed_pixels(tensor)[0].transpose(2, 0, 1), golden.array(f"{name}_u8_chw"))
    golden.check(f"{name}_f32_head", tensor[0, :, 100, 100:116])


def test_clip_input(shared: Path, tmp_path: Path) -> None:
    golden = Golden(shared, "video_preproc")
    path = tmp_path / "clip.mp4"
    path.write_bytes(golden.array("w009_mp4_file").tobytes())
    digest, means, heads = hashlib.sha256(), [], []
    reader = VideoReader(path, fps=None)
    for chunk in reader:
        digest.update(chunk.tobytes())
        if not heads:
            assert np.array_equal(chunk[:3], golden.array("w009_u8_thwc_first3"))
        pictures = clip_input(chunk)
        heads.append(pictures[2, :, 100, 100:116])
        means += pictures.double().mean(dim=(1, 2, 3)).tolist()
    assert digest.hexdigest() == str(golden.array("w009_rgb24_sha256"))
    golden.check("w009_f32_head", heads[0])
    golden.check("w009_f32_frame_mean", np.array(means))


@pytest.mark.parametrize("antialias", [True, False])
def test_resized_clip(shared: Path, antialias: bool) -> None:
    golden = Golden(shared, "video_preproc")
    name = f"obama450_resized_aa{int(antialias)}"
    resized = clip_input(golden.array("obama450_u8_first")[None], antialias=antialias)[0]
    golden.check(f"{name}_crop", resized[:, 100:132, 100:132])
    pixels = fixed_pixels(resized[None])[0].transpose(2, 0, 1).astype(int)
    assert np.abs(pixels - golden.array(f"{name}_u8")).max() <= 1


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize(("chunk", "most_held"), [(1, 512), (4, 512), (6, 512), (1, 2)])
def test_official_stretch_of_a_clip_in_chunks(shared: Path, name: str, chunk: int, most_held: int) -> None:
    golden = Golden(shared, "save_video")
    frames = golden.tensor(f"in_{name}")[0].transpose(0, 1)
    golden.check(f"out_{name}_thwc", np.concatenate(list(stretched_pixels(lambda: frames.split(chunk), most_held))))


def test_stretch_streams_once_both_ends_were_seen() -> None:
    full = torch.linspace(-1, 1, 192).reshape(1, 3, 8, 8)
    taken: list[int] = []

    def chunks():
        for index in range(3):
            taken.append(index)
            yield full * (0.5 if index == 0 else 1.0)

    stream = stretched_pixels(chunks)
    next(stream)
    assert taken == [0, 1]
    assert len(list(stream)) == 2


def test_a_clip_of_one_colour_is_written_as_it_is() -> None:
    grey = torch.zeros(2, 3, 4, 4)
    assert np.unique(np.concatenate(list(stretched_pixels(lambda: [grey])))).tolist() == [128]
    assert list(stretched_pixels(list)) == []


def test_fixed_mapping_gives_back_every_pixel_value() -> None:
    pixels = np.arange(256 * 3, dtype=np.int64).reshape(1, 16, 16, 3).astype(np.uint8)
    assert np.array_equal(fixed_pixels(clip_input(pixels, size=16)), pixels)
    assert fixed_pixels(torch.tensor([-7.0, 7.0, 0.0]).view(1, 3, 1, 1)).flatten().tolist() == [0, 255, 128]
