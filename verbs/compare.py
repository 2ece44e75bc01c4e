"""`compare` is the CI gate: it compares a run with a baseline."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("compare")
@click.argument("baseline", type=click.Path(path_type=Path))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--junit", type=click.Path(path_type=Path), default=None, help="Write a JUnit XML file.")
@click.option("--markdown", type=click.Path(path_type=Path), default=None, help="Write a Markdown summary.")
def command(baseline: Path, run: Path, junit: Path | None, markdown: Path | None) -> int:
    """Compare RUN with BASELINE (run folders or scores.json files): better, same, worse, cannot compare.

    Exit code 0: nothing got worse. 3: something did. 4: cannot compare, or too little was measured.
    """
    from reports.gate.gate import compare, write_junit, write_markdown
    from reports.gate.text import plain
    from reports.load import load_any

    verdict = compare(load_any(baseline), load_any(run))
    click.echo(plain(verdict))
    if junit is not None:
        write_junit(verdict, junit)
    if markdown is not None:
        write_markdown(verdict, markdown)
    return verdict.exit_code
