"""Holds C-MET's losses: regression of directions, contrast of modalities, opposition of the two passes, and measures.

Directions and codes are (N, D) rows, N = batch * window, row i belonging to sample i // window; labels are (N,) int64
indices of `EMOTIONS` (the target emotion). Every loss is a scalar and differentiable in its first arguments.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.emotions import BASIC_EMOTIONS

EMOTIONS = BASIC_EMOTIONS
"""Label order of the training data."""

CLASS_WEIGHTS = (0.5, 1.0, 0.5, 1.0, 2.0, 0.1, 1.0, 2.0)
"""Weight of a row by its target emotion, in the order of `EMOTIONS`."""

TEMPERATURE = 0.1


def class_weights(labels: Tensor, like: Tensor) -> Tensor:
    """Returns the weights (N,) of (N,) labels on the device and in the dtype of `like`."""
    return torch.tensor(CLASS_WEIGHTS, dtype=like.dtype, device=like.device)[labels]


def focal_mse(prediction: Tensor, target: Tensor, beta: float = 0.2, gamma: float = 1.0) -> Tensor:
    """Returns the squared error times (2 sigmoid(beta |d|) - 1)^gamma; the factor takes part in the gradient."""
    difference = prediction - target
    focus = 2 * torch.sigmoid(beta * difference.abs()) - 1
    return (difference.square() * focus**gamma).mean()


def focal_mse_tanh(prediction: Tensor, target: Tensor, beta: float = 0.2, gamma: float = 1.0) -> Tensor:
    """Returns the squared error times tanh(beta |d|)^gamma."""
    difference = prediction - target
    return (difference.square() * torch.tanh(beta * difference.abs()) ** gamma).mean()


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Returns the mean over rows of the mean squared error of a row."""
    return (prediction - target).square().mean(dim=1).mean()


def wmse(prediction: Tensor, target: Tensor, labels: Tensor) -> Tensor:
    """Returns the class-weighted squared error: row means times their weight, averaged (not divided by the weights'
    sum).
    """
    return ((prediction - target).square().mean(dim=1) * class_weights(labels, prediction)).mean()


def bmse(prediction: Tensor, target: Tensor, sigma: Tensor) -> Tensor:
    """Returns the balanced MSE (Ren et al. 2022): which of the batch's targets belongs to this prediction, under N(.,
    sigma^2 I).

    The Gaussian's normalising constant is the same for all targets of a row and drops out of the cross-entropy.
    """
    squared = (prediction[:, None] - target[None]).square().sum(dim=-1)
    logits = -squared / (2 * sigma.square())
    return F.cross_entropy(logits, torch.arange(len(prediction), device=prediction.device))


class BalancedMse(nn.Module):
    """Computes `bmse` with its learnable scale `sigma` (starts at 8); give its parameter to the optimiser."""

    def __init__(self, sigma: float = 8.0) -> None:
        super().__init__()
        self.sigma = nn.Parameter(torch.tensor(sigma))

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        return bmse(prediction, target, self.sigma)


def directional(forward: Tensor, flipped: Tensor) -> Tensor:
    """Returns (1 + cosine)^2 of the two passes' directions: zero when they are opposite."""
    return (1 + F.cosine_similarity(forward, flipped, dim=1)).square().mean()


def weighted_directional(forward: Tensor, flipped: Tensor, labels: Tensor) -> Tensor:
    """Returns `directional` with the class weight inside the square."""
    opposition = 1 + F.cosine_similarity(forward, flipped, dim=1)
    return (class_weights(labels, forward) * opposition).square().mean()


def contrastive(visual: Tensor, audio: Tensor, labels: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Returns the supervised contrast of B visual and B audio embeddings (B, D): rows of one label attract each other.

    2B anchors; all other rows are candidates, those with the anchor's label are positives (its own partner in the
    other modality always is one).
    """
    rows = F.normalize(torch.cat((visual, audio)), dim=1, eps=1e-12)
    logits = rows @ rows.T / temperature
    logits = logits - logits.max(dim=1, keepdim=True).values
    others = ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    denominator = (logits.exp() * others).sum(dim=1, keepdim=True)
    log_probability = logits - torch.log(denominator + 1e-12)
    both = torch.cat((labels, labels))
    positives = ((both[:, None] == both[None]) & others).to(rows.dtype)
    return -((positives * log_probability).sum(dim=1) / (positives.sum(dim=1) + 1e-12)).mean()


def bidirectional_contrastive(
    first: Tensor, second: Tensor, speech: Tensor, speech_flipped: Tensor, labels: Tensor
) -> Tensor:
    """Returns C-MET's contrastive term; `first`, `second`: expression embeddings (B, T, H) of emotions 1 and 2.

    speech, speech_flipped: embeddings (B, 1, H) of the speech difference and of its negative; labels: (B,). The visual
    difference points the other way than the speech difference in both halves: the released weights are trained so.
    """
    difference = (second - first).mean(dim=1)
    forward = contrastive(-difference, speech.squeeze(1), labels)
    return (forward + contrastive(difference, speech_flipped.squeeze(1), labels)) / 2


def expression_cosine(prediction: Tensor, target: Tensor, labels: Tensor | None = None) -> Tensor:
    """Returns 1 - cosine of predicted and target directions (EC), class-weighted if labels are given (the published
    wEC).
    """
    cosine = F.cosine_similarity(F.normalize(prediction, dim=1), F.normalize(target, dim=1), dim=1)
    distance = 1 - cosine
    return (distance if labels is None else class_weights(labels, prediction) * distance).mean()


def velocity(prediction: Tensor, target: Tensor) -> Tensor:
    """Returns the mean distance of frame-to-frame changes of two (B, T, D) tracks; 1e-6 is added to each difference."""
    change, wanted = prediction.diff(dim=1), target.diff(dim=1)
    return F.pairwise_distance(change, wanted, eps=1e-6).mean()


def huber(prediction: Tensor, target: Tensor, beta: float = 1.0) -> Tensor:
    """Smooth L1: squared below `beta`, linear above."""
    return F.smooth_l1_loss(prediction, target, beta=beta)


def angle(prediction: Tensor, target: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Returns the mean angle; its cosine is divided by `temperature` before it is clamped, so it saturates early."""
    cosine = F.cosine_similarity(prediction, target, dim=1) / temperature
    return torch.acos(cosine.clamp(-1 + 1e-5, 1 - 1e-5)).mean()


REGRESSIONS: dict[str, Callable[..., Tensor]] = {
    "focal_mse": focal_mse,
    "focal_mse_tanh": focal_mse_tanh,
    "mse": mse,
    "wmse": wmse,
    "bmse": bmse,
}
"""Regression losses by the name of the training option; `wmse` also takes labels, `bmse` sigma."""
