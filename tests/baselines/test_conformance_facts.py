"""The contract test reads the facts that the table's notes are made of: a typing mistake in one would be silent."""

from __future__ import annotations

from pathlib import Path

import pytest

from baselines.conformance import check_method

METHOD = """
import numpy as np
from harness.records import Failed


class Mine:
    name = "mine"
    emotion_sources = {sources}
    labels = ("happy", "angry")
    pose = "{pose}"

    def __init__(self, options, device): ...

    def generate(self, request, out):
        label = request.emotion.label or "happy"
        if label not in self.labels:
            return Failed("unsupported", "another label")
        sound = out.audio(request.driving_audio)
        for k in range(request.frames):
            level = np.abs(sound[640 * k :][:640]).max(initial=0)
            out.frame(np.full((32, 32, 3), 90 * self.labels.index(label) + k + 60 * level, np.uint8))
        return out.clip(used="{used}", label=label)
"""


@pytest.mark.parametrize(
    ("facts", "failing"),
    [
        ({"sources": ("label",), "pose": "own", "used": "label"}, []),
        ({"sources": ("speech", "label"), "pose": "clip", "used": "label"}, []),
        ({"sources": ("label",), "pose": "owned", "used": "label"}, ["pose is clip, own or source"]),
        ({"sources": ("label",), "pose": "own", "used": "image"}, ["says which of its sources it used"]),
    ],
)
def test_facts_that_the_notes_would_not_understand_fail(
    tmp_path: Path, facts: dict[str, object], failing: list[str]
) -> None:
    (tmp_path / "mine.py").write_text(METHOD.format(**facts), encoding="utf-8")
    said: list[str] = []
    assert (check_method(f"{tmp_path / 'mine.py'}:Mine", said.append) == 0) is (not failing), said
    failed = [line for line in said if line.startswith("FAIL")]
    assert [line.removeprefix("FAIL ").partition(":")[0] for line in failed] == failing
