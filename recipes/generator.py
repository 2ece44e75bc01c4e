"""This recipe trains the demo EDTalk generator by exact supervision.

The renderer can draw any combination, so a step takes pictures of several puppets, shuffles whose lip, pose and
expression codes go to whom, and compares with the true picture of that combination. Half of the codes are the
encoder's own, half the exact ones that its heads learn to tell. First the codes are learned alone, then pictures are
drawn at half size (the decoder's coarse levels are its own smaller self), then the decoder alone learns full size.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.atomic import replacing
from harness.emotions import BASIC_EMOTIONS
from networks.edtalk.decoder import Decoder
from networks.edtalk.generator import Encoding, Generator
from networks.files import shipped
from recipes import data_start
from recipes.alphabet import Alphabet, code_loss, mix
from recipes.drawing import decode, half_size, picture_loss, preview
from recipes.faces import EACH, Lesson, Lessons, as_input, pictures, random_states
from recipes.recipe_run import RecipeProgress, RecipeRun, cosine, drawn

STYLE, CHANNELS = 128, {4: 64, 8: 64, 16: 64, 32: 32, 64: 16, 128: 6}
CONFIG = {"size": 128, "style": STYLE, "channels": CHANNELS, "expression_hidden": 32}
ENCODER_RATE, CHAIN_RATE, DECODER_RATE = 2e-2, 1e-3, 1e-2  # weights are equalised: their spread is one or more
RATES = (ENCODER_RATE, CHAIN_RATE, DECODER_RATE)
STEPS = 7000
CODES_SHARE, PLAIN_SHARE, COARSE_SHARE = 0.3, 0.5, 0.7  # of the steps: codes alone, plain loss, half size until
WARM_STEPS, DRAWING_WARM_STEPS = 50, 200  # a decoder that begins at its full rate ends as one grey picture
SAVE_STEPS = 200


@dataclass
class TrainingState:
    """Holds everything that a checkpoint holds: networks, optimisers and averages."""

    generator: Generator
    average: Generator
    optimiser: torch.optim.Adam
    device: str
    alphabet: Alphabet = field(default_factory=Alphabet)
    step: int = 0
    settled: bool = False

    def set_rate(self, share: float, drawing: float) -> None:
        """Sets the rates to `share` of the full ones, the decoder's only in proportion to `drawing`."""
        for group, rate in zip(self.optimiser.param_groups, RATES, strict=True):
            group["lr"] = share * rate
        self.optimiser.param_groups[-1]["lr"] *= drawing

    def settle(self) -> None:
        """Go on from the averaged weights, whose codes the decoder is finished for."""
        self.generator.load_state_dict(self.average.state_dict())
        self.settled = True

    def save(self, path: Path) -> None:
        names = ("generator", "average", "optimiser")
        state = {name: getattr(self, name).state_dict() for name in names}
        content = io.BytesIO()
        torch.save({**state, "step": self.step, "settled": self.settled}, content)
        with replacing(path) as partial:
            partial.write_bytes(content.getvalue())

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True, map_location=self.device)
        for name in ("generator", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.settled = state["step"], state["settled"]


def build(seed: int, device: str = "cpu") -> TrainingState:
    """Returns a fresh trainer. Flow heads start small, so that the first warps are nearly still."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator = Generator(**CONFIG)  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if "to_flows" in name and name.endswith("conv.weight"):
                parameter.mul_(0.1)
    some = pictures(random_states(np.random.default_rng([seed, 2]), 48), generator.size)
    heads = (generator.fc, generator.lip_fc, generator.pose_fc, generator.exp_fc)
    data_start.centre(list(generator.enc.net_app.convs), heads, lambda: generator.encode(some))
    average = Generator(**CONFIG)  # type: ignore[arg-type]
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name in ("lip_fc.2.weight", "pose_fc.2.weight", "exp_fc.2.weight"):
                parameter.mul_(0.1)  # codes start near their mean
    average.load_state_dict(generator.state_dict())
    generator, average = generator.to(device), average.to(device).requires_grad_(False)
    groups: tuple[list[nn.Parameter], ...] = ([], [], [])
    for name, parameter in generator.named_parameters():
        part = name.split(".")[0]
        groups[0 if part == "enc" else 1 if "fc" in part else 2].append(parameter)
    settings = [{"params": part} for part in groups]
    return TrainingState(generator, average, torch.optim.Adam(settings, betas=(0.9, 0.99)), device)


@dataclass(frozen=True)
class Stage:
    """Says what a step does: draw at half size or not, how much codes count beyond differences, whether only the
    decoder learns, on codes that stay as they are, and whether pictures are weighted by their changes. Whether pictures
    are drawn at all says the lesson.
    """

    half: Decoder | None
    absolute: float
    finish: bool
    by_change: bool = True


def stage_at(share: float, half: Decoder) -> Stage:
    """Returns the stage when `share` of the steps is done: codes alone, then half size, then the decoder alone at full
    size.
    """
    finish = share >= COARSE_SHARE
    absolute = 0.1 + 0.4 * min(1.0, 2 * share)
    return Stage(None if finish else half, absolute, finish, share >= PLAIN_SHARE)


def step(trainer: TrainingState, lesson: Lesson, stage: Stage) -> tuple[Tensor, Tensor]:
    """Makes one optimiser step and returns (picture loss, code loss)."""
    device, rng = trainer.device, np.random.default_rng(lesson.seed)
    source = as_input(lesson.sources, device)
    noise = torch.randn(source.shape, generator=torch.Generator().manual_seed(int(rng.integers(1 << 62))))
    with torch.set_grad_enabled(not stage.finish):
        encoding = trainer.generator.encode(source + 0.02 * noise.to(device))
    read = code_loss(encoding, trainer.alphabet.codes(lesson.state, device), stage.absolute, EACH)
    loss = drawing = source.new_zeros(())
    if lesson.goals is not None:
        drawing = drawing_loss(trainer, encoding, lesson, source, rng, stage)
        loss = drawing
    trainer.optimiser.zero_grad(set_to_none=True)
    (loss if stage.finish else loss + 0.3 * read).backward()
    nn.utils.clip_grad_norm_(trainer.generator.parameters(), 10.0)
    trainer.optimiser.step()
    return drawing.detach(), read.detach()


def drawing_loss(
    trainer: TrainingState, encoding: Encoding, lesson: Lesson, source: Tensor, rng: np.random.Generator, stage: Stage
) -> Tensor:
    """Returns the loss of pictures of shuffled lips, poses and expressions against the true ones."""
    assert lesson.goals is not None
    who, exp, lip, pose = (torch.from_numpy(part).to(trainer.device) for part in lesson.shuffle)
    true, start = as_input(lesson.goals, trainer.device), source[who]
    mixed = mix(encoding, trainer.alphabet.codes(lesson.state, trainer.device), rng)
    faces = Encoding(
        mixed.exp[exp], mixed.pose[pose], mixed.lip[lip], encoding.wa[who], [f[who] for f in encoding.features]
    )
    made = decode(trainer.generator, stage.half, faces)
    if stage.half is not None:
        true, start = F.avg_pool2d(true, 2), F.avg_pool2d(start, 2)
    return picture_loss(made, true, start, stage.by_change)


@torch.no_grad()
def smooth(trainer: TrainingState) -> None:
    """Updates the exponential moving average of the weights."""
    keep = min(0.998, (1 + trainer.step) / (10 + trainer.step))
    into: list[Tensor] = list(trainer.average.parameters())
    torch._foreach_lerp_(into, list[Tensor](trainer.generator.parameters()), 1 - keep)


@torch.no_grad()
def emotion_codes(generator: Generator, rng: np.random.Generator, device: str, each: int = 192) -> dict[str, Tensor]:
    """Returns emotion → (1, 10): mean expression code over training identities, poses and mouths."""
    from datasets.puppets.affect import affect_point

    codes = {}
    for emotion in BASIC_EMOTIONS:
        state = random_states(rng, each)
        point = np.repeat(affect_point(emotion, 3)[None], each, axis=0)
        shown = pictures(replace(state, affect=point), generator.size).to(device)
        encoded = [generator.encode(x).exp for x in shown.split(16)]
        codes[emotion] = torch.cat(encoded).mean(0, keepdim=True).cpu()
    return codes


def rate_at(share: float) -> float:
    """Returns the learning rates' share of the full ones: half a cosine over the first stages, and another from the
    half for the last one.
    """
    if share < COARSE_SHARE:
        return cosine(share)
    return 0.5 * cosine((share - COARSE_SHARE) / (1 - COARSE_SHARE))


def warmth(number: int, steps: int) -> float:
    """Returns the learning rate's share at step `number` of a warm-up of `steps`."""
    return min(1.0, (number + 1) / steps)


def drawing_warmth(number: int, codes_only: int) -> float:
    """Returns the same for the decoder, whose first step is number `codes_only`."""
    return warmth(max(0, number - codes_only), DRAWING_WARM_STEPS)


def train(recipe_run: RecipeRun) -> None:
    """Train, resuming `out/generator.ckpt` if it is there, and write `out/generator.safetensors`."""
    recipe_run = recipe_run.of(STEPS)
    recipe_run.out.mkdir(parents=True, exist_ok=True)
    checkpoint, trainer = recipe_run.out / "generator.ckpt", build(recipe_run.seed, recipe_run.device)
    if checkpoint.is_file():
        trainer.resume(checkpoint)
    for loss, read in _steps(trainer, recipe_run):
        if trainer.step % SAVE_STEPS == 0:
            trainer.save(checkpoint)
            preview(trainer.average.eval(), recipe_run.out / "preview.png", recipe_run.device)
            recipe_run.log(f"generator {trainer.step} loss {float(loss):.4f} codes {float(read):.4f}")
    trainer.save(checkpoint)
    generator = trainer.average.eval()
    codes = emotion_codes(generator, np.random.default_rng([recipe_run.seed, 1]), recipe_run.device)
    recipe = recipe_run.recipe("demo-generator", pictures_drawn=Lessons.DRAWN)
    shipped.store(recipe_run.out / "generator.safetensors", generator.cpu(), CONFIG, recipe, codes)


def _steps(trainer: TrainingState, recipe_run: RecipeRun) -> Iterator[tuple[Tensor, Tensor]]:
    """Run the steps that are left, each on its own lesson."""
    total, half = recipe_run.steps, half_size(trainer.generator, STYLE, CHANNELS)
    plan = Lessons(recipe_run.seed, trainer.generator.size, int(CODES_SHARE * total))
    lessons = drawn(plan, total, recipe_run.workers, trainer.step)
    latest: dict[str, Tensor] = {}
    progress = RecipeProgress(recipe_run, "generator", trainer.step)
    for number in progress.steps(lambda: {name: float(value) for name, value in latest.items()}):
        stage = stage_at(number / total, half)
        if stage.finish and not trainer.settled:
            trainer.settle()
        trainer.set_rate(warmth(number, WARM_STEPS) * rate_at(number / total), drawing_warmth(number, plan.codes_only))
        latest["loss"], latest["codes"] = step(trainer, next(lessons), stage)
        smooth(trainer)
        trainer.step = number + 1
        yield latest["loss"], latest["codes"]
