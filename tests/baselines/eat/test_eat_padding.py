"""EAT's stored speech at both ends of a sound: what is read, and what is refused."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.eat.padding import read
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
