"""Trains the demo connector by C-MET's objective on training voices and the demo generator's expression codes.

Speech: differences of mean embeddings between two basic emotions, each of the same few training voices (as in the MEAD
folders that C-MET pairs, and as a sample asks for an edit: who speaks is no part of the difference).
Expression: the codes that the generator means by those emotions, with an actor's variation and the encoder's error. The
reference is zero or a noisy target, half of the time each, because an edit starts without one. Some rows are blends of
two pairs (mixup, Zhang et al. 2018: speech, codes and direction alike), some have the same emotion on both sides, and
some go from neutral to a free mood without a name, none of them near an extended emotion (`recipes.speech`): what
lies between the basic emotions, and no change at all, are things that an edit asks for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmet import losses
from cmet.connector import Connector
from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.voice import speak
from harness.emotions import BASIC_EMOTIONS
from harness.records import SAMPLES_PER_FRAME
from networks.emotion2vec.files import SHIPPED_SPEECH
from networks.files import shipped
from recipes.alphabet import Alphabet
from recipes.faces import PictureState
from recipes.recipe_run import RecipeProgress, RecipeRun, cosine, drawn
from recipes.speech import free_mood

CONFIG = {"window": 1, "hidden": 128, "speech": 64, "layers": 2, "heads": 4, "feedforward": 256, "dropout": 0.0}
BATCH, RATE, CODE_ERROR = 128, 1.5e-3, 0.2
SPEECH_BIAS = 1.0  # Linear, GELU, LayerNorm forget how large a difference is; a bias of its size keeps that
LAMBDA_CONTRASTIVE, LAMBDA_DIRECTIONAL = 0.1, 0.05
TAKES, UTTERANCE_FRAMES, STEPS = 3, 40, 2500  # takes: utterances of a voice in one emotion and level
MOODS, VOICES_A_MOOD = 1500, 3  # free moods, and training puppets that speak in each
MOST_VOICES, JITTER = 8, 0.05  # voices in a mean; spread of an actor's own variation, per axis
FROM_NEUTRAL, BLENDED, FREE = 0.5, 0.5, 0.4  # shares of the rows: begin at neutral; blends of two pairs; to a free mood


NEUTRAL = BASIC_EMOTIONS.index("neutral")
#: Every (class number, level) that a voice speaks in; neutral has one level.
MANNERS = tuple((e, k) for e in range(len(BASIC_EMOTIONS)) for k in ((1,) if e == NEUTRAL else (1, 2, 3)))


@dataclass(frozen=True)
class Bank:
    """Holds embeddings: `vectors` (people, takes, D) of each manner, and `free` (moods, voices, D): what differs
    between free `moods` (moods, 5) and the neutral utterances of the same voices.
    """

    vectors: dict[tuple[int, int], npt.NDArray[np.float32]]
    free: npt.NDArray[np.float32]
    moods: npt.NDArray[np.float64]

    def difference(self, one: int, two: int, level: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Returns the mean, over one to MOST_VOICES random voices, of emotion `two` less `one`, both at `level`."""
        people, takes, _ = self.vectors[NEUTRAL, 1].shape
        count = int(rng.integers(1, MOST_VOICES + 1))
        who = rng.integers(0, people, count)
        take = rng.integers(0, takes, (2, count))
        start, end = (self.vectors[e, 1 if e == NEUTRAL else level] for e in (one, two))
        return np.asarray((end[who, take[1]] - start[who, take[0]]).mean(0))

    def mood(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], int]:
        """Returns the difference of some voices between one free mood and neutral, that mood (5,), and its number."""
        number = int(rng.integers(len(self.moods)))
        some = rng.integers(0, self.free.shape[1], int(rng.integers(1, MOST_VOICES + 1)))
        return np.asarray(self.free[number, some].mean(0)), self.moods[number], number


