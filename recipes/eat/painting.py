"""Trains the generator: from a portrait, its keypoints and where they go, the true picture of a puppet that moved so.

EAT's generator learns from videos whose keypoints it finds itself, against a critic; here keypoints are exact but for a
small error, as a detector's would be, and the true picture is known. It is told the picture's emotion by the shallow
prompt of the mapping network as that begins (prompts). It learns in five parts, since together its layers learn slowly:

    appearance   the volume holds a face that keeps still; a linear map of the guide, thrown away later, draws it
    motion       the volume is moved as the face was; the renderer's own displacement is given
    painting     the decoder alone, of guides that stay as they are
    detail       everything together
    features     the same, and brows, eyes and mouth count more
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat.dense_motion import Motion
from networks.eat.generator import Generator, Portrait
from networks.eat.grids import coordinates
from networks.eat.mapping import MappingNetwork
from recipes.drawing import picture_loss
from recipes.eat import anatomy
from recipes.eat.lessons import GOALS, PaintingLesson, PaintingLessons, Shown, shown
from recipes.eat.prompts import mapping_start, prompts_of
from recipes.eat.settling import settle
from recipes.eat.sizes import SIZE, WIDTHS
from recipes.part import Part
from recipes.recipe_run import RecipeRun, drawn

RATE, DETAIL_RATE = 3e-3, 1.5e-3
FLOW_WEIGHT, HUE_WEIGHT, FEATURE_WEIGHT = 20.0, 4.0, 10.0
_NEAR = 0.06  # spread of what counts as near a keypoint: 8 of 256 px
_ENLARGED = 4  # a guide's place shows as many pixels on both axes


class Sketch(nn.Module):
    """Is the generator with the linear map that draws what a guide holds."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = Generator(WIDTHS.generator)
        self.hand = nn.Conv2d(self.generator.fourth.out_channels, 3 * _ENLARGED**2, 1)

    def drawn(self, guide: Tensor) -> Tensor:
        """Returns pictures (B, 3, 4H, 4W) of guides (B, deepest, H, W)."""
        return 0.5 + F.pixel_shuffle(self.hand(guide), _ENLARGED)


def still(volume: Tensor) -> Motion:
    """Returns the motion of frames that show a portrait's volumes (B, C, D, H, W) as they are."""
    whole = torch.ones(len(volume), 1, *volume.shape[-2:], device=volume.device)
    return Motion(coordinates(volume).expand(len(volume), -1, -1, -1, -1), whole)


def portraits(generator: Generator, seen: Shown, prompts: Tensor) -> Portrait:
    """Returns a lesson's portraits, each GOALS times, told shallow prompts (n, width)."""
    held = generator.portrait(seen.portraits, seen.at_rest, prompts)
    return Portrait(*(part.repeat_interleave(GOALS, 0) for part in (held.volume, held.compressed, held.keypoints)))


def painted(generator: Generator, seen: Shown, prompts: Tensor) -> Tensor:
    """Returns pictures (n * GOALS, 3, s, s) in [0, 1] that the generator makes of a lesson's n portraits."""
    return generator.frames(portraits(generator, seen, prompts), seen.moved)


def off(made: Tensor, true: Tensor, before: Tensor, by_change: bool = False) -> Tensor:
    """Returns how far pictures in [0, 1] are off, with their hues once more, which differ less than brightness does."""
    error = made - true
    hue = (error[:, 0] - error[:, 1]).abs().mean() + (error[:, 2] - error[:, 1]).abs().mean()
    return picture_loss(2 * made - 1, 2 * true - 1, 2 * before - 1, by_change=by_change) + HUE_WEIGHT * hue


@dataclass
class Course:
    """Gives what lesson after lesson shows, drawn ahead from the first one that is asked for."""

    run: RecipeRun
    tag: int
    mapping: MappingNetwork = field(init=False)
    _ahead: Iterator[PaintingLesson] | None = None

    def __post_init__(self) -> None:
        self.mapping = mapping_start(self.run)

    def lesson(self, number: int) -> tuple[Shown, Tensor]:
        """Returns the next lesson, which must be this one, and shallow prompts of its emotions."""
        if self._ahead is None:
            lessons = PaintingLessons(self.run.seed, SIZE, self.tag)
            self._ahead = drawn(lessons, self.run.steps, self.run.workers, number)
        return self._told(next(self._ahead), number)

    def spare(self, number: int) -> tuple[Shown, Tensor]:
        """Returns a lesson that no step sees, for the batch norms' statistics."""
        return self._told(PaintingLessons(self.run.seed, SIZE, self.tag + 100)(number), number)

    def _told(self, lesson: PaintingLesson, number: int) -> tuple[Shown, Tensor]:
        noise = torch.randn(len(lesson.emotion), self.mapping.noise, generator=torch.Generator().manual_seed(number))
        with torch.no_grad():
            prompts = prompts_of(self.mapping, lesson.emotion.tolist(), noise.to(self.run.device))
        return shown(lesson, self.run.device), prompts[:, 0]


