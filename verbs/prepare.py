"""`prepare`: crop, resample and extract features of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from verbs.choices import default_jobs

STAGES = ("crop", "sound", "speech", "codes")


@click.command("prepare")
@click.argument("corpus")
@click.argument("root", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--stage", "stages", multiple=True, type=click.Choice(STAGES), help="Only these stages. [default: all]")
@click.option("--jobs", type=click.IntRange(1), default=None, help="Worker processes. [default: cores]")
@click.option("--remap", type=click.Path(path_type=Path), default=None, help="csv: your numbering → the list's.")
@click.option("--split", default=None, help="MELD's split (train, dev, test): its ids restart in each.")
@click.option("--weights", type=click.Choice(["official", "demo"]), default="official", show_default=True)
@click.option("--retry", is_flag=True, help="Try clips again that failed before.")
@click.option("--pack/--no-pack", default=True, show_default=True, help="Also write packed features for training.")
def command(**given: Any) -> int:
    """Turn CORPUS under ROOT into C-MET's FPS25 tree in OUT: 256 px face crops, 25 fps, 16 kHz, features, codes.

    Every stage goes on where it stopped; a bad clip costs only itself; a second run does nothing.
    """
    from datasets.prepare import prepare
    from datasets.prepare_stages import STAGES as IN_ORDER
    from datasets.prepare_stages import Network, Plan
    from harness.progress import Bar

    demo = {"demo": given["weights"] == "demo"}
    chosen = given["stages"] or STAGES
    stages = tuple(stage for stage in IN_ORDER if stage in chosen)
    plan = Plan(
        stages,
        faces=Network("evaluators.mtcnn:Mtcnn", {}),
        speech=Network("cmet.preparation:speech", demo),
        codes=Network("cmet.preparation:codes", demo),
    )
    pack = "cmet.packed:pack" if given["pack"] and {"speech", "codes"} <= set(stages) else None
    with Bar("clips") as bar:
        done = prepare(
            given["corpus"],
            given["root"],
            given["out"],
            plan,
            jobs=given["jobs"] or default_jobs(),
            remap=given["remap"],
            split=given["split"],
            retry=given["retry"],
            pack=pack,
            progress=bar.at,
        )
    click.echo(done.text())
    return done.exit_code
