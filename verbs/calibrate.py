"""`calibrate` pushes known corruptions through every metric and says whether each answers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import click

from harness import devices
from harness.errors import EXIT_CANNOT_COMPARE, UsageError, unknown_name
from verbs.choices import RUNS, device_option, out_option, protocol_for
from verbs.help import Verb


@click.command(
    "calibrate",
    cls=Verb,
    examples=(
        "calibrate",
        "calibrate --clips my_clips/ --protocol standard --damage blur --damage delay",
    ),
)
@click.option("--dataset", default=None, help="Whose ground truth is damaged. [default: puppets]")
@click.option("--clips", type=click.Path(path_type=Path), default=None, help="A folder of real clips instead.")
@click.option("--root", type=click.Path(path_type=Path), default=None, help="Where the dataset lies on disk.")
@click.option("--list", "list_name", default=None, help="A frozen test list of the dataset.")
@click.option("--protocol", default=None, help="See `list`. [default: demo for puppets, else standard]")
@click.option("--damage", multiple=True, help="Only this damage; repeatable. [default: all]")
@click.option("--limit", type=click.IntRange(1), default=8, show_default=True, help="How many clips.")
@click.option("--seconds", type=click.FloatRange(0.5, 30), default=5.0, show_default=True, help="Of each clip.")
@out_option("runs/calibrate-<dataset>")
@device_option
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Worker processes.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of damages and intervals.")
def command(**given: Any) -> int:
    """Damage ground-truth clips step by step, judge every step, and draw each metric's response.

    Writes calibration.json and index.html. Exit code 4 when a metric that must answer a damage does not.
    """
    if math.isnan(given["seconds"]):
        raise UsageError("--seconds nan is no length.", "Give a number from 0.5 to 30.")
    from verbs.machine import say

    name, options = _dataset(given)
    corruptions = _damages(given["damage"])
    choice = devices.chosen(given["device"])
    say(choice)
    from datasets import DATASETS
    from evaluators.judge import Judge
    from harness import registry
    from harness.runner import with_limit
    from verbs.calibrating import CalibrationPlan, orders, summary, work

    spec = registry.resolve("dataset", name, DATASETS)
    protocol = protocol_for(name, given["protocol"])
    Judge(protocol, choice.device)  # an unknown protocol is said before any work
    every = registry.load(spec)(**options).samples()
    chosen = with_limit(every, given["limit"])
    bench = CalibrationPlan(spec, options, protocol, choice.device, corruptions, given["seconds"], given["seed"])
    outcomes = work(bench, orders(chosen, every), min(given["jobs"], len(chosen)))
    facts = {"dataset": name, "protocol": protocol, "seconds": given["seconds"], "seed": given["seed"]}
    content = summary(bench, outcomes, facts)
    folder = given["out"] or RUNS / f"calibrate-{name}"
    _write(content, folder.resolve())
    return _print_verdicts(content, folder.resolve())


def _dataset(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Registry name and options of the dataset that the options ask for."""
    options = {"root": given["root"], "list_name": given["list_name"]}
    if given["clips"] is not None:
        if given["dataset"] not in (None, "folder"):
            raise UsageError("--clips is a folder of its own.", "Leave --dataset out.")
        if not given["clips"].exists():
            raise UsageError(f"There is no '{given['clips']}'.", "Give --clips a folder of clips.")
        options["root"] = given["clips"].resolve()
        return "folder", {key: value for key, value in options.items() if value is not None}
    return given["dataset"] or "puppets", {key: value for key, value in options.items() if value is not None}


def _damages(asked: tuple[str, ...]) -> tuple[str, ...]:
    from evaluators.calibration.corruption import CORRUPTIONS

    for name in asked:
        if name not in CORRUPTIONS:
            raise unknown_name("damage", name, CORRUPTIONS)
    return tuple(name for name in CORRUPTIONS if not asked or name in asked)


def _write(content: dict[str, Any], folder: Path) -> None:
    from harness.atomic import replacing
    from reports.calibration import render

    for name, text in (
        ("calibration.json", json.dumps(content, indent=1, allow_nan=False)),
        ("index.html", render(content)),
    ):
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")


def _print_verdicts(content: dict[str, Any], folder: Path) -> int:
    """The verdicts on stdout and the exit code."""
    from evaluators.calibration.verdicts import silent

    for metric in content["metrics"]:
        judged = [curve for curve in metric["curves"] if curve["verdict"] != "shown"]
        counts = {
            verdict: sum(c["verdict"] == verdict for c in judged)
            for verdict in dict.fromkeys(c["verdict"] for c in judged)
        }
        words = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
        click.echo(f"{metric['title']:<24} {words or metric['unmeasured'] or 'nothing is expected of it'}")
    click.echo(f"\nPage: {folder / 'index.html'}")
    missing = silent(content)
    if missing:
        click.echo(f"bench.py: does not answer, though it must: {'; '.join(missing)}.", err=True)
    if all(metric["ceiling"] is None for metric in content["metrics"]):
        click.echo("bench.py: no metric could be measured; the page says why.", err=True)
        return EXIT_CANNOT_COMPARE
    return EXIT_CANNOT_COMPARE if missing else 0
