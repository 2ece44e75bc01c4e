"""`run` generates clips and judges them."""

from __future__ import annotations

from typing import Any

import click

from baselines import METHODS
from datasets import DATASETS
from harness import registry
from harness.records import LANES
from verbs.choices import (
    RUNS,
    check_lane,
    columns_option,
    dataset_name,
    dataset_options,
    device_option,
    jobs_option,
    out_option,
    protocol_for,
    protocol_option,
    settings,
    typed,
)
from verbs.help import Known, Verb


@click.command(
    "run",
    cls=Verb,
    groups={
        "Who": ("--method", "--methods", "--no-anchors", "--set", "--lane"),
        "On what": ("--dataset", "--root", "--list", "--limit"),
        "How": ("--protocol", "--seed", "--device", "--jobs", "--executor"),
        "Where to": ("--out", "--resume", "--columns", "--dry-run"),
    },
    examples=(
        "run --method cmet --limit 22",
        "run --method cmet --dry-run",
        "run --methods all --lane label",
        "run --method cmet --method edtalk --method label --resume",
        "run --method my.py:Mine --lane label",
        "run --method cmet --dataset mead --root /data/FPS25 --list cmet-1143@part",
    ),
)
@click.option(
    "--method",
    "methods",
    type=Known(METHODS, shown=False),
    multiple=True,
    help=f"{', '.join(METHODS)}; or path/to/file.py:Class. Many.",
)
@click.option("--methods", "every", type=click.Choice(["all"]), help="all: each contestant that can run here.")
@dataset_options("puppets", "Whom they show; or path/to/file.py:Class.")
@protocol_option("demo for puppets, else standard")
@click.option(
    "--lane", type=Known(LANES), default="speech", show_default=True, help="How methods are told the emotion."
)
@click.option("--limit", type=int, default=None, help="Only so many samples, spread over the list.")
@out_option("runs/<dataset>")
@click.option("--resume", is_flag=True, help="Go on with a run that exists.")
@device_option
@columns_option
@jobs_option
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Processes here, or a Ray cluster.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random choice: methods and intervals.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="NAME.KEY=VALUE",
    help="An option of a method or of the dataset, e.g. mead.remap=mine.csv. Many.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done: clips, weights that are missing, disk, time.")
@click.option("--no-anchors", is_flag=True, help="Leave out ceiling and floors.")
def command(**given: Any) -> int:
    """Generate clips with every METHOD, judge them, and write tables and the page.

    Without --dataset the dataset is `puppets`: built in, nothing to download. Others need --root DIR; a folder that
    holds a part of a corpus is used with --list NAME@part, and `verify` says what the rest would need.
    """
    from verbs.contestants import all_here
    from verbs.dry_run import tell
    from verbs.machine import machine
    from verbs.outcome import print_outcome
    from verbs.session import Session

    dataset = str(given["dataset"])
    if not (given["methods"] or given["every"]):
        raise click.MissingParameter(param_hint="'--method'", param_type="option")
    for method in given["methods"]:  # slips are told before anything is said of the machine
        registry.resolve("method", method, METHODS)
    registry.resolve("dataset", dataset, DATASETS)
    name = dataset_name(dataset)
    check_lane(given["lane"])
    protocol, out = protocol_for(dataset, given["protocol"]), (given["out"] or RUNS / name).resolve()
    chosen = "device" in typed(click.get_current_context())
    where = machine(given["device"], chosen, given["jobs"], protocol, out, given["resume"])
    options = settings(given["sets"])
    corpus = options.pop(name, {})
    every = all_here(name, options, where.device) if given["every"] else ()
    session = Session.for_run(
        methods=tuple(dict.fromkeys((*given["methods"], *every))),
        anchors=not given["no_anchors"],
        dataset=dataset,
        dataset_options={"root": given["root"], "list_name": given["list_name"], **corpus},
        protocol=protocol,
        lane=given["lane"],
        seed=given["seed"],
        limit=given["limit"],
        method_options=options,
        device=where.device,
    )
    if given["dry_run"]:
        return tell(session, out, given["resume"], where.jobs)
    outcome = session.work(out, given["resume"], where.jobs, given["executor"])
    return print_outcome(outcome, given["columns"])
