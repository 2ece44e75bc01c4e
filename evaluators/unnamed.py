"""Where a protocol has judges for certain datasets only, this one stands in their place for all others.

Each of its rows says that the judge must be named: a number by the judge of another corpus would look like the paper's.
"""

from __future__ import annotations

from collections.abc import Mapping

from evaluators import EVALUATORS
from harness import registry
from harness.evaluator import ClipContext, Evaluator, Fields, Measurement, MetricFacts, Refusal


class Unnamed(Evaluator):
    """Refuses every clip. Settings: judge (the kind of judge whose metrics it stands for), protocol (its name)."""

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        self._judge, self._protocol = settings["judge"], settings["protocol"]
        self.metrics: tuple[MetricFacts, ...] = registry.load(EVALUATORS[self._judge]).metrics

    def fields(self, metric: str) -> Fields:
        """Returns the one field that is known: that no network was named."""
        return (("net", "unnamed"),)

    def start(self, context: ClipContext) -> Measurement | Refusal:
        """Refuse the clip."""
        need = (
            f"protocol '{self._protocol}' has judges '{self._judge}' for other datasets than '{context.sample.dataset}'"
        )
        return Refusal("judge_unnamed", f"{need}; name one in a protocol file of your own")
