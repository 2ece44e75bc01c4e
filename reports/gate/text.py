"""This module writes the gate's verdict for a terminal, for a pull request and for a CI server."""

from __future__ import annotations

from xml.etree import ElementTree

from harness.streams import printable
from reports.gate.power import needed, told, wanted
from reports.gate.verdict import CellVerdict, State, Verdict
from reports.markdown import escape
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


def plain(verdict: Verdict) -> str:
    """Returns the conclusion, one line per cell with the worst first, and the remarks."""
    lines = [conclusion(verdict)]
    ordered = sorted(verdict.cells, key=lambda cell: _ORDER.index(cell.state))
    names = [f"{cell.method} {cell.title}" for cell in ordered]
    width = max((len(name) for name in names), default=0)
    several = len({cell.dataset for cell in ordered}) > 1
    for cell, name in zip(ordered, names, strict=True):
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


def markdown(verdict: Verdict) -> str:
    """Returns the conclusion and a table; cells that stayed the same are folded away."""
    parts = [f"## {escape(conclusion(verdict))}", ""]
    for folded in (False, True):
        rows = [cell for cell in verdict.cells if (cell.state == "same") == folded]
        rows.sort(key=lambda cell: _ORDER.index(cell.state))
        table = ["| verdict | dataset | method | metric | |", "| --- | --- | --- | --- | --- |", *map(_row, rows)]
        if rows and folded:
            table = ["<details><summary>The same</summary>", "", *table, "", "</details>"]
        parts += [*table, ""] if rows else []
    return "\n".join([*parts, *(escape(remark) for remark in verdict.remarks)]).rstrip() + "\n"


def _row(cell: CellVerdict) -> str:
    state = f"**{cell.state}**" if cell.state in ("worse", "cannot compare") else cell.state
    return f"| {' | '.join([state, *map(escape, (cell.dataset, cell.method, cell.title, words(cell)))])} |"


def junit(verdict: Verdict) -> str:
    """Returns JUnit XML that CI servers read: one test case per cell; `worse` is a failure, `cannot compare` an
    error.
    """
    failures = sum(cell.state == "worse" for cell in verdict.cells)
    errors = sum(cell.state == "cannot compare" for cell in verdict.cells) + bool(verdict.fatal)
    counts = {"tests": len(verdict.cells) + bool(verdict.fatal), "failures": failures, "errors": errors}
    suite = ElementTree.Element("testsuite", {"name": "cmet-bench compare", **{k: str(v) for k, v in counts.items()}})
    if verdict.fatal:
        case = ElementTree.SubElement(suite, "testcase", {"classname": "compare", "name": "comparable"})
        ElementTree.SubElement(case, "error", {"message": printable(conclusion(verdict))})
    for cell in verdict.cells:
        names = {"classname": printable(f"{cell.dataset}.{cell.method}"), "name": printable(cell.title)}
        case = ElementTree.SubElement(suite, "testcase", names)
        happened = printable(words(cell))
        if cell.state in ("worse", "cannot compare"):
            tag = "failure" if cell.state == "worse" else "error"
            ElementTree.SubElement(case, tag, {"message": f"{cell.state}: {happened}"})
        else:
            ElementTree.SubElement(case, "system-out").text = f"{cell.state}: {happened}"
    text: str = ElementTree.tostring(suite, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
