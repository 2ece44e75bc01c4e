"""Recipe: the demo's lip-sync judge, a thin SyncNet trained to find a window's own sound among all others.

Every window of a batch of clips is told apart from every other by the distance of its mouth to its sound: windows of
the same clip a frame away, and those of other clips. That is the question the judge answers when it looks for the
offset. Clips are puppets 0-63 that talk neutrally under any basic emotion, or in the emotion's own voice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from cmet.recipes.worn import random_wear
from datasets.puppet_affect import affect_point
from datasets.puppet_face import render
from datasets.puppet_identity import TEST_IDENTITIES, TRAIN_IDENTITIES
from datasets.puppet_motion import pose_track
from datasets.puppet_voice import speak
from evaluators import demo_weights, sync
from evaluators.sync_crop import lower_face
from evaluators.syncnet import WINDOW_FRAMES, WINDOW_MFCC, SyncNet
from evaluators.syncnet_stream import LipRunner, audio_rows
from harness.media import VideoReader, VideoWriter, read_audio, to_pcm16
from harness.records import BASIC_EMOTIONS

Log = Callable[[str], None]
Frames = npt.NDArray[np.uint8]
Sound = npt.NDArray[np.float32]

CONFIG = {"divide": 8, "input_px": 64, "embedding": 64}
FRAMES, CLIPS, FIRST_CLIPS, CLIPS_A_STEP = 44, 192, 16, 4
RATE, DEFAULT_SECONDS = 3e-3, 480.0
_MARGIN = 6  # px around the crop that training may shift into
_ZONE = (101, 52, 152)  # first row, first column and side of crop and margin in the 256 px picture
_SHIFTS = range(-5, 6)


def clip(rng: np.random.Generator, who: int, offset_frames: int = 0) -> tuple[Iterator[Frames], Sound]:
    """Frames (rendered as they are asked for) and sound of a random clip of puppet `who`."""
    felt = affect_point(BASIC_EMOTIONS[rng.integers(len(BASIC_EMOTIONS))], int(rng.integers(1, 4)))
    voice = felt if rng.random() < 0.4 else affect_point("neutral")
    words, motion = (int(seed) for seed in rng.integers(1 << 30, size=2))
    said = speak(who, voice, FRAMES, (51, words))
    pose = pose_track(FRAMES, (52, motion))
    frames = (render(who, p, m, felt) for p, m in zip(pose, said.lips(offset_frames), strict=True))
    return frames, said.sound


def make_clip(who: int, rng: np.random.Generator, offset_frames: int = 0, wear: bool = True) -> tuple[Frames, Sound]:
    """Mouths (t, s, s, 3) as the judge sees them, and the sound. Worn ones have `_MARGIN` px around them."""
    frames, sound = clip(rng, who, offset_frames)
    if not wear:
        return lower_face(np.stack(list(frames)), CONFIG["input_px"]), sound
    row, column, side, out = *_ZONE, CONFIG["input_px"] + 2 * _MARGIN
    drawn = random_wear(rng)
    worn = replace(drawn, side=drawn.side * side // 256, neck=drawn.neck * side // 256)
    zones = (worn(frame[row : row + side, column : column + side]) for frame in frames)
    return np.stack([np.asarray(cv2.resize(zone, (out, out), interpolation=cv2.INTER_AREA)) for zone in zones]), sound


def audio_windows(sound: Sound, frames: int) -> Sound:
    """MFCC windows (frames - 5, 13, 20) of a sound, as the judge cuts them."""
    coefficients = sync.mfcc(to_pcm16(sound)).astype(np.float32)
    view = np.lib.stride_tricks.sliding_window_view(coefficients, WINDOW_MFCC, axis=0)[::4]
    return np.ascontiguousarray(view[: frames - WINDOW_FRAMES])


class Clips:
    """Training clips of puppets 0-63 in turn; the store grows while training runs, until it holds CLIPS."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self.mouths: list[Frames] = []
        self.sounds: list[Sound] = []

    def grow(self, count: int) -> None:
        """Draw `count` more clips."""
        for _ in range(min(count, CLIPS - len(self.mouths))):
            who = TRAIN_IDENTITIES[len(self.mouths) * 5 % len(TRAIN_IDENTITIES)]
            mouths, sound = make_clip(who, self._rng)
            self.mouths.append(mouths)
            self.sounds.append(audio_windows(sound, FRAMES))

    def batch(self) -> tuple[Tensor, Tensor]:
        """Lip input (n, 3, t, s, s) BGR, crop and light changed clip by clip, and sounds (n, t - 5, 13, 20)."""
        rng, side, parts = self._rng, CONFIG["input_px"], []
        rows = rng.choice(len(self.mouths), CLIPS_A_STEP, replace=False)
        for row in rows:
            y, x = rng.integers(_MARGIN // 2, 3 * _MARGIN // 2 + 1, 2)
            part = self.mouths[row][:, y : y + side, x : x + side, ::-1].astype(np.float32)
            parts.append(part * rng.uniform(0.9, 1.1) + rng.normal(0, 2.0, part.shape[1:]).astype(np.float32))
        frames = torch.from_numpy(np.stack(parts)).permute(0, 4, 1, 2, 3)
        return frames.clamp(0, 255), torch.from_numpy(np.stack([self.sounds[row] for row in rows]))


def build(seed: int) -> SyncNet:
    """A fresh network whose first kernels are smooth and blind to brightness."""
    torch.manual_seed(seed)
    net = SyncNet(**CONFIG)
    with torch.no_grad():
        kernel = net.netcnnlip[0].weight
        assert isinstance(kernel, Tensor)
        smooth = F.avg_pool2d(kernel.flatten(0, 1), 3, 1, 1, count_include_pad=False).view_as(kernel)
        kernel.copy_((smooth - smooth.mean((3, 4), keepdim=True)) / 20)
    return net


def loss_of(net: SyncNet, frames: Tensor, sounds: Tensor) -> Tensor:
    """Cross-entropy of picking each window's own sound, and each sound's own window, by distance."""
    count = sounds.shape[1]
    lip = net.forward_lip(frames).unflatten(0, (len(frames), -1))[:, :count].flatten(0, 1)
    audio = net.forward_audio(sounds.flatten(0, 1)[:, None])
    gap = torch.cdist(lip, audio, compute_mode="donot_use_mm_for_euclid_dist")
    own = torch.arange(len(gap))
    return (F.cross_entropy(-gap, own) + F.cross_entropy(-gap.T, own)) / 2


def curve(net: SyncNet, runner: LipRunner, path: Path, sound: Sound | None = None) -> sync.LipSyncScore:
    """What the judge reads off a clip file in its demo dialect; `sound` replaces the clip's own."""
    frames = np.concatenate(list(VideoReader(path)))
    samples = to_pcm16(read_audio(path).samples if sound is None else sound)[: 640 * len(frames)]
    count = sync.windows(len(frames), len(samples))
    lip = runner.rows(lower_face(frames, net.input_px))[:count]
    return sync.score(lip, audio_rows(net, sync.mfcc(samples), count), pad="valid")


def measure(net: SyncNet, folder: Path, seed: int, clips: int) -> dict[str, float]:
    """Figures on H.264 clips of held-out puppets: planted offsets found exactly, and how the wrong sound scores."""
    rng, runner = np.random.default_rng([seed, 9]), LipRunner(net)
    found, right, wrong, before = [], [], [], None
    for number in range(clips):
        planted = _SHIFTS[number % len(_SHIFTS)]
        frames, sound = clip(rng, int(rng.choice(np.array(TEST_IDENTITIES))), planted)
        path = folder / "held-out.mp4"
        with VideoWriter(path, 256, 256, audio=sound) as writer:
            for frame in frames:
                writer.write(frame)
        score = curve(net, runner, path)
        found.append(score.offset == planted)
        right.append(score)
        if before is not None:
            wrong.append(curve(net, runner, path, before))
        before = sound
        path.unlink()
    pairs = zip(right[1:], wrong, strict=True)
    return {
        "clips": clips,
        "offset_exact": float(np.mean(found)),
        "lse_c": float(np.mean([s.lse_c for s in right])),
        "lse_d": float(np.mean([s.lse_d for s in right])),
        "lse_c_wrong_sound": float(np.mean([s.lse_c for s in wrong])),
        "lse_d_wrong_sound": float(np.mean([s.lse_d for s in wrong])),
        "own_sound_wins": float(np.mean([a.lse_c > b.lse_c and a.lse_d < b.lse_d for a, b in pairs])),
    }


def train(out: Path, seconds: float | None, seed: int, log: Log, held_out_clips: int = 66) -> None:
    """Train for `seconds` and write `out/sync.safetensors` with its held-out figures."""
    budget, start = seconds or DEFAULT_SECONDS, time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    clips, net = Clips(np.random.default_rng([seed, 5])), build(seed)
    clips.grow(FIRST_CLIPS)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    steps, losses = 0, [0.0]
    while (share := (time.monotonic() - start) / budget) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (steps + 1) / 20) * 0.5 * (1.02 + math.cos(math.pi * share))
        loss = loss_of(net, *clips.batch())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        steps += 1
        losses.append(float(loss.detach()))
        clips.grow(steps % 2)
        if steps % 10 == 0:
            spent, recent = time.monotonic() - start, np.mean(losses[-10:])
            log(f"sync step {steps} {spent:.0f}s clips {len(clips.mouths)} loss {recent:.3f}")
        if steps % 100 == 0:
            finish(net, out, seed, steps, 0)
    log(f"sync held out: {finish(net, out, seed, steps, held_out_clips)}")


def finish(net: SyncNet, out: Path, seed: int, steps: int, held_out_clips: int) -> dict[str, float]:
    """Store, load what was stored, measure that, and write the figures beside it."""
    path = out / "sync.safetensors"
    recipe: dict[str, object] = {"preset": "demo-judge-sync", "seed": seed, "steps": steps}
    demo_weights.store(path, net, CONFIG, recipe)
    if not held_out_clips:
        return {}
    stored = demo_weights.load_sync(path)
    figures = measure(stored, out, seed, held_out_clips)
    demo_weights.store(path, stored, CONFIG, {**recipe, "held_out": figures})
    return figures
