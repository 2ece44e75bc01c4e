"""`train --preset speech-to-code` trains the connector on real speech features against stored expression codes."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from harness.atomic import replacing
from harness.errors import UsageError

_FOLDER = click.Path(path_type=Path)
_OPTIONS = {
    "steps": "Optimiser steps.",
    "batch": "Rows per step.",
    "learning_rate": "Highest rate; it warms up and falls to zero along a cosine.",
    "weight_decay": "Of AdamW.",
    "hidden": "Width of the connector; 1024 is the official one.",
    "layers": "Transformer layers; 4 in the official one.",
    "window": "Frames per window.",
    "speech_bias": "Spread of the speech encoder's first bias; 0 as in the released code.",
    "noise": "Gaussian noise on speech differences.",
    "pair_share": "Share of rows whose source is not neutral.",
    "reference_share": "Share of rows that see their target as reference; the others see zeros.",
    "cross_entropy": "Weight of the cross-entropy over the eight codes.",
    "members": "Connectors trained from different seeds; their directions are averaged.",
    "seed": "Decides everything random.",
}


def _setting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """One option for each entry of `_OPTIONS`, with the default of `Settings`."""
    from cmet.speech_to_code.sampler import Settings

    for name, text in reversed(_OPTIONS.items()):
        default = getattr(Settings(), name)
        flag = "--" + name.replace("_", "-")
        function = click.option(flag, name, type=type(default), default=default, show_default=True, help=text)(function)
    return function


@click.command("train --preset speech-to-code")
@click.option("--speech", type=_FOLDER, required=True, help="<emotion>/emotion2vec+large_features/<speaker>_*.npy")
@click.option("--codes", type=_FOLDER, required=True, help="<emotion>.npy of eight emotions.")
@click.option("--test-identity", required=True, help="Speaker whose emotional speech is held out.")
@click.option("--out", type=_FOLDER, required=True, help="Folder for the checkpoint and the tables.")
@click.option("--extended", type=_FOLDER, multiple=True, help="Folders of further emotions. [default: beside --speech]")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Results differ between numbers.")
@_setting_options
def command(
    speech: Path,
    codes: Path,
    test_identity: str,
    out: Path,
    extended: tuple[Path, ...],
    threads: int,
    **settings: Any,
) -> int:
    """Train on all speakers but one, then recognise that one's single utterances by the nearest expression code.

    The last line on stdout is one JSON object: macro_accuracy over the emotions other than neutral, recall, confusion.
    Needs minutes on two cores. The held-out speaker lends only the mean of its neutral speech, when it is tested.
    """
    import torch

    from cmet.speech_to_code.results import extended_folders, read_extended
    from cmet.speech_to_code.sampler import Settings
    from cmet.speech_to_code.speech_bank import read_bank

    if out.exists() and not out.is_dir():
        raise UsageError(f"'{out}' is a file, not a folder.", "Choose another --out.")
    for option, folder in (("--speech", speech), ("--codes", codes), *(("--extended", one) for one in extended)):
        if not folder.is_dir():
            raise UsageError(f"'{folder}' is not a folder.", f"Name the right one with {option}.")
    chosen = _checked(Settings(**settings))
    bank = read_bank(speech, codes)
    if not bank.differences(test_identity):  # an unknown speaker is reported before the training, not after it
        raise UsageError(f"Speaker {test_identity} has no emotional speech to be tested on.")
    further = read_extended(extended_folders(speech, extended), bank.size)
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    click.echo(json.dumps(_experiment(bank, test_identity, chosen, out, further), ensure_ascii=False))
    return 0


def _checked(settings: Any) -> Any:
    from cmet.connector import MAX_WINDOW

    for name in _OPTIONS:
        if not math.isfinite(value := getattr(settings, name)):
            raise UsageError(f"--{name.replace('_', '-')} {value} is no number.", "Give a finite one.")
    positive = ("steps", "batch", "learning_rate", "hidden", "layers", "window", "members")
    for name in positive:
        if getattr(settings, name) <= 0:
            raise UsageError(f"--{name.replace('_', '-')} must be greater than zero.")
    for name in ("seed", "noise", "speech_bias", "weight_decay", "cross_entropy"):
        if getattr(settings, name) < 0:
            raise UsageError(f"--{name.replace('_', '-')} must not be less than zero.")
    if settings.hidden % settings.heads or settings.hidden <= 32:
        raise UsageError(f"--hidden must be a multiple of {settings.heads} and greater than 32.")
    if settings.window > MAX_WINDOW:
        raise UsageError(f"--window has at most {MAX_WINDOW} frames, not {settings.window}.")
    for name in ("pair_share", "reference_share"):
        if not 0 <= getattr(settings, name) <= 1:
            raise UsageError(f"--{name.replace('_', '-')} is a share: from 0 to 1.")
    return settings


def _experiment(
    bank: Any, test_identity: str, settings: Any, out: Path, extended: Mapping[Path, Any]
) -> dict[str, Any]:
    from cmet.speech_to_code.results import recognise
    from cmet.speech_to_code.training import train

    began = time.perf_counter()
    speakers = bank.training_speakers([test_identity])
    members = train(bank, speakers, settings, lambda line: click.echo(line, err=True))
    seconds = time.perf_counter() - began
    result = recognise(members, bank, test_identity)
    alone = [recognise([member], bank, test_identity).macro_accuracy for member in members]
    return {
        "preset": "speech-to-code",
        "macro_accuracy": round(result.macro_accuracy, 4),
        "recall": {emotion: round(value, 4) for emotion, value in result.recall.items()},
        "n": result.count,
        "confusion": result.confusion,
        "test_identity": test_identity,
        "training_speakers": list(speakers),
        "members_alone": [round(value, 4) for value in alone],
        "settings": dataclasses.asdict(settings),
        "training_seconds": round(seconds, 1),
        "checkpoints": [str(path) for path in _save(out, members, settings)],
        "extended": _extended(bank, members, speakers, out, extended),
    }


def _save(out: Path, members: tuple[Any, ...], settings: Any) -> list[Path]:
    """Each member in the released layout, in a folder of its own; what an earlier run left there is replaced."""
    from cmet.training.checkpoint_files import checkpoints, write_checkpoint, write_widths

    names = ("window", "hidden", "layers", "heads", "feedforward", "dropout")
    files = []
    for number, connector in enumerate(members):
        folder = out / f"member_{number}"
        folder.mkdir(exist_ok=True)
        for stale in checkpoints(folder):
            stale.unlink()
        sizes = {"exp": connector.exp, "speech": connector.speaker_encoder.proj.in_features}
        write_widths(folder, {name: getattr(settings, name) for name in names} | sizes)
        files.append(write_checkpoint(folder, connector.state_dict(), None, epoch=0, step=settings.steps))
    return files


def _extended(
    bank: Any, members: tuple[Any, ...], speakers: tuple[str, ...], out: Path, extended: Mapping[Path, Any]
) -> dict[str, list[str]]:
    """Write table and picture of the further emotions; emotion → the two basic ones it lies between."""
    from cmet.speech_to_code import results

    profiles = results.profiles(members, bank, speakers, extended)
    if profiles:
        for name, text in (
            ("extended.csv", results.as_csv(profiles)),
            ("extended.md", results.as_markdown(profiles)),
            ("extended.svg", results.as_svg(profiles)),
        ):
            with replacing(out / name) as partial:
                partial.write_text(text, encoding="utf-8")
    return {f"{one.corpus}/{one.emotion}": list(one.between) for one in profiles}
