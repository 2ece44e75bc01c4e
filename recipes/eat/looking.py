"""Trains what looks at pictures: the keypoint detector and the pose network, on pictures of known puppets.

EAT takes both from a talking-head model that found keypoints and poses by itself; here the true ones are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.keypoint_motion import radians
from networks.eat.keypoints import KeypointDetector
from networks.eat.pose_network import HeadPose, PoseNetwork
from recipes.augmentation import random_augmentation
from recipes.eat import anatomy
from recipes.eat.settling import settle
from recipes.eat.sizes import SIZE, WIDTHS
from recipes.faces import calmed, random_states, uint8_pictures
from recipes.part import Part
from recipes.recipe_run import RecipeRun, drawn

BATCH, RATE = 24, 3e-3
PLACE, ANGLE = 0.02, 0.05  # errors that count as one: of places, in picture halves, and of angles, in radians
FINE_PLACE, FINE_ANGLE = 0.004, 0.02  # the same, when the pose network goes on alone


@dataclass(frozen=True)
class Look:
    """Holds pictures uint8 (n, s, s, 3) and what they show: canonical keypoints (n, 15, 3), angles (n, 3), scores of
    bins (n, 3, 66), places (n, 3), offsets (n, 45).
    """

    pictures: npt.NDArray[np.uint8]
    canonical: npt.NDArray[np.float32]
    angles: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    t: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Looks:
    """Makes look number i: training puppets, calm ones, mostly, as portraits and as lossy coding leaves them. `tag`:
    tells the looks of different parts apart.
    """

    seed: int
    tag: int = 73

    def __call__(self, number: int) -> Look:
        rng = np.random.default_rng([self.seed, self.tag, number])
        state = random_states(rng, BATCH)
        if number % 2:
            state = calmed(state, rng)
        shown = [_coded(rng, picture) for picture in uint8_pictures(state, 256)]
        heads = anatomy.pose(state)
        rest = torch.stack([anatomy.canonical(int(who)) for who in state.who])
        return Look(
            np.stack(shown),
            rest.numpy(),
            heads.angles.numpy(),
            heads.scores().numpy(),
            heads.t.numpy(),
            anatomy.state_offsets(state).numpy(),
        )


def _coded(rng: np.random.Generator, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    changed = random_augmentation(rng)(picture)
    return np.asarray(cv2.resize(changed, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


class Looker(nn.Module):
    """Is the keypoint detector and the pose network."""

    def __init__(self) -> None:
        super().__init__()
        self.kp_detector, self.he_estimator = KeypointDetector(**WIDTHS.detector), PoseNetwork(**WIDTHS.pose)


def losses_of(looker: Looker, look: Look, device: str) -> dict[str, Tensor]:
    """Returns how far off keypoints, angles, places and offsets are."""
    found = looker.kp_detector(_shown(look, device)).keypoints
    true = torch.from_numpy(look.canonical).to(device)
    return {"keypoints": _off(found, true, PLACE), **pose_losses(looker.he_estimator, look, device, PLACE, ANGLE)}


def _shown(look: Look, device: str) -> Tensor:
    return torch.from_numpy(look.pictures).to(device).permute(0, 3, 1, 2).float() / 255


def pose_losses(network: PoseNetwork, look: Look, device: str, place: float, angle: float) -> dict[str, Tensor]:
    """Returns how far off angles, places and offsets are, with the errors that count as one."""
    fields = ("angles", "scores", "t", "offsets")
    true = {name: torch.from_numpy(getattr(look, name)).to(device) for name in fields}
    found: HeadPose = network(_shown(look, device))
    scores = torch.stack((found.yaw, found.pitch, found.roll), 1)
    angles = torch.stack([radians(part) for part in scores.unbind(1)], 1)
    bins = F.cross_entropy(scores.flatten(0, 1), true["scores"].softmax(-1).flatten(0, 1))
    return {
        "angles": _off(angles, true["angles"], angle) + 0.2 * bins,
        "places": _off(found.t, true["t"], place),
        "offsets": _off(found.exp, true["offsets"], place),
    }


def _off(found: Tensor, true: Tensor, unit: float) -> Tensor:
    """Squared where small, straight where large, so that the first steps are not thrown about."""
    return F.smooth_l1_loss(found / unit, true / unit)


def train(run: RecipeRun) -> Looker:
    """Returns the trained networks, in eval mode; checkpoints lie in `run.out`."""
    with run.seeded():
        looker, average = (Looker().train().to(run.device) for _ in range(2))
    part = Part("eat-looking", looker, average, [(list(looker.parameters()), RATE)])
    looks, ahead = Looks(run.seed), list[Iterator[Look]]()

    def losses(number: int) -> dict[str, Tensor]:
        if not ahead:
            ahead.append(drawn(looks, run.steps, run.workers, number))
        return losses_of(looker, next(ahead[0]), run.device)

    trained = part.train(run, losses)
    settle(trained, lambda number: losses_of(trained, looks(number), run.device))
    return trained


def refine(run: RecipeRun, looker: Looker) -> Looker:
    """Returns the networks, in eval mode, after the pose network went on alone, by finer errors."""
    network = looker.he_estimator.requires_grad_().train()
    part = Part("eat-posing", network, PoseNetwork(**WIDTHS.pose).to(run.device), [(list(network.parameters()), RATE)])
    looks, ahead = Looks(run.seed, tag=81), list[Iterator[Look]]()

    def losses(number: int) -> dict[str, Tensor]:
        if not ahead:
            ahead.append(drawn(looks, run.steps, run.workers, number))
        return pose_losses(network, next(ahead[0]), run.device, FINE_PLACE, FINE_ANGLE)

    looker.he_estimator = part.train(run, losses)
    settle(
        looker.he_estimator,
        lambda number: pose_losses(looker.he_estimator, looks(number), run.device, FINE_PLACE, FINE_ANGLE),
    )
    return looker.eval()
