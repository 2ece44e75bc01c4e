"""`train` trains C-MET, the speech-to-code experiment, or one of the small demo networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from harness import devices, registry
from harness.errors import UsageError, unknown_name
from verbs.help import Verb

#: Presets besides the demo recipes (recipes): name → "module:command".
PRESETS = {
    "speech-to-code": "cmet.speech_to_code.verb:command",
    "cmet": "cmet.training.verb:command",
}


@click.command(
    "train",
    cls=Verb,
    examples=(
        "train --preset cmet --data prepared/ --out runs/train",
        "train --preset cmet --help",
        "train --preset demo-generator --out runs/demo",
    ),
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.option("--preset", default="cmet", show_default=True, help="What to train; the list stands below.")
@click.option("--help", "-h", "wants_help", is_flag=True, help="Show this message, or a preset's own, and exit.")
@click.pass_context
def command(context: click.Context, preset: str, wants_help: bool) -> int:
    """Train C-MET, or one of the small demo networks.

    --preset cmet trains the connector on a prepared corpus; speech-to-code is the experiment on shipped-style
    features; demo-* are the recipes behind the small weights in this repository. Each preset has its own options:
    `bench.py train --preset NAME --help`.
    """
    from recipes import PRESETS as RECIPES

    if wants_help and not context.args and context.get_parameter_source("preset").name == "DEFAULT":  # type: ignore[union-attr]
        click.echo(command.get_help(context))
        click.echo("\nPresets: " + ", ".join([*PRESETS, *RECIPES]))
        return 0
    rest = [*context.args, *(["--help"] if wants_help else [])]
    name = f"bench.py train --preset {preset}"
    if preset in PRESETS:
        return int(registry.load(PRESETS[preset]).main(args=rest, prog_name=name, standalone_mode=False) or 0)
    if preset in RECIPES:
        return int(_recipe.main(args=[RECIPES[preset], *rest], prog_name=name, standalone_mode=False) or 0)
    raise unknown_name("preset", preset, [*PRESETS, *RECIPES])


@click.command("train --preset demo-…")
@click.argument("spec", metavar="")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the trained file.")
@click.option("--steps", type=click.IntRange(1), default=None, help="Optimiser steps. [default: the recipe's own]")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Of first weights and batches.")
@click.option("--device", default="cpu", show_default=True, help="auto, cpu, cuda, cuda:1 …, mps")
@click.option("--workers", type=click.IntRange(0), default=None, help="Processes that draw. [default: cores - 1]")
def _recipe(spec: str, out: Path, steps: int | None, seed: int, device: str, workers: int | None) -> int:
    """Train one demo network on puppets by its recipe. The files in the repository are made by seed 1, own steps."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"'{out}' is a file, not a folder.", "Choose another --out.")
    device = devices.chosen(device).device
    from recipes.recipe_run import RecipeRun

    train: Any = registry.load(spec)
    drawing = max(0, (os.cpu_count() or 1) - 1) if workers is None else workers
    train(RecipeRun(out, seed, _say, steps or 0, device, drawing))
    return 0


def _say(line: str) -> None:
    """Prints a line of progress; a function of the module, so that a recipe's own processes can have it."""
    click.echo(line, err=True)
