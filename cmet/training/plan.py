"""This module holds the numbers of a training run, and this process's rank among those that train together."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

import torch

from harness.errors import UsageError, unknown_name


@dataclass(frozen=True)
class TrainingPlan:
    """Holds a run's length, rates and checkpoints to keep. Zero turns a periodic thing off."""

    batch: int = 128
    steps: int = 200_000
    learning_rate: float = 1e-4
    weight_decay: float = 1e-5
    precision: str = "fp32"
    seed: int = 42
    log_every: int = 50
    checkpoint_every: int = 5000
    keep: int = 3
    keep_every: int = 50_000
    evaluate_every: int = 5000
    validation_passes: int = 1
    ema: float = 0.0
    reference_dropout: float = 0.0
    scheduled_sampling: float = 0.0


@dataclass(frozen=True)
class ProcessRank:
    """Holds this process's rank among those that train together, and its device."""

    rank: int = 0
    ranks: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


def join_processes(device: str) -> ProcessRank:
    """Joins the processes that torchrun started, or trains alone. device: `auto`, `cpu`, `cuda` or `cuda:N`."""
    kind, colon, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda"):
        raise unknown_name("device", kind, ("auto", "cpu", "cuda"))
    cuda = torch.cuda.is_available() if kind == "auto" else kind == "cuda"
    if cuda and not torch.cuda.is_available():
        raise UsageError("There is no CUDA device here.", "Use --device cpu.")
    if colon and kind != "cuda":
        raise UsageError(f"There is no device '{device}'.", f"Use --device {kind}.")
    if cuda and colon and not (index.isdecimal() and int(index) < torch.cuda.device_count()):
        raise UsageError(f"There is no device '{device}' here.", f"There are {torch.cuda.device_count()}, from cuda:0.")
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks == 1:
        return ProcessRank(device=torch.device(("cuda" if kind == "auto" else device) if cuda else "cpu"))
    place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(place)
    if not torch.distributed.is_initialized():
        torch.distributed.init_process_group("nccl" if cuda else "gloo")
    return ProcessRank(torch.distributed.get_rank(), ranks, place)


def leave_processes(process: ProcessRank) -> None:
    """Leaves the group of processes, if there are others."""
    if process.ranks > 1:
        torch.distributed.destroy_process_group()
