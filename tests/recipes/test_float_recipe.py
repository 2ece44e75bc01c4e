"""The recipe of the demo FLOAT: what its motion means, what it may hear, that parts go on where they stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.motion import pose_track
from networks.edtalk.files import SHIPPED_GENERATOR
from networks.files import shipped
from networks.float.autoencoder import MotionAutoencoder
from networks.float.conditions import EMOTIONS, AudioEncoder, normalised
from networks.float.files import SHIPPED_FLOAT
from networks.float.sampler import Guidance
from networks.float.transformer import Conditions, FlowTransformer
from networks.float.wav2vec2 import EmotionRecogniser
from recipes import held_out_float, part
from recipes.alphabet import Alphabet
from recipes.faces import pictures, random_states
from recipes.float import hearing, motion, painters, portraits, recipe, space, utterances
from recipes.held_out_float import posed
from recipes.recipe_run import RecipeRun

pytestmark = pytest.mark.slow

torch.set_num_threads(1)


def run_in(folder: Path, steps: int) -> RecipeRun:
    return RecipeRun(folder, 3, lambda _: None, steps=steps)


def test_motion_has_one_axis_for_each_parameter_and_means_what_the_codes_mean() -> None:
    state, axes = random_states(np.random.default_rng(1), 8), Alphabet().axes()
    assert torch.allclose(axes.T @ axes, torch.eye(13), atol=1e-5)
    codes, motions = Alphabet().codes(state), space.MotionAlphabet().motion(state)
    assert torch.allclose(motions[:, :13] @ axes.T, torch.cat((codes.lip, codes.pose, codes.exp), 1), atol=1e-5)
    assert not motions[:, 13:].any()


@torch.no_grad()
def test_the_start_reads_and_moves_faces_as_the_shipped_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(space, "_SEEN", 48)
    monkeypatch.setattr("recipes.faces.TRAIN_IDENTITIES", TRAIN_IDENTITIES[:4])
    autoencoder, generator = space.start().eval(), SHIPPED_GENERATOR.load()
    state = random_states(np.random.default_rng(2), 4, people=range(2))
    shown, alphabet = pictures(state, space.SIZE), space.MotionAlphabet()
    s_r, maps = autoencoder.enc(shown)
    theirs = generator.encode(shown)
    read = autoencoder.motion(autoencoder.coefficients(s_r))[:, :13] @ Alphabet().axes().T
    assert torch.allclose(read, torch.cat((theirs.lip, theirs.pose, theirs.exp), 1) @ _projector(), atol=1e-3)
    exact = Alphabet().codes(state)
    moved, _ = generator.motion(exact.lip, exact.pose, exact.exp)
    plain = generator.dec(theirs.wa + moved, _without_expression(generator, theirs.features))
    ours = autoencoder.dec(s_r + alphabet.motion(state), maps)
    assert float((ours - plain).abs().mean()) < 0.5 * float((plain - shown).abs().mean())


def _projector() -> Tensor:
    """Onto what codes of puppets can be."""
    axes = Alphabet().axes()
    return axes @ axes.T


def _without_expression(generator: nn.Module, features: list[Tensor]) -> object:
    generator.dec.expression = False  # type: ignore[union-attr, assignment]
    return generator.dec.held(features)  # type: ignore[operator, union-attr]


@torch.no_grad()
def test_sounds_in_a_batch_are_heard_as_each_alone() -> None:
    waves = torch.randn(3, 640 * 20, generator=torch.Generator().manual_seed(0))
    sound = torch.stack([normalised(wave) for wave in waves])
    audio = AudioEncoder(hearing.AUDIO, space.STYLE)
    alone = torch.cat([audio(wave, 20) for wave in sound])
    assert torch.allclose(hearing.heard(audio, sound, 20), alone, atol=1e-4)
    recogniser = EmotionRecogniser(hearing.EMOTION, len(EMOTIONS))
    names = recogniser.classifier.out_proj(hearing.felt(recogniser, sound))
    assert torch.allclose(names, torch.cat([recogniser(wave) for wave in sound]), atol=1e-4)


def test_voices_are_training_puppets_in_floats_emotions_and_silence_is_no_window() -> None:
    voices = utterances.TrainingVoices(1)
    said = [voices(number) for number in range(12)]
    assert len({one.label for one in said}) > 2
    assert all(
        one.wave.shape == (utterances.FRAMES * 640,) and one.lips.shape == (utterances.FRAMES, 2) for one in said
    )
    assert np.array_equal(voices(3).wave, said[3].wave)
    part_of = hearing.window(torch.from_numpy(np.stack([one.wave for one in said])), 10, 40)
    assert part_of.shape == (12, 40 * 640)
    assert torch.allclose(part_of.std(1, unbiased=False), torch.ones(12), atol=1e-3)


class _Line(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))


def test_a_part_goes_on_where_it_stopped_as_if_it_never_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part, "SAVE_STEPS", 2)

    def trained(folder: Path, stop: int) -> tuple[Tensor, list[int]]:
        folder.mkdir(exist_ok=True)
        network, seen = _Line(), []

        def losses(number: int) -> dict[str, Tensor]:
            if number == stop:
                raise KeyboardInterrupt
            seen.append(number)
            goal = torch.randn(3, generator=torch.Generator().manual_seed(number))
            return {"loss": (network.weight - goal).square().sum()}

        course = part.Part("line", network, _Line(), [(list(network.parameters()), 0.1)])
        return course.train(run_in(folder, 7), losses).weight, seen

    whole, _ = trained(tmp_path / "whole", stop=-1)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", stop=5)
    resumed, seen = trained(tmp_path / "cut", stop=-1)
    assert seen == [4, 5, 6]
    assert torch.equal(resumed, whole)
    assert whole.abs().min() > 0


def few_utterances() -> utterances.Spoken:
    labels = torch.arange(14) % len(EMOTIONS)
    generator = torch.Generator().manual_seed(1)
    lips = torch.rand(14, utterances.FRAMES, 2, generator=generator)
    return utterances.Spoken(torch.zeros(14, 1), lips, labels, torch.zeros(14, 5))


def test_a_track_shows_the_told_emotion_and_the_mouth_of_its_sound() -> None:
    said = few_utterances()
    audio = torch.arange(14.0)[:, None, None].expand(-1, utterances.FRAMES, space.STYLE)
    made, sound, portrait, told = motion.Tracks(said, audio, space.MotionAlphabet()).case(np.random.default_rng(4))
    points = np.stack([affect_point(name) for name in EMOTIONS]) * 2.5
    felt = made[:, 0, 8:13].double().numpy()
    nearest = np.linalg.norm(felt[:, None] - points, axis=2).argmin(1)
    assert (nearest == told.argmax(1).numpy()).mean() > 0.9
    assert torch.allclose(told.sum(1), torch.ones(len(told)))
    assert 0 < int((told.max(1).values < 1).sum()) < len(told)  # by name, and with a doubt
    assert (made[:, :, 8:13].std(1) < 1e-4).all()  # one emotion a track
    number = sound[:, 0, 0].long()
    opened = (said.lips[number, :, 0] - 0.4) / 0.2
    assert torch.allclose(made[:, :, 0], opened, atol=1e-5)
    voice = said.labels[number]
    assert 0 < int((voice == told.argmax(1)).sum()) < len(told)  # the voice does not say the face
    assert portrait.shape == (motion.BATCH, space.STYLE)


def test_the_flow_is_the_way_from_noise_to_the_track_and_parts_of_it_are_silent() -> None:
    seen: list[Conditions] = []

    class Network(FlowTransformer):
        def forward(self, time: Tensor, track: Tensor, before: Tensor, given: Conditions) -> Tensor:
            seen.append(given)
            self.known = (time, track, before)
            return torch.cat((before, torch.zeros_like(track)), dim=1)

    network = Network(space.STYLE, 7, 8, 1, 1)
    shape = (motion.BATCH, utterances.FRAMES, space.STYLE)
    target, audio = torch.full(shape, 3.0), torch.ones(shape)
    case = (target, audio, torch.ones(shape[0], shape[2]), torch.ones(shape[0], 7))
    loss = motion.flow_loss(network, case, np.random.default_rng(0))
    assert float(loss) == pytest.approx(9.0 + 1.0, rel=0.05)  # a track of threes and noise of unit variance
    time, mixed, before = network.known
    noise = (mixed - time[:, None, None] * target[:, :50]) / (1 - time[:, None, None])
    assert abs(float(noise[time < 0.9].std()) - 1) < 0.05
    silent = ~seen[0].audio.flatten(1).any(1)
    quiet = ~seen[0].emotion.any(1)
    assert 0 < int(silent.sum()) < int(quiet.sum()) < len(quiet)
    assert (quiet | ~silent).all()  # without sound there is no emotion either
    assert seen[0].portrait.all()
    begun = before.flatten(1).any(1)
    assert 0 < int(begun.sum()) < len(begun)
    assert torch.equal(begun, seen[0].audio_before.flatten(1).any(1))


def test_the_recipe_gives_one_file_of_floats_networks_and_the_same_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(utterances, "UTTERANCES", 36)
    monkeypatch.setattr(portraits, "SOLVED_BY", 1)
    monkeypatch.setattr(space, "_SEEN", 48)
    monkeypatch.setattr(portraits, "TRAIN_IDENTITIES", TRAIN_IDENTITIES[:4])
    monkeypatch.setattr("recipes.faces.TRAIN_IDENTITIES", TRAIN_IDENTITIES[:4])
    for name in ("one", "two"):
        recipe.train(run_in(tmp_path / name, 4))
    one, two = (shipped.read(tmp_path / name / "float.safetensors") for name in ("one", "two"))
    assert one[1] == two[1]
    assert all(torch.equal(tensor, two[0][name]) for name, tensor in one[0].items())
    network = SHIPPED_FLOAT.load(tmp_path / "one" / "float.safetensors")
    assert network.motion_autoencoder.size == space.SIZE
    assert torch.equal(network.motion_autoencoder.dec.direction.weight, torch.eye(space.STYLE)[:, : space.MOTION])
    before = torch.load(tmp_path / "one" / "float-portraits.ckpt", weights_only=True)["average"]
    inside = {name: one[0][f"motion_autoencoder.{name}"] for name in before}
    moved = {name for name, tensor in before.items() if not torch.equal(tensor.half().float(), inside[name])}
    assert moved
    assert all(name.startswith("dec.") for name in moved)  # at full size the encoder stays


def test_a_lesson_of_portraits_is_the_same_whoever_draws_it() -> None:
    plan = portraits.PortraitLessons(1, 16, tag=52)
    one, other = plan(5), plan(5)
    assert np.array_equal(one.goals, other.goals)
    assert not np.array_equal(one.goals, plan(6).goals)
    assert np.array_equal(np.repeat(one.state.who, portraits.GOALS), one.goal.who)
    assert len(set(one.state.who)) == portraits.PEOPLE


@torch.no_grad()
def test_solved_painters_draw_what_warped_maps_can_show() -> None:
    """Pictures that are a sum of the warped maps are found again, whatever the painters were before."""
    widths = {4: 6, 8: 6, 16: 5}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MotionAutoencoder(16, 12, 4, widths)
        latent, maps = network.enc(torch.randn(5, 3, 16, 16))
        known = painters.joined(network, latent, maps)
        assert known.shape == (5, 6 + 5 + 1, 16, 16)
        true = torch.einsum("bcyx,cr->bryx", known, 0.2 * torch.randn(12, 3))
    before = float((network.dec(latent, maps) - true).abs().mean())
    painters.solve(network, [(latent, maps, true, torch.ones(5, 1, 16, 16))])
    assert float((network.dec(latent, maps) - true).abs().mean()) < 0.02 * before


@torch.no_grad()
def test_the_shipped_float_shows_what_it_is_told_and_speaks_with_the_sound(tmp_path: Path) -> None:
    networks, alphabet = SHIPPED_FLOAT.load(), space.MotionAlphabet()
    studio = held_out_float.Studio(tmp_path, networks, alphabet)
    points = np.stack([affect_point(name) for name in EMOTIONS]) * 2.5
    for who, name in zip(range(65, 128, 9), EMOTIONS, strict=True):
        made = studio.imagined(who, name, Guidance())
        assert made.shape == (held_out_float.FRAMES, space.STYLE)
        felt = made[:, 8:13].mean(0).double().numpy()
        assert EMOTIONS[int(np.linalg.norm(points - felt, axis=1).argmin())] == name
        opened = torch.from_numpy(held_out_float.said_by(who).lips()[:, 0]).float()
        assert float(torch.corrcoef(torch.stack((made[:, 0], opened)))[0, 1]) > 0.9
        source, exact = studio.source(who), studio.exact(who, name)[24:25]
        pose = pose_track(held_out_float.FRAMES, (92, who))[24:25]
        truth = pictures(posed(who, pose, held_out_float.said_by(who).lips()[24:25], affect_point(name, 3)), space.SIZE)
        drawn = networks.motion_autoencoder.decode(networks.motion_autoencoder.portrait(source), exact)
        face = (..., slice(40, 104), slice(36, 92))  # brows to chin
        assert float((drawn - truth)[face].abs().mean()) < float((source - truth)[face].abs().mean())
