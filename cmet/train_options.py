"""The options of `train --preset cmet`: the released ones under their names, and ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

TEST_IDENTITIES = ("M003", "M030", "W009", "W015")
SPEECH_ENCODER = "emotion2vec+large"
_PATH = click.Path(path_type=Path)
_SHARE = click.FloatRange(0, 1)
_TRAIN = "[default: the tree's train.txt, else all others]"
_TEST = f"[default: the tree's test.txt, else {', '.join(TEST_IDENTITIES)}]"

_DATA = (
    click.option("--data", type=_PATH, required=True, help="Packed corpus, or a tree of features (packed into --out)."),
    click.option("--out", type=_PATH, required=True, help="Folder of the run."),
    click.option(
        "--train-list",
        type=_PATH,
        default=None,
        help=f"Identities, one a line. {_TRAIN}",
    ),
    click.option(
        "--test-list",
        type=_PATH,
        default=None,
        help=_TEST,
    ),
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
        "--balance",
        type=click.Choice(["mse", "wmse", "focal_mse", "focal_mse_tanh", "bmse"]),
        default="focal_mse",
        show_default=True,
        help="Regression loss.",
    ),
    click.option("--weighted-dir", is_flag=True, help="Class weights in the directional term."),
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


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Every option of the command."""
    for option in reversed([*_DATA, *_RELEASED, *_RUN, *_OURS, *_WIDTHS]):
        function = option(function)
    return function
