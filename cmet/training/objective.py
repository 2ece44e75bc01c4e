"""This module is C-MET's training objective: two passes through one network, three terms, and its evaluation.

Facts: docs/reference/cmet.md, 'C-MET losses'.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from cmet import losses
from cmet.connector import Connector
from cmet.training.data_parallel import gather
from cmet.training.sampler import Arrays
from harness.errors import unknown_name

Balance = Literal["mse", "wmse", "focal_mse", "focal_mse_tanh", "bmse"]
TERMS = ("total", "regression", "contrastive", "directional")


@dataclass(frozen=True)
class Objective:
    """Holds the released options of the objective; `weighted_dir`: class weights in the directional term. UsageError
    for an unknown loss.
    """

    balance: Balance = "focal_mse"
    bidirectional: bool = True
    lambda_cnt: float = 0.1
    lambda_dir: float = 0.05
    weighted_dir: bool = False

    def __post_init__(self) -> None:
        if self.balance not in get_args(Balance):
            raise unknown_name("regression loss", self.balance, get_args(Balance))


class Tensors(NamedTuple):
    """Holds `sampler.Arrays` on the training device."""

    reference: Tensor
    speech: Tensor
    first: Tensor
    second: Tensor
    direction: Tensor
    label: Tensor


def to_tensors(arrays: Arrays, device: torch.device) -> Tensors:
    """Returns one batch as tensors; copies run beside the computation where the device can."""
    names = Tensors._fields
    return Tensors(*(torch.from_numpy(getattr(arrays, name)).to(device, non_blocking=True) for name in names))


class TrainingPass(nn.Module):
    """Joins connector and objective in one module, so that data-parallel training wraps both passes of a step
    at once.
    """

    def __init__(self, connector: Connector, objective: Objective) -> None:
        super().__init__()
        self.connector = connector
        self.objective = objective
        self.balanced = losses.BalancedMse() if objective.balance == "bmse" else None

    def _all(self, rows: Tensor) -> Tensor:
        """The rows of all processes in training, where losses compare rows with each other."""
        return gather(rows) if self.training else rows

    def regression(self, prediction: Tensor, target: Tensor, label: Tensor) -> Tensor:
        """Returns the chosen regression loss of (B*T, 10) rows; label (B,) emotion 2 of each sample."""
        if self.balanced is not None:
            return self.balanced(self._all(prediction), self._all(target))
        if self.objective.balance == "wmse":
            rows = label.repeat_interleave(len(prediction) // len(label))
            return losses.wmse(prediction, target, rows)
        return losses.REGRESSIONS[self.objective.balance](prediction, target)

    def opposition(self, forward: Tensor, flipped: Tensor, label: Tensor) -> Tensor:
        """Returns the directional term of (B*T, 10) rows; label (B,) emotion 2 of each sample."""
        if not self.objective.weighted_dir:
            return losses.directional(forward, flipped)
        rows = label.repeat_interleave(len(forward) // len(label))
        return losses.weighted_directional(forward, flipped, rows)

    def both(self, batch: Tensors) -> tuple[Tensor, Tensor, Tensor]:
        """Returns directions of the forward and of the flipped pass (B*T, 10), float32, and the contrastive term."""
        forward, (_, speech, first) = self.connector(batch.reference, batch.speech, batch.first)
        flipped, (_, opposite, second) = self.connector(-batch.reference, -batch.speech, batch.second)
        first, second, speech, opposite = (self._all(part.float()) for part in (first, second, speech, opposite))
        contrast = losses.bidirectional_contrastive(first, second, speech, opposite, self._all(batch.label))
        return forward.float(), flipped.float(), contrast

    def forward(self, batch: Tensors) -> Tensor:
        """Returns the terms (4,) in the order of `TERMS`; the first one is minimised."""
        forward, flipped, contrast = self.both(batch)
        target = batch.direction.reshape(forward.shape)
        regression = self.regression(forward, target, batch.label)
        if self.objective.bidirectional:
            regression = regression + self.regression(flipped, -target, batch.label)
        opposition = self.opposition(forward, flipped, batch.label)
        total = regression + self.objective.lambda_cnt * contrast + self.objective.lambda_dir * opposition
        return torch.stack((total, regression, contrast, opposition))


def make_optimizer(module: TrainingPass, learning_rate: float = 1e-4, weight_decay: float = 1e-5) -> torch.optim.AdamW:
    """Returns the AdamW of the released training; balanced MSE's scale is a group of its own."""
    groups: list[dict[str, object]] = [{"params": list(module.connector.parameters())}]
    if module.balanced is not None:
        groups.append({"params": list(module.balanced.parameters())})
    return torch.optim.AdamW(groups, lr=learning_rate, weight_decay=weight_decay, fused=True)


