"""This method is C-MET with noise of its own: half of the utterances and a strength, both drawn by the seed.

None of the shipped methods that run on puppets draws anything; the gate's false alarms need one that does
(benchmarks/simulate_gate.py). `run --method benchmarks/drawn_cmet.py:DrawnCMet --seed 1`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from baselines.cmet import CMet
from harness.method import Output
from harness.records import Clip, Failed, Request

_SPREAD = 0.1  # of the logarithm of the strength


class DrawnCMet(CMet):
    """Edits by a random half of the utterances, at a random strength: two seeds differ as a sampler's two draws do."""

    name: ClassVar[str] = "drawn"
    stochastic: ClassVar[bool] = True

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Edits the clip as C-MET does, by what the request's seed draws."""
        rng, given = np.random.default_rng(request.seed), request.emotion
        speech, neutral = _half(given.speech, rng), _half(given.neutral_speech, rng)
        strength = given.strength * float(rng.lognormal(0.0, _SPREAD))
        emotion = replace(given, speech=speech, neutral_speech=neutral, strength=strength)
        return super().generate(replace(request, emotion=emotion), out)


def _half(files: tuple[Path, ...], rng: np.random.Generator) -> tuple[Path, ...]:
    return tuple(files[k] for k in sorted(rng.permutation(len(files))[: (len(files) + 1) // 2]))
