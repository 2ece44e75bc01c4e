"""DeepSpeech's frozen graph: its constants are read, and a wrong or cut file is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baselines.eat import deepspeech_graph
from baselines.eat.frozen_graph import float_constants
from baselines.eat.seeded_graph import seeded_constants, write_constants, write_graph
from harness.errors import UsageError


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen graph of DeepSpeech at width 8."""
    return write_graph(tmp_path_factory.mktemp("graph") / "small.pb", width=8)


def test_constants_come_back(graph: Path) -> None:
    found, wanted = float_constants(graph), dict(seeded_constants(8))
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_faulty_graphs_are_one_sentence(graph: Path, tmp_path: Path) -> None:
    whole = graph.read_bytes()
    cases = {
        "cut": (whole[:-1000], "is no frozen TensorFlow graph: it is cut off"),
        "text": (b"<html>not found</html>", "is no frozen TensorFlow graph"),
        "zip": (b"PK\x03\x04" + bytes(60), "is no frozen TensorFlow graph"),
        "empty": (b"", "is no frozen TensorFlow graph: it holds no nodes"),
        "lacking": (whole.replace(b"\x02h5", b"\x02h9"), "the graph of another network: it has no constant 'h5'"),
        "endless": (b"\xff" * 40, "is no frozen TensorFlow graph: byte 0 begins no number"),
    }
    for name, (content, sentence) in cases.items():
        path = tmp_path / f"{name}.pb"
        path.write_bytes(content)
        with pytest.raises(UsageError) as caught:
            deepspeech_graph.load(path)
        assert sentence in caught.value.what, name
        assert caught.value.what.count("\n") == 0


def test_a_graph_of_other_sizes_or_values_is_refused(tmp_path: Path) -> None:
    whole = dict(seeded_constants(8))
    cases = {
        "shape": ("h2", np.zeros((8, 6), np.float32), "'h2' must be (8, 8), found (8, 6)"),
        "nan": ("b5", np.full(8, np.nan, np.float32), "not finite, in 'b5'"),
    }
    for name, (changed, array, sentence) in cases.items():
        path = write_constants(tmp_path / f"{name}.pb", {**whole, changed: array}.items())
        with pytest.raises(UsageError) as caught:
            deepspeech_graph.load(path)
        assert sentence in caught.value.what
