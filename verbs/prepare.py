"""`prepare` crops and resamples a corpus and extracts its features."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import MissingError
from verbs.choices import jobs_option
from verbs.help import Verb

if TYPE_CHECKING:
    from datasets.preparation.stages import PreparationPlan

STAGES = ("crop", "sound", "speech", "codes")
_NETWORKS = {"speech": "emotion2vec", "codes": "edtalk"}  # stage → weights


@click.command(
    "prepare",
    cls=Verb,
    examples=(
        "prepare mead /data/MEAD /data/FPS25",
        "prepare folder my_films/ prepared/ --stage crop --stage sound",
    ),
)
@click.argument("corpus")
@click.argument("root", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--stage", "stages", multiple=True, type=click.Choice(STAGES), help="Only these stages. [default: all]")
@jobs_option
@click.option("--remap", type=click.Path(path_type=Path), default=None, help="csv: your numbering → the list's.")
@click.option("--split", default=None, help="MELD's split (train, dev, test): its ids restart in each.")
@click.option(
    "--weights", type=click.Choice(["official", "demo"]), default="official", show_default=True,
    help="Networks of the stages speech and codes: the released ones, or the small ones that ship.",
)  # fmt: skip
@click.option("--retry", is_flag=True, help="Try clips again that failed before.")
@click.option("--pack/--no-pack", default=True, show_default=True, help="Also write packed features for training.")
def command(**given: Any) -> int:
    """Turn CORPUS under ROOT into C-MET's FPS25 tree in OUT: 256 px face crops, 25 fps, 16 kHz, features, codes.

    CORPUS is mead, crema_d, meld (speech only) or folder (any films and sounds). Every stage goes on where it stopped
    when the same command is typed again; a bad clip costs only itself; a second run does nothing.
    """
    from datasets.preparation.prepare import prepare
    from harness.progress import Progress
    from harness.room import FULL_SIZE_BYTES, WORKER_BYTES
    from verbs.machine import jobs_for

    demo = given["weights"] == "demo"
    plan = _plan(given["stages"], demo)
    ready = None if demo else partial(_check_weights, plan.stages)
    pack = "cmet.training.packed:pack" if given["pack"] and {"speech", "codes"} <= set(plan.stages) else None
    wanted = {name: given[name] for name in ("corpus", "root", "out", "remap", "split", "retry")}
    with Progress("clips") as bar:
        jobs = jobs_for(given["jobs"], WORKER_BYTES["demo"] if demo else FULL_SIZE_BYTES)
        done = prepare(**wanted, plan=plan, jobs=jobs, pack=pack, ready=ready, progress=bar.at)
    click.echo(done.text())
    return done.exit_code


def _plan(chosen: Sequence[str], demo: bool) -> PreparationPlan:
    """The stages chosen (none: all), in the order in which they follow from each other, and their networks."""
    from datasets.preparation.stages import STAGES as IN_ORDER
    from datasets.preparation.stages import Network, PreparationPlan

    return PreparationPlan(
        tuple(stage for stage in IN_ORDER if stage in (chosen or STAGES)),
        faces=Network("evaluators.faces.mtcnn:Mtcnn", {}),
        speech=Network("cmet.preparation:speech", {"demo": demo}),
        codes=Network("cmet.preparation:codes", {"demo": demo}),
    )


def _check_weights(stages: tuple[str, ...]) -> None:
    """Stop before the first clip, not in the middle of it, when a network is not here."""
    from harness.weights import locate

    for stage, name in _NETWORKS.items():
        if stage in stages:
            try:
                locate(name, any_hash=True)
            except MissingError as error:
                cure = f"{error.cure} Until then: --stage crop --stage sound; the other stages can follow."
                raise MissingError(error.what, cure) from None
