"""This recipe trains the demo speech-emotion encoder, emotion2vec's architecture at small width.

Voices of training identities: some in basic emotions of every level, whose names it learns, the others in free moods
that have no name. Of all of them it learns, through a head that is thrown away, how pleasant, excited, tense, averse
and ironic the voice is (dimensional affect), so that its embedding has an order between and beyond the classes, which
emotion2vec gets from hundreds of hours of unlabelled speech. Most weight is on how moods of one voice differ, because
C-MET takes an emotion as a difference of embeddings. No free mood is near an extended emotion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.puppets.affect import EXTENDED_EMOTIONS, LEVELS, affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.voice import speak
from harness.emotions import BASIC_EMOTIONS
from harness.records import SAMPLES_PER_FRAME
from networks.emotion2vec.encoder import Emotion2Vec
from networks.files import shipped
from recipes.recipe_run import RecipeProgress, RecipeRun, cosine, drawn

WIDTH = 64
CONFIG = {
    "width": WIDTH,
    "heads": 4,
    "prenet_blocks": 1,
    "blocks": 2,
    "conv_width": 32,
    "position_depth": 2,
    "position_groups": 4,
    "position_kernel": 9,
    "labels": list(BASIC_EMOTIONS),
}
FRAMES, SHORTEST, BATCH, RATE = 50, 20, 32, 1.5e-3  # an utterance of two seconds; a batch hears 0.8 s or more of it
VOICES, TAKES, STEPS = len(TRAIN_IDENTITIES), 220, 6000  # takes: utterances of each training puppet
TOGETHER = 4  # utterances of one voice that a batch has: what differs between them is mood and words, not the voice
FELT_WEIGHT, WITHIN_WEIGHT = 2.0, 8.0
FREE, CLEARANCE = 0.6, 0.4  # share of utterances in free moods; the least distance of those from an extended emotion
JITTER = 0.1  # spread of an actor's own variation, per axis
NAMELESS = -100  # the label of a free mood: what PyTorch's cross entropy leaves out


@dataclass(frozen=True)
class LabelledVoice:
    """Holds `wave` (samples,), class number or NAMELESS, and `affect` (5,) of one voice."""

    wave: npt.NDArray[np.float32]
    label: int
    affect: npt.NDArray[np.float64]


def free_mood(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Returns a point (5,) anywhere in the box that the basic emotions span, but not near an extended one of
    any level.
    """
    basic = np.array([affect_point(name) for name in BASIC_EMOTIONS])
    barred = np.array([affect_point(name, level) for name in EXTENDED_EMOTIONS for level in LEVELS])
    while True:
        point = rng.uniform(basic.min(0), basic.max(0))
        if np.linalg.norm(barred - point, axis=1).min() >= CLEARANCE:
            return point


@dataclass(frozen=True)
class TrainingSpeaker:
    """Makes utterance number i: training puppets in turn, two in five (`1 - FREE`) in basic emotions with an actor's
    own variation, the others in free moods.
    """

    seed: int

    def __call__(self, number: int) -> LabelledVoice:
        rng = np.random.default_rng([self.seed, 32, number])
        label, level = int(rng.integers(len(BASIC_EMOTIONS))), int(rng.integers(1, 4))
        affect = affect_point(BASIC_EMOTIONS[label], level) + rng.normal(0, JITTER, 5)
        if rng.random() < FREE:
            label, affect = NAMELESS, free_mood(rng)
        who = TRAIN_IDENTITIES[number % VOICES]
        said = speak(who, affect, FRAMES, (3, int(rng.integers(1 << 30))))
        return LabelledVoice(said.sound[: FRAMES * SAMPLES_PER_FRAME], label, affect)


def batch(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Returns numbers (BATCH,) of utterances, TOGETHER random takes of each of some random voices, voice by voice."""
    voice = np.repeat(rng.integers(0, VOICES, BATCH // TOGETHER), TOGETHER)
    return np.asarray(voice + VOICES * rng.integers(0, TAKES, BATCH))


def affect_losses(error: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the mean square of the affect errors (BATCH, 5) of a `batch`, and of what is left of them without each
    voice's own mean, which a difference of two utterances of that voice cancels (unbiased: over TOGETHER - 1).
    """
    by_voice = error.unflatten(0, (-1, TOGETHER))
    within = (by_voice - by_voice.mean(1, keepdim=True)).square().mean() * TOGETHER / (TOGETHER - 1)
    return by_voice.square().mean(), within


def train(recipe_run: RecipeRun) -> None:
    """Train and write `out/speech.safetensors`."""
    recipe_run, device = recipe_run.of(STEPS), recipe_run.device
    rng = np.random.default_rng([recipe_run.seed, 31])
    said = list(drawn(TrainingSpeaker(recipe_run.seed), VOICES * TAKES, recipe_run.workers))
    recipe_run.log(f"speech: {len(said)} utterances drawn")
    with recipe_run.seeded():
        network = Emotion2Vec(**CONFIG).train().to(device)  # type: ignore[arg-type]
        affect_head = nn.Linear(WIDTH, 5).to(device)
    optimiser = torch.optim.AdamW([*network.parameters(), *affect_head.parameters()], lr=RATE, weight_decay=1e-2)
    waves = torch.from_numpy(np.stack([one.wave for one in said])).to(device)
    label = torch.tensor([one.label for one in said], device=device)
    affect = torch.from_numpy(np.stack([one.affect for one in said])).float().to(device)
    latest: dict[str, Tensor] = {}
    for step in RecipeProgress(recipe_run, "speech").steps(
        lambda: {name: float(value) for name, value in latest.items()}
    ):
        optimiser.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 200) * cosine(step / recipe_run.steps)
        pick = torch.from_numpy(batch(rng)).to(device)
        length = int(rng.integers(SHORTEST, FRAMES + 1)) * SAMPLES_PER_FRAME
        start = int(rng.integers(0, waves.shape[1] - length + 1))
        gain = torch.from_numpy(np.exp(rng.normal(0, 0.05, (BATCH, 1)))).float().to(device)
        embedding = network(waves[pick, start : start + length] * gain).embedding
        named = F.cross_entropy(network.classify(embedding), label[pick])
        felt, within = affect_losses(affect_head(embedding) - affect[pick])
        optimiser.zero_grad(set_to_none=True)
        (named + FELT_WEIGHT * felt + WITHIN_WEIGHT * within).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        latest.update({"class": named.detach(), "affect": felt.detach(), "within": within.detach()})
    recipe = recipe_run.recipe("demo-speech", utterances=VOICES * TAKES)
    shipped.store(recipe_run.out / "speech.safetensors", network.eval().cpu(), CONFIG, recipe)
