"""Lets several processes train as one: the step of N processes with B rows each is the step of one with N * B rows.

`DistributedDataParallel` alone averages gradients; whatever looks at the whole batch would still see a process's own
rows only. So batch norm's statistics and the rows that losses compare with each other are shared here, differentiably.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Gather(torch.autograd.Function):
    """Gathers the rows of all processes, in their order; the gradient of a row is the sum of all processes'
    gradients.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


class _Sum(torch.autograd.Function):
    """Sums over processes; so is the gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def gather(rows: Tensor) -> Tensor:
    """Returns the rows (N * B, ...) of all N processes, each with B; `rows` itself where one process trains alone."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return rows
    gathered: Tensor = _Gather.apply(rows)
    return gathered


class SharedBatchNorm(nn.BatchNorm1d):
    """Is BatchNorm1d whose statistics in training are those of all processes' rows; every process has equally many."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalised (B, C) or (B, C, L), as `BatchNorm1d`."""
        if not self.training:
            return super().forward(x)
        axes = (0, 2) if x.dim() == 3 else (0,)
        shape = (1, -1, 1) if x.dim() == 3 else (1, -1)
        count = x.numel() // x.shape[1] * dist.get_world_size()
        mean = _Sum.apply(x.float().sum(axes)) / count
        centred = x.float() - mean.view(shape)
        variance = _Sum.apply(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * (count / max(1, count - 1)))
        scaled = centred * torch.rsqrt(variance + self.eps).view(shape)
        return (scaled * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum or 0.0)
        self.running_var.lerp_(variance, self.momentum or 0.0)


def share_batch_norm(module: nn.Module) -> None:
    """Make every BatchNorm1d of `module` a `SharedBatchNorm`, in place: names, parameters and buffers stay."""
    for part in module.modules():
        if type(part) is nn.BatchNorm1d:
            part.__class__ = SharedBatchNorm
