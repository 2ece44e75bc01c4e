"""`train --preset cmet`: the connector on a packed corpus, with the released options under their names, and ours."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.errors import MissingError, UsageError

if TYPE_CHECKING:
    from cmet.packed import PackedCorpus
    from cmet.trainer import Trainer

TEST_IDENTITIES = ("M003", "M030", "W009", "W015")
SPEECH_ENCODER = "emotion2vec+large"
_PATH = click.Path(path_type=Path)
_SHARE = click.FloatRange(0, 1)

_DATA = (
    click.option("--data", type=_PATH, required=True, help="Packed corpus, or a tree of features (packed into --out)."),
    click.option("--out", type=_PATH, required=True, help="Folder of the run."),
    click.option("--train-list", type=_PATH, default=None, help="Identities, one a line. [default: all others]"),
    click.option("--test-list", type=_PATH, default=None, help=f"[default: {', '.join(TEST_IDENTITIES)}]"),
    click.option("--resume", is_flag=True, help="Go on from the last checkpoint; same losses as without the stop."),
)
_RELEASED = (
    click.option("--mode", type=click.Choice(["mean", "single"]), default="mean", show_default=True),
    click.option("--num-feats", "--num_feats", type=click.IntRange(1), default=10, show_default=True),
    click.option(
        "--direction",
        type=click.Choice(["first", "max", "average", "random", "raw", "all"]),
        default="average",
        show_default=True,
    ),
    click.option("--ID", "identity", type=click.Choice(["same", "diff"]), default="same", show_default=True),
    click.option(
        "--except-emotions", "--except_emotions", default="", help="Commas or spaces between: no pair of two of them."
    ),
    click.option("--scale-intensity", "--scale_intensity", is_flag=True),
    click.option(
        "--audio-encoder",
        "--audio_encoder",
        default=SPEECH_ENCODER,
        show_default=True,
        help="<name>_features/ in a tree.",
    ),
    click.option("--feature-type", "--feature_type", type=click.Choice(["ED", "PD_FGC"]), default="ED", hidden=True),
    click.option("--preload", type=_PATH, default=None, help="A file's speaker_encoder and exp_encoder."),
    click.option(
        "--balance", type=click.Choice(["mse", "wmse", "focal_mse", "bmse"]), default="focal_mse", show_default=True
    ),
    click.option("--train", "passes", type=click.Choice(["bidir", "unidir"]), default="bidir", show_default=True),
    click.option("--lambda-dir", "--lambda_dir", type=float, default=0.05, show_default=True),
    click.option("--lambda-cnt", "--lambda_cnt", type=float, default=0.1, show_default=True),
    click.option("--seed", type=click.IntRange(0), default=42, show_default=True),
)
_RUN = (
    click.option("--steps", type=click.IntRange(1), default=200_000, show_default=True),
    click.option("--batch", type=click.IntRange(2), default=128, show_default=True),
    click.option("--lr", type=click.FloatRange(0, min_open=True), default=1e-4, show_default=True),
    click.option("--weight-decay", type=click.FloatRange(0), default=1e-5, show_default=True),
    click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N. torchrun: one each."),
    click.option("--checkpoint-every", type=click.IntRange(0), default=5000, show_default=True),
    click.option("--keep", type=click.IntRange(1), default=3, show_default=True, help="Last checkpoints kept."),
    click.option("--keep-every", type=click.IntRange(0), default=50_000, show_default=True, help="And these for good."),
    click.option("--evaluate-every", type=click.IntRange(0), default=5000, show_default=True),
    click.option("--validation-passes", type=click.IntRange(1), default=1, show_default=True, help="Released: 25."),
    click.option("--log-every", type=click.IntRange(0), default=50, show_default=True),
    click.option("--tensorboard/--no-tensorboard", default=True, show_default=True),
)
_OURS = (
    click.option("--reference-dropout", type=_SHARE, default=0.0, show_default=True, help="Share of zero references."),
    click.option("--scheduled-sampling", type=_SHARE, default=0.0, show_default=True, help="Share of own predictions."),
    click.option("--level-balance", is_flag=True, help="Neutral to emotion at all levels, not only the first."),
    click.option("--ema", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True),
)
_WIDTHS = (
    click.option("--window", type=click.IntRange(1, 512), default=5, show_default=True),
    click.option("--hidden", type=click.IntRange(33), default=1024, show_default=True),
    click.option("--layers", type=click.IntRange(1), default=4, show_default=True),
    click.option("--heads", type=click.IntRange(1), default=4, show_default=True),
    click.option("--feedforward", type=click.IntRange(1), default=1024, show_default=True),
    click.option("--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.1, show_default=True),
)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed([*_DATA, *_RELEASED, *_RUN, *_OURS, *_WIDTHS]):
        function = option(function)
    return function


@click.command("train --preset cmet")
@_options
def command(data: Path, out: Path, train_list: Path | None, test_list: Path | None, resume: bool, **given: Any) -> int:
    """Train C-MET's connector: released sampler, objective, optimiser and defaults. Under torchrun, data-parallel.

    Checkpoints have the released layout and names. The last line on stdout is one JSON object.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"'{out}' is a file, not a folder.", "Choose another --out.")
    if given["hidden"] % given["heads"] or given["hidden"] % 2:
        raise UsageError("--hidden must be even and a multiple of --heads.")
    if given["feature_type"] != "ED":
        raise UsageError("PD-FGC codes have 30 numbers; the connector takes EDTalk's 10, as the released one does.")
    if given["reference_dropout"] + given["scheduled_sampling"] > 1:
        raise UsageError("--reference-dropout and --scheduled-sampling share the same rows: together at most 1.")
    from cmet.training_plan import leave_seat

    with _scalars(out if given.pop("tensorboard") else None) as scalars:
        trainer = make_trainer(data, out, train_list, test_list, resume, scalars, given)
        begun = trainer.step
        if given["preload"] and not begun:
            trainer.preload(given["preload"])
        trainer.run()
    if trainer.seat.rank == 0:
        measures = trainer.evaluate() if trainer.validation is not None else {}
        report = {"preset": "cmet", "steps": trainer.step, "resumed_from": begun, "validation": measures}
        report["waited_seconds"] = round(trainer.waited_seconds, 3)  # for batches
        click.echo(json.dumps({**report, "run": official_name(given), "out": str(out)}, ensure_ascii=False))
    leave_seat(trainer.seat)
    return 0


