"""Laws of the built-in corpus: determinism, the frozen list, disjoint identities, mouths that follow the sound."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from datasets.puppets import affect, dataset
from datasets.puppets.affect import EXTENDED_EMOTIONS, LEVELS, POINTS, affect_point, nearest_basic
from datasets.puppets.face import render
from datasets.puppets.identity import TEST_IDENTITIES, TRAIN_IDENTITIES, identity
from datasets.puppets.voice import speak
from harness.emotions import BASIC_EMOTIONS
from harness.errors import UsageError
from harness.media import probe, read_audio, read_image
from tests.places import GOLDEN

STILL = np.zeros(6)
MOUTH = np.array([0.2, 0.0])


def test_the_same_seed_draws_and_says_the_same() -> None:
    happy = affect_point("happy")
    assert np.array_equal(render(70, STILL, MOUTH, happy), render(70, STILL, MOUTH, happy))
    first, second = (speak(70, happy, 20, (1, 2)) for _ in range(2))
    assert np.array_equal(first.sound, second.sound)
    assert np.array_equal(first.lips(), second.lips())
    assert identity(70) == identity(70) != identity(71)


def test_every_input_of_a_face_shows() -> None:
    base = render(70, STILL, MOUTH, affect_point("neutral")).astype(int)
    assert base.shape == (256, 256, 3)
    for field in range(6):
        pose = STILL.copy()
        pose[field] = 1.0 if field == 5 else 5.0
        assert np.abs(render(70, pose, MOUTH, affect_point("neutral")) - base).max() > 60, field
    for lip in ((0.9, 0.0), (0.2, 1.0)):
        assert np.abs(render(70, STILL, np.array(lip), affect_point("neutral")) - base).max() > 60
    for name in POINTS:
        if name != "neutral":
            assert np.abs(render(70, STILL, MOUTH, affect_point(name)) - base).max() > 60, name


def test_intensity_levels_grow() -> None:
    base = render(70, STILL, MOUTH, affect_point("neutral")).astype(int)
    for name in ("angry", "happy", "sad"):
        change = [np.abs(render(70, STILL, MOUTH, affect_point(name, level)) - base).mean() for level in LEVELS]
        assert change == sorted(change)


@pytest.mark.parametrize("size", [64, 128, 256, 320])
def test_any_size(size: int) -> None:
    frame = render(66, STILL, MOUTH, affect_point("fear"), size)
    assert frame.shape == (size, size, 3)
    assert frame.dtype == np.uint8


def loudness(sound: np.ndarray, frames: int) -> np.ndarray:
    return np.sqrt((sound.reshape(frames, -1) ** 2).mean(1))


@pytest.mark.parametrize("planted", [0, 3, -4, 5, -5])
def test_the_mouth_follows_the_sound_at_the_planted_offset(planted: int) -> None:
    span = 7
    for seed in range(6):
        said = speak(64 + seed, affect_point(BASIC_EMOTIONS[seed]), 60, (7, seed))
        mouth, loud = said.lips(planted)[:, 0], loudness(said.sound, 60)
        middle = slice(span, 60 - span)
        score = [np.corrcoef(mouth[span + d : 60 - span + d], loud[middle])[0, 1] for d in range(-span, span + 1)]
        assert int(np.argmax(score)) - span == planted


def test_emotion_is_heard() -> None:
    def measured(name: str) -> tuple[float, float]:
        sound = speak(65, affect_point(name), 50, (8, 1)).sound
        spectrum = np.abs(np.fft.rfft(sound)) ** 2
        hertz = np.fft.rfftfreq(len(sound), 1 / 16000)
        return float(np.sqrt((sound**2).mean())), float(spectrum[hertz > 1200].sum() / spectrum.sum())

    (angry, bright), (neutral, plain), (sad, _) = measured("angry"), measured("neutral"), measured("sad")
    assert angry > 1.5 * neutral > 1.5 * 1.5 * sad
    assert bright > 1.5 * plain


def test_points_are_well_separated_and_extended_ones_lie_apart_from_every_basic_ray() -> None:
    basic = {name: np.array(POINTS[name]) for name in BASIC_EMOTIONS}
    for first in basic:
        for second in basic:
            assert first == second or np.linalg.norm(basic[first] - basic[second]) > 0.9
    assert len(EXTENDED_EMOTIONS) >= 3
    for name in EXTENDED_EMOTIONS:
        point = np.array(POINTS[name])
        for strength in np.linspace(0, 1.2, 25):
            for other in basic.values():
                assert np.linalg.norm(point - strength * other) > 0.75, name


@pytest.mark.parametrize(("name", "count"), [("puppets_test_v1", 12), ("puppets_test_v2", 48)])
def test_training_and_test_puppets_are_different_people(name: str, count: int) -> None:
    assert not set(TRAIN_IDENTITIES) & set(TEST_IDENTITIES)
    rows = dataset.read_list(name)
    people = {row.identity for row in rows} | {v for row in rows for v in (*row.voices, row.actor)}
    assert people <= set(TEST_IDENTITIES)
    assert len({row.identity for row in rows}) == count
    for row in rows:
        assert row.identity not in (*row.voices, row.actor)


def test_the_default_list_has_many_people_and_clashes_with_no_file_of_the_other() -> None:
    rows, before = (dataset.read_list(name) for name in ("puppets_test_v2", "puppets_test_v1"))
    assert dataset.Puppets(Path("nowhere")).list_name == dataset.DEFAULT_LIST == "puppets_test_v2"
    assert len(rows) == len({row.id for row in rows}) == 96
    assert not {row.id for row in rows} & {row.id for row in before}
    for person in {row.identity for row in rows}:
        extended, basic = (row for row in rows if row.identity == person)
        assert extended.emotion in EXTENDED_EMOTIONS
        assert basic.emotion not in (*EXTENDED_EMOTIONS, nearest_basic(extended.emotion, extended.intensity))
    often = Counter(row.emotion for row in rows)
    assert {often[name] for name in EXTENDED_EMOTIONS} == {12}
    assert {often[name] for name in POINTS if name not in (*EXTENDED_EMOTIONS, "neutral")} == {6, 7}


def test_the_first_list_is_balanced_and_frozen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = dataset.read_list("puppets_test_v1")
    assert len(rows) == len({row.id for row in rows}) == 66
    for emotion in (*(name for name in POINTS if name != "neutral"),):
        assert sum(row.emotion == emotion for row in rows) == 6
    original = Path(dataset.__file__).parents[1] / "lists" / "puppets_test_v1.json"
    assert hashlib.sha256(original.read_bytes()).hexdigest() == dataset.LISTS["puppets_test_v1"]
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / original.name).write_bytes(original.read_bytes().replace(b"p064", b"p065", 1))
    monkeypatch.setattr(dataset, "FOLDER", tmp_path / "lists")
    with pytest.raises(UsageError, match="was changed"):
        dataset.read_list("puppets_test_v1")
    with pytest.raises(UsageError, match="Did you mean"):
        dataset.read_list("puppets_test_v")


@pytest.mark.slow
def test_samples_are_cheap_and_materialise_makes_exactly_their_files(tmp_path: Path) -> None:
    corpus = dataset.Puppets(tmp_path)
    samples = corpus.samples()
    assert not any(tmp_path.iterdir())
    sample = next(s for s in samples if not s.emotion.basic)
    corpus.materialise(sample)
    wanted = {
        sample.source_image, sample.source_video, sample.driving_audio, sample.reference_video,
        sample.emotion.image, sample.emotion.clip, *sample.emotion.speech, *sample.emotion.neutral_speech,
    }  # fmt: skip
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert set(made) == wanted
    corpus.materialise(sample)
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert sample.emotion.label_is == "pseudo"
    assert sample.emotion.label in BASIC_EMOTIONS
    assert read_image(sample.source_image).shape == (256, 256, 3)
    assert len(read_audio(sample.driving_audio).samples) == sample.frames * 640
    assert sample.reference_video is not None
    facts = probe(sample.reference_video)
    assert (facts.width, facts.height, facts.fps, facts.frames) == (256, 256, 25.0, sample.frames)
    assert sample.source_video is not None
    assert probe(sample.source_video).frames >= max(s.frames for s in samples)
    assert all(read_audio(path).samples.std() > 0.003 for path in sample.emotion.speech)


def test_the_truth_moves_like_the_neutral_clip(tmp_path: Path) -> None:
    from datasets.puppets.files import neutral_pose

    assert np.array_equal(neutral_pose(64, 52)[:48], neutral_pose(64, 48))


@pytest.mark.slow
def test_mtcnn_finds_every_face() -> None:
    from evaluators.faces.mtcnn import detector

    rng = np.random.default_rng(4)
    span = np.array([7.5, 4.5, 4.5, 4.0, 3.0])
    frames = []
    for number in range(32):
        pose = np.append(rng.uniform(-1, 1, 5) * span, rng.random() < 0.15)
        mouth = np.array([rng.uniform(), rng.uniform(-1, 1)])
        frames.append(render(2 * number + number % 2, pose, mouth, affect_point(list(POINTS)[number % len(POINTS)])))
    found = detector().detect(np.stack(frames))
    assert [len(faces) for faces in found] == [1] * 32
    assert min(float(faces.probs[0]) for faces in found) > 0.9


def test_nearest_basic_is_what_a_voice_suggests() -> None:
    assert [affect.nearest_basic(name) for name in BASIC_EMOTIONS] == list(BASIC_EMOTIONS)


def drawn() -> dict[str, np.ndarray]:
    """A few small frames and stretches of sound: what VERSION names."""
    frames = [render(person, STILL, MOUTH, affect_point(name), 64) for person, name in CASES]
    sounds = [speak(person, affect_point(name), 6, (1, 2)).sound for person, name in CASES]
    return {"frames": np.stack(frames), "sounds": np.stack(sounds).astype(np.float32)}


CASES = ((66, "happy"), (70, "angry"), (81, "sarcastic"))


def test_what_is_drawn_and_spoken_is_what_the_version_names() -> None:
    """If this fails by intention: raise puppets.VERSION and write the golden again (tests/golden/README.md)."""
    golden, found = np.load(GOLDEN / "puppets.npz"), drawn()
    assert int(golden["version"]) == dataset.VERSION
    assert np.abs(found["frames"].astype(int) - golden["frames"]).max() <= 1
    assert np.abs(found["sounds"] - golden["sounds"].astype(np.float32)).max() < 2e-3
