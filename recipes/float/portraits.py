"""Trains the motion autoencoder: from a picture of a puppet and exact motion, the true picture of that motion.

It starts as the shipped generator without its expression block (space), so what it has to learn is to draw expressions
by warping alone. Directions stay as they are. First everything learns at half size; then its painters are solved for
full size (painters), and the decoder goes on from there, on codes and maps that stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.puppets.identity import TRAIN_IDENTITIES
from networks.edtalk.decoder import Decoder
from networks.float.autoencoder import MotionAutoencoder
from recipes.drawing import picture_loss
from recipes.faces import PictureState, as_input, calmed, random_states, uint8_pictures
from recipes.float import painters, space
from recipes.part import Part
from recipes.recipe_run import RecipeRun, cosine, drawn

ENCODER_RATE, DECODER_RATE = 1e-3, 4e-3
SOLVED_BY, MOST_WEIGHT = 24, 4.0  # lessons that painters are solved by, and what a changed place counts in them
AGAIN_AT = 4 / 9  # of the steps at full size
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
    tag: int

    def __call__(self, number: int) -> PortraitLesson:
        rng = np.random.default_rng([self.seed, self.tag, number])
        who = rng.choice(np.array(TRAIN_IDENTITIES), PEOPLE, replace=False)
        state = replace(calmed(random_states(rng, PEOPLE), rng), who=who)
        goal = replace(random_states(rng, PEOPLE * GOALS), who=np.repeat(who, GOALS))
        still = rng.random((PEOPLE * GOALS, 1)) < 0.4  # only the face moves, or hardly the head either
        goal = replace(goal, pose=np.where(still, np.repeat(state.pose, GOALS, 0), goal.pose))
        return PortraitLesson(uint8_pictures(state, self.size), state, uint8_pictures(goal, self.size), goal)


def rate_at(share: float) -> float:
    """Returns the learning rates' share of the full ones at half size: the first three quarters of half a cosine."""
    return cosine(0.75 * share)


def detail_rate(share: float) -> float:
    """Returns the same at full size: half a cosine, and a longer one from less."""
    if share < AGAIN_AT:
        return cosine(share / AGAIN_AT)
    return 0.7 * cosine((share - AGAIN_AT) / (1 - AGAIN_AT))


def half_size(autoencoder: MotionAutoencoder) -> Decoder:
    """Returns a decoder for half the picture size that shares the autoencoder's layers, all but the finest level's."""
    whole = autoencoder.dec
    half = Decoder(autoencoder.size // 2, autoencoder.style, space.CHANNELS, expression=False)
    half.input, half.conv1, half.convs = whole.input, whole.conv1, whole.convs[:-2]
    half.to_rgbs, half.to_flows = whole.to_rgbs[:-1], whole.to_flows[:-1]
    return half


def train(run: RecipeRun) -> MotionAutoencoder:
    """Returns the autoencoder after its steps at half size; checkpoints lie in `run.out`."""
    network = space.start().to(run.device)
    network.dec.direction.requires_grad_(False)
    decoder = [parameter for parameter in network.dec.parameters() if parameter.requires_grad]
    groups = [(list(network.enc.parameters()), ENCODER_RATE), (decoder, DECODER_RATE)]
    part = Part("float-portraits", network, _empty().to(run.device), groups, rate_at)
    return part.train(run, Course(network, half_size(network), run, tag=52))


def refine(run: RecipeRun, network: MotionAutoencoder) -> MotionAutoencoder:
    """Returns the autoencoder after the decoder's steps at full size; checkpoints lie in `run.out`."""
    network.requires_grad_(False).train()
    if not (run.out / "float-detail.ckpt").is_file():
        painters.solve(network, _known(run, network))
    network.dec.requires_grad_()
    network.dec.direction.requires_grad_(False)
    decoder = [parameter for parameter in network.dec.parameters() if parameter.requires_grad]
    part = Part("float-detail", network, _empty().to(run.device), [(decoder, DECODER_RATE)], detail_rate)
    return part.train(run, Course(network, None, run, tag=58))


@torch.no_grad()
def _known(run: RecipeRun, network: MotionAutoencoder) -> Iterator[tuple[Tensor, list[Tensor], Tensor, Tensor]]:
    """Latents, maps, true pictures and weights of lessons, for the painters."""
    alphabet, plan = space.MotionAlphabet(), PortraitLessons(run.seed, space.SIZE, tag=59)
    for lesson in drawn(plan, SOLVED_BY, run.workers):
        drawing = _drawing(network, alphabet, lesson, run.device)
        change = (drawing.true - drawing.source).abs().mean(1, keepdim=True)
        weight = 0.3 + (change / (change.mean((1, 2, 3), keepdim=True) + 0.004)).clamp(max=MOST_WEIGHT)
        yield drawing.latent, drawing.maps, drawing.true, weight


def _empty() -> MotionAutoencoder:
    return MotionAutoencoder(space.SIZE, space.STYLE, space.MOTION, space.CHANNELS)


@dataclass
class Course:
    """Gives the losses of lesson after lesson, drawn ahead from the first one that is asked for. `half`: the decoder to
    draw with at half size; `tag`: tells the lessons of different parts apart.
    """

    network: MotionAutoencoder
    half: Decoder | None
    run: RecipeRun
    tag: int
    alphabet: space.MotionAlphabet = field(default_factory=space.MotionAlphabet)
    _ahead: Iterator[PortraitLesson] | None = None

    def __call__(self, number: int) -> dict[str, Tensor]:
        if self._ahead is None:
            lessons = PortraitLessons(self.run.seed, space.SIZE, self.tag)
            self._ahead = drawn(lessons, self.run.steps, self.run.workers, number)
        return lesson_losses(self.network, self.half, self.alphabet, next(self._ahead), self.run.device)


@dataclass(frozen=True)
class Drawing:
    """Holds what the decoder is given for a lesson's goals, the true pictures, the sources', and the sources' motion as
    the encoder reads it.
    """

    latent: Tensor
    maps: list[Tensor]
    true: Tensor
    source: Tensor
    read: Tensor


def _drawing(
    network: MotionAutoencoder, alphabet: space.MotionAlphabet, lesson: PortraitLesson, device: str
) -> Drawing:
    source, true = as_input(lesson.sources, device), as_input(lesson.goals, device)
    s_r, features = network.enc(source)
    who = torch.arange(PEOPLE, device=device).repeat_interleave(GOALS)
    latent, maps = s_r[who] + alphabet.motion(lesson.goal).to(device), [feature[who] for feature in features]
    return Drawing(latent, maps, true, source[who], network.motion(network.coefficients(s_r)))


def lesson_losses(
    network: MotionAutoencoder,
    half: Decoder | None,
    alphabet: space.MotionAlphabet,
    lesson: PortraitLesson,
    device: str,
) -> dict[str, Tensor]:
    """Returns the losses of a lesson: its pictures (at half size where that decoder is given), the sources' codes."""
    drawing = _drawing(network, alphabet, lesson, device)
    true, before = drawing.true, drawing.source
    if half is None:
        made = network.dec(drawing.latent, drawing.maps)
    else:
        made = half(drawing.latent, drawing.maps[:-1])
        true, before = F.avg_pool2d(true, 2), F.avg_pool2d(before, 2)
    codes = CODES_WEIGHT * (drawing.read - alphabet.motion(lesson.state).to(device)).square().sum(1).mean()
    return {"pictures": picture_loss(made, true, before), "codes": codes}
