"""Ten thousand resamples of the extended-emotion scores by sums: each equals the score of its own set of clips."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evaluators.extended import draws, pool, resampled
from evaluators.extended.extended_emotion import NAMES, ExtendedEmotion
from harness.statistics import DRAWS, pooled_interval

BASIC, EXTENDED = ("angry", "happy", "neutral", "sad"), ("desire", "envy", "sarcasm")


def rows_of(count: int, people: int, seed: int = 0) -> list[dict[str, Any]]:
    """Clips of every emotion in turn by random identities, some without a truth."""
    rng = np.random.default_rng(seed)
    axes = {name: rng.normal(size=9) for name in (*BASIC, *EXTENDED)}
    rows = []
    for k in range(count):
        name = (*BASIC, *EXTENDED)[k % 7]
        rows.append(
            {
                "direction": 0.7 * axes[name] + rng.normal(size=9),
                "truth": axes[name] + 0.6 * rng.normal(size=9) if rng.random() > 0.15 else np.zeros(0),
                "label": name,
                "identity": f"p{rng.integers(people)}",
                "extended": name in EXTENDED,
                "pseudo": BASIC[rng.integers(3)],
                "voice": axes[name][:5] + 0.3 * rng.normal(size=5),
                "logits": rng.normal(size=4),
                "classes": np.array(BASIC),
            }
        )
    return rows


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize("people", [1, 2, 5])
def test_a_resample_has_the_score_of_its_clips(people: int, cosine: bool) -> None:
    rows = rows_of(21, people)
    weights = resampled.drawn(range(21), 12, np.random.default_rng(1))
    weights[0] = 1
    weights[1] = np.arange(21) < 3  # no extended clip at all
    for name in NAMES:
        found = draws.scores(name, rows, weights, cosine, None)
        sets = [[row for row, n in zip(rows, line, strict=True) for _ in range(int(n))] for line in weights]
        wanted = [pool.combine(name, one, cosine, None) for one in sets]
        if name == "ext_profile":  # halves are those of the whole set: a clip must not agree with itself
            found, wanted = found[:1], wanted[:1]
        assert found == pytest.approx(wanted, abs=1e-9, nan_ok=True), name


def test_draws_are_of_whole_groups_with_repeats() -> None:
    groups = ["a", "b", "a", "c"]
    weights = resampled.drawn(groups, 500, np.random.default_rng(0))
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert set((weights[:, 0] + weights[:, 1] + weights[:, 3]).tolist()) == {3.0}
    assert weights.mean(axis=0) == pytest.approx(np.ones(4), abs=0.15)


def test_intervals_are_those_of_the_plain_bootstrap() -> None:
    judge, rows = ExtendedEmotion({"space": "hog"}, "cpu"), rows_of(42, 5)
    assert judge.draws == DRAWS == 10_000
    score = lambda chosen: judge.combine("ext_shift", chosen)  # noqa: E731
    plain = pooled_interval(rows, score, np.random.default_rng(0), None, "percentile", 400)
    quick = judge.interval("ext_shift", rows, [str(k) for k in range(42)], DRAWS, np.random.default_rng(0))
    assert plain is not None
    assert quick == pytest.approx(plain, abs=0.05)
    assert judge.interval("ext_shift", rows, ["one"] * 42, DRAWS, np.random.default_rng(0)) is None
