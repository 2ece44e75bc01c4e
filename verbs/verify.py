"""`verify` says whether a corpus on disk is complete and whole."""

from __future__ import annotations

from pathlib import Path

import click

from harness.errors import EXIT_FINE, UsageError
from verbs.choices import dataset_settings, jobs_option
from verbs.help import Verb


@click.command(
    "verify",
    cls=Verb,
    examples=(
        "verify mead /data/MEAD",
        "verify mead /data/MEAD --list cmet-1143@part --csv findings.csv",
    ),
)
@click.argument("corpus")
@click.argument("root", type=click.Path(path_type=Path))
@click.option(
    "--list", "list_name", default=None, help="The list that decides the exit code. [default: the corpus' first]"
)
@click.option("--remap", type=click.Path(path_type=Path), default=None, help="csv: your numbering → the list's.")
@click.option("--set", "sets", multiple=True, help="An option of the corpus, KEY=VALUE, e.g. meld_split=dev. Many.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), default=None, help="Write every finding to a csv.")
@click.option(
    "--suggest-remap",
    "suggested",
    type=click.Path(path_type=Path),
    default=None,
    help="mead: compare the utterances of the list's identities with those of other speakers and write a proposal for "
    "--remap, to be checked by ear. Nothing else is done.",
)
@jobs_option
def command(
    corpus: str,
    root: Path,
    list_name: str | None,
    remap: Path | None,
    sets: tuple[str, ...],
    csv_path: Path | None,
    suggested: Path | None,
    jobs: int | None,
) -> int:
    """Decode every file of CORPUS under ROOT that a test list needs; say what is missing, corrupt or renumbered.

    CORPUS is mead, crema_d or meld_extended. Exit code 5 when the list cannot be served whole (--list NAME@part: when
    nothing of it can); the share of every list that can be served is printed.
    """
    from datasets.verify import verify
    from harness.progress import Progress
    from harness.room import READER_BYTES
    from verbs.machine import jobs_for

    options: dict[str, object] = dict(dataset_settings(corpus, sets))
    if remap is not None:
        options["remap"] = remap
    if suggested is not None:
        return _suggest(corpus, root, list_name, options, suggested)
    with Progress("files") as bar:
        report = verify(corpus, root, list_name, jobs_for(jobs, READER_BYTES), bar.at, **options)
    click.echo(report.text())
    if csv_path is not None:
        report.write_csv(csv_path)
        click.echo(f"{len(report.findings)} findings: {csv_path}")
    return report.exit_code


def _suggest(corpus: str, root: Path, list_name: str | None, options: dict[str, object], out: Path) -> int:
    """Write the proposal and print a line for each folder that is numbered otherwise, or unsure."""
    from datasets.mead import Mead
    from datasets.renumbering import suggest, write
    from harness.media import read_audio
    from harness.progress import Progress

    if corpus != "mead":
        raise UsageError(f"'{corpus}' has no numbering to suggest.", "Only MEAD's files are numbered differently.")
    source = Mead(root=root, list_name=list_name, **options)
    identities = {row["identity"] for row in source.rows()}
    with Progress("folders") as bar:
        found = suggest(source.tree, identities, lambda path: read_audio(path).samples, bar.at)
    for one in found:
        click.echo(one)
    rows = write(out, found)
    click.echo(f"{rows} files in {out}: listen to some before you give it as --remap." if rows else "No file is moved.")
    return EXIT_FINE
