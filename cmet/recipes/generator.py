"""Recipe: the demo EDTalk generator, by exact supervision.

The renderer can draw any combination, so a step takes pictures of several puppets, shuffles whose lip, pose and
expression codes go to whom, and compares with the true picture of that combination. Half of the codes are the
encoder's own, half the exact ones that its heads learn to tell. Most of the time renders at half size: the decoder's
coarse levels are its own smaller self.
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
from cmet.edtalk import Codes, Encoding, Generator
from cmet.recipes import data_start
from cmet.recipes.faces import POSE_SPAN, Pool, State, pictures, random_states
from harness.records import BASIC_EMOTIONS

Log = Callable[[str], None]

CONFIG = {
    "size": 128,
    "style": 128,
    "channels": {4: 64, 8: 64, 16: 64, 32: 32, 64: 16, 128: 6},
    "expression_hidden": 32,
}
PEOPLE, EACH, DRAWN = 4, 7, 12  # puppets a step, pictures of each, pictures drawn
POOL_EACH, REFRESH = 80, 6
ENCODER_RATE, CHAIN_RATE, DECODER_RATE = 3e-2, 1e-3, 6e-3  # weights are equalised: their spread is one or more
DEFAULT_SECONDS = 3600.0
CODES_SHARE, COARSE_SHARE = 0.12, 0.65  # of the time: codes alone until, half size until
SAVE_SECONDS = 120.0


class Alphabet:
    """What each code stands for: fixed orthogonal maps from the renderer's parameters to lip, pose and exp codes.

    The decoder trains on exact codes from its first step, and the encoder's heads regress them, so neither waits for
    the other. Codes are of unit spread or so, like EDTalk's.
    """

    def __init__(self) -> None:
        fixed = torch.Generator().manual_seed(0)
        self._exp, self._pose, self._lip = (
            torch.linalg.qr(torch.randn(rows, columns, generator=fixed)).Q
            for rows, columns in ((10, 5), (6, 6), (20, 2))
        )

    def codes(self, state: State) -> Codes:
        """Exact codes of `state`: exp (n, 10), pose (n, 6), lip (n, 20)."""
        exp = torch.from_numpy(state.affect).float() * 2.5
        pose = torch.from_numpy(state.pose / (0.6 * POSE_SPAN)).float()
        lip = torch.from_numpy((state.lip - np.array([0.4, 0.0])) / np.array([0.2, 0.5])).float()
        return Codes(exp @ self._exp.T, pose @ self._pose.T, lip @ self._lip.T)


def code_loss(found: Codes, exact: Codes, absolute: float) -> Tensor:
    """Squared error per parameter: of what differs between pictures of one puppet, plus `absolute` of the whole.

    Rows come EACH to a puppet. What a face looks like at rest is most of what pictures differ by; a head that must
    only explain the differences within a puppet finds them many times sooner.
    """
    total = torch.zeros(())
    for name, parameters in (("exp", 5), ("pose", 6), ("lip", 2)):
        error = getattr(found, name) - getattr(exact, name)
        within = error.unflatten(0, (-1, EACH))
        within = within - within.mean(1, keepdim=True)
        total = total + (within.square().sum(2).mean() + absolute * error.square().sum(1).mean()) / parameters
    return total


@dataclass
class Trainer:
    """Everything that a checkpoint holds."""

    generator: Generator
    average: Generator
    optimiser: torch.optim.Adam
    alphabet: Alphabet = field(default_factory=Alphabet)
    step: int = 0
    spent: float = 0.0

    noise: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(1))

    def set_rate(self, share: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = share * group["full"]

    def save(self, path: Path) -> None:
        names = ("generator", "average", "optimiser")
        state = {name: getattr(self, name).state_dict() for name in names}
        partial = path.with_suffix(".part")
        torch.save({**state, "step": self.step, "spent": self.spent}, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        for name in ("generator", "average", "optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.spent = state["step"], state["spent"]


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
        for head in heads[1:]:
            head[-1].weight.mul_(0.1)  # codes start near their mean
    average.load_state_dict(generator.state_dict())
    groups: dict[float, list[nn.Parameter]] = {ENCODER_RATE: [], CHAIN_RATE: [], DECODER_RATE: []}
    for name, parameter in generator.named_parameters():
        part = name.split(".")[0]
        groups[ENCODER_RATE if part == "enc" else CHAIN_RATE if "fc" in part else DECODER_RATE].append(parameter)
    optimiser = torch.optim.Adam([{"params": p, "full": rate} for rate, p in groups.items()], betas=(0.9, 0.99))
    return Trainer(generator, average.requires_grad_(False), optimiser)


def picture_loss(made: Tensor, true: Tensor, source: Tensor) -> Tensor:
    """L1 that looks harder where source and truth differ, at three sizes, plus L1 of the gradients."""
    total = made.new_zeros(())
    for level in range(3):
        weight = 1.0 + 5.0 * (true - source).abs().mean(1, keepdim=True).clamp(max=0.6)
        total = total + (weight * (made - true).abs()).mean()
        for axis in (2, 3):
            total = (
                total
                + 0.5 * (weight.narrow(axis, 1, weight.shape[axis] - 1) * (made - true).diff(dim=axis).abs()).mean()
            )
        made, true, source = (F.avg_pool2d(x, 2) for x in (made, true, source))
        if level == 0 and made.shape[-1] < 32:
            break
    return total


def mix(found: Codes, exact: Codes, rng: np.random.Generator) -> Codes:
    """For each picture and group, the encoder's code or the exact one, by a coin."""
    parts = []
    for name in ("exp", "pose", "lip"):
        coin = torch.from_numpy(rng.random((len(exact.exp), 1)) < 0.5)
        parts.append(torch.where(coin, getattr(found, name), getattr(exact, name)))
    return Codes(*parts)


