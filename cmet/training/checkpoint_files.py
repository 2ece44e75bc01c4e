"""Writes connector checkpoints in the layout and under the names of the released code, with their widths."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cmet.connector import Connector
from harness.atomic import PARTIAL_PREFIX, partly_written, replacing
from harness.errors import UsageError
from networks.files.inert_pickle import MALFORMED
from networks.files.layout import Layout
from networks.files.strict_loading import load_into

WIDTHS = "connector.json"
"""Constructor keywords of `Connector`, next to the checkpoints; the official file needs none."""

_NAME = re.compile(r"^_epoch_(?P<epoch>\d+)_checkpoint_step(?P<step>\d{9,})\.pth$")


def checkpoint_name(epoch: int, step: int) -> str:
    """Returns `_epoch_<epoch>_checkpoint_step<9 digits>.pth`."""
    return f"_epoch_{epoch}_checkpoint_step{step:09d}.pth"


def checkpoint_step(path: Path) -> int | None:
    """Returns the step in a checkpoint's name; None for other files."""
    match = _NAME.match(path.name)
    return int(match["step"]) if match else None


def checkpoints(folder: Path) -> list[Path]:
    """Returns the checkpoints of a folder, oldest first."""
    by_step = ((checkpoint_step(path), path) for path in folder.glob("_epoch_*.pth"))
    return [path for _, path in sorted((step, path) for step, path in by_step if step is not None)]


def write_checkpoint(
    folder: Path,
    state: Mapping[str, Tensor],
    optimizer: Mapping[str, Any] | None,
    epoch: int,
    step: int,
    training: Mapping[str, Any] | None = None,
) -> Path:
    """Write `state_dict`, `optimizer`, `global_step`, `global_epoch`; the file appears whole or not at all.

    training: further state that a continued run needs; the released code does not look at it.
    """
    path = folder / checkpoint_name(epoch, step)
    content = {
        "state_dict": {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()},
        "optimizer": optimizer,
        "global_step": step,
        "global_epoch": epoch,
    }
    if training is not None:
        content["training"] = dict(training)
    with replacing(path) as partial:
        try:
            torch.save(content, partial)
        except RuntimeError as error:  # what torch makes of a disk that takes only a part
            raise partly_written(folder, sum(t.nbytes for t in state.values())) from error
    return path


def read_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Returns a checkpoint's content; only tensors and plain values are unpickled. UsageError if it is damaged.

    PyTorch's own reader, because a run that goes on needs the optimiser's state and the counters as they were saved,
    on its device; networks.files.torch_file reads tensors alone.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, OSError, *MALFORMED) as error:
        raise UsageError(f"{path} is no readable checkpoint: {_why(error)}", "Delete it.") from error
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise UsageError(f"{path} is no checkpoint of a connector.")
    return content


def load_encoders(connector: Connector, path: Path) -> None:
    """Put the `speaker_encoder` and `exp_encoder` of a file into `connector` (the released `projector_kwargs.path`).

    UsageError for an absent file, and for one without them or of other sizes.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}.")
    try:
        for name in ("speaker_encoder", "exp_encoder"):
            encoder = connector.get_submodule(name)
            mode = encoder.training
            load_into(encoder, Layout((name,)), path, name)
            encoder.train(mode)
    except UsageError as error:
        raise UsageError(f"There are no encoders of this connector: {error.what}", error.cure) from error


def _why(error: BaseException) -> str:
    """One line of it; PyTorch's own advice on a foreign file is to load it unsafely."""
    if isinstance(error, pickle.UnpicklingError):
        return "it is no PyTorch file, or holds more than tensors and plain values."
    return str(error).split("\n", 1)[0]


def sweep(folder: Path) -> None:
    """Removes the remains of a checkpoint that a killed run was writing."""
    for path in folder.glob(f"{PARTIAL_PREFIX}*-_epoch_*.pth"):
        path.unlink(missing_ok=True)


def prune(folder: Path, keep: int, keep_every: int) -> None:
    """Remove all but the last `keep` checkpoints (at least one) and those at multiples of `keep_every` steps."""
    for path in checkpoints(folder)[: -max(1, keep)]:
        step = checkpoint_step(path)
        if not keep_every or (step is not None and step % keep_every):
            path.unlink()


def write_widths(folder: Path, widths: Mapping[str, int | float]) -> None:
    """Write the constructor keywords of the run's connector."""
    with replacing(folder / WIDTHS) as partial:
        partial.write_text(json.dumps(dict(widths), indent=2) + "\n", encoding="utf-8")


def connector_beside(path: Path) -> Connector:
    """Returns a new connector of the widths that training wrote next to this checkpoint; of official size without them.

    UsageError for a file of widths that is none.
    """
    widths = path.with_name(WIDTHS)
    if not widths.is_file():
        return Connector()
    try:
        return Connector(**json.loads(widths.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"{widths} does not describe a connector: {error}.", "Take it from the run's folder."
        ) from error
