"""EAT's windows of eleven frames."""

from __future__ import annotations

import pytest
import torch

from networks.eat.windows import Padding, Tracks, windows


def _tracks(mel: int, deep: int, pictures: int) -> Tracks:
    def rows(count: int, *shape: int) -> torch.Tensor:
        return torch.arange(1.0, count + 1).reshape(count, *(1,) * len(shape)).expand(count, *shape)

    return Tracks(rows(mel, 80), rows(deep, 16, 29), rows(pictures, 1, 64, 64))


PADDING = Padding(torch.full((80,), -1.0), torch.full((16, 29), -2.0))


def test_a_window_holds_the_neighbours_of_its_frame() -> None:
    cut = windows(_tracks(21, 20, 20), PADDING, 8, 10)
    assert cut.mel.shape == (2, 80, 11)
    assert cut.deep.shape == (2, 11, 16, 29)
    assert cut.pictures.shape == (2, 11, 1, 64, 64)
    for frame in (0, 1):
        wanted = torch.arange(4.0 + frame, 15.0 + frame)  # rows are numbered from 1
        assert torch.equal(cut.mel[frame, 7], wanted)
        assert torch.equal(cut.deep[frame, :, 3, 5], wanted)
        assert torch.equal(cut.pictures[frame, :, 0, 9, 9], wanted)


def test_stored_speech_and_the_nearest_picture_stand_at_both_ends() -> None:
    cut = windows(_tracks(21, 20, 20), PADDING, 0, 20)
    assert cut.mel[0, 0].tolist() == [-1] * 5 + [1, 2, 3, 4, 5, 6]
    assert cut.deep[0, :, 0, 0].tolist() == [-2] * 5 + [1, 2, 3, 4, 5, 6]
    assert cut.pictures[0, :, 0, 0, 0].tolist() == [1] * 5 + [1, 2, 3, 4, 5, 6]
    assert cut.mel[19, 0].tolist() == [15, 16, 17, 18, 19, 20, 21, -1, -1, -1, -1]
    assert cut.deep[19, :, 0, 0].tolist() == [15, 16, 17, 18, 19, 20, -2, -2, -2, -2, -2]
    assert cut.pictures[19, :, 0, 0, 0].tolist() == [15, 16, 17, 18, 19] + [20] * 6


def test_without_stored_speech_the_nearest_sound_stands_there() -> None:
    cut = windows(_tracks(21, 20, 20), None, 0, 20)
    assert cut.mel[0, 0].tolist() == [1] * 5 + [1, 2, 3, 4, 5, 6]
    assert cut.deep[19, :, 0, 0].tolist() == [15, 16, 17, 18, 19] + [20] * 6


def test_parts_are_the_whole() -> None:
    tracks = _tracks(21, 20, 22)
    whole = windows(tracks, PADDING, 0, 22)
    parts = [windows(tracks, PADDING, k, min(k + 5, 22)) for k in range(0, 22, 5)]
    assert torch.equal(torch.cat([part.mel for part in parts]), whole.mel)
    assert torch.equal(torch.cat([part.pictures for part in parts]), whole.pictures)


@pytest.mark.parametrize(
    ("mel", "deep", "pictures", "frames"),
    [(21, 20, 20, 20), (21, 20, 21, 21), (21, 20, 22, 22), (21, 20, 23, 20), (31, 30, 20, 20)],
)
def test_the_result_is_never_longer_than_the_pose_clip(mel: int, deep: int, pictures: int, frames: int) -> None:
    assert _tracks(mel, deep, pictures).frames == frames
