"""`compare` is the CI gate: it compares a run with a baseline."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from harness.errors import UsageError
from verbs.help import Verb

RUN = click.Path(path_type=Path)


@click.command(
    "compare",
    cls=Verb,
    examples=(
        "compare baseline/ runs/now",
        "compare baseline/ runs/now --junit gate.xml --markdown gate.md",
        "compare baseline/ runs/now --accept",
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
@click.option("--only", multiple=True, help="Judge these metrics, with commas. Many.")
@click.option("--ignore", multiple=True, help="Judge all but these metrics, with commas. Many.")
@click.option("--accept", is_flag=True, help="Make RUN the baseline, whatever the verdict; exit code 0.")
@click.option("--junit", type=click.Path(path_type=Path), default=None, help="Write a JUnit XML file.")
@click.option("--markdown", type=click.Path(path_type=Path), default=None, help="Write a Markdown summary.")
@click.option("--link", metavar="URL", default="", help="Where RUN's folder is published: links of clips lead there.")
def command(baseline: Path, run: Path, **given: Any) -> int:
    """Compare RUN with BASELINE: better, same, worse, cannot compare.

    Both are run folders, scores.json files, or folders that keep one. A gate.toml beside the baseline holds settings
    (docs/gate.md). Exit code 0: nothing got worse. 3: something did. 4: cannot compare, or too little was measured.
    """
    from reports.gate.accepting import accept, place
    from reports.gate.gate import Circumstances, compare, write_junit, write_markdown
    from reports.gate.knobs import beside, over, thresholds
    from reports.gate.page import Place, markdown
    from reports.gate.text import plain
    from reports.load import load_any

    started = datetime.now(timezone.utc)
    if given["accept"] and not place(baseline).is_file():
        click.echo(f"There was no baseline: {accept(run, baseline, None)} is one now.")
        return 0
    knobs = over(beside(baseline), _typed(given))
    before, now = load_any(baseline), load_any(run)
    verdict = compare(before, now, thresholds(knobs, (before, now)))
    click.echo(plain(verdict))
    if given["junit"] is not None:
        write_junit(verdict, given["junit"], Circumstances.since(started))
    if given["markdown"] is not None:
        write_markdown(verdict, before, now, given["markdown"], given["link"])
    if job := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(job).open("a", encoding="utf-8") as summary:
            summary.write(markdown(verdict, before, now, Place(address=given["link"])))
    if given["accept"]:
        click.echo(f"Accepted: {accept(run, baseline, verdict)} is now that of {now.name}.")
        return 0
    return verdict.exit_code


def _typed(given: dict[str, Any]) -> Any:
    from reports.gate.knobs import Knobs

    only, ignore = (tuple(n for text in given[key] for n in text.split(",") if n.strip()) for key in ("only", "ignore"))
    return Knobs(given["alpha"], dict(map(_effect, given["effects"])), only, ignore, given["noise"] or ())


def _effect(text: str) -> tuple[str, float]:
    """A metric, by any of its names, and the least change of it that matters."""
    name, _, number = text.partition("=")
    try:
        return name, float(number)
    except ValueError:
        raise UsageError(f"--min-effect {text} names no metric and number.", "Type METRIC=X, e.g. lse_c=0.1.") from None
