"""This module writes the gate's verdict in sentences, for a terminal and for the other forms."""

from __future__ import annotations

from collections.abc import Sequence

from harness.streams import printable
from reports.gate.power import needed, told, wanted
from reports.gate.verdict import CellVerdict, State, Verdict
from reports.numbers import decimals, difference_unit, number, probability

NAMED = 3  # clips that a line names
_ORDER: tuple[State, ...] = ("worse", "cannot compare", "better", "same")


def conclusion(verdict: Verdict) -> str:
    """Returns the verdict over all cells in one sentence."""
    names = f"{verdict.run} against baseline {verdict.baseline}"
    if verdict.fatal:
        return f"Cannot compare {names}: {verdict.fatal}."
    n = {state: sum(cell.state == state for cell in verdict.cells) for state in _ORDER}
    counts = ", ".join(f"{n[state]} {state}" for state in _ORDER if n[state])
    return f"{verdict.state.capitalize()}: {names} ({counts})."


def ordered(cells: Sequence[CellVerdict]) -> list[CellVerdict]:
    """Returns the cells with the worst first."""
    return sorted(cells, key=lambda cell: _ORDER.index(cell.state))


def plain(verdict: Verdict) -> str:
    """Returns the conclusion, one line per cell with the worst first, and the remarks."""
    lines = [conclusion(verdict)]
    cells = ordered(verdict.cells)
    names = [f"{cell.method} {cell.title}" for cell in cells]
    width = max((len(name) for name in names), default=0)
    several = len({cell.dataset for cell in cells}) > 1
    for cell, name in zip(cells, names, strict=True):
        where = f"{cell.dataset}: " if several else ""
        lines.append(f"  {cell.state:<14}  {name:<{width}}  {where}{words(cell)}")
    return printable("\n".join([*lines, *filter(None, [blind(verdict)]), *verdict.remarks]))


def blind(verdict: Verdict) -> str:
    """Returns what the comparison could not have seen in the headline numbers, and how many samples would do; "" where
    nothing was compared.
    """
    parts = [_blind(cell) for cell in told(verdict.cells)]
    return f"Blind below {'; '.join(parts)}." if parts else ""


def _blind(cell: CellVerdict) -> str:
    places, unit = decimals(cell.unit, [cell.baseline, cell.run]), difference_unit(cell.unit)
    sign = -1.0 if cell.higher_is_better else 1.0
    seen = number(sign * (cell.least or 0.0), places, sign=True)
    more = (
        f" (about {needed(cell)} would show {number(sign * wanted(cell), places, sign=True)})" if needed(cell) else ""
    )
    return f"{seen}{unit} of {cell.title} on these {cell.pairs} clips{more}"


def words(cell: CellVerdict) -> str:
    """Returns the result of one cell: values, change, p-value, and the change that would have been seen."""
    if cell.change is None:
        return ": ".join(filter(None, [cell.reason, _clips(cell, 0)]))
    places = decimals(cell.unit, [cell.baseline, cell.run])
    unit = difference_unit(cell.unit)
    values = f"{number(cell.baseline, places)} → {number(cell.run, places)}"
    parts = [f"{values} ({number(cell.change, places, sign=True)}{unit}) on {cell.pairs} shared clips"]
    if cell.p_value is not None:
        parts.append(probability(cell.p_value))
    elif not cell.change:
        parts.append("equal")
    parts += filter(None, [cell.reason, cell.exchanged, _clips(cell, places)])
    if cell.least is not None and cell.state == "same":
        parts.append(f"a loss of more than {number(cell.least, places)}{unit} would have been found")
    elif cell.limit is not None and abs(cell.change) > cell.limit.value:
        parts.append(f"beyond {cell.limit.what}, {number(cell.limit.value, places)}{unit}")
    return ", ".join(parts)


def _clips(cell: CellVerdict, places: int) -> str:
    """The rule that fired, and the clips that fell most."""
    some = [
        f"{clip.sample} ({number(clip.before, places)} → {number(clip.now, places)})"
        if clip.now is not None
        else clip.sample
        for clip in cell.clips[:NAMED]
    ]
    more = f" and {len(cell.clips) - NAMED} more" if len(cell.clips) > NAMED else ""
    head = f"{cell.fired}: " if cell.fired else "most in " if cell.change is not None and some else ""
    return f"{head}{', '.join(some)}{more}"
