"""This module sets a published table next to ours: paper | ours | difference | explained by.

Ours stands beside a published number only if it was measured by the same protocol, in the lane and on the data of the
paper; any other number of ours is left out, and the line says what is missing and what to type to get it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from harness.records import SummaryRow
from reports.breakdown import breakdowns
from reports.model import RunData, RunRow
from reports.numbers import coverage
from reports.published import Published, PublishedTable, Target
from reports.reproduction import LostClips, Ours, ReproducedNumber, Reproduction


def reproduce(table: PublishedTable, runs: Sequence[RunData], methods: Collection[str] | None = None) -> Reproduction:
    """Puts the numbers of `runs` beside the published ones wherever protocol, lane, dataset, method and metric agree.

    `methods`: those that `run` can make itself (None: any); for the others, the command scores clips made elsewhere.
    """
    notes = list(dict.fromkeys(cell.notes for cell in table.cells))
    lines = []
    commands: dict[str, None] = {}
    used: dict[int, dict[SummaryRow, None]] = {}
    for cell in table.cells:
        found = _fitting(cell, runs)
        for run, row in found:
            used.setdefault(runs.index(run), {})[row] = None
        ours, explained = _ours(cell, runs, found)
        lines.append(ReproducedNumber(cell, ours, explained, notes.index(cell.notes) + 1, _within(cell, ours)))
        if ours is None and cell.target is not None:
            commands.setdefault(cell.target.command(methods))
    sources = tuple(dict.fromkeys(cell.source for cell in table.cells))
    lost = tuple(one for index, rows in used.items() for one in _lost(runs[index], rows))
    return Reproduction(table, tuple(lines), tuple(notes), sources, tuple(commands), lost)


def _fitting(cell: Published, runs: Sequence[RunData]) -> list[tuple[RunData, SummaryRow]]:
    """The numbers of ours, and their runs, that were measured as the published one."""
    target = cell.target
    if target is None:
        return []
    fitting = [run for run in runs if (run.protocol, run.lane) == (target.protocol, target.lane)]
    return [(run, row) for run in fitting for row in run.summary if _fits(row, target)]


def _ours(
    cell: Published, runs: Sequence[RunData], found: Sequence[tuple[RunData, SummaryRow]]
) -> tuple[Ours | None, str]:
    """(our number, what explains the difference), or (None, why there is no number of ours)."""
    target = cell.target
    if target is None:
        return None, f"not comparable: {cell.why}"
    if not any((run.protocol, run.lane) == (target.protocol, target.lane) for run in runs):
        return None, _misfit(target, runs)
    if not found:
        return None, "the runs have no such number"
    if len({row.signature for _, row in found}) > 1:
        return None, f"{len(found)} numbers with different signatures fit: give one run"
    run, row = found[0]
    ours = _number(run, row, target)
    if ours is None:
        return None, f"{run.name} scored {coverage(row)} clips" + (f": {row.note}" if row.note else "")
    return ours, _explained(cell, ours, run, row)


def _within(cell: Published, ours: Ours | None) -> bool | None:
    if ours is None or cell.value is None or ours.low is None or ours.high is None:
        return None
    return ours.low <= cell.value <= ours.high


def _lost(run: RunData, numbers: Iterable[SummaryRow]) -> list[LostClips]:
    """The clips without a number; metrics that lack the same clips for the same reason share one."""
    groups: dict[tuple[str, str, str, frozenset[str]], list[tuple[str, list[RunRow]]]] = {}
    for number in numbers:
        key = (number.dataset, number.method, number.metric, number.signature)
        rows = [r for r in run.rows if (r.dataset, r.method, r.metric, r.signature) == key and r.expected]
        for reason in dict.fromkeys(row.reason for row in rows if not row.scored):
            samples = frozenset(row.sample for row in rows if row.reason == reason)
            title = run.fact(number.metric, number.signature).short
            group = (number.dataset, number.method, reason or "", samples)
            groups.setdefault(group, []).append((title, rows))
    found = []
    for (dataset, method, reason, samples), metrics in groups.items():
        rows = metrics[0][1]
        lost, expected = _counts([row for row in rows if row.sample in samples]), _counts(rows)
        found.append(LostClips(method, dataset, tuple(title for title, _ in metrics), reason, lost, expected))
    return found


def _counts(rows: Iterable[RunRow]) -> Counter[tuple[str, str]]:
    return Counter(key for row in rows for key in (("", "clips"), ("emotion", row.emotion), ("identity", row.identity)))


def _misfit(target: Target, runs: Sequence[RunData]) -> str:
    needed = f"needs protocol {target.protocol}, lane {target.lane}"
    if not runs:
        return f"not run yet: {needed}"
    had = ", ".join(dict.fromkeys(f"{run.name} is {run.protocol}/{run.lane}" for run in runs))
    return f"not comparable: {needed}; {had}"


def _fits(row: SummaryRow, target: Target) -> bool:
    return (row.dataset, row.method, row.metric) == (target.dataset, target.method, target.metric)


def _number(run: RunData, row: SummaryRow, target: Target) -> Ours | None:
    """The cell of the table, or of one emotion."""
    if not target.emotion:
        if row.value is None:
            return None
        return Ours(row.value, row.low, row.high, row.n_scored, row.n_expected, row.signature, run.name)
    for one in breakdowns(run):
        share = one.cells.get((row.method, target.emotion))
        if (one.dataset, one.signature) == (row.dataset, row.signature) and share and share.value is not None:
            counts = (share.n_scored, share.n_expected)
            return Ours(share.value, share.low, share.high, *counts, row.signature, run.name)
    return None


def _explained(cell: Published, ours: Ours, run: RunData, row: SummaryRow) -> str:
    """Causes of the difference that the numbers themselves show; the protocol note says the rest."""
    causes = []
    inside = _within(cell, ours)
    if inside is not None:
        causes.append("within our interval" if inside else "beyond our interval")
    if cell.target is not None and cell.target.clips not in (None, ours.n_expected):
        causes.append(f"{ours.n_expected} clips, the paper's number is over {cell.target.clips}")
    if row.metric == "aitv":
        causes.append("seconds of another machine")
    if ours.n_scored < ours.n_expected:
        causes.append(f"{ours.n_expected - ours.n_scored} clips without a number")
    return ", ".join([*causes, *_made_with(run, row.method)]) or "measured"


def _made_with(run: RunData, method: str) -> list[str]:
    """The options that a method ran with (weights=demo, say): a paper's method has its own."""
    asked = run.facts.get("asked")
    options = asked.get("method_options") if isinstance(asked, Mapping) else None
    own = options.get(method) if isinstance(options, Mapping) else None
    return [f"{name}={value}" for name, value in sorted(own.items())] if isinstance(own, Mapping) else []
