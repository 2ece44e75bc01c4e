"""`reproduce` prints a published table next to ours."""

from __future__ import annotations

from pathlib import Path

import click

from harness.errors import EXIT_CANNOT_COMPARE
from verbs.help import Verb


@click.command(
    "reproduce",
    cls=Verb,
    examples=("reproduce cmet --table 1 runs/mead",),
)
@click.argument("paper")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--table", default="", help="A table of the paper, e.g. 1.")
@click.option("--markdown", type=click.Path(path_type=Path), default=None, help="Write a Markdown file.")
def command(paper: str, runs: tuple[Path, ...], table: str, markdown: Path | None) -> int:
    """Print published | ours | difference | explained by, for PAPER (e.g. cmet) and the run folders RUNS.

    Numbers of another protocol never share a line; what RUNS lack is said. Exit code 4 when they have none of them.
    """
    from baselines import METHODS
    from harness.atomic import replacing
    from reports.load import load_run
    from reports.published import find
    from reports.reproduce import reproduce

    comparison = reproduce(find(paper, table), [load_run(run) for run in runs], METHODS)
    click.echo(comparison.text())
    if markdown is not None:
        with replacing(markdown) as partial:
            partial.write_text(comparison.markdown(), encoding="utf-8")
    if runs and not comparison.measured:
        click.echo("bench.py: none of these runs measured a number of this table; each line says why.", err=True)
        return EXIT_CANNOT_COMPARE
    return 0
