"""A film that lost its end says so in every format that knows its own length; none is judged as a shorter film."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from harness.errors import MediaError
from harness.media import VideoReader, read_audio
from harness.media.container import missing_bytes

FRAMES = 20


def film(path: Path, codec: str, sound: str, container: str, pipe: bool = False) -> Path:
    """Noise, so that every frame has bytes; `pipe`: written where nothing can be mended afterwards."""
    target = path.open("wb") if not pipe else Pipe(path)
    with target, av.open(target, "w", format=container) as output:
        video: Any = output.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio: Any = output.add_stream(sound, rate=16000, layout="mono")
        rng = np.random.default_rng(1)
        for k in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(rng.integers(0, 256, (48, 64, 3)).astype(np.uint8), format="rgb24")
            picture.pts = k
            output.mux(video.encode(picture))
            block = av.AudioFrame.from_ndarray(rng.integers(-99, 99, (1, 640)).astype(np.int16), "s16", "mono")
            block.sample_rate, block.pts = 16000, 640 * k
            output.mux(audio.encode(block))
        output.mux(video.encode(None))
        output.mux(audio.encode(None))
    return path


class Pipe(io.RawIOBase):
    """A file that cannot be gone back in."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self._file.write(data)

    def close(self) -> None:
        self._file.close()
        super().close()


@pytest.mark.parametrize(
    ("name", "codec", "sound", "container"),
    [
        ("a.mkv", "libx264", "pcm_s16le", "matroska"),
        ("a.avi", "mpeg4", "pcm_s16le", "avi"),
        ("a.mov", "mpeg4", "pcm_s16le", "mov"),
    ],
)
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_film_without_its_end_is_refused(
    tmp_path: Path, name: str, codec: str, sound: str, container: str, share: float
) -> None:
    path = film(tmp_path / name, codec, sound, container)
    assert missing_bytes(path) == 0
    assert sum(map(len, VideoReader(path))) == FRAMES
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MediaError, match="cannot be decoded"):
        VideoReader(path)
    with pytest.raises(MediaError, match="cannot be decoded"):
        read_audio(path)


def test_a_film_written_to_a_pipe_has_no_length_to_miss(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "libx264", "pcm_s16le", "matroska", pipe=True)
    assert missing_bytes(path) == 0
    assert sum(map(len, VideoReader(path))) == FRAMES


@pytest.mark.parametrize("size", [4, 12, 40, 60])
def test_the_very_beginning_alone_is_no_film_either(tmp_path: Path, size: int) -> None:
    path = film(tmp_path / "a.mkv", "libx264", "pcm_s16le", "matroska")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(MediaError, match="cannot be decoded"):
        VideoReader(path)
