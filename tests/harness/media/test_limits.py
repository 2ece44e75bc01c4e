"""What is read is bounded: formats, lengths, gaps, rates, sizes and memory; a reason says what was found."""

from __future__ import annotations

import tracemalloc
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from harness.errors import MediaError, UsageError
from harness.media import VideoReader, read_audio
from harness.media.resample import resample
from tests.media_samples import film, voice, write_film, write_late, write_stamped


def _refused(path: Path) -> MediaError:
    with pytest.raises(MediaError) as caught:
        VideoReader(path)
    assert str(path) in caught.value.what
    return caught.value


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.txt", "12:30.mp4"])
def test_lists_of_files_are_never_opened(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that names itself would be opened for ever; no setting changes that."""
    path = tmp_path / name
    path.write_text(f"ffconcat version 1.0\nfile '{name}'\n")
    monkeypatch.setenv("CMET_BENCH_MEDIA_FORMATS", "concat")
    for _ in range(2):
        assert "'concat'" in _refused(path).what


def test_playlists_and_pictures_by_pattern_are_never_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://localhost:9/a.ts\n#EXT-X-ENDLIST\n")
    assert "'hls'" in _refused(path).what
    write_film(tmp_path / "a.mp4", film(2, size=(32, 32)))
    (tmp_path / "%02d.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    _refused(tmp_path / "%02d.png")


def test_a_format_that_is_not_listed_is_named_and_a_setting_adds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_film(tmp_path / "a.nut", film(3, size=(32, 32)))
    assert "CMET_BENCH_MEDIA_FORMATS=nut" in _refused(path).cure
    monkeypatch.setenv("CMET_BENCH_MEDIA_FORMATS", "asf, nut")
    assert VideoReader(path).frames == 3


@pytest.mark.parametrize("kind", ["mp4", "mov", "m4v", "mkv", "webm", "avi", "flv", "ts", "mpg", "mpeg"])
def test_the_usual_films_are_opened(tmp_path: Path, kind: str) -> None:
    codec = {"webm": "libvpx", "mpg": "mpeg1video", "mpeg": "mpeg2video"}.get(kind, "libx264")
    container = {"m4v": "mp4"}.get(kind)
    path = write_film(tmp_path / f"a.{kind}", film(10, size=(64, 64)), codec=codec, container=container)
    assert sum(map(len, VideoReader(path, fps=None))) == 10


_SOUNDS = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "aac": "aac", "m4a": "aac", "ogg": "libopus"}


@pytest.mark.parametrize(("kind", "codec"), [*_SOUNDS.items(), ("opus", "libopus")])
def test_the_usual_sounds_are_opened(tmp_path: Path, kind: str, codec: str) -> None:
    path = tmp_path / f"a.{kind}"
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=48000, layout="mono")
        block = av.AudioFrame.from_ndarray(np.tile(voice(1.0), 3)[None], format="fltp", layout="mono")
        block.sample_rate = 48000
        output.mux(stream.encode(block))
        output.mux(stream.encode(None))
    assert abs(len(read_audio(path).samples) - 16000) < 1600


def test_a_gap_of_a_day_is_a_reason_that_tells_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_stamped(tmp_path / "a.mkv", film(4, size=(32, 32)), [0, 40, 80, 86_400_000])
    error = _refused(path)
    assert (error.reason, "86400 s" in error.what) == ("too_long", True)
    monkeypatch.setenv("CMET_BENCH_CLIP_SECONDS", "90000")
    assert "gap of 86400 s" in _refused(path).what
    monkeypatch.setenv("CMET_BENCH_GAP_SECONDS", "90000")
    assert VideoReader(path, fps=None).frames == 4


def test_a_setting_that_is_no_number_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "a.mp4", film(2, size=(32, 32)))
    monkeypatch.setenv("CMET_BENCH_GAP_SECONDS", "long")
    with pytest.raises(UsageError, match="CMET_BENCH_GAP_SECONDS=long"):
        VideoReader(path)


@pytest.mark.parametrize(("seconds", "samples"), [(0.5, 24000), (10.0, 176000), (1e6, 0), (1e9, 0)])
def test_sound_that_is_too_late_is_a_reason_and_takes_no_memory(tmp_path: Path, seconds: float, samples: int) -> None:
    path = write_late(tmp_path / "a.mkv", film(10, size=(32, 32)), voice(1.0), seconds)
    if samples:
        assert len(read_audio(path).samples) == samples
        return
    with pytest.raises(MediaError, match=r"starts 10+ s after the picture"):
        read_audio(path)


def _wav(path: Path, rate: int) -> Path:
    with wave.open(str(path), "wb") as stream:
        stream.setparams((1, 2, rate, 0, "NONE", ""))
        time = np.arange(rate // 2) / rate
        stream.writeframes((8000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes())
    return path


def test_odd_rates_are_read_in_little_memory(tmp_path: Path) -> None:
    for rate in (22_254, 11_127, 44_101):
        path = _wav(tmp_path / f"{rate}.wav", rate)
        tracemalloc.start()
        samples = read_audio(path).samples
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
        tracemalloc.stop()
        assert abs(len(samples) - 8000) <= 1
        sine = 8000 / 32768 * np.sin(2 * np.pi * 440 * np.arange(len(samples)) / 16000)
        assert float(np.abs(samples - sine)[100:-100].max()) < 2e-3


def test_a_rate_that_no_sound_has_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="384001 Hz"):
        read_audio(_wav(tmp_path / "a.wav", 384_001))


@pytest.mark.parametrize("rate", [44_099, 22_051, 15_999, 8_001])
def test_odd_rates_are_resampled_as_their_neighbours_are(rate: int) -> None:
    """The many-phase filters and the matrix of the usual rates are one function: a slow sine comes out the same."""
    usual = {44_099: 44_100, 22_051: 22_050, 15_999: 16_000, 8_001: 8_000}[rate]
    got, known = (
        resample(np.sin(2 * np.pi * 300 * np.arange(hertz // 4) / hertz).astype(np.float32), hertz)
        for hertz in (rate, usual)
    )
    count = min(len(got), len(known))
    assert float(np.abs(got[:count] - known[:count])[50:-50].max()) < 2e-3


def test_large_pictures_are_a_reason_or_come_in_small_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_film(tmp_path / "a.mkv", np.zeros((6, 1536, 3072, 3), np.uint8), codec="mpeg4")
    assert [len(chunk) for chunk in VideoReader(path)] == [4, 2]  # 14 MB a frame, 64 MiB a chunk
    monkeypatch.setenv("CMET_BENCH_PICTURE_PIXELS", "2000000")
    error = _refused(path)
    assert (error.reason, "3072x1536" in error.what) == ("too_large", True)


def test_an_unknown_codec_is_a_reason(tmp_path: Path) -> None:
    film_path = write_film(tmp_path / "a.mp4", film(3, size=(32, 32)))
    sound_path = _wav(tmp_path / "a.wav", 16_000)
    for path, known, read in ((film_path, b"avc1", VideoReader), (sound_path, b"fmt \x10\0\0\0\1\0", read_audio)):
        head, tail = path.read_bytes().rsplit(known, 1)
        path.write_bytes(head + known[:-2] + b"zz" + tail)
        with pytest.raises(MediaError, match="codec is unknown"):
            read(path)
