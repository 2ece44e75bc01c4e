"""The recipe of the demo EAT: where keypoints are, what its lessons hold, that runs are alike and go on."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from networks.eat.audio_to_keypoints import COEFFICIENTS
from networks.eat.files import SHIPPED_EAT
from networks.eat.generator import Generator
from networks.eat.keypoint_motion import deformation, radians
from networks.eat.keypoint_motion import placed as placed_by_eat
from networks.eat.pose_network import HeadPose
from networks.files import shipped
from recipes.eat import anatomy, expression, hearing, lessons, looking, painting, recipe, settling, sizes, speaking
from recipes.eat.prompts import mapping_start, prompts_of
from recipes.faces import PictureState, pictures, random_states
from recipes.recipe_run import RecipeRun

pytestmark = pytest.mark.slow

torch.set_num_threads(1)
NOSE, CORNERS, LIPS, CHIN = 11, (6, 7), (8, 9), 10


def run_in(folder: Path, steps: int = 1) -> RecipeRun:
    return RecipeRun(folder, 3, lambda _: None, steps=steps)


def calm(count: int) -> PictureState:
    none = np.zeros((count, 6))
    return PictureState(np.full(count, 5), none, none[:, :2].copy(), none[:, :5].copy(), np.zeros(count, np.int64))


def px(moved: Tensor) -> Tensor:
    return moved * anatomy.PX


def test_keypoints_move_as_the_drawing_does() -> None:
    """Turns move the nearest point by as many px as they say, shifts all of them; what rests on the outline less."""
    state = calm(4)
    state.pose[1, 0], state.pose[2, 1], state.pose[3, 3:5] = 6.0, 4.0, (3.0, -2.0)
    found = anatomy.keypoints(state)
    turned, nodded, shifted = px(found[1:] - found[0])
    assert 6.0 < float(turned[NOSE, 0]) < 8.0  # 6 px times 1.28, its depth, less what a turn takes from a width
    assert 4.0 < float(nodded[NOSE, 1]) < 5.5
    assert float(turned[12:14, 0].mean()) < 0.6 * float(turned[NOSE, 0])  # a turn also narrows, one ear each way
    torch.testing.assert_close(shifted[:, :2], torch.tensor([[3.0, -2.0]]).expand(15, -1), atol=1e-4, rtol=0)


def test_a_face_that_opens_its_mouth_or_feels_moves_the_points_that_show_it() -> None:
    felt = np.stack([affect_point(name) for name in ("neutral", "neutral", "happy", "sad", "angry")])
    lip = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]])
    moved = px(anatomy.offsets(lip, felt, np.zeros(5)).unflatten(1, (15, 3)))
    assert not moved[0].any()
    opened, happy, sad, angry = moved[1:]
    assert float(opened[LIPS[1], 1] - opened[LIPS[0], 1]) == pytest.approx(17.0)
    assert float(opened[CHIN, 1]) == pytest.approx(7.0)
    assert all(float(happy[corner, 1]) < -4 < 4 < float(sad[corner, 1]) for corner in CORNERS)
    assert float(angry[0, 0]) > 1  # knit brows come together
    assert float(angry[1, 0]) < -1
    assert not anatomy.offsets(lip[:1], felt[:1], np.ones(1)).equal(anatomy.offsets(lip[:1], felt[:1], np.zeros(1)))


def test_an_angle_survives_its_bins_and_eat_places_keypoints_as_the_recipe() -> None:
    state = random_states(np.random.default_rng(1), 6)
    heads, moved = anatomy.pose(state), anatomy.state_offsets(state)
    scores = heads.scores()
    read = torch.stack([radians(part) for part in scores.unbind(1)], 1)
    torch.testing.assert_close(read, heads.angles, atol=5e-4, rtol=0)  # 0.03 degrees
    pose = HeadPose(*scores.unbind(1), heads.t, moved)
    for row, who in enumerate(state.who):
        one = HeadPose(*(getattr(pose, name)[row : row + 1] for name in ("yaw", "pitch", "roll", "t", "exp")))
        placed = placed_by_eat(anatomy.canonical(int(who))[None], one, moved[row : row + 1])
        torch.testing.assert_close(placed[0], anatomy.keypoints(state)[row], atol=1e-3, rtol=0)


def test_the_first_axes_hold_every_expression() -> None:
    """32 coefficients and the mean give back random faces to a tenth of a pixel."""
    faces = expression.expressions()
    volume = float(np.mean(expression.volumes()))
    state = random_states(np.random.default_rng(4), 50)
    state = replace(state, pose=np.zeros_like(state.pose))
    true = anatomy.state_offsets(state)
    spread = faces.basis[:, :COEFFICIENTS]
    coefficients = (true / volume - faces.mean) @ torch.linalg.pinv(spread).T
    made = deformation(coefficients, faces.basis, faces.mean, torch.zeros(1, 45), volume)
    assert float(px(made - true).abs().max()) < 0.1


def test_lessons_are_of_training_puppets_and_the_same_whoever_draws_them() -> None:
    plan = lessons.PaintingLessons(1, 16, 71)
    one, other = plan(5), plan(5)
    assert np.array_equal(one.goals, other.goals)
    assert np.array_equal(one.moved, other.moved)
    assert not np.array_equal(one.goals, plan(6).goals)
    assert one.goals.shape == (lessons.PEOPLE * lessons.GOALS, 16, 16, 3)
    look = looking.Looks(1)(2)
    assert np.array_equal(look.pictures, looking.Looks(1)(2).pictures)
    known = torch.stack([anatomy.canonical(who) for who in TRAIN_IDENTITIES]).numpy()
    assert all((known == row).all((1, 2)).any() for row in look.canonical)
    said = hearing.TrainingVoices(1)(3)
    assert np.array_equal(said.wave, hearing.TrainingVoices(1)(3).wave)
    assert said.heard.shape == (hearing.FRAMES * hearing.STEPS_PER_FRAME, 6)


@torch.no_grad()
def test_the_flow_brings_what_a_portrait_shows_to_where_it_went() -> None:
    """A head that turns, nods, rolls and shifts is the portrait, read where the flow says."""
    before, after = calm(1), calm(1)
    before.pose[0, :5], after.pose[0, :5] = (2.0, 0.0, -1.0, 0.0, 1.0), (-5.0, 3.0, 4.0, 3.0, -2.0)
    shown, true = pictures(before, 256), pictures(after, 256)
    flow = torch.from_numpy(lessons.flows(before, after, 64)).movedim(-1, 1)
    whole = nn.functional.interpolate(flow, 256, mode="bilinear", align_corners=True).movedim(1, -1)
    axis = torch.linspace(-1, 1, 256)
    at = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1) + whole
    carried = nn.functional.grid_sample(shown, at, align_corners=True, padding_mode="border")
    assert float((carried - true).abs().mean()) < 0.2 * float((shown - true).abs().mean())
    assert float(np.abs(lessons.flows(before, before, 16)).max()) < 0.5 / anatomy.PX


@torch.no_grad()
def test_portraits_painted_together_are_those_painted_alone(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    with run.seeded():
        generator = Generator(sizes.GENERATOR).eval()
    lesson, prompts = painting.Course(run, 71).spare(0)
    together = painting.painted(generator, lesson, prompts)
    for row in range(lessons.PEOPLE):
        held = generator.portrait(
            lesson.portraits[row : row + 1], lesson.at_rest[row : row + 1], prompts[row : row + 1]
        )
        places = slice(row * lessons.GOALS, (row + 1) * lessons.GOALS)
        torch.testing.assert_close(together[places], generator.frames(held, lesson.moved[places]), atol=1e-4, rtol=0)


def test_shallow_prompts_are_told_apart_as_the_mapping_network_begins(tmp_path: Path) -> None:
    """What the generator tells emotions by: they differ between emotions by far more than between noises."""
    mapping = mapping_start(run_in(tmp_path))
    noise = torch.randn(16, mapping.noise, generator=torch.Generator().manual_seed(1))
    by_emotion = torch.stack([prompts_of(mapping, [emotion] * 16, noise)[:, 0] for emotion in range(8)])
    assert float(by_emotion.mean(1).var(0).sum()) > 5 * float(by_emotion.var(1).sum(-1).mean())
    assert torch.equal(mapping_start(run_in(tmp_path)).mappingnet.shared[0].weight, mapping.mappingnet.shared[0].weight)


def test_settled_batch_norms_hold_the_means_of_what_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "PASSES", 3)
    network = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.9))
    batches = [torch.randn(50, 2, generator=torch.Generator().manual_seed(k)) + k for k in range(3)]
    settling.settle(network, lambda number: network(batches[number]))
    norm = network[0]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, torch.stack([batch.mean(0) for batch in batches]).mean(0))
    assert norm.momentum == 0.1
    assert not network.training


def test_an_actor_drops_nothing_out_so_steps_are_a_function_of_their_number() -> None:
    actor = speaking.Actor().train()
    assert all(module.p == 0 for module in actor.modules() if isinstance(module, nn.Dropout))
    assert all(module.dropout == 0 for module in actor.modules() if isinstance(module, nn.MultiheadAttention))


def test_two_runs_are_alike_go_on_and_end_in_a_file_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "UTTERANCES", 3)
    monkeypatch.setattr(looking, "BATCH", 2)
    monkeypatch.setattr(hearing, "BATCH", 2)
    monkeypatch.setattr(speaking, "BATCH", 2)
    monkeypatch.setattr(speaking, "HEADS", 1)
    monkeypatch.setattr(speaking, "PORTRAITS", 2)
    monkeypatch.setattr(settling, "PASSES", 1)
    monkeypatch.setattr("recipes.faces.TRAIN_IDENTITIES", TRAIN_IDENTITIES[:4])
    for name in ("one", "two"):
        recipe.train(run_in(tmp_path / name, 5))
    (tmp_path / "two" / "eat-speaking.ckpt").unlink()  # as a run has it that was stopped before that part
    recipe.train(run_in(tmp_path / "two", 5))
    one, two = (shipped.read(tmp_path / name / "eat.safetensors") for name in ("one", "two"))
    assert one[1] == two[1]
    assert all(torch.equal(tensor, two[0][name]) for name, tensor in one[0].items())
    eat = SHIPPED_EAT.load(tmp_path / "one" / "eat.safetensors")
    assert eat.networks.size == sizes.SIZE
    torch.testing.assert_close(eat.basis, expression.expressions().basis, rtol=0, atol=0)
    assert os.path.getsize(tmp_path / "one" / "eat.safetensors") < 3_010_000  # with FLOAT's it stays under 6 MB


def test_a_generator_whose_training_dies_beside_the_rest_is_told(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="exit code 1"), recipe._beside({}, workers=1):
        pass
