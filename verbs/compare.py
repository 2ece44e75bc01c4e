"""`compare` is the CI gate: it compares a run with a baseline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import click

from harness import metric_names
from harness.errors import UsageError
from verbs.help import Verb

RUN = click.Path(path_type=Path)


@click.command(
    "compare",
    cls=Verb,
    examples=(
        "compare baseline/scores.json runs/now",
        "compare baseline/scores.json runs/now --junit gate.xml --markdown gate.md",
    ),
)
@click.argument("baseline", type=RUN)
@click.argument("run", type=RUN)
@click.option("--noise", nargs=2, type=RUN, metavar="RUN_A RUN_B", help="The same method twice: how far it may move.")
@click.option(
    "--alpha", type=click.FloatRange(0, 1, min_open=True), help="Level for stochastic methods. [default: 0.02]"
)
@click.option(
    "--min-effect", "effects", multiple=True, help="METRIC=X: the least change that matters, in its unit. Many."
)
@click.option("--junit", type=click.Path(path_type=Path), default=None, help="Write a JUnit XML file.")
@click.option("--markdown", type=click.Path(path_type=Path), default=None, help="Write a Markdown summary.")
def command(
    baseline: Path,
    run: Path,
    noise: tuple[Path, Path] | None,
    alpha: float | None,
    effects: tuple[str, ...],
    junit: Path | None,
    markdown: Path | None,
) -> int:
    """Compare RUN with BASELINE (run folders or scores.json files): better, same, worse, cannot compare.

    Exit code 0: nothing got worse. 3: something did. 4: cannot compare, or too little was measured.
    """
    from reports.gate.gate import Thresholds, compare, write_junit, write_markdown
    from reports.gate.noise import measured
    from reports.gate.text import plain
    from reports.load import load_any

    before, now = load_any(baseline), load_any(run)
    known = dict.fromkeys(row.metric for one in (before, now) for row in one.summary)
    least = dict(_effect(text, known) for text in effects)
    limits = Thresholds(minimum_effect=least, noise=measured(*map(load_any, noise)) if noise else {})
    verdict = compare(before, now, replace(limits, alpha=alpha) if alpha else limits)
    click.echo(plain(verdict))
    if junit is not None:
        write_junit(verdict, junit)
    if markdown is not None:
        write_markdown(verdict, markdown)
    return verdict.exit_code


def _effect(text: str, known: Iterable[str]) -> tuple[str, float]:
    """A metric, by any of its names, and the least change of it that matters."""
    name, _, number = text.partition("=")
    try:
        return metric_names.metric(name, known), float(number)
    except ValueError:
        raise UsageError(f"--min-effect {text} names no metric and number.", "Type METRIC=X, e.g. lse_c=0.1.") from None
