"""Studies and raters with a known truth."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from harness.media import VideoWriter
from reports.study.design import QUESTIONS
from reports.study.key import Key
from reports.study.material import gather
from reports.study.publish import Settings, designed
from tests.synthetic_runs import make_run

HEAD = "rater,item,answer,seconds,order"
METHODS = ("cmet", "edtalk", "label")
STRENGTH = {"cmet": 1.0, "edtalk": 0.1, "label": -1.1}  # log odds, mean 0


def make_key(raters: int = 24, items: int = 24, checks: int = 4, seed: int = 5, folder: Path = Path("run")) -> Key:
    """A study of three methods of a run with twenty people; its clips need not be on disk."""
    material = gather([make_run(folder=folder)], METHODS)
    return designed(material, Settings(raters, items, checks, QUESTIONS, seed), ("bench",))


def honest(key: Key, rng: np.random.Generator, right: float = 0.6, taste: float = 0.3) -> dict[int, list[str]]:
    """Lines of each rater's csv: choices follow STRENGTH, with a taste of each rater's own; checks are passed."""
    return {
        rater: [
            f"{rater},{name},{_answer(key, name, tastes, rng, right)},{rng.uniform(3, 9):.2f},{place}"
            for place, name in enumerate(names, 1)
        ]
        for rater, names in key.order.items()
        for tastes in [{method: STRENGTH[method] + rng.normal(0, taste) for method in METHODS}]
    }


def _answer(key: Key, name: str, tastes: Mapping[str, float], rng: np.random.Generator, right: float) -> str:
    item = key.items[name]
    if item.truth:
        return item.truth
    if item.right:
        return "left" if rng.random() < 1 / (1 + math.exp(tastes[item.right] - tastes[item.left])) else "right"
    others = [choice for choice in key.choices if choice != item.emotion]
    return item.emotion if rng.random() < right else str(rng.choice(others))


def write_csv(path: Path, lines: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    return path


def small_film(path: Path) -> bytes:
    """An mp4 of six frames with sound."""
    sound = np.random.default_rng(0).normal(0, 0.1, 3840).astype(np.float32)
    with VideoWriter(path, 32, 32, audio=sound) as writer:
        for k in range(6):
            writer.write(np.full((32, 32, 3), 40 * k, np.uint8))
    return path.read_bytes()