def appearance(run: RecipeRun) -> Sketch:
    """Returns the sketch whose volume holds faces; checkpoints lie in `run.out`."""
    with run.seeded():
        sketch, average = (Sketch().train().to(run.device) for _ in range(2))
    course = Course(run, 71)

    def drawing(network: Sketch, seen: Shown, prompts: Tensor) -> Tensor:
        faces = torch.cat((seen.portraits, seen.goals))
        every = torch.cat((prompts, prompts.repeat_interleave(GOALS, 0)))
        held = network.generator.portrait(faces, seen.at_rest[:1], every)
        return off(network.drawn(network.generator.guide(held, still(held.volume))), faces, faces)

    part = Part("eat-appearance", sketch, average, [(list(sketch.parameters()), RATE)])
    trained = part.train(run, lambda number: {"pictures": drawing(sketch, *course.lesson(number))})
    settle(trained, lambda number: drawing(trained, *course.spare(number)))
    return trained


def motion(run: RecipeRun, sketch: Sketch) -> Sketch:
    """Returns the sketch, in eval mode, that moves faces as well; checkpoints lie in `run.out`."""
    sketch.requires_grad_().eval()  # faces keep their statistics, which few people would make unsteady
    sketch.generator.dense_motion_network.train()
    course = Course(run, 72)

    def losses(number: int) -> dict[str, Tensor]:
        seen, prompts = course.lesson(number)
        held = portraits(sketch.generator, seen, prompts)
        found = sketch.generator.motion(held, seen.moved)
        shift = found.deformation[..., :2] - coordinates(held.volume)[..., :2]
        made = sketch.drawn(sketch.generator.guide(held, found))
        flow = (shift - seen.flow[:, None]).abs().mean()
        return {"pictures": off(made, seen.goals, _before(seen)), "flow": FLOW_WEIGHT * flow}

    part = Part("eat-motion", sketch, Sketch().to(run.device), [(list(sketch.parameters()), RATE)])
    trained = part.train(run, losses)
    moving = trained.generator.dense_motion_network  # the others' statistics are those that weights were trained with
    settle(moving, lambda number: _guides(trained.generator, *course.spare(number)))
    return trained


def _guides(generator: Generator, seen: Shown, prompts: Tensor) -> Tensor:
    held = portraits(generator, seen, prompts)
    return generator.guide(held, generator.motion(held, seen.moved))


def _before(seen: Shown) -> Tensor:
    return seen.portraits.repeat_interleave(GOALS, 0)


def painting(run: RecipeRun, sketch: Sketch) -> Generator:
    """Returns the generator, in eval mode, whose decoder paints guides; checkpoints lie in `run.out`."""
    generator = sketch.generator.requires_grad_(False)
    generator.decoder.requires_grad_().train()
    course = Course(run, 73)

    def losses(number: int) -> dict[str, Tensor]:
        seen, prompts = course.lesson(number)
        with torch.no_grad():
            guides = _guides(generator, seen, prompts)
        return {"pictures": off(generator.decoder(guides), seen.goals, _before(seen))}

    return _trained(run, "eat-painting", generator, list(generator.decoder.parameters()), RATE, losses)


def detail(run: RecipeRun, generator: Generator) -> Generator:
    """Returns the generator, in eval mode, after everything learnt together; checkpoints lie in `run.out`."""
    return _together(run, "eat-detail", Course(run, 74), generator, 0.0)


def features(run: RecipeRun, generator: Generator) -> Generator:
    """Returns the generator, in eval mode, after it went on so, and what is around brows, eyes and mouth counted more;
    checkpoints lie in `run.out`.
    """
    return _together(run, "eat-features", Course(run, 75), generator, FEATURE_WEIGHT)


def _together(run: RecipeRun, name: str, course: Course, generator: Generator, featured: float) -> Generator:
    generator.requires_grad_().eval()
    generator.decoder.train()

    def losses(number: int) -> dict[str, Tensor]:
        seen, prompts = course.lesson(number)
        made = painted(generator, seen, prompts)
        found = {"pictures": off(made, seen.goals, _before(seen), by_change=True)}
        if featured:
            around = near_features(seen.moved, SIZE)
            found["features"] = featured * (around * (made - seen.goals).abs()).mean() / around.mean()
        return found

    return _trained(run, name, generator, list(generator.parameters()), DETAIL_RATE, losses)


def near_features(keypoints: Tensor, size: int) -> Tensor:
    """Returns (n, 1, size, size), 1 to 0: how near pixels are to a keypoint (n, 15, 3) of brows, lids and mouth."""
    axis = torch.linspace(-1, 1, size, device=keypoints.device)
    x, y = (((axis - keypoints[:, : anatomy.CHIN, axis_of, None]) / _NEAR).square() for axis_of in (0, 1))
    return (-0.5 * (x[:, :, None] + y[..., None])).exp().amax(1, keepdim=True)


def _trained(
    run: RecipeRun,
    name: str,
    generator: Generator,
    parameters: list[nn.Parameter],
    rate: float,
    losses: Callable[[int], dict[str, Tensor]],
) -> Generator:
    return Part(name, generator, Generator(WIDTHS.generator).to(run.device), [(parameters, rate)]).train(run, losses)