def half_size(generator: Generator) -> Decoder:
    """A decoder for half the picture size that shares the generator's layers, all but the finest level's."""
    whole = generator.dec
    half = Decoder(generator.size // 2, CONFIG["style"], CONFIG["channels"])  # type: ignore[arg-type]
    half.input, half.conv1, half.convs = whole.input, whole.conv1, whole.convs[:-2]
    half.to_rgbs, half.to_flows = whole.to_rgbs[:-1], whole.to_flows[:-1]
    half.fineadainresblock = whole.fineadainresblock[:-1]
    return half


def decode(generator: Generator, half: Decoder | None, faces: Encoding) -> Tensor:
    """The faces with the codes they hold; at half size when that decoder is given."""
    if half is None:
        return generator.render(faces, faces.lip, faces.pose, faces.exp)
    motion, expression = generator.motion(faces.lip, faces.pose, faces.exp)
    return half(faces.wa + motion, faces.features[:-1], expression)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Stage:
    """What a step does: draw at all, at half size or not, and how much codes count beyond differences."""

    draw: bool
    half: Decoder | None
    absolute: float


def stage_at(share: float, half: Decoder) -> Stage:
    """The stage when `share` of the time is spent: codes alone, then half size, then full size."""
    return Stage(share > CODES_SHARE, half if share < COARSE_SHARE else None, 0.1 + 0.4 * min(1.0, 2 * share))


def step(trainer: Trainer, pool: Pool, rng: np.random.Generator, stage: Stage) -> tuple[float, float]:
    """One optimiser step; returns (picture loss, code loss)."""
    pool.refresh(REFRESH)
    source, state = pool.batch(PEOPLE, EACH)
    noisy = source + 0.02 * torch.randn(source.shape, generator=trainer.noise)
    encoding = trainer.generator.encode(noisy)
    exact = trainer.alphabet.codes(state)
    read = code_loss(encoding, exact, stage.absolute)
    drawn = torch.zeros(())
    if stage.draw:
        drawn = drawing_loss(trainer, encoding, state, source, rng, stage.half)
    trainer.optimiser.zero_grad(set_to_none=True)
    (drawn + 0.3 * read).backward()
    nn.utils.clip_grad_norm_(trainer.generator.parameters(), 10.0)
    trainer.optimiser.step()
    return float(drawn.detach()), float(read.detach())


def drawing_loss(
    trainer: Trainer, encoding: Encoding, state: State, source: Tensor, rng: np.random.Generator, half: Decoder | None
) -> Tensor:
    """How far DRAWN pictures of shuffled lips, poses and expressions are from the true ones."""
    who, lip, pose, exp = (rng.choice(len(state.who), DRAWN, replace=False) for _ in range(4))
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


def train(out: Path, seconds: float | None, seed: int, log: Log) -> None:
    """Train, resuming `out/generator.ckpt` if it is there, and write `out/generator.safetensors`."""
    budget = seconds or DEFAULT_SECONDS
    out.mkdir(parents=True, exist_ok=True)
    checkpoint = out / "generator.ckpt"
    trainer = build(seed)
    if checkpoint.is_file():
        trainer.resume(checkpoint)
    rng = np.random.default_rng([seed, trainer.step])
    pool, half = Pool(rng, trainer.generator.size, POOL_EACH), half_size(trainer.generator)
    before = saved = time.monotonic()
    before -= trainer.spent
    while trainer.spent < budget:
        share = trainer.spent / budget
        trainer.set_rate(min(1.0, (trainer.step + 1) / 50) * 0.5 * (1.01 + math.cos(math.pi * share)))
        loss, read = step(trainer, pool, rng, stage_at(share, half))
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
