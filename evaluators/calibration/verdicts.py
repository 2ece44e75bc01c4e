"""Response curves become verdicts and one plain document here: pure, no torch, no files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

from evaluators.calibration.corruption import CORRUPTIONS, Corruption
from evaluators.calibration.curves import Curve, Point
from evaluators.calibration.expectations import Expectation, expected
from harness.evaluator import Column, MetricFacts

Verdict = Literal["answers", "not monotone", "silent", "flat", "moves", "undecided", "not measured", "shown"]

#: The sentence that explains each verdict to readers.
MEANINGS: dict[str, str] = {
    "answers": "moves as it must",
    "not monotone": "moves as it must at full strength, but turns back on the way",
    "silent": "does not answer, though it must",
    "flat": "stays where it is, as it must",
    "moves": "moves, though this is none of its business",
    "undecided": "these clips are too few to tell",
    "not measured": "no clip could be measured",
    "shown": "shown, not judged",
}
SCHEMA_VERSION = 1
_TOLERATED = 0.10  # part of the metric's range on this data that counts as no change
_SLOPE = (0.8, 1.2)  # of an offset that follows


@dataclass(frozen=True)
class Range:
    """Holds a metric's range: `ceiling` is the value of uncorrupted clips, `floor` the worst value that any corruption
    gave.
    """

    ceiling: float
    floor: float

    @property
    def span(self) -> float:
        """Returns how far the metric can fall on this data."""
        return abs(self.ceiling - self.floor)


def range_of(curves: Sequence[Curve], higher_is_better: bool) -> Range | None:
    """Returns floor and ceiling of one metric over all its curves; None where nothing was measured."""
    uncorrupted = [
        p.value
        for c in curves
        for p in c.points
        if p.value is not None and p.strength == CORRUPTIONS[c.corruption].baseline
    ]
    values = [p.value for c in curves for p in c.points if p.value is not None]
    if not uncorrupted or not values:
        return None
    return Range(uncorrupted[0], min(values) if higher_is_better else max(values))


def verdict(curve: Curve, want: Expectation, higher_is_better: bool, span: float) -> Verdict:
    """Returns the verdict on a curve, given the answer that it must give; `span` is that of the metric's Range."""
    corruption = CORRUPTIONS[curve.corruption]
    steps = [p for p in curve.points if p.strength != corruption.baseline]
    if not any(p.n_scored for p in curve.points):
        return "not measured"
    if want == "any":
        return "shown"
    if want == "flat":
        return _flat(steps, _TOLERATED * span)
    if want == "follows":
        return _follows(steps)
    return _worse(
        _by_strength(_losses(steps, corruption), corruption), -1.0 if higher_is_better else 1.0, _TOLERATED * span
    )


def _losses(points: Sequence[Point], corruption: Corruption) -> list[Point]:
    """The strengths that take something away: below an uncorrupted strength that is not 0, else all."""
    return [p for p in points if not corruption.baseline or p.strength < corruption.baseline]


def _by_strength(points: Sequence[Point], corruption: Corruption) -> list[Point]:
    return sorted(points, key=lambda p: abs(p.strength - corruption.baseline))


def _flat(points: Sequence[Point], tolerated: float) -> Verdict:
    """Flat where every interval of the change lies within the tolerance, moving where one lies outside of it."""
    limits = [(p.change_low, p.change_high) for p in points]
    known = [(low, high) for low, high in limits if low is not None and high is not None]
    if any(low > tolerated or high < -tolerated for low, high in known):
        return "moves"
    slack = tolerated + 1e-9
    whole = len(known) == len(limits) and all(-slack <= low and high <= slack for low, high in known)
    return "flat" if known and whole else "undecided"


def _follows(points: Sequence[Point]) -> Verdict:
    """Whether change = ± strength within the slopes allowed, by least squares through the origin."""
    pairs = [(p.strength, p.change) for p in points if p.change is not None]
    total = sum(strength**2 for strength, _ in pairs)
    if len(pairs) < 2 or not total:
        return "undecided"
    slope = sum(strength * change for strength, change in pairs) / total
    return "answers" if _SLOPE[0] <= abs(slope) <= _SLOPE[1] else "silent"


def _worse(points: Sequence[Point], sign: float, tolerated: float) -> Verdict:
    """Judged at the greatest strength; a refusal there is an answer too. `sign` turns changes so that worse is up."""
    if points[-1].n_scored == 0:
        # A judge that refuses a clip corrupted beyond recognition has answered; one that crashed has not.
        return "undecided" if "crashed" in points[-1].reasons else "answers"
    turned = [_turned(p, sign) for p in points]
    last = turned[-1]
    if last is None:
        return "undecided"
    if last[0] <= 0:
        return "silent" if last[1] <= tolerated or last[1] <= 0 else "undecided"
    known = [t for t in turned if t is not None]
    back = any(later[1] < earlier[0] - tolerated for earlier, later in pairwise(known))
    return "not monotone" if back else "answers"


def _turned(point: Point, sign: float) -> tuple[float, float] | None:
    if point.change_low is None or point.change_high is None:
        return None
    low, high = sorted((sign * point.change_low, sign * point.change_high))
    return low, high


def document(
    curves: Sequence[tuple[str, Curve]],
    columns: Sequence[Column],
    facts: Mapping[str, Any],
    unmeasured: Mapping[str, str],
) -> dict[str, Any]:
    """Returns a calibration as plain JSON. `facts` (dataset, protocol, clips …) go in as they are; `unmeasured`:
    signature → reason of metrics that answered on no uncorrupted clip.
    """
    metrics = []
    for evaluator, name, signature in columns:
        own = [curve for line, curve in curves if line == signature and curve.metric == name]
        known = evaluator.facts(name)
        if known.of:  # calibrated as the metric that it is made from
            continue
        metrics.append(_metric(known, signature, own, unmeasured.get(signature, "")))
    return {"schema_version": SCHEMA_VERSION, "kind": "calibration", **facts, "metrics": metrics}


def _metric(known: MetricFacts, signature: str, curves: Sequence[Curve], reason: str) -> dict[str, Any]:
    span = range_of(curves, known.higher_is_better)
    width = span.span if span else 0.0
    described = [_described(curve, known, width) for curve in curves]
    return {
        "metric": known.name,
        "title": known.title,
        "unit": known.unit,
        "higher_is_better": known.higher_is_better,
        "signature": signature,
        "ceiling": span.ceiling if span else None,
        "floor": span.floor if span else None,
        "unmeasured": "" if span else reason,
        "curves": described,
    }


def _described(curve: Curve, known: MetricFacts, span: float) -> dict[str, Any]:
    want, corruption = expected(curve.metric, curve.corruption), CORRUPTIONS[curve.corruption]
    answer = verdict(curve, want, known.higher_is_better, span)
    return {
        "damage": curve.corruption,
        "title": corruption.title,
        "unit": corruption.unit,
        "undamaged_at": corruption.baseline,
        "expected": want,
        "verdict": answer,
        "meaning": MEANINGS[answer],
        "points": [asdict(point) for point in curve.points],
    }


def silent(content: Mapping[str, Any]) -> list[str]:
    """Returns 'METRIC under CORRUPTION' of every curve that must answer and does not."""
    return [
        f"{metric['metric']} under {curve['title'].lower()}"
        for metric in content["metrics"]
        for curve in metric["curves"]
        if curve["verdict"] == "silent"
    ]
