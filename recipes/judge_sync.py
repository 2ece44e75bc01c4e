"""This recipe trains the demo's lip-sync judge, a thin SyncNet, to find a window's own sound among all others.

Every window of a batch of clips is distinguished from every other by the distance of its mouth to its sound: windows of
the same clip a frame away, and those of other clips. That is the question the judge answers when it looks for the
offset. Clips are puppets 0-63 that talk neutrally under any basic emotion, or in the emotion's own voice. A mouth that
does not move says nothing about the sound; such mouths are drawn to the middle of all sounds, nearer than a mouth that
moves to something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.puppets.affect import affect_point
from datasets.puppets.face import render
from datasets.puppets.identity import TEST_IDENTITIES, TRAIN_IDENTITIES
from datasets.puppets.motion import pose_track
from datasets.puppets.voice import speak
from evaluators.sync import curve as sync
from evaluators.sync import files
from evaluators.sync.audio import levelled
from evaluators.sync.crop import lower_face
from evaluators.sync.syncnet import WINDOW_FRAMES, WINDOW_MFCC, SyncNet
from evaluators.sync.syncnet_stream import LipRunner, audio_rows
from harness.emotions import BASIC_EMOTIONS
from harness.media import VideoReader, VideoWriter, read_audio, to_pcm16
from harness.records import SAMPLES_PER_FRAME
from networks.files import shipped
from recipes.augmentation import random_augmentation
from recipes.recipe_run import RecipeProgress, RecipeRun, cosine, drawn

Frames = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]

CONFIG = {"divide": 8, "input_px": 64, "embedding": 64}
FRAMES, CLIPS, CLIPS_A_STEP = 44, 320, 4
RATE, STEPS = 3e-3, 1200
STILL_WEIGHT = 0.1
_MARGIN = 6  # px around the crop that training may shift into
_ZONE = (101, 52, 152)  # first row, first column and side of crop and margin in the 256 px picture
_SHIFTS = range(-5, 6)


def clip(rng: np.random.Generator, who: int, offset_frames: int = 0) -> tuple[Iterator[Frames], Sound]:
    """Returns frames (rendered as they are asked for) and sound of a random clip of puppet `who`."""
    felt = affect_point(BASIC_EMOTIONS[rng.integers(len(BASIC_EMOTIONS))], int(rng.integers(1, 4)))
    voice = felt if rng.random() < 0.4 else affect_point("neutral")
    words, motion = (int(seed) for seed in rng.integers(1 << 30, size=2))
    said = speak(who, voice, FRAMES, (51, words))
    pose = pose_track(FRAMES, (52, motion))
    frames = (render(who, p, m, felt) for p, m in zip(pose, said.lips(offset_frames), strict=True))
    return frames, said.sound


def make_clip(who: int, rng: np.random.Generator, offset_frames: int = 0, augment: bool = True) -> tuple[Frames, Sound]:
    """Returns mouths (t, s, s, 3) as the judge sees them, and the sound. Augmented ones have `_MARGIN` px
    around them.
    """
    frames, sound = clip(rng, who, offset_frames)
    if not augment:
        return lower_face(np.stack(list(frames)), CONFIG["input_px"]), sound
    row, column, side, out = *_ZONE, CONFIG["input_px"] + 2 * _MARGIN
    drawn = random_augmentation(rng)
    augmentation = replace(drawn, side=drawn.side * side // 256, neck=drawn.neck * side // 256)
    zones = (augmentation(frame[row : row + side, column : column + side]) for frame in frames)
    return np.stack([np.asarray(cv2.resize(zone, (out, out), interpolation=cv2.INTER_AREA)) for zone in zones]), sound


def audio_windows(sound: Sound, frames: int) -> Sound:
    """Returns MFCC windows (frames - 5, 13, 20) of a sound, as the judge cuts them."""
    coefficients = sync.mfcc(to_pcm16(sound)).astype(np.float32)
    view = np.lib.stride_tricks.sliding_window_view(coefficients, WINDOW_MFCC, axis=0)[::4]
    return np.ascontiguousarray(view[: frames - WINDOW_FRAMES])


@dataclass(frozen=True)
class Film:
    """Makes training clip number i: its mouths with `_MARGIN` px around them, and its sound's windows."""

    seed: int

    def __call__(self, number: int) -> tuple[Frames, Sound]:
        who = TRAIN_IDENTITIES[number * 5 % len(TRAIN_IDENTITIES)]
        mouths, sound = make_clip(who, np.random.default_rng([self.seed, 5, number]))
        return mouths, audio_windows(sound, FRAMES)


