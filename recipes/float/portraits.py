"""Trains the motion autoencoder: from a picture of a puppet and exact motion, the true picture of that motion.

It starts as the shipped generator without its expression block (space), so what it has to learn is to draw expressions
by warping alone. Directions stay as they are. Most steps draw at half size, the last ones at full size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.puppets.identity import TRAIN_IDENTITIES
from networks.edtalk.decoder import Decoder
from networks.float.autoencoder import MotionAutoencoder
from recipes.drawing import picture_loss
from recipes.faces import PictureState, as_input, pictures, random_states
from recipes.float import space
from recipes.float.part import Part
from recipes.recipe_run import RecipeRun, cosine, drawn

ENCODER_RATE, DECODER_RATE = 1e-3, 4e-3
HALF_SHARE = 0.75  # of the steps draw at half size
PEOPLE, GOALS = 4, 3  # pictures to start from, and true pictures of each of those puppets
CODES_WEIGHT = 0.1


@dataclass(frozen=True)
class PortraitLesson:
    """Holds PEOPLE source pictures uint8 (n, s, s, 3) of `state`, and GOALS pictures of each, `goals`, of `goal`."""

    sources: npt.NDArray[np.uint8]
    state: PictureState
    goals: npt.NDArray[np.uint8]
    goal: PictureState


@dataclass(frozen=True)
class PortraitLessons:
    """Makes lesson number i, the same in any process. As in use, sources are calm, mostly."""

    seed: int
    size: int

    def __call__(self, number: int) -> PortraitLesson:
        rng = np.random.default_rng([self.seed, 52, number])
        who = rng.choice(np.array(TRAIN_IDENTITIES), PEOPLE, replace=False)
        state = replace(_calmed(random_states(rng, PEOPLE), rng), who=who)
        goal = replace(random_states(rng, PEOPLE * GOALS), who=np.repeat(who, GOALS))
        still = rng.random((PEOPLE * GOALS, 1)) < 0.4  # only the face moves, or hardly the head either
        goal = replace(goal, pose=np.where(still, np.repeat(state.pose, GOALS, 0), goal.pose))
        return PortraitLesson(_uint8(state, self.size), state, _uint8(goal, self.size), goal)


def _calmed(state: PictureState, rng: np.random.Generator) -> PictureState:
    """Three in four are portraits: no emotion, mouth nearly closed, facing the camera; the others anything."""
    calm = rng.random((len(state.who), 1)) < 0.75
    lip = np.where(calm, np.array([0.05, 0.0]), state.lip)
    return replace(
        state,
        affect=np.where(calm, 0.1, 1.0) * state.affect,
        pose=np.where(calm, 0.15, 1.0) * state.pose,
        lip=lip,
    )


def _uint8(state: PictureState, size: int) -> npt.NDArray[np.uint8]:
    shown = (pictures(state, size) + 1) * 127.5
    return shown.round().byte().permute(0, 2, 3, 1).numpy()


def rate_at(share: float) -> float:
    """Returns the learning rates' share of the full ones: most of half a cosine at half size, and another one from a
    half for full size, whose finest level is new to the rest.
    """
    if share < HALF_SHARE:
        return cosine(share)
    return 0.5 * cosine((share - HALF_SHARE) / (1 - HALF_SHARE))


def half_size(autoencoder: MotionAutoencoder) -> Decoder:
    """Returns a decoder for half the picture size that shares the autoencoder's layers, all but the finest level's."""
    whole = autoencoder.dec
    half = Decoder(autoencoder.size // 2, autoencoder.style, space.CHANNELS, expression=False)
    half.input, half.conv1, half.convs = whole.input, whole.conv1, whole.convs[:-2]
    half.to_rgbs, half.to_flows = whole.to_rgbs[:-1], whole.to_flows[:-1]
    return half


def train(run: RecipeRun) -> MotionAutoencoder:
    """Returns the trained autoencoder; its checkpoints lie in `run.out`."""
    network = space.start().to(run.device)
    part = Part("portraits", network, _empty().to(run.device), _groups(network), rate_at)
    half, alphabet = half_size(network), space.MotionAlphabet()
    lessons: dict[str, object] = {}

    def losses(number: int) -> dict[str, Tensor]:
        if "them" not in lessons:
            lessons["them"] = drawn(PortraitLessons(run.seed, space.SIZE), run.steps, run.workers, number)
        lesson = next(lessons["them"])  # type: ignore[call-overload]
        coarse = number < HALF_SHARE * run.steps
        return lesson_losses(network, half if coarse else None, alphabet, lesson, run.device)

    return part.train(run, losses)


def _empty() -> MotionAutoencoder:
    return MotionAutoencoder(space.SIZE, space.STYLE, space.MOTION, space.CHANNELS)


def _groups(network: MotionAutoencoder) -> list[tuple[list[torch.nn.Parameter], float]]:
    network.dec.direction.requires_grad_(False)
    decoder = [p for p in network.dec.parameters() if p.requires_grad]
    return [(list(network.enc.parameters()), ENCODER_RATE), (decoder, DECODER_RATE)]


def lesson_losses(
    network: MotionAutoencoder,
    half: Decoder | None,
    alphabet: space.MotionAlphabet,
    lesson: PortraitLesson,
    device: str,
) -> dict[str, Tensor]:
    """Returns the losses of a lesson: its pictures (at half size where that decoder is given), the sources' codes."""
    source, true = as_input(lesson.sources, device), as_input(lesson.goals, device)
    s_r, features = network.enc(source)
    who = torch.arange(PEOPLE, device=device).repeat_interleave(GOALS)
    codes = network.motion(network.coefficients(s_r)) - alphabet.motion(lesson.state).to(device)
    latent, maps = s_r[who] + alphabet.motion(lesson.goal).to(device), [feature[who] for feature in features]
    before = source[who]
    if half is None:
        made = network.dec(latent, maps)
    else:
        made, true, before = half(latent, maps[:-1]), F.avg_pool2d(true, 2), F.avg_pool2d(before, 2)
    read = CODES_WEIGHT * codes.square().sum(1).mean()
    return {"pictures": picture_loss(made, true, before), "codes": read}
