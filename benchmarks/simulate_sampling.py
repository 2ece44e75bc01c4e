"""This script measures how many frames of a clip FID, identity and emotion need; it gave the default sampling.

    python benchmarks/simulate_sampling.py [--limit 32] [--seconds 3]                  puppets, demo judges
    python benchmarks/simulate_sampling.py --clips DIR --protocol-of standard          your clips, the real judges

Every sampling judges the same clips, uncorrupted and corrupted to a middling strength; the last row of a metric is
every frame. A sampling will do (rule written down before the experiment) where
  1. it resolves every corruption that every frame resolves: the change it sees, in half widths of its 95 % interval,
     is at least 0.8 of that with every frame;
  2. its uncorrupted value is off by at most a quarter of the half width (not asked of FID, whose bias depends on N).
The cheapest sampling that will do for every corruption is the choice.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluators.calibration.corruption import CORRUPTIONS, Corruption
from evaluators.calibration.curves import Curve, Point, curves, measure
from evaluators.judge import Judge
from harness.runner import with_limit
from verbs.calibrating import orders, subject

EVERY_FRAME = "all"
SAMPLINGS = {
    "fid": ("1", "2", "3", "5", "10", EVERY_FRAME),
    "identity": ("every25", "every10", "every5", "every2", EVERY_FRAME),
    "emotion": ("every25", "every10", "every5", "every2", EVERY_FRAME),
}
STRENGTHS = {"blur": 4.0, "compression": 90.0, "freeze": 0.5, "drop": 0.5, "identity": 0.25, "emotion": 0.5}
RESOLVED, OFF = 0.8, 0.25
CERTAIN = 20.0  # half widths


@dataclass(frozen=True)
class SamplingRow:
    """Holds one sampling under one corruption, compared with every frame."""

    metric: str
    sampling: str
    corruption: str
    change: float
    resolved: float | None  # resolution as a part of that with every frame; None where every frame resolves nothing
    off: float  # difference of the uncorrupted value, in half widths of its interval with every frame

    @property
    def will_do(self) -> bool:
        """Says whether the sampling meets the rule of the module's text."""
        return (self.resolved is None or self.resolved >= RESOLVED) and (self.metric == "fid" or self.off <= OFF)


def protocol(path: Path, net: str) -> Path:
    """Returns every sampling of every metric as one protocol: faces and features are computed once for all of them."""
    named = f'net = "{net}"\n' if net else ""
    parts = [
        f'[[metric]]\nevaluator = "{evaluator}"\n{named}samp = "{sampling}"\n'
        for evaluator, samplings in SAMPLINGS.items()
        for sampling in samplings
    ]
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def lines(found: Sequence[tuple[str, Curve]]) -> Iterator[SamplingRow]:
    """Yields the comparison of each sampling with every frame."""
    points = {(_sampling(line), curve.metric, curve.corruption): curve.points for line, curve in found}
    for (sampling, metric, corruption), own in points.items():
        full = points[EVERY_FRAME, metric, corruption]
        here, there = (_at(p, STRENGTHS[corruption]) for p in (own, full))
        if here.change is None or there.change is None:
            continue
        least = _resolution(there)
        resolved = _resolution(here) / least if least > 1 else None
        yield SamplingRow(metric, sampling, corruption, here.change, resolved, _off(_at(own, 0.0), _at(full, 0.0)))


def _resolution(point: Point) -> float:
    """The change in half widths of its interval; capped, since nothing is gained beyond certainty."""
    if point.change is None or point.change_low is None or point.change_high is None:
        return 0.0
    half = (point.change_high - point.change_low) / 2
    return min(abs(point.change) / half, CERTAIN) if half else CERTAIN * (point.change != 0)


def _off(here: Point, full: Point) -> float:
    if here.value is None or full.value is None or full.low is None or full.high is None:
        return float("inf")
    half = (full.high - full.low) / 2
    return abs(here.value - full.value) / half if half else float(here.value != full.value)


def _sampling(signature: str) -> str:
    return next(field.removeprefix("samp:") for field in signature.split("|") if field.startswith("samp:"))


def _at(points: Sequence[Point], strength: float) -> Point:
    return next(point for point in points if point.strength == strength)


def print_table(rows: Sequence[SamplingRow]) -> None:
    """Prints the table and the choices."""
    for metric in dict.fromkeys(line.metric for line in rows):
        own = [line for line in rows if line.metric == metric]
        print(f"\n{metric}: undamaged value off by; change under each damage (part of every frame's resolution)")
        will_do = {}
        for sampling in dict.fromkeys(line.sampling for line in own):
            row = [line for line in own if line.sampling == sampling]
            will_do[sampling] = all(line.will_do for line in row)
            cells = "  ".join(f"{x.corruption} {x.change:.3g} ({_part(x.resolved)})" for x in row)
            mark = "will do" if will_do[sampling] else "too few"
            print(f"  {sampling:8} {mark:8} {row[0].off:5.2f}  {cells}")
        known = SAMPLINGS[{"fid": "fid", "identity_sim": "identity", "emotion_acc": "emotion"}[metric]]
        print(f"  choice: {next((s for s in known if will_do.get(s)), 'none')}")


def _part(resolved: float | None) -> str:
    return "unseen" if resolved is None else f"{resolved:.2f}"


def readings(given: argparse.Namespace, judge: Judge, corruptions: Sequence[Corruption]) -> list[Any]:
    """Returns the readings of every clip under every corruption."""
    if given.clips is None:
        from datasets.puppets.dataset import Puppets

        dataset: Any = Puppets()
    else:
        from datasets.folder import Folder

        dataset = Folder(given.clips.resolve())
    every = [sample for sample in dataset.samples() if given.clips is not None or sample.emotion.basic]
    all_readings = []
    for order in orders(with_limit(every, given.limit), every):
        all_readings += measure(subject(dataset, order, given.seconds), corruptions, judge, given.seed)
        print(f"{order.sample.id} done", file=sys.stderr)
    return all_readings


def main() -> None:
    """Judges, compares, chooses."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path)
    parser.add_argument("--protocol-of", choices=("demo", "standard"), default="demo")
    parser.add_argument("--limit", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="also write the lines here")
    given = parser.parse_args()
    torch.set_num_threads(1)
    corruptions = [replace(CORRUPTIONS[name], strengths=(strength,)) for name, strength in STRENGTHS.items()]
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(str(protocol(Path(folder) / "p.toml", "demo" if given.protocol_of == "demo" else "")), "cpu")
        compared = list(lines(curves(readings(given, judge, corruptions), judge.columns(), corruptions, given.seed)))
    print_table(compared)
    if given.json:
        given.json.write_text(json.dumps([vars(line) for line in compared], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
