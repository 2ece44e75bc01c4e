"""This module prints the end of `run` and `score`: the table, the files' places, clips not made, weights lacking."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from tqdm import tqdm

from harness import metric_names, runner
from harness.errors import EXIT_CANNOT_COMPARE, EXIT_MISSING
from harness.records import Clip, Failed
from harness.store import RunStore
from harness.streams import control, printable
from reports.fitting import height, shortened, wrapped
from reports.load import load_run
from reports.model import RunData
from reports.screen import lost, plain, screen
from reports.terminal import WIDTH, table
from verbs.contestants import contestants

_PREREQUISITES = ("weights_missing", "weights_implausible", "tool_missing", "judge_unnamed")
_INKS = {"bold": "\x1b[1m", "dim": "\x1b[2m", "good": "\x1b[32m"}
_SEQUENCE = r"\x1b\[[0-9]+m"
_FETCHED = re.compile(r"python bench\.py weights fetch ((?:[\w.-]+ ?)+)")
_LINES = 34  # of the whole screen: one more may say that nothing could be measured
_ENDS, _ROWS_EACH = 12, 3  # rows of what follows the table, and of one line of it
_MOST = 5  # reasons that are printed here; the page has all of them


def print_outcome(outcome: runner.RunOutcome, columns: str) -> int:
    """Prints the screen (columns: what it shows, see `show`) and the files' places; returns the exit code. When nothing
    was measured: 5 if files are all it lacks, else 4.
    """
    data = load_run(outcome.folder)
    took = f"in {tqdm.format_interval(outcome.seconds)}"
    counts = f"{_clips(outcome.made)} made, {outcome.failed} failed, {outcome.reused} already there, {took}."
    failed = [f"Failed: {line}" for line in not_made(outcome.folder)]
    missing = [f"Missing: {line}" for line in lacking(data)]
    show([data], columns, [counts, places(outcome.folder / "report"), *failed, *missing])
    if unable(outcome):
        click.echo("bench.py: none of the methods that were asked for could run.", err=True)
        return EXIT_MISSING
    if not any(row.n_scored for row in data.summary):
        click.echo("bench.py: nothing could be measured; the reasons are on the page and in scores.json.", err=True)
        lost = {row.reason for row in data.rows if row.expected} - {"not_recorded"}  # clips that existed have no cost
        return EXIT_MISSING if lost and lost <= set(_PREREQUISITES) else EXIT_CANNOT_COMPARE
    return 0


def show(runs: Sequence[RunData], columns: str, below: Sequence[str] = ()) -> None:
    """Prints runs on one screen of 35 lines: the headline metrics, `all` for the whole table, or metrics by name with
    commas; below: what follows, a line each, those that are not most important shortened.
    """
    if columns == "all":
        for run in runs:
            click.echo(table(run))
        click.echo("\n".join(["", *below]))
        return
    width, rest = _width(), list(map(printable, lost(runs)))
    ends = [wrapped(f"Not measured: {'; '.join(rest)}.", width)] * bool(rest) + ["", *_few(below, width)]
    known = {row.metric for run in runs for row in run.summary}
    metrics = [] if columns == "headline" else metric_names.several(columns, known)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = screen(runs, width, _inked if colour else plain, metrics, _LINES - height(ends, width))
    for piece in re.split(f"({_SEQUENCE})", text):
        if re.fullmatch(_SEQUENCE, piece):
            control(sys.stdout, piece)
        else:
            click.echo(piece, nl=False)
    click.echo("\n".join(ends))


def _few(lines: Sequence[str], width: int) -> list[str]:
    """The first lines, each of at most three rows of the terminal, with room for a table above; the rest is counted."""
    short = [shortened(line, _ROWS_EACH * width) for line in lines]
    kept = [line for count, line in enumerate(short, 1) if height(short[:count], width) <= _ENDS]
    gone = len(short) - len(kept)
    return kept + ([f"{gone} more of these: the page lists them."] if gone else [])


def places(report: Path, files: Sequence[str] = ("table.md", "table.tex")) -> str:
    """Says where the page and the tables are. Paths and commands are not broken into lines: they are to be copied."""
    return f"Page: {report / 'index.html'}   Tables: {', '.join(files)} beside it   All metrics: --columns all"


def _width() -> int:
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def _inked(text: str, kind: str) -> str:
    return f"{_INKS[kind]}{text}\x1b[0m"


def unable(outcome: runner.RunOutcome) -> bool:
    """Says whether every contestant of this run made nothing, since it could not be loaded or started."""
    with RunStore(outcome.folder, create=False) as store:
        ends = [(method, end) for (_, method, _), (end, _) in store.clips().items()]
    made = {method for method, end in ends if isinstance(end, Clip)}
    gone = {method for method, end in ends if isinstance(end, Failed) and end.kind == "unavailable"}
    asked = contestants(outcome.methods)
    return bool(asked) and not made.intersection(asked) and gone.issuperset(asked)


def not_made(folder: Path) -> list[str]:
    """Says why clips of this run could not be made and what to do about it: the commonest reason of each method, then
    the commonest others.
    """
    with RunStore(folder, create=False) as store:
        asked = {(dataset, sample) for dataset, sample, *_ in store.samples()}
        ended = [
            (method, end) for (dataset, method, sample), (end, _) in store.clips().items() if (dataset, sample) in asked
        ]
    why = Counter((method, f"{end.reason}", f"{end.cure}") for method, end in ended if isinstance(end, Failed))
    ranked = why.most_common()
    first = {method: why for why in reversed(ranked) for (method, _, _), _ in [why]}
    told = [why for why in ranked if why in first.values()]
    told += [why for why in ranked if why not in told][: max(0, _MOST - len(told))]
    lines = [f"{method}, {_clips(n)}: {_told(reason, cure)}" for (method, reason, cure), n in told]
    rest = sum(why.values()) - sum(n for _, n in told)
    return [*lines, f"{_clips(rest)} more; see the page."] if rest else lines


def _clips(count: int) -> str:
    return f"{count} clip{'' if count == 1 else 's'}"


def _told(reason: str, cure: str) -> str:
    return f"{reason.rstrip('.')}. {cure}".rstrip()


def lacking(data: RunData) -> list[str]:
    """Returns what judges of this run miss, as `in_one_command`."""
    details = dict.fromkeys(row.detail for row in data.rows if row.reason in _PREREQUISITES)
    return in_one_command(line for detail in details for line in detail.split("\n") if line)


def in_one_command(lacks: Iterable[str]) -> list[str]:
    """Returns missing things, each once: with one command all weights files that can be fetched, then every other file
    and tool with its cure.
    """
    lines = list(dict.fromkeys(lacks))
    names = [match[1].strip() for line in lines if (match := _FETCHED.search(line))]
    one = [f"weights. Type: python bench.py weights fetch {' '.join(names)}"] if names else []
    return one + [line for line in lines if not _FETCHED.search(line)]
