"""This module lists the options of `train --preset cmet`: the released ones under their names, and ours."""

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
    click.option("--train-list", type=_PATH, default=None, help=f"Identities to train on, one a line. {_TRAIN}"),
    click.option("--test-list", type=_PATH, default=None, help=f"Identities to validate on, one a line. {_TEST}"),
    click.option("--resume", is_flag=True, help="Go on from the last checkpoint; same losses as without the stop."),
)
_RELEASED = (
    click.option(
        "--mode",
        type=click.Choice(["mean", "single"]),
        default="mean",
        show_default=True,
        help="Expression tracks of a pair: averages over clips, or one clip each of the same sentence.",
    ),
    click.option(
        "--num-feats",
        "--num_feats",
        type=click.IntRange(1),
        default=10,
        show_default=True,
        help="Clips averaged per emotion with --mode mean.",
    ),
    click.option(
        "--direction",
        type=click.Choice(["first", "max", "average", "random", "raw", "all"]),
        default="average",
        show_default=True,
        help="Target: the difference of the tracks in their first or largest frame, on average, between two random "
        "frames, or frame by frame (raw, all).",
    ),
    click.option(
        "--ID",
        "identity",
        type=click.Choice(["same", "diff"]),
        default="same",
        show_default=True,
        help="Expression tracks of the person whose clip was drawn, or of anyone.",
    ),
    click.option(
        "--except-emotions", "--except_emotions", default="", help="Commas or spaces between: no pair of two of them."
    ),
    click.option(
        "--scale-intensity",
        "--scale_intensity",
        is_flag=True,
        help="Speech differences as long as their level, 1-3.",
    ),
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
        help="Regression loss: squared error; with class weights; focal, by sigmoid or tanh; balanced.",
    ),
    click.option("--weighted-dir", is_flag=True, help="Class weights in the directional term."),
    click.option(
        "--train",
        "passes",
        type=click.Choice(["bidir", "unidir"]),
        default="bidir",
        show_default=True,
        help="Regression of both passes, or of the forward one only.",
    ),
    click.option(
        "--lambda-dir",
        "--lambda_dir",
        type=float,
        default=0.05,
        show_default=True,
        help="Weight of the directional term: the two passes oppose each other.",
    ),
    click.option(
        "--lambda-cnt",
        "--lambda_cnt",
        type=float,
        default=0.1,
        show_default=True,
        help="Weight of the contrastive term: speech and expression of one emotion attract each other.",
    ),
    click.option(
        "--seed", type=click.IntRange(0), default=42, show_default=True, help="First weights, batches and dropout."
    ),
)
_RUN = (
    click.option("--steps", type=click.IntRange(1), default=200_000, show_default=True, help="In all, resumed or not."),
    click.option(
        "--batch", type=click.IntRange(2), default=128, show_default=True, help="Samples a step, of each process."
    ),
    click.option(
        "--lr", type=click.FloatRange(0, min_open=True), default=1e-4, show_default=True, help="AdamW's, constant."
    ),
    click.option("--weight-decay", type=click.FloatRange(0), default=1e-5, show_default=True, help="AdamW's."),
    click.option(
        "--precision",
        type=click.Choice(["fp32", "bf16"]),
        default="fp32",
        show_default=True,
        help="Of matrix products; weights, losses and optimiser stay float32.",
    ),
    click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N. torchrun: one each."),
    click.option(
        "--checkpoint-every", type=click.IntRange(0), default=5000, show_default=True, help="Steps; 0: only at the end."
    ),
    click.option("--keep", type=click.IntRange(1), default=3, show_default=True, help="Last checkpoints kept."),
    click.option("--keep-every", type=click.IntRange(0), default=50_000, show_default=True, help="And these for good."),
    click.option(
        "--evaluate-every",
        type=click.IntRange(0),
        default=5000,
        show_default=True,
        help="Steps, and at steps 0 and 100; 0: only at the end.",
    ),
    click.option(
        "--validation-passes",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Passes over the test identities' clips. Released: 25.",
    ),
    click.option(
        "--log-every",
        type=click.IntRange(0),
        default=50,
        show_default=True,
        help="Steps between losses in losses.jsonl and TensorBoard; 0: none.",
    ),
    click.option(
        "--tensorboard/--no-tensorboard", default=True, show_default=True, help="Scalars in <out>/tensorboard."
    ),
)
_OURS = (
    click.option("--reference-dropout", type=_SHARE, default=0.0, show_default=True, help="Share of zero references."),
    click.option("--scheduled-sampling", type=_SHARE, default=0.0, show_default=True, help="Share of own predictions."),
    click.option("--level-balance", is_flag=True, help="Neutral to emotion at all levels, not only the first."),
    click.option(
        "--ema",
        type=click.FloatRange(0, 1, max_open=True),
        default=0.0,
        show_default=True,
        help="Running average of the weights, such as 0.999; it is what checkpoints hold and evaluations judge.",
    ),
)
_WIDTHS = (
    click.option("--window", type=click.IntRange(1, 512), default=5, show_default=True, help="Frames per window, T."),
    click.option("--hidden", type=click.IntRange(33), default=1024, show_default=True, help="Width of a token."),
    click.option("--layers", type=click.IntRange(1), default=4, show_default=True, help="Transformer layers."),
    click.option("--heads", type=click.IntRange(1), default=4, show_default=True, help="Attention heads."),
    click.option("--feedforward", type=click.IntRange(1), default=1024, show_default=True, help="Inner width."),
    click.option(
        "--dropout", type=click.FloatRange(0, 1, max_open=True), default=0.1, show_default=True,
        help="In the transformer and on its tokens.",
    ),
)  # fmt: skip


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a decorator with every option of the command."""
    for option in reversed([*_DATA, *_RELEASED, *_RUN, *_OURS, *_WIDTHS]):
        function = option(function)
    return function
