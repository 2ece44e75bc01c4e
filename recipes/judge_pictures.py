"""This module makes face crops to train the judges on: puppets, augmented by blur, JPEG and light, cut as in judging.

The augmentation is generic (no generator's output is ever used), so that the judges see expression and identity
in pictures softer than the renderer's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
import torch

from datasets.puppets.face import render
from datasets.puppets.identity import EXTRA_IDENTITIES, TRAIN_IDENTITIES
from datasets.puppets.motion import SPAN
from harness.atomic import replacing
from recipes.faces import PictureState, random_states
from recipes.recipe_run import RecipeRun, drawn

Picture = npt.NDArray[np.uint8]
PEOPLE = (*TRAIN_IDENTITIES, *EXTRA_IDENTITIES)


def augmented(frame: Picture, rng: np.random.Generator) -> Picture:
    """Returns the frame after a random resize down and up, a change of light, and a JPEG pass; same size."""
    size = frame.shape[0]
    if rng.random() < 0.65:
        small = int(rng.integers(size // 4, size))
        way = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)[int(rng.integers(2))]
        frame = np.asarray(
            cv2.resize(cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA), (size, size), interpolation=way)
        )
    if rng.random() < 0.5:
        gain, lift = rng.uniform(0.88, 1.12, 3), rng.uniform(-8, 8)
        frame = np.clip(frame * gain + lift, 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = int(rng.integers(45, 96))
        frame = np.asarray(
            cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)
        )
    return frame


def pictured(state: PictureState, row: int, rng: np.random.Generator, augment: bool = True) -> Picture:
    """Returns one row of `state` as a frame of 256 px, augmented unless `augment` is false."""
    frame = render(int(state.who[row]), state.pose[row], state.lip[row], state.affect[row])
    return augmented(frame, rng) if augment else frame


def in_motion(state: PictureState, rng: np.random.Generator) -> PictureState:
    """Returns the same states with heads turned no further than clips turn them."""
    pose = state.pose.copy()
    pose[:, :5] = rng.uniform(-1, 1, (len(pose), 5)) * SPAN * 1.1
    return replace(state, pose=pose)


@dataclass(frozen=True)
class Album:
    """Makes crops of one puppet, by its place in PEOPLE: (n, 64, 64, 3) of `each` pictures, and their emotions (n,)."""

    seed: int
    each: int

    def __call__(self, place: int) -> tuple[Picture, npt.NDArray[np.int64]]:
        from evaluators.faces.crops import demo_crops

        rng = np.random.default_rng([self.seed, 11, place])
        state = in_motion(random_states(rng, self.each, jitter=0.08, people=PEOPLE[place : place + 1]), rng)
        frames = np.stack([pictured(state, row, rng) for row in range(self.each)])
        face_crops = [(row, crop) for row, crop in enumerate(demo_crops(frames)) if crop is not None]
        return np.stack([crop for _, crop in face_crops]), state.emotion[[row for row, _ in face_crops]]


def pool(recipe_run: RecipeRun, each: int) -> tuple[Picture, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns crops (n, 64, 64, 3), people (n,) as indexes into PEOPLE, emotions (n,); kept in `out` for the next
    judge.
    """
    path = recipe_run.out / f"judge_pictures_{recipe_run.seed}_{each}.npz"
    if path.is_file():
        with np.load(path) as kept:
            return kept["crops"], kept["people"], kept["emotions"]
    crops, emotions = zip(*drawn(Album(recipe_run.seed, each), len(PEOPLE), recipe_run.workers), strict=True)
    people = np.repeat(np.arange(len(PEOPLE)), [len(part) for part in crops])
    with replacing(path) as partial:
        np.savez(partial, crops=np.concatenate(crops), people=people, emotions=np.concatenate(emotions))
    return np.concatenate(crops), people, np.concatenate(emotions)


def varied(crops: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Returns crops (n, 3, s, s) in [0, 1], moved, turned and scaled a little (a detector's jitter), with a little
    noise.
    """
    count = len(crops)
    angle, scale = rng.normal(0, 0.04, count), 1 + rng.normal(0, 0.03, count)
    theta = np.zeros((count, 2, 3), dtype=np.float32)
    theta[:, 0, 0] = theta[:, 1, 1] = np.cos(angle) * scale
    theta[:, 0, 1], theta[:, 1, 0] = -np.sin(angle) * scale, np.sin(angle) * scale
    theta[:, :, 2] = rng.normal(0, 0.03, (count, 2))
    turn = torch.from_numpy(theta).to(crops.device)
    grid = torch.nn.functional.affine_grid(turn, list(crops.shape), align_corners=False)
    moved = torch.nn.functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)
    noise = torch.from_numpy(rng.standard_normal(crops.shape, dtype=np.float32)).to(crops.device)
    return moved + 0.01 * noise