def batch(
    clips: list[tuple[Frames, Sound]], rows: npt.NDArray[np.int64], rng: np.random.Generator, device: str
) -> tuple[Tensor, Tensor]:
    """Returns lip input (n, 3, t, s, s) BGR, crop and light changed clip by clip, and sounds (n, t - 5, 13, 20)."""
    side, parts = CONFIG["input_px"], []
    for row in rows:
        y, x = rng.integers(_MARGIN // 2, 3 * _MARGIN // 2 + 1, 2)
        part = torch.from_numpy(clips[row][0][:, y : y + side, x : x + side, ::-1].copy()).to(device).float()
        light = torch.from_numpy(rng.normal(0, 2.0, part.shape[1:]).astype(np.float32)).to(device)
        parts.append(part * float(rng.uniform(0.9, 1.1)) + light)
    frames = torch.stack(parts).permute(0, 4, 1, 2, 3)
    return frames.clamp(0, 255), torch.from_numpy(np.stack([clips[row][1] for row in rows])).to(device)


def stilled(frames: Tensor, rng: np.random.Generator) -> Tensor:
    """Returns one clip of lip input (1, 3, 12, s, s) that holds a random picture of the batch, with a camera's
    noise.
    """
    clip_, frame = int(rng.integers(len(frames))), int(rng.integers(frames.shape[2]))
    held = frames[clip_ : clip_ + 1, :, frame : frame + 1].repeat(1, 1, 12, 1, 1)
    noise = torch.from_numpy(rng.standard_normal(held.shape, dtype=np.float32)).to(frames.device)
    return held + float(rng.uniform(0.0, 2.0)) * noise


def build(seed: int) -> SyncNet:
    """Returns a fresh network whose first kernels are smooth and blind to brightness."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = SyncNet(**CONFIG)
    with torch.no_grad():
        kernel = net.netcnnlip[0].weight
        assert isinstance(kernel, Tensor)
        smooth = F.avg_pool2d(kernel.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(kernel)
        kernel.copy_((smooth - smooth.mean((3, 4), keepdim=True)) / 20)
    return net


def loss_of(net: SyncNet, frames: Tensor, sounds: Tensor, still: Tensor) -> Tensor:
    """Returns the cross-entropy of picking each window's own sound, and each sound's own window, by distance; and how
    far windows of `still` mouths are from the middle of the sounds.
    """
    count = sounds.shape[1]
    lip = net.forward_lip(frames).unflatten(0, (len(frames), -1))[:, :count].flatten(0, 1)
    audio = net.forward_audio(sounds.flatten(0, 1)[:, None])
    gap = torch.cdist(lip, audio, compute_mode="donot_use_mm_for_euclid_dist")
    own = torch.arange(len(gap), device=gap.device)
    idle = (net.forward_lip(still) - audio.detach().mean(0)).norm(dim=1).mean()
    return (F.cross_entropy(-gap, own) + F.cross_entropy(-gap.T, own)) / 2 + STILL_WEIGHT * idle


def curve(net: SyncNet, runner: LipRunner, path: Path, sound: Sound | None = None) -> sync.LipSyncScore:
    """Returns the judge's curve of a clip file in its demo dialect; `sound` replaces the clip's own."""
    frames = np.concatenate(list(VideoReader(path)))
    samples = to_pcm16(levelled(read_audio(path).samples if sound is None else sound))[
        : SAMPLES_PER_FRAME * len(frames)
    ]
    count = sync.windows(len(frames), len(samples))
    lip = runner.rows(lower_face(frames, net.input_px))[:count]
    return sync.score(lip, audio_rows(net, sync.mfcc(samples), count), pad="valid")


def measure(net: SyncNet, folder: Path, seed: int, clips: int) -> dict[str, float]:
    """Returns figures on H.264 clips of held-out puppets: planted offsets found exactly, and how the wrong sound
    scores.
    """
    rng, runner = np.random.default_rng([seed, 9]), LipRunner(net)
    found, right, wrong, still, before = [], [], [], [], None
    for number in range(clips):
        planted = _SHIFTS[number % len(_SHIFTS)]
        frames, sound = clip(rng, int(rng.choice(np.array(TEST_IDENTITIES))), planted)
        path = folder / "held-out.mp4"
        _write(path, pictures := list(frames), sound)
        score = curve(net, runner, path)
        found.append(score.offset == planted)
        right.append(score)
        if before is not None:
            wrong.append(curve(net, runner, path, before))
        before = sound
        _write(path, [pictures[0]] * len(pictures), sound)
        still.append(curve(net, runner, path))
        path.unlink()
    pairs = zip(right[1:], wrong, strict=True)
    return {
        "clips": clips,
        "offset_exact": float(np.mean(found)),
        "lse_c": float(np.mean([s.lse_c for s in right])),
        "lse_d": float(np.mean([s.lse_d for s in right])),
        "lse_c_wrong_sound": float(np.mean([s.lse_c for s in wrong])),
        "lse_d_wrong_sound": float(np.mean([s.lse_d for s in wrong])),
        "lse_c_still": float(np.mean([s.lse_c for s in still])),
        "lse_d_still": float(np.mean([s.lse_d for s in still])),
        "own_sound_wins": float(np.mean([a.lse_c > b.lse_c and a.lse_d < b.lse_d for a, b in pairs])),
    }


def _write(path: Path, frames: list[Frames], sound: Sound) -> None:
    with VideoWriter(path, 256, 256, audio=sound) as writer:
        for frame in frames:
            writer.write(frame)


def train(recipe_run: RecipeRun, held_out_clips: int = 66) -> None:
    """Train and write `out/sync.safetensors` with its held-out figures."""
    recipe_run, device = recipe_run.of(STEPS), recipe_run.device
    clips = list(drawn(Film(recipe_run.seed), CLIPS, recipe_run.workers))
    net, rng = build(recipe_run.seed).to(device), np.random.default_rng([recipe_run.seed, 6])
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    latest = {"loss": torch.zeros(())}
    for step in RecipeProgress(recipe_run, "sync judge").steps(lambda: {"loss": float(latest["loss"])}):
        rate = min(1.0, (step + 1) / 20) * cosine(step / recipe_run.steps)
        optimiser.param_groups[0]["lr"] = RATE * rate
        frames, sounds = batch(clips, rng.choice(len(clips), CLIPS_A_STEP, replace=False), rng, device)
        loss = loss_of(net, frames, sounds, stilled(frames, rng))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        latest["loss"] = loss.detach()
    recipe = recipe_run.recipe("demo-judge-sync", clips=len(clips))
    recipe_run.log(f"sync judge held out: {finish(net.cpu(), recipe_run.out, recipe, held_out_clips)}")


def finish(net: SyncNet, out: Path, recipe: dict[str, object], held_out_clips: int) -> dict[str, float]:
    """Store, load what was stored, measure that, and write the figures into its file."""
    path = out / "sync.safetensors"
    shipped.store(path, net, CONFIG, recipe)
    stored = files.SHIPPED.load(path)
    figures = measure(stored, out, 9, held_out_clips)
    shipped.store(path, stored, CONFIG, {**recipe, "held_out": figures})
    return figures
