"""Whoever combines rows needs no torch: judges import it when they load their networks, never before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.places import ROOT

pytestmark = pytest.mark.slow

CODE = """
import sys

sys.modules["torch"] = None  # from here on, importing it fails
from evaluators import EVALUATORS, protocol
from harness import registry

for spec in EVALUATORS.values():
    registry.load(spec)
judged = set()
for name in protocol.names():
    for judge in protocol.build(protocol.read(name), "cpu"):
        for facts in judge.metrics:
            line = str(judge.signature(facts.name))
            judge.combine(facts.name, [])
            judged.add(type(judge).__name__)
print(*sorted(judged))
"""


def test_judges_are_made_signed_and_combined_without_torch() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {"LipSync", "Fid", "EmotionAccuracy", "IdentitySimilarity", "ExtendedEmotion"} <= set(done.stdout.split())
