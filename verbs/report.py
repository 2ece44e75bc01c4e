"""`report` writes tables and the page from one or more runs, and makes and reads human studies of their clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.errors import EXIT_CANNOT_COMPARE
from verbs.choices import columns_option, out_option
from verbs.help import Verb
from verbs.paper_options import PAPER, asked, paper_options
from verbs.studying import STUDY, study_options, work


@click.command(
    "report",
    cls=Verb,
    groups={
        "Output": ["--out", "--columns"],
        "The paper's table (docs/tables.md)": [f"--{name.replace('_', '-')}" for name in PAPER],
        "A human study": [f"--{name}" for name in STUDY],
    },
    examples=(
        "report runs/mead",
        'report runs/a runs/b --out paper/ --columns emotion_acc,sync_c,fid,csim --names cmet="C-MET (ours)"',
        "report runs/mead --out paper/ --with-reported cmet     # published numbers, apart, and reported.bib",
        "report runs/a --study study/                           # a page for raters; then:",
        "report --study study/ --study-answers answers/*.csv",
    ),
)
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@out_option("<run>/report; of several runs report/ beside the first")
@columns_option
@paper_options
@study_options
def command(runs: tuple[Path, ...], out: Path | None, columns: str, **given: Any) -> int:
    """Write index.html, table.md, table.tex, appendix.tex, numbers.tex, scores.csv, clips.csv and scores.json of RUNS.

    table.tex has the headline metrics, in one column of a two-column article; appendix.tex has all, with intervals and
    signatures; numbers.tex has a macro for each number, interval and p-value. Of several runs, leaderboard.html has the
    newest numbers of each method, and how they went. With --study OUT, a blinded page for raters is made of their clips
    instead; --study-answers reads it back.
    """
    paper = {name: given.pop(name) for name in PAPER}
    if work(runs, out, given):
        return 0
    from reports import write
    from reports.load import load_run
    from verbs.outcome import places, show

    data = [load_run(run) for run in runs]
    folder = out or (runs[0].parent if len(runs) > 1 else runs[0]) / "report"  # each run keeps its own page
    paths = write(data if len(data) > 1 else data[0], folder, asked(folder, columns, paper))
    board = [f"Leaderboard: {folder / 'leaderboard.html'}"] if len(data) > 1 else []
    show(data, columns, [*board, places(folder, [path.name for path in paths if path.suffix != ".html"])])
    killed = next((str(folder) for folder, run in zip(runs, data, strict=True) if not run.summary), "")
    if killed:
        click.echo(f"bench.py: '{killed}' has no numbers yet: it was killed before they were summed up.", err=True)
        click.echo("          Go on with the command that began it and --resume.", err=True)
        return EXIT_CANNOT_COMPARE
    return 0
