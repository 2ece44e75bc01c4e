"""Recipe: the demo's lip-sync judge, a thin SyncNet trained to find a window's own sound among all others.

Every window of a batch of clips is told apart from every other by the distance of its mouth to its sound: windows of
the same clip a frame away, and those of other clips. That is the question the judge answers when it looks for the
offset. Clips are puppets 0-63 that talk neutrally under any basic emotion, or in the emotion's own voice.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

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

CONFIG = {"divide": 8, "input_px": 64, "embedding": 64}
FRAMES, CLIPS_EACH, CLIPS_A_STEP = 44, 2, 4
RATE, DEFAULT_SECONDS = 3e-3, 480.0
_MARGIN = 3  # px around the crop that training may shift into
_SHIFTS = range(-5, 6)


@dataclass(frozen=True)
class Clips:
    """Training clips: `mouths` uint8 RGB (n, t, s + 2 margin, s + 2 margin, 3), `sounds` float32 (n, t - 4, 13, 20)."""

    mouths: Frames
    sounds: npt.NDArray[np.float32]


def clip(
    rng: np.random.Generator, who: int, offset_frames: int = 0
) -> tuple[Iterator[Frames], npt.NDArray[np.float32]]:
    """Frames (rendered as they are asked for) and sound of a random clip of puppet `who`."""
    felt = affect_point(BASIC_EMOTIONS[rng.integers(len(BASIC_EMOTIONS))], int(rng.integers(1, 4)))
    voice = felt if rng.random() < 0.4 else affect_point("neutral")
    words, motion = (int(seed) for seed in rng.integers(1 << 30, size=2))
    said = speak(who, voice, FRAMES, (51, words))
    pose = pose_track(FRAMES, (52, motion))
    frames = (render(who, p, m, felt) for p, m in zip(pose, said.lips(offset_frames), strict=True))
    return frames, said.sound


def sound_windows(sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """MFCC windows (t - 5, 13, 20) of a sound of t frames, as the judge cuts them."""
    coefficients = sync.mfcc(to_pcm16(sound)).astype(np.float32)
    view = np.lib.stride_tricks.sliding_window_view(coefficients, WINDOW_MFCC, axis=0)[::4]
    return np.ascontiguousarray(view[: FRAMES - WINDOW_FRAMES])


def draw_clips(rng: np.random.Generator, each: int, log: Log) -> Clips:
    """`each` clips of every training puppet, worn clip by clip."""
    mouths, sounds = [], []
    side = CONFIG["input_px"] + 2 * _MARGIN
    for who in list(TRAIN_IDENTITIES) * each:
        wear = random_wear(rng)
        frames, sound = clip(rng, who)
        worn = np.stack([wear(frame) for frame in frames])
        mouths.append(_wide_crop(worn, side))
        sounds.append(sound_windows(sound))
        if len(mouths) % 64 == 0:
            log(f"sync: {len(mouths)} clips drawn")
    return Clips(np.stack(mouths), np.stack(sounds))


def _wide_crop(frames: Frames, side: int) -> Frames:
    """The judge's crop with a margin around it: its window is half the picture wide, so is `input_px`."""
    pad = round(frames.shape[1] * 0.5 * _MARGIN / CONFIG["input_px"])
    grown = 2 * pad + frames.shape[1] // 2
    top, left = round(frames.shape[1] * 0.44) - pad, round(frames.shape[2] * 0.25) - pad
    padded = np.pad(frames, ((0, 0), (0, pad), (0, 0), (0, 0)), mode="edge")
    window = padded[:, top : top + grown, left : left + grown]
    from evaluators.sync_crop import stretched

    return window if grown == side else _area(window, side) if grown > side else stretched(window, side)


def _area(frames: Frames, side: int) -> Frames:
    import cv2

    return np.stack([np.asarray(cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA), np.uint8) for f in frames])


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


def batch(clips: Clips, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Lip input (n, 3, t, s, s) BGR, its crop shifted and its light changed clip by clip, and sounds (n, w, 13, 20)."""
    rows = rng.choice(len(clips.mouths), CLIPS_A_STEP, replace=False)
    side, parts = CONFIG["input_px"], []
    for row in rows:
        y, x = rng.integers(0, 2 * _MARGIN + 1, 2)
        part = clips.mouths[row, :, y : y + side, x : x + side, ::-1].astype(np.float32)
        parts.append(part * rng.uniform(0.9, 1.1) + rng.normal(0, 2.0, part.shape[1:]).astype(np.float32))
    frames = torch.from_numpy(np.stack(parts)).permute(0, 4, 1, 2, 3)
    return frames.clamp(0, 255), torch.from_numpy(clips.sounds[rows])


def loss_of(net: SyncNet, frames: Tensor, sounds: Tensor) -> Tensor:
    """Cross-entropy of picking each window's own sound, and each sound's own window, by distance."""
    count = sounds.shape[1]
    lip = net.forward_lip(frames).unflatten(0, (len(frames), -1))[:, :count].flatten(0, 1)
    audio = net.forward_audio(sounds.flatten(0, 1)[:, None])
    gap = torch.cdist(lip, audio, compute_mode="donot_use_mm_for_euclid_dist")
    own = torch.arange(len(gap))
    return (F.cross_entropy(-gap, own) + F.cross_entropy(-gap.T, own)) / 2


def curve(
    net: SyncNet, runner: LipRunner, path: Path, sound: npt.NDArray[np.float32] | None = None
) -> sync.LipSyncScore:
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
    rng = np.random.default_rng([seed, 5])
    clips, net = draw_clips(rng, CLIPS_EACH, log), build(seed)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=0.01)
    drawn, steps, losses = time.monotonic(), 0, []
    while (share := (time.monotonic() - drawn) / max(1.0, budget - (drawn - start))) < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (steps + 1) / 30) * 0.5 * (1.02 + math.cos(math.pi * share))
        loss = loss_of(net, *batch(clips, rng))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        steps += 1
        losses.append(float(loss.detach()))
        if steps % 25 == 0:
            log(f"sync step {steps} {time.monotonic() - start:.0f}s loss {np.mean(losses[-25:]):.3f}")
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
