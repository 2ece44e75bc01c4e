"""EAT's windows of eleven frames, and the stored speech at both ends: what is read, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.eat.padding import Padding, read
from baselines.eat.windows import Tracks, windows
from harness.errors import UsageError

COLUMN, WINDOW = torch.arange(80.0), torch.arange(16.0 * 29).reshape(16, 29)


def saved(path: Path, *parts: Any) -> Path:
    """A pad.npy that holds these parts as objects."""
    array = np.empty(len(parts), object)
    for index, part in enumerate(parts):
        array[index] = part
    np.save(path, array, allow_pickle=True)
    return path


@pytest.mark.parametrize(
    "parts",
    [
        (COLUMN, WINDOW),
        (COLUMN.numpy(), WINDOW[None]),
        (WINDOW.numpy(), COLUMN[None, :, None]),
        (torch.stack((COLUMN, COLUMN + 1), dim=1)[:, 0], WINDOW.double().numpy()),  # a view into a larger storage
        ([COLUMN, {"deep": WINDOW}],),
    ],
)
def test_stored_speech_is_found_by_shape(parts: tuple[Any, ...], tmp_path: Path) -> None:
    padding = read(saved(tmp_path / "pad.npy", *parts))
    assert torch.equal(padding.mel, COLUMN)
    assert torch.equal(padding.deep, WINDOW)


def test_a_bare_pickle_is_read(tmp_path: Path) -> None:
    (tmp_path / "pad.npy").write_bytes(pickle.dumps((COLUMN, WINDOW)))
    assert torch.equal(read(tmp_path / "pad.npy").deep, WINDOW)


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("run",))


def test_faulty_files_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = saved(tmp_path / "whole.npy", COLUMN, WINDOW).read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:700])
    (tmp_path / "page.npy").write_bytes(b"<html>")
    cases = {
        tmp_path / "cut.npy": "is no readable pad.npy",
        tmp_path / "page.npy": "is no readable pad.npy",
        saved(tmp_path / "evil.npy", COLUMN, _Evil()): "is no readable pad.npy: it asks for builtins.print",
        saved(tmp_path / "none.npy", COLUMN): "one array of shape (16, 29), and holds 0 (all arrays: (80,))",
        saved(tmp_path / "two.npy", COLUMN, COLUMN, WINDOW): "one array of shape (80,), and holds 2",
        saved(tmp_path / "nan.npy", COLUMN * float("nan"), WINDOW): "not finite",
    }
    np.save(tmp_path / "numbers.npy", np.zeros((45, 45), np.float32))
    cases[tmp_path / "numbers.npy"] = "holds 0 (all arrays: (45, 45))"
    for path, sentence in cases.items():
        with pytest.raises(UsageError) as caught:
            read(path)
        assert sentence in caught.value.what, path.name
    assert capsys.readouterr().out == ""


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
