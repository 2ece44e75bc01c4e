"""`report` writes tables and the page from one or more runs, and makes and reads human studies of their clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.errors import EXIT_CANNOT_COMPARE
from verbs.choices import columns_option, out_option
from verbs.help import Verb
from verbs.studying import study_options, work


@click.command(
    "report",
    cls=Verb,
    examples=(
        "report runs/mead",
        "report runs/a runs/b --out paper/ --columns emotion_acc,lse_c,fid",
    ),
)
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@out_option("<first run>/report")
@columns_option
@study_options
def command(runs: tuple[Path, ...], out: Path | None, columns: str, **study: Any) -> int:
    """Write index.html, table.md, table.tex, numbers.tex, scores.csv, clips.csv and scores.json of RUNS.

    With --study OUT, a blinded page for raters is made of their clips instead; --study-answers reads it back.
    """
    if work(runs, out, study):
        return 0
    from reports import write
    from reports.load import load_run
    from verbs.outcome import say_places, show

    data = [load_run(run) for run in runs]
    folder = out or runs[0] / "report"
    paths = write(data if len(data) > 1 else data[0], folder)
    show(data, columns)
    click.echo()
    say_places(folder, [path.name for path in paths if path.name != "index.html"])
    killed = next((str(folder) for folder, run in zip(runs, data, strict=True) if not run.summary), "")
    if killed:
        click.echo(f"bench.py: '{killed}' has no numbers yet: it was killed before they were summed up.", err=True)
        click.echo("          Go on with the command that began it and --resume.", err=True)
        return EXIT_CANNOT_COMPARE
    return 0
