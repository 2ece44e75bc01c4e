"""What is kept of a reference clip is kept by what it was computed from: its bytes, the signature, and the code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from evaluators import reference_cache
from harness import registry, sources

CODE = '''"""Says nothing."""
import numpy as np


class Net:
    """A network of one's own."""

    GAIN = 1.0

    def features(self):
        return np.full(2, self.GAIN, np.float32)
'''


@pytest.fixture
def compute(tmp_path: Path) -> Callable[[str], float]:
    """Computes with the class of a file that holds the given text, through the cache; what came of it."""
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"bytes")

    def run(text: str) -> float:
        file = tmp_path / "mine.py"
        file.write_text(text, encoding="utf-8")
        net = registry.load(f"{file}:Net")()
        return float(reference_cache.cached(clip, "same words", [0, 1], lambda: net.features(), net)[0])

    return run


def test_a_changed_function_under_the_same_words_is_computed_again(compute: Callable[[str], float]) -> None:
    assert compute(CODE) == 1.0
    assert compute(CODE.replace("GAIN = 1.0", "GAIN = 2.0")) == 2.0
    assert compute(CODE) == 1.0


def test_what_is_known_is_not_computed_again(tmp_path: Path) -> None:
    clip, calls = tmp_path / "clip.mp4", []
    clip.write_bytes(b"bytes")

    def once() -> np.ndarray:
        calls.append(1)
        return np.ones(3, np.float32)

    for _ in range(2):
        assert reference_cache.cached(clip, "words", [0], once).tolist() == [1.0, 1.0, 1.0]
    assert len(calls) == 1
    clip.write_bytes(b"other")
    reference_cache.cached(clip, "words", [0], once)
    assert len(calls) == 2


def test_docstrings_and_comments_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CODE, encoding="utf-8")
    before = sources.digest_of(registry.load(f"{tmp_path / 'mine.py'}:Net"))
    (tmp_path / "mine.py").write_text(CODE.replace("Says nothing", "Says more") + "# a word\n", encoding="utf-8")
    assert sources.digest_of(registry.load(f"{tmp_path / 'mine.py'}:Net")) == before
