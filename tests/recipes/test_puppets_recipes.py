"""Recipes of the demo weights: what they may see, what codes mean, and that the shipped generator does what it says."""

from __future__ import annotations

import errno
import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.puppets.affect import EXTENDED_EMOTIONS, LEVELS, affect_point
from datasets.puppets.identity import TEST_IDENTITIES, TRAIN_IDENTITIES
from datasets.puppets.motion import SPAN, pose_track
from harness.emotions import BASIC_EMOTIONS
from harness.errors import MissingError
from networks.edtalk.files import SHIPPED_GENERATOR, shipped_expression_codes
from networks.edtalk.generator import Codes
from networks.files import shipped
from recipes import PRESETS
from recipes import connector as connector_recipe
from recipes import generator as generator_recipe
from recipes import speech as speech_recipe
from recipes.alphabet import Alphabet, code_loss
from recipes.drawing import picture_loss
from recipes.faces import EACH, POSE_SPAN, Lessons, PictureState, as_input, pictures, random_states
from recipes.recipe_run import RecipeRun, drawn
from recipes.speech import CLEARANCE, free_mood

pytestmark = pytest.mark.slow


def one_puppet(who: int, affect: np.ndarray, opened: float = 0.1) -> PictureState:
    return PictureState(
        np.array([who]), np.zeros((1, 6)), np.array([[opened, 0.0]]), np.asarray(affect)[None], np.zeros(1, np.int64)
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_names_a_function(preset: str) -> None:
    module, function = PRESETS[preset].split(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_a_course_seeds_what_layers_draw_and_leaves_torch_as_it_was() -> None:
    before = torch.get_rng_state()
    with RecipeRun(Path(), 3, print).seeded():
        drawn_inside = torch.rand(4)
    assert torch.equal(drawn_inside, torch.rand(4, generator=torch.Generator().manual_seed(3)))
    assert torch.equal(torch.get_rng_state(), before)


def test_training_states_are_training_puppets_in_basic_moods() -> None:
    state = random_states(np.random.default_rng(1), 4000)
    assert set(state.who) <= set(TRAIN_IDENTITIES)
    assert not set(state.who) & set(TEST_IDENTITIES)
    extended = np.stack([affect_point(name, level) for name in EXTENDED_EMOTIONS for level in LEVELS])
    nearest = np.linalg.norm(state.affect[:, None] - extended, axis=2).min(1)
    basic = np.stack([affect_point(name) for name in BASIC_EMOTIONS])[state.emotion]
    along = np.clip((state.affect * basic).sum(1) / np.maximum((basic**2).sum(1), 1e-9), 0, 1.2)
    from_ray = np.linalg.norm(state.affect - along[:, None] * basic, axis=1)
    assert np.quantile(from_ray, 0.99) < 0.5  # an actor's variation, not a mixture
    assert (nearest < 0.1).mean() < 0.005


def test_free_moods_keep_clear_of_extended_emotions_and_inside_the_basic_ones() -> None:
    rng = np.random.default_rng(2)
    moods = np.stack([free_mood(rng) for _ in range(2000)])
    extended = np.stack([affect_point(name, level) for name in EXTENDED_EMOTIONS for level in LEVELS])
    basic = np.stack([affect_point(name) for name in BASIC_EMOTIONS])
    assert np.linalg.norm(moods[:, None] - extended, axis=2).min() >= CLEARANCE
    assert (moods >= basic.min(0)).all()
    assert (moods <= basic.max(0)).all()
    assert moods.std(0).min() > 0.2  # they do spread


def test_the_speech_encoder_hears_named_emotions_and_nameless_moods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech_recipe, "FRAMES", 2)
    spoken = [speech_recipe.TrainingSpeaker(1)(number) for number in range(20)]
    for one in spoken:
        nameless = one.label == speech_recipe.NAMELESS
        names = EXTENDED_EMOTIONS if nameless else (BASIC_EMOTIONS[one.label],)
        nearest = min(np.linalg.norm(affect_point(name, level) - one.affect) for name in names for level in LEVELS)
        assert nearest >= CLEARANCE if nameless else nearest < 6 * speech_recipe.JITTER
    assert 0 < sum(one.label == speech_recipe.NAMELESS for one in spoken) < 20


def test_the_connector_hears_one_voice_change_its_emotion_and_not_its_speaker() -> None:
    """Voices that differ by who speaks alone, and takes that are alike: differences hold the emotions' only."""
    offsets, rng = np.random.default_rng(0).normal(size=(64, 1, 4)) * 100, np.random.default_rng(1)
    means = {manner: np.full(4, 8.0 * place) for place, manner in enumerate(connector_recipe.MANNERS)}
    vectors = {manner: (offsets + mean).repeat(3, 1) for manner, mean in means.items()}
    bank = connector_recipe.Bank(vectors, np.zeros((1, 1, 4), np.float32), np.zeros((1, 5)))
    happy = BASIC_EMOTIONS.index("happy")
    for level in LEVELS:
        expected = means[happy, level] - means[connector_recipe.NEUTRAL, 1]
        assert bank.difference(connector_recipe.NEUTRAL, happy, level, rng) == pytest.approx(expected)


def test_what_a_voice_does_to_all_its_moods_alike_does_not_count_as_a_mood() -> None:
    """The loss between moods of a voice has the speech encoder tell them apart as an edit hears them: by difference."""
    numbers = speech_recipe.batch(np.random.default_rng(6)).reshape(-1, speech_recipe.TOGETHER)
    assert (numbers % len(TRAIN_IDENTITIES) == numbers[:, :1] % len(TRAIN_IDENTITIES)).all()
    assert set(numbers.flat) <= set(range(speech_recipe.VOICES * speech_recipe.TAKES))
    noise = torch.randn(speech_recipe.BATCH, 5, generator=torch.Generator().manual_seed(0))
    bias = torch.arange(len(numbers)).repeat_interleave(speech_recipe.TOGETHER)[:, None]
    felt, within = speech_recipe.affect_losses(noise + bias)
    assert float(within) == pytest.approx(float(speech_recipe.affect_losses(noise)[1]), rel=1e-4)
    variance = noise.reshape(len(numbers), speech_recipe.TOGETHER, 5).var(1).mean()  # unbiased
    assert float(within) == pytest.approx(float(variance), rel=1e-4)
    assert float(felt) == pytest.approx(float((noise + bias).square().mean()), rel=1e-4)


def test_the_decoder_begins_slowly_when_drawing_begins() -> None:
    """At its full rate from the first picture on, it fell into one grey picture and never left it."""
    trainer, first = generator_recipe.build(1), 480
    decoder = []
    for number in (first, first + 1, first + generator_recipe.DRAWING_WARM_STEPS):
        trainer.set_rate(1.0, generator_recipe.drawing_warmth(number, first))
        encoder, chain, rate = (group["lr"] for group in trainer.optimiser.param_groups)
        assert (encoder, chain) == (generator_recipe.ENCODER_RATE, generator_recipe.CHAIN_RATE)
        decoder.append(rate / generator_recipe.DECODER_RATE)
    assert decoder == pytest.approx([1 / 200, 2 / 200, 1.0])


def test_clips_stay_inside_what_training_shows() -> None:
    assert (POSE_SPAN[:5] >= SPAN).all()
    for seed in range(20):
        assert (np.abs(pose_track(60, (seed,))) <= POSE_SPAN + 1e-9).all()


def test_codes_are_linear_in_what_they_mean_and_exact_codes_cost_nothing() -> None:
    alphabet, state = Alphabet(), random_states(np.random.default_rng(2), 12)
    codes = alphabet.codes(state)
    assert (codes.exp.shape, codes.pose.shape, codes.lip.shape) == ((12, 10), (12, 6), (12, 20))
    assert torch.allclose(codes.exp.norm(dim=1), torch.from_numpy(2.5 * np.linalg.norm(state.affect, axis=1)).float())
    assert float(code_loss(codes, codes, 0.5, 4)) == 0.0
    shifted = Codes(codes.exp + 1.0, codes.pose, codes.lip)  # the same error for every picture of a puppet
    assert float(code_loss(shifted, codes, 0.0, 4)) == pytest.approx(0.0, abs=1e-10)
    assert float(code_loss(shifted, codes, 0.5, 4)) > 0.5


def test_a_lesson_is_the_same_whoever_draws_it() -> None:
    plan = Lessons(1, 16, codes_only=2)
    alone, parallel = (list(drawn(plan, 4, workers, first=1)) for workers in (0, 1))
    assert [lesson.goals is None for lesson in alone] == [True, False, False]
    for one, other in zip(alone, parallel, strict=True):
        assert np.array_equal(one.sources, other.sources)
        assert one.seed == other.seed
    lesson = alone[1]
    assert lesson.goals is not None
    assert not np.array_equal(lesson.sources, alone[2].sources)
    assert (lesson.state.who.reshape(-1, EACH) == lesson.state.who.reshape(-1, EACH)[:, :1]).all()
    who, exp, lip, pose = (part[:1] for part in lesson.shuffle)
    state = lesson.state
    goal = PictureState(state.who[who], state.pose[pose], state.lip[lip], state.affect[exp], state.emotion[exp])
    assert torch.equal(as_input(lesson.goals[:1], "cpu"), pictures(goal, 16))


@pytest.mark.parametrize("preset", ["demo-audio2lip", "demo-speech", "demo-connector"])
def test_a_recipe_gives_the_same_file_twice(preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function = PRESETS[preset].split(":")
    recipe = importlib.import_module(module)
    if preset == "demo-connector":
        monkeypatch.setattr(recipe, "TRAIN_IDENTITIES", TRAIN_IDENTITIES[:2])
        monkeypatch.setattr(recipe, "TAKES", 1)
        monkeypatch.setattr(recipe, "MOODS", 4)
    else:
        monkeypatch.setattr(recipe, *{"demo-speech": ("TAKES", 1), "demo-audio2lip": ("UTTERANCES", 80)}[preset])
    for name in ("one", "two"):
        getattr(recipe, function)(RecipeRun(tmp_path / name, 3, lambda _: None, steps=2))
    one, two = (shipped.read(next((tmp_path / name).glob("*.safetensors"))) for name in ("one", "two"))
    assert one[1] == two[1]
    assert all(torch.equal(tensor, two[0][name]) for name, tensor in one[0].items())


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, module = tmp_path / "net.safetensors", torch.nn.Linear(2, 2)
    shipped.store(path, module, {}, {})
    before = path.read_bytes()

    def full(_: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(MissingError, match="disk is full"):
        shipped.store(path, module, {}, {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_picture_loss_asks_for_the_change() -> None:
    source, true = (torch.zeros(1, 3, 32, 32) for _ in range(2))
    true[:, :, 10:14, 10:14] = 1.0
    wrong = source.clone()
    wrong[:, :, 20:24, 20:24] = 0.5
    assert float(picture_loss(true, true, source)) == 0.0
    assert float(picture_loss(source, true, source)) > float(picture_loss(true + wrong, true, source)) > 0.0


@torch.no_grad()
def test_the_shipped_generator_puts_expressions_on_strangers() -> None:
    generator, alphabet = SHIPPED_GENERATOR.load(), Alphabet()
    stored = {name: torch.from_numpy(code) for name, code in shipped_expression_codes().items()}
    assert set(stored) == set(BASIC_EMOTIONS)
    closer = []
    for who, emotion in zip(range(64, 128, 8), (*BASIC_EMOTIONS[:5], *BASIC_EMOTIONS[6:], "happy"), strict=True):
        calm, felt = one_puppet(who, np.zeros(5)), one_puppet(who, affect_point(emotion))
        source, truth = pictures(calm, generator.size), pictures(felt, generator.size)
        found, exact = generator.encode(source), alphabet.codes(felt)
        made = generator.render(found, found.lip, found.pose, stored[emotion]).clamp(-1, 1)
        kept = generator.render(found, found.lip, found.pose, found.exp).clamp(-1, 1)
        face = (..., slice(40, 104), slice(36, 92))  # brows to chin
        closer.append(float((made - truth)[face].abs().mean()) < float((kept - truth)[face].abs().mean()))
        assert float((stored[emotion] - exact.exp).norm() / exact.exp.norm()) < 0.6
    assert sum(closer) >= 7
