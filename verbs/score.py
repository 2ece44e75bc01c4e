"""`score` judges clips that exist."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from harness.errors import UsageError
from harness.records import LANES
from verbs.choices import (
    RUNS,
    columns_option,
    dataset_name,
    dataset_options,
    dataset_settings,
    device_option,
    jobs_option,
    out_option,
    protocol_for,
    protocol_option,
    typed,
)
from verbs.help import Known, Verb


@click.command(
    "score",
    cls=Verb,
    groups={
        "Which clips": ("--clips", "--name", "--reference", "--dataset", "--root", "--list", "--set", "--limit"),
        "How": ("--protocol", "--lane", "--device", "--jobs"),
        "Where to": ("--out", "--resume", "--columns"),
    },
    examples=(
        "score --clips my_results/",
        "score --clips one.mp4 --reference truth.mp4",
        "score --clips my_results/ --reference ground_truth/ --columns all",
        "score --clips my_results/ --dataset mead --root /data/MEAD",
    ),
)
@click.option(
    "--clips", type=click.Path(path_type=Path), required=True, help="A folder of clips, a csv of them, or one clip."
)
@click.option("--name", metavar="TITLE", default=None, help="Column title. [default: the folder's name]")
@dataset_options("folder", "The list that <sample id>.mp4 belong to; or path/to/file.py:Class.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of that dataset, e.g. remap=mine.csv. Many.",
)
@click.option(
    "--reference", type=click.Path(path_type=Path), default=None, help="Ground-truth clips of equal names, or one clip."
)
@protocol_option("standard; demo for puppets")
@click.option(
    "--lane",
    type=Known(LANES),
    default="as-published",
    show_default=True,
    help="How their method was told the emotion.",
)
@click.option("--limit", type=int, default=None, help="Only so many samples, spread over the list.")
@out_option("runs/score-<name>")
@click.option("--resume", is_flag=True, help="Go on with a run that exists.")
@device_option
@columns_option
@jobs_option
def command(**given: Any) -> int:
    """Judge the mp4 files in --clips. Every file ends as a scored or an unscored row with its reason.

    Without --dataset every file is a sample (labels in an optional labels.csv); with one, they are <sample id>.mp4,
    or the files of a csv with a column `clip`, of any format and called by the sample's id.
    """
    from verbs.machine import machine
    from verbs.outcome import print_outcome
    from verbs.session import Session

    clips, dataset = given["clips"], str(given["dataset"])
    if not clips.exists():
        raise UsageError(f"There is no '{clips}'.", "Give --clips a folder of mp4 files, a csv, or one clip.")
    if (clips / "run.sqlite").is_file():
        made = sorted(path.name for path in (clips / "clips").glob("*/")) or ["METHOD"]
        raise UsageError(f"'{clips}' is a run.", f"Did you mean {clips / 'clips' / made[0]}?")
    name = column_title(given["name"] or (clips.stem if clips.is_file() else clips.resolve().name))
    protocol, out = protocol_for(dataset, given["protocol"]), (given["out"] or RUNS / f"score-{name}").resolve()
    chosen = "device" in typed(click.get_current_context())
    where = machine(given["device"], chosen, given["jobs"], protocol, out, given["resume"])
    session = Session.for_clips(
        name=name,
        clips=clips.resolve(),
        dataset=dataset,
        dataset_options=_dataset_options(dataset, given),
        protocol=protocol,
        limit=given["limit"],
        device=where.device,
        lane=given["lane"],
    )
    outcome = session.work(out, given["resume"], where.jobs, "local")
    return print_outcome(outcome, given["columns"])


def _dataset_options(dataset: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the list's source: the clips themselves, or the corpus that they belong to."""
    named = dataset_name(dataset)
    options: dict[str, Any] = {"list_name": given["list_name"], **dataset_settings(named, given["sets"])}
    if dataset != "folder":
        if given["reference"] is not None:
            raise UsageError(
                "--reference goes with a plain folder of clips.", "A dataset brings its own truth: leave it out."
            )
        return {"root": given["root"], **options}
    if given["root"] is not None:
        raise UsageError("--root says where a dataset lies, and none is named.", "Add --dataset NAME, or leave it out.")
    return {"root": given["clips"].resolve(), "references": given["reference"], **options}


def column_title(text: str) -> str:
    """Returns `text` as a column title: lower case letters, digits, '_' and '-'."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-") or "clips"
