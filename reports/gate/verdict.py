"""This module defines the gate's verdicts, and from which change on a cell gets one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.errors import EXIT_CANNOT_COMPARE, EXIT_FINE, EXIT_REGRESSION

Key = tuple[str, str, str, str]  # dataset, method, metric, signature
COST_UNITS = ("s", "s/s", "MiB")
State = Literal["better", "same", "worse", "cannot compare"]


@dataclass(frozen=True)
class Limit:
    """Holds the change from which on a number has moved, in its unit, and which of the three it is."""

    value: float
    what: str


@dataclass(frozen=True)
class Thresholds:
    """Holds what a change must exceed to count: the largest of the minimum effect, the measured noise of the same
    method run twice, and the tolerance between a CPU and a GPU.
    """

    relative_effect: float = 0.01  # a change below 1 % of the baseline's value (of its ideal) does not matter…
    point_effect: float = 1.0  # …nor one below one point, for metrics in per cent
    frame_effect: float = 0.5  # …nor one below half a frame, for those in frames
    cost_effect: float = 0.25  # …nor one of seconds or memory below a quarter: a machine's load does as much
    minimum_effect: Mapping[str, float] = field(default_factory=dict)  # per metric, in its unit; wins over both
    only: frozenset[str] = frozenset()  # metrics to judge; empty: all
    ignore: frozenset[str] = frozenset()  # metrics not to judge
    noise: Mapping[Key, float] = field(default_factory=dict)  # of a cell, in its unit: reports.gate.noise
    twice: Mapping[Key, Mapping[str, tuple[float, float]]] = field(default_factory=dict)  # clips: reports.gate.repeats
    device_share: float = 0.005  # of the baseline's value (shares: of 100), where one run used a GPU and one did not
    alpha: float = 0.02  # two-sided, for all stochastic methods' numbers together
    minimum_pairs: int = 8  # fewer shared scored clips decide nothing
    coverage_loss: float = 0.0  # share of the baseline's scored clips that may lose their number
    missing_samples: float = 0.0  # share of the baseline's samples that the run may lack altogether (--limit)

    def judges(self, metric: str) -> bool:
        """Says whether a metric is to be judged."""
        return metric not in self.ignore and (not self.only or metric in self.only)

    def limit(self, key: Key, unit: str, whole: float, devices_differ: bool) -> Limit:
        """Returns the change that a number must exceed; whole: its value, or the ideal from which it is a distance."""
        metric, whole = key[2], 100.0 if unit == "%" else abs(whole)
        effect = {
            "%": self.point_effect,
            "frames": self.frame_effect,
            **dict.fromkeys(COST_UNITS, self.cost_effect * whole),
        }.get(unit, self.relative_effect * whole)
        limits = [Limit(self.minimum_effect.get(metric, effect), "the least change that matters")]
        if key in self.noise:
            limits.append(Limit(self.noise[key], "the noise of the same method run twice"))
        if devices_differ:
            limits.append(Limit(self.device_share * whole, "what a CPU and a GPU may differ by"))
        return max(limits, key=lambda limit: limit.value)


@dataclass(frozen=True)
class MovedClip:
    """Holds one clip that got worse in a number: what it had, what it has (None: no number), and how far it fell."""

    sample: str
    before: float | None
    now: float | None
    spreads: float  # of the baseline's own clips; infinite where its number is lost


@dataclass(frozen=True)
class CellVerdict:
    """Holds the verdict on one metric of one method on one dataset; `change` = run − baseline on the shared clips, in
    the metric's unit.
    """

    dataset: str
    method: str
    metric: str
    title: str
    unit: str
    higher_is_better: bool
    state: State
    reason: str
    baseline: float | None = None
    run: float | None = None
    change: float | None = None
    p_value: float | None = None  # of a stochastic method, Holm-corrected over the comparison
    pairs: int = 0
    limit: Limit | None = None  # what the change had to exceed
    exchanged: str = ""  # how many clips have a number in one run only, where the loss alone is no verdict
    signature: str = ""  # in the baseline
    from_ideal: bool = False  # its values are distances from an ideal
    error: float | None = None  # standard error of a stochastic method's change
    least: float | None = None  # the least fall that would have been seen
    fired: str = ""  # the rule for single clips that makes it worse, in words
    clips: tuple[MovedClip, ...] = ()  # those that a rule names; of a mean that fell, those that fell most

    @property
    def key(self) -> Key:
        """Returns the cell's place in the baseline."""
        return self.dataset, self.method, self.metric, self.signature

    @property
    def direction(self) -> State:
        """Says which way the change goes, whether it counts or not."""
        if not self.change:
            return "same"
        return "better" if (self.change > 0) == self.higher_is_better else "worse"


@dataclass(frozen=True)
class Verdict:
    """Holds the comparison of a run with its baseline: a state for each cell, and one for all."""

    baseline: str
    run: str
    cells: tuple[CellVerdict, ...]
    remarks: tuple[str, ...] = ()
    fatal: str = ""  # why nothing at all can be compared

    @property
    def state(self) -> State:
        """Returns `worse` if any cell is; else `cannot compare` if any cell cannot; else `better` if any is, else
        `same`.
        """
        states = {cell.state for cell in self.cells}
        if "worse" in states:
            return "worse"
        if self.fatal or not self.cells or "cannot compare" in states:
            return "cannot compare"
        return "better" if "better" in states else "same"

    @property
    def exit_code(self) -> int:
        """Returns 0 fine, 3 regression, 4 cannot compare."""
        codes: dict[State, int] = {"worse": EXIT_REGRESSION, "cannot compare": EXIT_CANNOT_COMPARE}
        return codes.get(self.state, EXIT_FINE)
