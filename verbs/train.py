"""`train`: C-MET, the speech-to-code experiment, or one of the small demo networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness import registry
from harness.errors import UsageError, unknown_name

#: Presets beside the demo recipes (cmet/recipes): name → "module:command".
PRESETS = {
    "speech-to-code": "cmet.speech_to_code:command",
    "cmet": "cmet.train_verb:command",
}


@click.command(
    "train",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
)
@click.option("--preset", default="cmet", show_default=True)
@click.option("--help", "-h", "wants_help", is_flag=True)
@click.pass_context
def command(context: click.Context, preset: str, wants_help: bool) -> int:
    """Train C-MET, or one of the small demo networks.

    --preset cmet trains the connector on a prepared corpus; speech-to-code is the experiment on shipped-style
    features; demo-* are the recipes behind the small weights in this repository. Each preset has its own options:
    `bench.py train --preset NAME --help`.
    """
    from cmet.recipes import PRESETS as RECIPES

    if wants_help and not context.args and context.get_parameter_source("preset").name == "DEFAULT":  # type: ignore[union-attr]
        click.echo(command.get_help(context))
        click.echo("\nPresets: " + ", ".join([*PRESETS, *RECIPES]))
        return 0
    rest = [*context.args, *(["--help"] if wants_help else [])]
    if preset in PRESETS:
        return int(registry.load(PRESETS[preset]).main(args=rest, standalone_mode=False) or 0)
    if preset in RECIPES:
        return int(_recipe.main(args=[RECIPES[preset], *rest], standalone_mode=False) or 0)
    raise unknown_name("preset", preset, [*PRESETS, *RECIPES])


@click.command("train --preset demo-…")
@click.argument("spec", metavar="")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the trained file.")
@click.option("--seconds", type=float, default=None, help="Stop after so long. [default: the recipe's own length]")
@click.option("--seed", type=int, default=0, show_default=True)
def _recipe(spec: str, out: Path, seconds: float | None, seed: int) -> int:
    """Train one demo network on puppets by its recipe."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"'{out}' is a file, not a folder.", "Choose another --out.")
    train: Any = registry.load(spec)
    train(out, seconds, seed, lambda line: click.echo(line, err=True))
    return 0
