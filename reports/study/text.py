"""This module writes a study's results as Markdown that is read in a terminal as well, and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from harness.streams import printable
from reports.numbers import MISSING, interval, number, probability
from reports.sentences import ALPHA
from reports.study.beside import Beside
from reports.study.correlation import FEWEST, Correlation
from reports.study.design import IDENTIFY
from reports.study.results import Ends, Preference, Results, Share

_TITLES = {"realism": "realism", "sync": "lip sync", "emotion": "emotion", IDENTIFY: "naming the emotion"}
_NO_STRENGTH = "won or lost every comparison with the others: no finite strength"


def to_json(found: Results) -> str:
    """Returns all numbers of the results, unrounded."""
    return json.dumps({"schema_version": 1, **asdict(found)}, ensure_ascii=False, indent=1) + "\n"


def markdown(found: Results) -> str:
    """Returns the tables, and the sentences that they allow."""
    parts = [f"# Human study {found.study}", "", who(found), ""]
    if found.preferences:
        parts += ["## Preferences", "", *_table(_PREFERENCES, [_preference(one) for one in found.preferences]), ""]
        parts += [f"* {sentence(one)}" for one in found.preferences] + [""]
        parts += ["## Strengths (Bradley–Terry, log odds against the mean)", "", *_strengths(found), ""]
    if found.named:
        rows = [[one.method, *_share(one.share)] for one in found.named]
        parts += [f"## Emotions named rightly (a guesser: {number(found.chance, 1)} %)", ""]
        parts += [*_table(["method", "right, %", "answers", "Wilson", "over raters"], rows), ""]
    rows = [
        [_TITLES[one.question], number(one.alpha, 2), _ends(one.interval, 2), str(one.units), str(one.answers)]
        for one in found.agreement
    ]
    parts += ["## Agreement of raters (Krippendorff's alpha)", ""]
    parts += [*_table(["question", "alpha", "over raters", "units", "answers"], rows), ""]
    if found.metrics:
        parts += ["## Each metric's rank correlation with people", "", *_beside(found), ""]
    return "\n".join(parts)


_PREFERENCES = ("question", "first", "second", "first preferred, %", "answers", "Wilson", "over raters", "p (Holm)")


def who(found: Results) -> str:
    """Returns how many raters count, and why others do not."""
    own = found.sorted
    told = f"{_raters(len(own.kept))} counted, {len(own.answers)} answers, {number(found.seconds, 1)} s each (median)."
    out = [
        (own.failed, "failed the attention checks"),
        (own.unfinished, "left before the last check"),
    ]
    gone = [f"{_raters(len(who))} left out: {why} ({', '.join(map(str, who))})." for who, why in out if who]
    broken = [f"{own.broken} answers left out: a clip did not play."] if own.broken else []
    return " ".join([told, *gone, *broken])


def _raters(count: int) -> str:
    return f"{count} rater{'' if count == 1 else 's'}"


def sentence(one: Preference) -> str:
    """Returns a preference in words."""
    first, second, percent = one.first, one.second, one.share.percent
    if percent < 50:
        first, second, percent = second, first, 100 - percent
    basis = f"{number(percent, 1)} % of {one.share.answers} answers, {_raters(one.raters)}"
    about = f"by {_TITLES[one.question]}"
    if one.p_holm > ALPHA:
        return f"Raters do not measurably prefer {one.first} or {one.second} {about} ({basis} for {first})."
    test = f"{probability(one.p_holm)} after Holm's correction"
    return f"Raters prefer {first} to {second} {about} ({basis}, {test})."


def _preference(one: Preference) -> list[str]:
    return [_TITLES[one.question], one.first, one.second, *_share(one.share), f"{one.p_holm:.2g}"]


def _share(share: Share) -> list[str]:
    return [number(share.percent, 1), str(share.answers), _ends(share.wilson, 1), _ends(share.by_rater, 1)]


def _ends(ends: Ends | None, places: int) -> str:
    return (interval(*ends, places) if ends else "") or MISSING


def _strengths(found: Results) -> list[str]:
    rows = [
        [_TITLES[o.question], o.method, number(o.value, 2, sign=True), _ends(o.interval, 2), f"{o.won}/{o.answers}"]
        for o in found.strengths
    ]
    lines = _table(["question", "method", "strength", "over raters", "won"], rows)
    without = [f"{o.method} ({_TITLES[o.question]})" for o in found.strengths if o.value is None]
    return [*lines, "", f"{MISSING}: {', '.join(without)} {_NO_STRENGTH}."] if without else lines


def _beside(found: Results) -> list[str]:
    """Correlations that can show anything; the others are named in a sentence, and are in the JSON."""
    shown = [one for one in found.metrics if _says(one)]
    rows = [
        [_TITLES[one.question], one.title, *_correlation(one.methods), *_correlation(one.comparisons)] for one in shown
    ]
    head = ["question", "metric", "ρ over methods", "95 %", "methods", "γ over clips", "95 %", "comparisons"]
    note = ["+1: the metric and people agree wholly; −1: they are opposed; the metric's better side is accounted for."]
    titles = {one.title for one in shown}
    silent = list(dict.fromkeys(one.title for one in found.metrics if one.title not in titles))
    if silent:
        why = f"fewer than {FEWEST} methods, and no clip has a value of its own"
        note.append(f"Nothing can be said of {', '.join(silent)}: {why}.")
    return [*(_table(head, rows) if rows else []), "", *note]


def _says(one: Beside) -> bool:
    return one.comparisons is not None or (one.methods is not None and one.methods.n >= FEWEST)


def _correlation(one: Correlation | None) -> list[str]:
    if one is None:
        return [MISSING, MISSING, "0"]
    return [number(one.value, 2, sign=True), interval(one.low, one.high, 2), str(one.n)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table whose columns are aligned in the text too."""
    cells = [[printable(cell).replace("|", "\\|") for cell in row] for row in (head, *rows)]
    widths = [max(len(row[k]) for row in cells) for k in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
