"""A file is read and written under any name: FFmpeg must not take `12:` for a protocol, nor %03d for many pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.atomic import cannot_write
from harness.errors import MediaError
from harness.media import VideoReader, VideoWriter, read_audio, write_wav
from harness.media.encode import refusals

NAMES = ("12:30", "http:x", "concat:a|b", "pipe:1", "-x", "a%03d", "ü:é", "file:a", "a b'\"")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (tmp_path, Path()):  # relative too, where the name comes first
        path = folder / f"{name}.mp4"
        with VideoWriter(path, 64, 64, audio=np.zeros(1600, np.float32)) as writer:
            for k in range(3):
                writer.write(np.full((64, 64, 3), 40 * k, np.uint8))
        assert VideoReader(path).frames == 3
        assert read_audio(path).samples.size >= 1600
        write_wav(folder / f"{name}.wav", np.zeros(1600, np.float32))
        assert read_audio(folder / f"{name}.wav").samples.size == 1600
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}{end}" for end in (".mp4", ".wav"))


def test_what_ffmpeg_refuses_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    import av

    with (
        pytest.raises(MediaError, match="FFmpeg makes no 3000000x2 pictures"),
        VideoWriter(tmp_path / "big.mp4", 3_000_000, 2) as writer,
    ):
        writer.write(np.zeros((2, 3_000_000, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
    assert not issubclass(av.FFmpegError, OSError)
    for kind in (av.error.InvalidDataError, av.error.EncoderNotFoundError, av.error.UnknownError):
        assert issubclass(kind, refusals())
        told = cannot_write(tmp_path / "a.mp4", kind(-1, "not done"))
        assert isinstance(told, MediaError)
        assert "a.mp4 cannot be written: not done" in told.what