def make_trainer(
    data: Path,
    out: Path,
    train_list: Path | None,
    test_list: Path | None,
    resume: bool,
    scalars: Callable[[str, float, int], None],
    given: dict[str, Any],
) -> Trainer:
    """The run that the options describe. MissingError or UsageError where data and options do not fit."""
    from cmet.packed import SPEECH
    from cmet.sampler import SampleOptions
    from cmet.trainer import Trainer
    from cmet.training import Objective
    from cmet.training_corpus import TrainingCorpus
    from cmet.training_plan import Plan, take_seat

    packed = open_corpus(data, out, given["audio_encoder"])
    test = _listed(test_list) if test_list else [name for name in packed.identities if name in TEST_IDENTITIES]
    train = _listed(train_list) if train_list else [name for name in packed.identities if name not in test]
    if not train:
        raise UsageError("No identity is left to train on.", "Give --train-list or --test-list.")
    options = SampleOptions(
        given["window"],
        given["mode"],
        given["num_feats"],
        given["direction"],
        given["identity"] == "same",
        tuple(_names(given["except_emotions"])),
        given["scale_intensity"],
        given["level_balance"],
    )
    objective = Objective(given["balance"], given["passes"] == "bidir", given["lambda_cnt"], given["lambda_dir"])
    same = set(Plan.__dataclass_fields__) & set(given)
    plan = Plan(learning_rate=given["lr"], **{name: given[name] for name in same})
    widths = {name: given[name] for name in ("window", "hidden", "layers", "heads", "feedforward", "dropout")}
    if packed.speech_width != SPEECH:  # features of a small network, e.g. the demo's
        widths["speech"] = packed.speech_width
    validation = TrainingCorpus(packed, test) if test else None
    seat = take_seat(given["device"])
    corpus = TrainingCorpus(packed, train)
    return Trainer(out, corpus, validation, options, objective, plan, widths, seat, resume, scalars)


def open_corpus(data: Path, out: Path, encoder: str = SPEECH_ENCODER) -> PackedCorpus:
    """A packed file; or a folder that holds one, or a tree, which is packed into `out` once.

    encoder: whose speech vectors of a tree are taken; another than the usual one is packed under its own name.
    """
    from cmet.packed import PackedCorpus
    from datasets.prepare import PACKED

    if not data.exists():
        raise MissingError(f"There is no '{data}'.", "python bench.py prepare makes features of a corpus.")
    if data.is_file():
        return PackedCorpus(data)
    usual = encoder == SPEECH_ENCODER
    if usual and (data / PACKED).is_file():
        return PackedCorpus(data / PACKED)
    packed = out / (Path(PACKED).name if usual else f"{encoder}.pack")
    return PackedCorpus(packed if packed.is_file() else PackedCorpus.build(data, packed, f"{encoder}_features"))


def _names(text: str) -> list[str]:
    """What stands between commas and spaces."""
    return text.replace(",", " ").split()


def _listed(path: Path) -> list[str]:
    """The first word of every line."""
    if not path.is_file():
        raise MissingError(f"There is no list {path}.")
    names = [line.split()[0] for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    if not names:
        raise UsageError(f"{path} lists no identity.")
    return list(dict.fromkeys(names))


def official_name(given: dict[str, Any]) -> str:
    """What the released code would call this run's folder."""
    excepted = _names(given["except_emotions"]) or None
    return (
        f"TE_ref_sharing_e2v+L_emo12_MSE+{given['lambda_cnt']}Cnt+{given['lambda_dir']}Dir_{given['identity']}ID_"
        f"{given['passes']}_{given['heads']}H{given['layers']}L_{given['hidden']}_{given['mode']}{given['num_feats']}_"
        f"{given['direction']}_{excepted}_si{given['scale_intensity']}_{given['balance']}"
    )


@contextlib.contextmanager
def _scalars(out: Path | None) -> Iterator[Callable[[str, float, int], None]]:
    """Where scalars go: TensorBoard's file in `out` (of the first process), or nowhere.

    The file is begun with the first scalar, and hides what an interrupted run wrote for that step and later ones.
    """
    if out is None or os.environ.get("RANK", "0") != "0":
        yield lambda *_: None
        return
    with contextlib.ExitStack() as stack:
        writers: list[Any] = []

        def write(name: str, value: float, step: int) -> None:
            if not writers:
                from torch.utils.tensorboard import SummaryWriter

                writers.append(stack.enter_context(SummaryWriter(str(out / "tensorboard"), purge_step=step)))
            writers[0].add_scalar(name, value, step)

        yield write
