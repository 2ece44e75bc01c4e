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
from tests.places import CLIPS


@pytest.fixture(scope="module")
def golden() -> Golden:
    """Our answers about formula pictures and a puppet, by the code that meets the official ones below."""
    return Golden("sound_and_frames")


def mel_and_windows(golden: Golden, prefix: str) -> None:
    speech = golden.array(f"{prefix}_wav_i16").astype(np.float32) / 32768
    frames = int(golden.array(f"{prefix}_n_frames"))
    golden.check(f"{prefix}_wav_head", speech[2000:2032])
    golden.check(f"{prefix}_mel", mel_spectrogram(speech[: frames * 640]))
    golden.check(f"{prefix}_win_start", window_starts(frames))
    windows = mel_windows(speech)
    assert windows.shape == (frames, 1, 80, 16)
    golden.check(f"{prefix}_windows_pick", windows[golden.array(f"{prefix}_pick")])
    golden.check(f"{prefix}_windows_sum", windows.sum(axis=(1, 2, 3)))
    raw = lips_from_audio(audio2lip(), speech, smoothed=False)
    golden.check(f"{prefix}_lip_raw", raw)
    golden.check(f"{prefix}_lip_smooth", smooth(raw))


@pytest.mark.full_size
def test_a_puppets_mel_and_lip_codes(golden: Golden) -> None:
    mel_and_windows(golden, "puppet")


@pytest.mark.full_size
def test_official_mel_and_lip_codes(shared: Path) -> None:
    mel_and_windows(Golden("audio2lip", shared / "golden"), "W009_038")


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
def test_smoothing(count: int) -> None:
    golden = Golden("lip_smoothing")
    golden.check(f"out_n{count}", smooth(golden.tensor(f"in_n{count}")))


def test_smoothing_with_other_kernels() -> None:
    golden = Golden("lip_smoothing")
    track = golden.tensor("in_n50")
    golden.check("out_n50_k5_s2", smooth(track, kernel=5, sigma=2.0))
    golden.check("out_n50_w", smooth(track, weights=(0.2, 0.5, 0.3)))


def formula_picture(height: int, width: int) -> np.ndarray:
    """Rings and stripes in integers: the same uint8 (height, width, 3) on every machine."""
    y, x = np.mgrid[:height, :width]
    rings = (x * x + 2 * y * y) // (height + width) % 256
    return np.stack([rings, (3 * x + y) // 4 % 256, (x * y) // 512 % 256], axis=-1).astype(np.uint8)


SIZES = {"square256": (256, 256), "square512": (512, 512), "upright": (1024, 840)}


def input_of(golden: Golden, name: str, picture: np.ndarray, every: int = 1) -> None:
    tensor = picture_input(picture)
    pixels = fixed_pixels(tensor)[0].transpose(2, 0, 1)
    assert np.array_equal(pixels[:, ::every, ::every], golden.array(f"{name}_u8_chw"))
    golden.check(f"{name}_f32_head", tensor[0, :, 100, 100:116])


@pytest.mark.parametrize("name", SIZES)
def test_picture_input(golden: Golden, name: str) -> None:
    input_of(golden, name, formula_picture(*SIZES[name]), every=8)


def input_of_clip(golden: Golden, name: str, path: Path, every: int = 1) -> None:
    digest, means, heads = hashlib.sha256(), [], []
    for chunk in VideoReader(path, fps=None):
        digest.update(chunk.tobytes())
        if not heads:
            assert np.array_equal(chunk[:3, ::every, ::every], golden.array(f"{name}_u8_thwc_first3"))
        pictures = clip_input(chunk)
        heads.append(pictures[2, :, 100, 100:116])
        means += pictures.double().mean(dim=(1, 2, 3)).tolist()
    assert digest.hexdigest() == str(golden.array(f"{name}_rgb24_sha256"))
    golden.check(f"{name}_f32_head", heads[0])
    golden.check(f"{name}_f32_frame_mean", np.array(means))


def test_clip_input(golden: Golden) -> None:
    input_of_clip(golden, "second", CLIPS / "second.mp4", every=8)


def resized(golden: Golden, name: str, picture: np.ndarray, every: int = 1) -> None:
    for antialias in (True, False):
        key = f"{name}_resized_aa{int(antialias)}"
        tensor = clip_input(picture[None], antialias=antialias)[0]
        golden.check(f"{key}_crop", tensor[:, 100:132, 100:132])
        pixels = fixed_pixels(tensor[None])[0].transpose(2, 0, 1).astype(int)[:, ::every, ::every]
        assert np.abs(pixels - golden.array(f"{key}_u8")).max() <= 1


def test_resized_clip(golden: Golden) -> None:
    resized(golden, "square450", formula_picture(450, 450), every=8)


def test_official_pictures_and_clip(shared: Path, tmp_path: Path) -> None:
    stored = Golden("image_preproc", shared / "golden")
    for name in ("sydney", "leijun512", "uncrop840x1024", "w009"):
        picture = Image.open(io.BytesIO(stored.array(f"{name}_file").tobytes())).convert("RGB")
        input_of(stored, name, np.asarray(picture))
    stored = Golden("video_preproc", shared / "golden")
    (tmp_path / "clip.mp4").write_bytes(stored.array("w009_mp4_file").tobytes())
    input_of_clip(stored, "w009", tmp_path / "clip.mp4")
    resized(stored, "obama450", stored.array("obama450_u8_first"))


@pytest.mark.parametrize("name", ["a", "b"])
@pytest.mark.parametrize(("chunk", "most_held"), [(1, 512), (4, 512), (6, 512), (1, 2)])
def test_official_stretch_of_a_clip_in_chunks(name: str, chunk: int, most_held: int) -> None:
    golden = Golden("save_video")
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