def train_step(module: nn.Module, optimizer: torch.optim.Optimizer, batch: Tensors, dtype: torch.dtype) -> Tensor:
    """Makes one update and returns the four terms before it, detached. `module`: a TrainingPass, possibly wrapped.

    dtype bfloat16: matrix products in bfloat16, weights, losses and optimiser in float32.
    """
    optimizer.zero_grad()
    with torch.autocast(batch.speech.device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
        terms: Tensor = module(batch)
    terms[0].backward()
    optimizer.step()
    return terms.detach()


@torch.no_grad()
def evaluate(module: TrainingPass, batches: Iterable[Tensors]) -> dict[str, float]:
    """Returns the means over batches in eval mode; neither the network's mode nor any random state is changed.

    regression, ec (class-weighted, the sum of both passes, as the released code logs it), velocity (forward),
    directional, contrastive; first_window_ec: the unweighted 1 - cosine when the reference is zero, as in the first
    window of every edit.
    """
    was_training = module.training
    module.eval()
    sums: dict[str, float] = {}
    count = 0
    for batch in batches:
        for name, value in _measures(module, batch).items():
            sums[name] = sums.get(name, 0.0) + float(value)
        count += 1
    module.train(was_training)
    return {name: value / count for name, value in sums.items()}


def _measures(module: TrainingPass, batch: Tensors) -> dict[str, Tensor]:
    forward, flipped, contrast = module.both(batch)
    target, window = batch.direction.reshape(forward.shape), batch.direction.shape[1]
    labels = batch.label.repeat_interleave(window)
    regression = module.regression(forward, target, batch.label)
    if module.objective.bidirectional:
        regression = regression + module.regression(flipped, -target, batch.label)
    ec = losses.expression_cosine(forward, target, labels) + losses.expression_cosine(flipped, -target, labels)
    fresh, _ = module.connector(torch.zeros_like(batch.reference), batch.speech, batch.first)
    tracks = (rows.reshape(batch.direction.shape) for rows in (forward, target))
    return {
        "regression": regression,
        "ec": ec,
        "velocity": losses.velocity(*tracks) if window > 1 else forward.new_zeros(()),
        "directional": module.opposition(forward, flipped, batch.label),
        "contrastive": contrast,
        "first_window_ec": losses.expression_cosine(fresh.float(), target),
    }


def weaken_reference(connector: Connector, batch: Tensors, dropout: float, scheduled: float, chance: Tensor) -> Tensors:
    """Make the reference less of an answer: zeros in a share of rows, the network's own prediction in another.

    chance: (B,) uniform in [0, 1); decides which rows.

    In the released data the reference equals the target in 93 % of samples, which teaches copying. The network's own
    first-window prediction (zeros as reference) stands for the window before.
    """
    if not dropout and not scheduled:
        return batch
    chance = chance.to(batch.reference.device)[:, None, None]
    reference = batch.reference
    if scheduled:
        with torch.no_grad():
            connector.eval()
            own, _ = connector(torch.zeros_like(reference), batch.speech, batch.first)
            connector.train()
        present = reference.abs().sum(dim=(1, 2), keepdim=True) > 0
        use = (chance >= dropout) & (chance < dropout + scheduled) & present
        reference = torch.where(use, own.reshape(reference.shape).to(reference.dtype), reference)
    return batch._replace(reference=torch.where(chance < dropout, torch.zeros_like(reference), reference))


@torch.no_grad()
def follow(averaged: nn.Module, current: nn.Module, keep: float) -> None:
    """Updates a running average of weights; batch norm's statistics are copied."""
    for slow, fast in zip(averaged.parameters(), current.parameters(), strict=True):
        slow.lerp_(fast, 1 - keep)
    for kept, seen in zip(averaged.buffers(), current.buffers(), strict=True):
        kept.copy_(seen)
