"""The gate says whether a metric got worse on the very clips of a baseline.

The clips are given, so there is no chance of the draw in a change, and no p-value about new people: a metric is worse
if its mean moved against its direction by more than the largest of the least change that matters, the noise of the
same method run twice, and the tolerance between a CPU and a GPU; or if a rule for single clips fired (clip_rules). Only
methods that draw noise of their own are tested, across their seeds (Holm over these cells). Losing numbers is worse
too: no method may gain by failing on its hard clips. Undecidable cells are reported, not guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.atomic import replacing
from harness.statistics import holm, units_needed
from reports.gate.cell import Side, cells, counterpart, devices_differ, side
from reports.gate.clip_rules import Changes, applied, changes, rules
from reports.gate.closeness import by_closeness
from reports.gate.junit import Circumstances, junit
from reports.gate.page import Place, markdown
from reports.gate.power import with_least
from reports.gate.verdict import CellVerdict, Key, State, Thresholds, Verdict
from reports.model import RunData

__all__ = ["CellVerdict", "Circumstances", "State", "Thresholds", "Verdict", "compare", "write_junit", "write_markdown"]


def compare(baseline: RunData, run: RunData, thresholds: Thresholds | None = None) -> Verdict:
    """Judge every metric of every contestant that the baseline has a number for: the ranked ones, and those that have
    an ideal.

    The ceiling and the floors are only remarked on, unless the baseline has nothing else. Equal input gives an equal
    verdict, always.
    """
    limits, (baseline, run) = thresholds or Thresholds(), by_closeness(baseline, run)
    before, after = side(baseline), side(run)
    if baseline.lane_told and run.lane_told and baseline.lane_told != run.lane_told:
        why = f"the baseline ran in lane {baseline.lane}, the run in lane {run.lane}"
        return Verdict(baseline.name, run.name, (), (), why)
    drawn = [str(one.facts.get("dataset_version") or "") for one in (baseline, run)]
    if all(drawn) and drawn[0] != drawn[1]:
        why = f"the test data were drawn by another version of their code ({drawn[0]}, now {drawn[1]}): all would move"
        return Verdict(baseline.name, run.name, (), (), why)
    if why := _other_list(baseline, run):
        return Verdict(baseline.name, run.name, (), (), why)
    asked = [key for key in before.summary if limits.judges(key[2])]
    ranked = [key for key in asked if baseline.fact(key[2]).ranked and run.fact(key[2]).ranked]
    wanted = [key for key in ranked if before.summary[key].n_scored]
    if not wanted:
        return Verdict(baseline.name, run.name, (), (), "the baseline holds no number to compare with")
    anchors = baseline.anchors | run.anchors
    judged = [key for key in wanted if key[1] not in anchors] or wanted
    tried = _corrected(cells(before, after, judged, limits), limits)
    moved, noisy = _changes(tried, before, after), baseline.stochastic | run.stochastic
    unsteady = noisy | {cell.method for cell in tried} if devices_differ(before, after) else noisy
    known = rules(tried, moved, limits, unsteady)
    tried = with_least(applied(tried, moved, known), moved, noisy, limits.alpha, known)
    beside = _corrected(cells(before, after, [key for key in wanted if key not in judged], limits), limits)
    return Verdict(baseline.name, run.name, tried, (*_remarks(before, after, ranked), *_moved(beside)))


def _changes(tried: Sequence[CellVerdict], before: Side, after: Side) -> dict[Key, Changes]:
    """The clips of each number whose clips have numbers of their own: all but those of whole sets."""
    own = [cell for cell in tried if before.data.fact(cell.metric, cell.signature).aggregation != "pooled"]
    others = {cell.key: counterpart(cell.key, before, after) for cell in own}
    return {cell.key: changes(cell.key, others[cell.key], cell.higher_is_better, before, after) for cell in own}


def _other_list(baseline: RunData, run: RunData) -> str:
    """Says so where the runs share a dataset and none of its samples; "" where they share some."""
    sides = [{(row.dataset, row.sample) for row in one.rows} for one in (baseline, run)]
    shared = {dataset for dataset, _ in sides[0]} & {dataset for dataset, _ in sides[1]}
    if not shared or sides[0] & sides[1]:
        return ""
    first = "puppets_test_v1"  # the puppets' list before puppets_test_v2
    cure = f"run … --list {first}" if shared == {"puppets"} else "run … --list NAME"
    return f"they share no sample of {', '.join(sorted(shared))}: the baseline is of another test list ({cure})"


def _moved(anchors: Sequence[CellVerdict]) -> tuple[str, ...]:
    """Ceiling and floors do not compete; one that moved says that judge, data or backbone changed under everybody."""
    moved = [cell for cell in anchors if cell.state in ("better", "worse")]
    names = ", ".join(f"{cell.method} {cell.title} ({cell.state})" for cell in moved)
    return (f"The ceiling or the floors moved, so what all methods share has changed: {names}.",) if moved else ()


def _corrected(tried: Sequence[CellVerdict], limits: Thresholds) -> tuple[CellVerdict, ...]:
    """Holm over all tests of stochastic methods: what their own noise explains is no change."""
    tested = [cell for cell in tried if cell.p_value is not None]
    corrected = iter(holm([cell.p_value for cell in tested if cell.p_value is not None]))
    needed = units_needed(len(tested), limits.alpha)
    blind = all(cell.pairs < needed for cell in tested)
    return tuple(
        cell if cell.p_value is None else _decided(replace(cell, p_value=next(corrected)), needed, blind, limits.alpha)
        for cell in tried
    )


def _decided(cell: CellVerdict, needed: int, blind: bool, alpha: float) -> CellVerdict:
    """The verdict on a stochastic method's number; blind: no number of the comparison has clips enough for a test."""
    if cell.state == "same" or (cell.p_value or 0.0) <= alpha:
        return cell
    if cell.pairs >= needed:
        return replace(cell, state="same", reason="not beyond the method's own noise")
    few = f"{needed} are needed to tell a change from the method's own noise"
    if blind:
        why = f"too little was measured: {cell.pairs} shared clips, {few}"
        return replace(cell, state="cannot compare", reason=why, change=None)
    return replace(cell, state="same", reason=f"too few clips: {few}")


def _remarks(before: Side, after: Side, ranked: Sequence[Key]) -> tuple[str, ...]:
    """Remarks on what was left out of the judgement, and why."""
    empty = sorted({key[2] for key in ranked if not before.summary[key].n_scored})
    known = {key[:3] for key in before.summary}
    extra = [key for key, row in after.summary.items() if key[:3] not in known and row.n_scored]
    remarks = {
        "Without a number in the baseline, so not judged": empty,
        "Only in the run, so not judged": sorted({f"{metric} of {method}" for _, method, metric, _ in extra}),
    }
    return tuple(f"{what}: {', '.join(names)}." for what, names in remarks.items() if names)


def write_junit(verdict: Verdict, path: Path, made: Circumstances) -> None:
    """Writes JUnit XML: one test case a number; `worse` is a failure, `cannot compare` an error. MediaError on a full
    disk.
    """
    _write(path, junit(verdict, made))


def write_markdown(verdict: Verdict, baseline: RunData, run: RunData, path: Path, address: str = "") -> None:
    """Writes the verdict as Markdown, its clips linked from there, or below an address. MediaError on a full disk."""
    _write(path, markdown(verdict, baseline, run, Place(path.resolve().parent, address)))


def _write(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
