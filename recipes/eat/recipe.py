"""Trains the demo EAT, part by part, and writes one file; a part that was begun is gone on from.

The generator needs nothing of the other parts. Where processes may draw material (`workers`), it is trained beside them
in a process of its own, on half of the cores; one after the other gives the same weights.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from networks.eat.eat import Eat
from networks.eat.files import config_of
from networks.eat.generator import Generator
from networks.eat.networks import EatNetworks
from networks.files import shipped
from recipes.eat import hearing, looking, painting, speaking
from recipes.eat.expression import expressions
from recipes.eat.sizes import WIDTHS
from recipes.recipe_run import RecipeRun

#: Steps of each part; a run of another length gives each the same share.
STEPS = {
    "looking": 1200,
    "posing": 1200,
    "hearing": 800,
    "speaking": 1500,
    "appearance": 2400,
    "motion": 900,
    "painting": 400,
    "detail": 1200,
    "features": 600,
}


def train(recipe_run: RecipeRun) -> None:
    """Train, resuming the parts whose checkpoints are in `out`, and write `out/eat.safetensors`.

    Raises RuntimeError where the process that trains the generator ends without having done so; its own words stand
    before that.
    """
    own = sum(STEPS.values())
    run = recipe_run.of(own)
    run.out.mkdir(parents=True, exist_ok=True)
    parts = {name: replace(run, steps=max(1, run.steps * steps // own)) for name, steps in STEPS.items()}
    with _beside(parts, run.workers):
        said = hearing.voices(run)
        looker = looking.refine(parts["posing"], looking.train(parts["looking"]))
        ears = hearing.train(parts["hearing"], said).eval()
        faces, there = expressions(), speaking.stage(run, said, ears, looker.kp_detector)
        actor = speaking.train(parts["speaking"], there, faces)
    generator = _generator(parts)
    networks = EatNetworks(WIDTHS)
    trained = {"generator": generator, **dict(looker.named_children()), **dict(actor.named_children())}
    for name, network in trained.items():
        networks.get_submodule(name).load_state_dict(network.state_dict())
    whole = Eat(networks, ears.cpu(), faces.basis, faces.mean, padding=None)
    recipe = run.recipe("demo-eat", parts={name: part.steps for name, part in parts.items()}, utterances=len(said))
    shipped.store(run.out / "eat.safetensors", whole.eval().cpu(), config_of(WIDTHS, hearing.WIDTH), recipe)


def _generator(parts: dict[str, RecipeRun]) -> Generator:
    sketch = painting.motion(parts["motion"], painting.appearance(parts["appearance"]))
    generator = painting.detail(parts["detail"], painting.painting(parts["painting"], sketch))
    return painting.features(parts["features"], generator)


def _painter(parts: dict[str, RecipeRun], threads: int) -> None:
    torch.set_num_threads(threads)
    _generator(parts)


@contextmanager
def _beside(parts: dict[str, RecipeRun], workers: int) -> Iterator[None]:
    """Trains the generator in a process of its own while the body runs, each with half of the threads."""
    if not workers:
        yield
        return
    threads = torch.get_num_threads()
    half = max(1, threads // 2)
    painter = multiprocessing.get_context("spawn").Process(target=_painter, args=(parts, half))
    painter.start()
    torch.set_num_threads(half)
    try:
        yield
    except BaseException:
        painter.terminate()
        raise
    finally:
        painter.join()
        torch.set_num_threads(threads)
    if painter.exitcode:
        raise RuntimeError(f"the generator's training ended with exit code {painter.exitcode}")
