"""Recipe: the demo EDTalk generator, by exact supervision.

The renderer can draw any combination, so a step takes pictures of several puppets, shuffles whose lip, pose and
expression codes go to whom, and compares with the true picture of that combination. Half of the codes are the
encoder's own, half the exact ones that its heads learn to tell. First the codes are learned alone, then pictures are
drawn at half size (the decoder's coarse levels are its own smaller self), then the decoder alone learns full size.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cmet import demo_weights
from cmet.decoder import Decoder
from cmet.edtalk import Encoding, Generator
from cmet.recipes import data_start
from cmet.recipes.alphabet import Alphabet, code_loss, mix
from cmet.recipes.drawing import decode, half_size, picture_loss
from cmet.recipes.faces import Pool, State, pictures, random_states
from harness.records import BASIC_EMOTIONS

Log = Callable[[str], None]

STYLE, CHANNELS = 128, {4: 64, 8: 64, 16: 64, 32: 32, 64: 16, 128: 6}
CONFIG = {"size": 128, "style": STYLE, "channels": CHANNELS, "expression_hidden": 32}
PEOPLE, EACH, DRAWN = 3, 6, 12  # puppets a step, pictures of each, pictures drawn
POOL_EACH, REFRESH = 80, 6
ENCODER_RATE, CHAIN_RATE, DECODER_RATE = 2e-2, 1e-3, 2e-2  # weights are equalised: their spread is one or more
RATES = (ENCODER_RATE, CHAIN_RATE, DECODER_RATE)
DEFAULT_SECONDS = 3600.0
CODES_SHARE, COARSE_SHARE = 0.12, 0.62  # of the time: codes alone until, half size until
STILL_SHARE = 0.5  # of the pictures drawn, with the source's own pose: only lips and expression differ
SAVE_SECONDS = 120.0


@dataclass
class Trainer:
    """Everything that a checkpoint holds."""

    generator: Generator
    average: Generator
    optimiser: torch.optim.Adam
    alphabet: Alphabet = field(default_factory=Alphabet)
    step: int = 0
    spent: float = 0.0
    settled: bool = False
    noise: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(1))

    def set_rate(self, share: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = share * group["full"]

    def settle(self) -> None:
        """Go on from the averaged weights, whose codes the decoder is finished for."""
        self.generator.load_state_dict(self.average.state_dict())
        self.settled = True

    def save(self, path: Path) -> None:
        names = ("generator", "average", "optimiser")
        state = {name: getattr(self, name).state_dict() for name in names}
        partial = path.with_suffix(".part")
        torch.save({**state, "step": self.step, "spent": self.spent, "settled": self.settled}, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        for name in ("generator", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        for group, rate in zip(self.optimiser.param_groups, RATES, strict=True):
            group["full"] = rate
        self.step, self.spent, self.settled = state["step"], state["spent"], state["settled"]


def build(seed: int) -> Trainer:
    """A fresh trainer. Flow heads start small, so that the first warps are nearly still."""
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
    groups: tuple[list[nn.Parameter], ...] = ([], [], [])
    for name, parameter in generator.named_parameters():
        part = name.split(".")[0]
        groups[0 if part == "enc" else 1 if "fc" in part else 2].append(parameter)
    settings = [{"params": part, "full": rate} for part, rate in zip(groups, RATES, strict=True)]
    optimiser = torch.optim.Adam(settings, betas=(0.9, 0.99))
    return Trainer(generator, average.requires_grad_(False), optimiser)


@dataclass(frozen=True)
class Stage:
    """What a step does: draw at all, at half size or not, how much codes count beyond differences, and whether only
    the decoder learns, on codes that stay as they are."""

    draw: bool
    half: Decoder | None
    absolute: float
    finish: bool


def stage_at(share: float, half: Decoder) -> Stage:
    """The stage when `share` of the time is spent: codes alone, then half size, then the decoder alone at full size."""
    finish = share >= COARSE_SHARE
    return Stage(share > CODES_SHARE, None if finish else half, 0.1 + 0.4 * min(1.0, 2 * share), finish)


def step(trainer: Trainer, pool: Pool, rng: np.random.Generator, stage: Stage) -> tuple[float, float]:
    """One optimiser step; returns (picture loss, code loss)."""
    pool.refresh(REFRESH)
    source, state = pool.batch(PEOPLE, EACH)
    noisy = source + 0.02 * torch.randn(source.shape, generator=trainer.noise)
    with torch.set_grad_enabled(not stage.finish):
        encoding = trainer.generator.encode(noisy)
    read = code_loss(encoding, trainer.alphabet.codes(state), stage.absolute, EACH)
    drawn = torch.zeros(())
    if stage.draw:
        drawn = drawing_loss(trainer, encoding, state, source, rng, stage.half)
    trainer.optimiser.zero_grad(set_to_none=True)
    (drawn if stage.finish else drawn + 0.3 * read).backward()
    nn.utils.clip_grad_norm_(trainer.generator.parameters(), 10.0)
    trainer.optimiser.step()
    return float(drawn.detach()), float(read.detach())


def drawing_loss(
    trainer: Trainer, encoding: Encoding, state: State, source: Tensor, rng: np.random.Generator, half: Decoder | None
) -> Tensor:
    """How far DRAWN pictures of shuffled lips, poses and expressions are from the true ones."""
    count, strength = len(state.who), np.linalg.norm(state.affect, axis=1)
    calm, moved = np.exp(-1.5 * strength), 0.3 + strength  # as in use: sources are rather calm, targets rather not
    who = rng.choice(count, DRAWN, p=calm / calm.sum())
    exp = rng.choice(count, DRAWN, p=moved / moved.sum())
    lip, pose = (rng.choice(count, DRAWN) for _ in range(2))
    pose = np.where(rng.random(DRAWN) < STILL_SHARE, who, pose)
    goal = State(state.who[who], state.pose[pose], state.lip[lip], state.affect[exp], state.emotion[exp])
    true, start = pictures(goal, trainer.generator.size), source[who]
    mixed = mix(encoding, trainer.alphabet.codes(state), rng)
    faces = Encoding(
        mixed.exp[exp], mixed.pose[pose], mixed.lip[lip], encoding.wa[who], [f[who] for f in encoding.features]
    )
    made = decode(trainer.generator, half, faces)
    if half is not None:
        true, start = F.avg_pool2d(true, 2), F.avg_pool2d(start, 2)
    return picture_loss(made, true, start)


def smooth(trainer: Trainer) -> None:
    """Exponential moving average of the weights."""
    keep = min(0.998, (1 + trainer.step) / (10 + trainer.step))
    with torch.no_grad():
        for a, b in zip(trainer.average.parameters(), trainer.generator.parameters(), strict=True):
            a.lerp_(b, 1 - keep)


@torch.no_grad()
def preview(generator: Generator, path: Path) -> None:
    """A PNG of held-in puppets: source, pose and expression driver, made, true."""
    import cv2

    rng = np.random.default_rng(5)
    state = random_states(rng, 8)
    source = pictures(state, generator.size)
    order = np.roll(np.arange(8), 3)
    goal = replace(state, lip=state.lip[order], pose=state.pose[order], affect=state.affect[order])
    codes = generator.encode(source)
    made = generator.render(codes, codes.lip[order], codes.pose[order], codes.exp[order])
    rows = [source, source[order], made.clamp(-1, 1), pictures(goal, generator.size)]
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).permute(1, 2, 0)
    cv2.imwrite(str(path), ((sheet.numpy() + 1) * 127.5).round().astype(np.uint8)[..., ::-1])


@torch.no_grad()
def emotion_codes(generator: Generator, rng: np.random.Generator, each: int = 96) -> dict[str, Tensor]:
    """`codes.<emotion>` (1, 10): mean expression code over training identities, poses and mouths."""
    from datasets.puppet_affect import affect_point

    codes = {}
    for emotion in BASIC_EMOTIONS:
        state = random_states(rng, each)
        point = np.repeat(affect_point(emotion, 3)[None], each, axis=0)
        encoded = [generator.encode(x).exp for x in pictures(replace(state, affect=point), generator.size).split(16)]
        codes[f"codes.{emotion}"] = torch.cat(encoded).mean(0, keepdim=True)
    return codes


def rate_at(share: float) -> float:
    """The share of the full rates: half a cosine over the first stages, and another from the half for the last one."""
    if share < COARSE_SHARE:
        return 0.5 * (1.01 + math.cos(math.pi * share))
    return 0.25 * (1.02 + math.cos(math.pi * (share - COARSE_SHARE) / (1 - COARSE_SHARE)))


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Train, resuming `out/generator.ckpt` if it is there, and write `out/generator.safetensors`."""
    budget = seconds or DEFAULT_SECONDS
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "generator.ckpt"
    trainer = build(seed)
    if checkpoint.is_file():
        trainer.resume(checkpoint)
    rng = np.random.default_rng([seed, trainer.step])
    pool = Pool(rng, trainer.generator.size, POOL_EACH)
    half = half_size(trainer.generator, STYLE, CHANNELS)
    before = saved = time.monotonic()
    before -= trainer.spent
    while trainer.spent < budget:
        share = trainer.spent / budget
        stage = stage_at(share, half)
        if stage.finish and not trainer.settled:
            trainer.settle()
        trainer.set_rate(min(1.0, (trainer.step + 1) / 50) * rate_at(share))
        loss, read = step(trainer, pool, rng, stage)
        smooth(trainer)
        trainer.step += 1
        trainer.spent = time.monotonic() - before
        if trainer.step % 50 == 0:
            log(f"generator step {trainer.step} {trainer.spent:.0f}s loss {loss:.4f} codes {read:.4f}")
        if time.monotonic() - saved > SAVE_SECONDS:
            saved = time.monotonic()
            trainer.save(checkpoint)
            preview(trainer.average.eval(), out / "preview.png")
    trainer.save(checkpoint)
    finish(trainer, out, seed)


def finish(trainer: Trainer, out: Path, seed: int) -> None:
    """Write the averaged generator and its stored expression codes."""
    generator = trainer.average.eval()
    recipe = {"preset": "demo-generator", "seed": seed, "steps": trainer.step, "drawn": DRAWN}
    codes = emotion_codes(generator, np.random.default_rng([seed, 1]))
    demo_weights.store(out / "generator.safetensors", generator, CONFIG, recipe, codes)