def utterance(person: int, felt: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Returns some words (samples,) of the training puppet at place `person`, in mood `felt` (5,)."""
    said = speak(TRAIN_IDENTITIES[person], felt, UTTERANCE_FRAMES, (3, int(rng.integers(1 << 30))))
    return said.sound[: UTTERANCE_FRAMES * SAMPLES_PER_FRAME]


@dataclass(frozen=True)
class Cast:
    """Makes utterance number i of every training puppet in every manner: people by people, manner by manner, take by
    take.
    """

    seed: int

    def __call__(self, number: int) -> npt.NDArray[np.float32]:
        rng = np.random.default_rng([self.seed, 52, number])
        emotion, level = MANNERS[number // TAKES % len(MANNERS)]
        felt = affect_point(BASIC_EMOTIONS[emotion], level) + rng.normal(0, JITTER, 5)
        return utterance(number // (TAKES * len(MANNERS)), felt, rng)


@dataclass(frozen=True)
class Choir:
    """Makes utterance number i: some training puppet in free mood number i // VOICES_A_MOOD."""

    seed: int

    def mood(self, number: int) -> npt.NDArray[np.float64]:
        return free_mood(np.random.default_rng([self.seed, 55, number]))

    def who(self, number: int) -> int:
        """Says which training puppet, by its place among them."""
        return int(np.random.default_rng([self.seed, 56, number]).integers(len(TRAIN_IDENTITIES)))

    def __call__(self, number: int) -> npt.NDArray[np.float32]:
        rng = np.random.default_rng([self.seed, 57, number])
        return utterance(self.who(number), self.mood(number // VOICES_A_MOOD), rng)


def bank(recipe_run: RecipeRun) -> Bank:
    """Returns the embeddings of the training voices by the demo's own speech encoder (from `out` if it was trained
    there).
    """
    own = recipe_run.out / "speech.safetensors"
    network = SHIPPED_SPEECH.load(own if own.is_file() else None)
    people = len(TRAIN_IDENTITIES)
    said = list(drawn(Cast(recipe_run.seed), people * len(MANNERS) * TAKES, recipe_run.workers))
    spoken = network.embed(said).reshape(people, len(MANNERS), TAKES, -1)
    vectors = {manner: spoken[:, place] for place, manner in enumerate(MANNERS)}
    choir, count = Choir(recipe_run.seed), MOODS * VOICES_A_MOOD
    sung = network.embed(list(drawn(choir, count, recipe_run.workers)))
    rest = vectors[NEUTRAL, 1].mean(1)[[choir.who(number) for number in range(count)]]
    moods = np.stack([choir.mood(number) for number in range(MOODS)])
    return Bank(vectors, (sung - rest).reshape(MOODS, VOICES_A_MOOD, -1), moods)


def expression_codes(affect: npt.NDArray[np.float64]) -> Tensor:
    """Returns moods (n, 5) as expression codes (n, 10)."""
    n = len(affect)
    state = PictureState(np.zeros(n, np.int64), np.zeros((n, 6)), np.zeros((n, 2)), affect, np.zeros(n, np.int64))
    return Alphabet().codes(state).exp


@dataclass(frozen=True)
class ConnectorBatch:
    """Holds the data of one step: `speech` (B, 1, D), codes of both emotions and the direction (B, T, 10), `labels`
    (B,).
    """

    speech: Tensor
    first: Tensor
    second: Tensor
    direction: Tensor
    reference: Tensor
    labels: Tensor

    def to(self, device: str) -> ConnectorBatch:
        return ConnectorBatch(**{name: getattr(self, name).to(device) for name in self.__dataclass_fields__})


def pairs(
    voices_: Bank, rng: np.random.Generator, count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Returns speech differences (count, D), moods (count, 2, 5) without an actor's variation, second emotions
    (count,); a free mood counts as an emotion of its own.
    """
    one = np.where(rng.random(count) < FROM_NEUTRAL, NEUTRAL, rng.integers(0, 8, count))
    two, level = rng.integers(0, 8, count), rng.integers(1, 4, count)
    speech = [voices_.difference(int(a), int(b), int(k), rng) for a, b, k in zip(one, two, level, strict=True)]
    moods = [[affect_point(BASIC_EMOTIONS[e], int(k)) for e in pair] for *pair, k in zip(one, two, level, strict=True)]
    for row in np.flatnonzero(rng.random(count) < FREE):
        speech[row], mood, number = voices_.mood(rng)
        moods[row], two[row] = [np.zeros(5), mood], len(BASIC_EMOTIONS) + number
    return np.stack(speech).astype(np.float64), np.array(moods), two


def batch(voices_: Bank, rng: np.random.Generator, window: int) -> ConnectorBatch:
    """Returns random pairs of emotions at random levels; BLENDED of them are weighted sums of two pairs."""
    speech, moods, labels = pairs(voices_, rng, BATCH)
    other_speech, other_moods, _ = pairs(voices_, rng, BATCH)
    share = np.where(rng.random(BATCH) < BLENDED, rng.uniform(0.5, 1.0, BATCH), 1.0)  # the larger part names the row
    speech = share[:, None] * speech + (1 - share)[:, None] * other_speech
    moods = share[:, None, None] * moods + (1 - share)[:, None, None] * other_moods
    pair = moods + rng.normal(0.0, 0.08, (BATCH, 1, 5))
    clean = [expression_codes(pair[:, k])[:, None].float().expand(-1, window, -1) for k in (0, 1)]
    first, second = (part + CODE_ERROR * torch.from_numpy(rng.normal(size=part.shape)).float() for part in clean)
    direction = clean[1] - clean[0]
    known = torch.from_numpy(rng.random((BATCH, 1, 1)) < 0.5).float()
    reference = known * (direction + CODE_ERROR * torch.from_numpy(rng.normal(size=direction.shape)).float())
    speech_rows = torch.from_numpy(speech).float()[:, None]
    return ConnectorBatch(speech_rows, first, second, direction, reference, torch.from_numpy(labels))


def objective(connector: Connector, seen: ConnectorBatch) -> Tensor:
    """Returns C-MET's bidirectional objective (its `--balance mse`: these codes are too short for the focal weight to
    act). Rows whose direction is zero have no opposite, and take no part in the directional term.
    """
    out, embedded = connector(seen.reference, seen.speech, seen.first)
    back, flipped = connector(-seen.reference, -seen.speech, seen.second)
    target = seen.direction.reshape(-1, seen.direction.shape[-1])
    regression = losses.mse(out, target) + losses.mse(back, -target)
    contrast = losses.bidirectional_contrastive(embedded[2], flipped[2], embedded[1], flipped[1], seen.labels)
    moves = target.norm(dim=1) > 0.5
    return regression + LAMBDA_CONTRASTIVE * contrast + LAMBDA_DIRECTIONAL * losses.directional(out[moves], back[moves])


def train(recipe_run: RecipeRun) -> None:
    """Train and write `out/connector.safetensors`."""
    recipe_run, device = recipe_run.of(STEPS), recipe_run.device
    rng = np.random.default_rng([recipe_run.seed, 51])
    voices_ = bank(recipe_run)
    with recipe_run.seeded():
        connector = Connector(**CONFIG).train()  # type: ignore[arg-type]
        torch.nn.init.normal_(connector.speaker_encoder.proj.bias, std=SPEECH_BIAS)
    connector = connector.to(device)
    optimiser = torch.optim.AdamW(connector.parameters(), lr=RATE, weight_decay=1e-5)
    latest = {"loss": torch.zeros(())}
    for step in RecipeProgress(recipe_run, "connector").steps(lambda: {"loss": float(latest["loss"])}):
        rate = min(1.0, (step + 1) / 100) * cosine(step / recipe_run.steps)
        optimiser.param_groups[0]["lr"] = RATE * rate
        loss = objective(connector, batch(voices_, rng, int(CONFIG["window"])).to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        latest["loss"] = loss.detach()
    recipe = recipe_run.recipe("demo-connector", takes=TAKES, free_moods=MOODS)
    shipped.store(recipe_run.out / "connector.safetensors", connector.eval().cpu(), CONFIG, recipe)
