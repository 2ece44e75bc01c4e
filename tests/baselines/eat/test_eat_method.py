"""The contestant `eat` at small widths: lanes, options, noise, length, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from baselines import METHODS
from baselines.conformance import check_method
from baselines.eat.method import Eat
from harness import registry
from harness.errors import UsageError
from harness.lanes import unsupported
from harness.media import VideoWriter, write_wav
from harness.records import Clip, Emotion, Failed, Lane, Request, Sample, strip_to_lane
from harness.worker import ask
from networks.eat.mapping import EMOTIONS
from tests.kept_frames import KeptFrames
from tests.media_samples import voice
from tests.small_eat import SMALL, brief_puppets

pytestmark = pytest.mark.slow

torch.set_num_threads(1)
FRAMES = 2


class SmallEat(Eat):
    widths = SMALL


@pytest.fixture
def method(files: Any) -> Callable[..., Eat]:
    """Makes a loaded small EAT with options."""

    def made(**options: str) -> Eat:
        loaded = SmallEat(options, "cpu")
        loaded.load()
        return loaded

    return made


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a picture, a pose clip and sounds."""
    folder, rng = tmp_path_factory.mktemp("given"), np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / "face.png")
    Image.fromarray(rng.integers(0, 255, (300, 400, 3), dtype=np.uint8)).save(folder / "wide.png")
    write_wav(folder / "driving.wav", voice(10 / 25))
    write_wav(folder / "said.wav", voice(0.5, seed=2))
    for name, size in (("pose", (64, 64)), ("wide", (96, 320))):
        with_frames(folder / f"{name}.mp4", rng.integers(0, 255, (4, *size, 3), dtype=np.uint8))
    return folder


def with_frames(path: Path, frames: npt.NDArray[np.uint8]) -> None:
    writer = VideoWriter(path, frames.shape[2], frames.shape[1])
    for frame in frames:
        writer.write(frame)
    writer.close()


@pytest.fixture
def request_of(given: Path) -> Callable[..., Request]:
    """A request in a lane, for a square picture of noise, a pose clip of four frames and a voice."""

    def made(lane: Lane = "label", label: str | None = "happy", frames: int = FRAMES, **changes: Any) -> Request:
        told = replace(Emotion(label or "", label, speech=(given / "said.wav",)), **changes)
        return Request(
            "s", "who", strip_to_lane(told, lane), given / "face.png", given / "driving.wav", frames, 25, 11, lane,
            pose_video=given / "pose.mp4",
        )  # fmt: skip

    return made


def _frames(method: Eat, request: Request) -> npt.NDArray[np.uint8]:
    out = KeptFrames()
    made = method.generate(request, out)
    assert isinstance(made, Clip), made
    return np.stack(out.frames)


def test_the_registry_knows_it_and_its_facts_are_those_of_the_networks() -> None:
    assert registry.load(METHODS["eat"]) is Eat
    assert Eat.labels == EMOTIONS
    assert (Eat.pose, Eat.size, Eat.stochastic) == ("clip", 256, True)


def test_a_clip_repeats_and_everything_given_is_seen(
    method: Callable[..., Eat], request_of: Callable[..., Request], given: Path, tmp_path: Path
) -> None:
    eat, asked = method(), request_of()
    first = _frames(eat, asked)
    assert first.shape == (FRAMES, 256, 256, 3)
    assert first.dtype == np.uint8
    assert not np.array_equal(first[0], first[1])
    assert np.array_equal(first, _frames(eat, asked))
    write_wav(tmp_path / "silent.wav", np.zeros(6400, dtype=np.float32))
    with_frames(tmp_path / "still.mp4", np.full((6, 64, 64, 3), 99, np.uint8))
    for changed in (
        request_of(label="angry"),
        replace(asked, seed=12),
        replace(asked, driving_audio=tmp_path / "silent.wav"),
        replace(asked, pose_video=tmp_path / "still.mp4"),
        replace(asked, source_image=_mirrored(given)),
    ):
        assert not np.array_equal(first, _frames(eat, changed)), changed


def _mirrored(given: Path) -> Path:
    path = given / "mirrored.png"
    Image.fromarray(np.array(Image.open(given / "face.png"))[:, ::-1]).save(path)
    return path


def test_a_seed_may_be_chosen(method: Callable[..., Eat], request_of: Callable[..., Request]) -> None:
    chosen = method(seed="12")
    assert np.array_equal(_frames(chosen, request_of(frames=2)), _frames(chosen, replace(request_of(frames=2), seed=3)))


def test_the_record_of_a_clip(method: Callable[..., Eat], request_of: Callable[..., Request]) -> None:
    made = method().generate(request_of(frames=2), KeptFrames())
    assert isinstance(made, Clip)
    assert (made.used, made.label) == ("label", "happy")
    assert made.notes.split("; ") == ["crop: none", "pose clip's crop: none", "pose pictures: cv4.11", "seed: 11"]


def test_batches_do_not_change_frames(
    method: Callable[..., Eat], request_of: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU several frames are made at a time: the same ones, but for the last bits."""
    eat = method()
    one = _frames(eat, request_of())
    monkeypatch.setattr("networks.eat.speaker.batch", lambda *_: 2)
    assert np.abs(_frames(eat, request_of()).astype(int) - one).max() <= 1


@pytest.mark.parametrize(("lane", "used"), [("label", "label"), ("reference", "label"), ("as-published", "label")])
def test_each_lane_with_a_label_tells_it(
    method: Callable[..., Eat], request_of: Callable[..., Request], lane: Lane, used: str
) -> None:
    made = method().generate(request_of(lane, frames=2), KeptFrames())
    assert isinstance(made, Clip)
    assert (made.used, made.label) == (used, "happy")


class _Recogniser:
    """Hears anger in everything."""

    def scores(self, waves: list[Any]) -> tuple[list[str], np.ndarray]:
        return ["angry", "happy"], np.tile([[0.8, 0.2]], (len(waves), 1))


def test_in_lane_speech_a_recogniser_tells_the_label(
    method: Callable[..., Eat], request_of: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baselines.eat.method.SpeechFeatures.of", lambda *_, **__: _Recogniser())
    eat, out = method(), KeptFrames()
    made = eat.generate(request_of("speech", frames=2), out)
    assert isinstance(made, Clip)
    assert (made.used, made.label) == ("label", "angry")
    assert made.notes.startswith("label heard in the speech: angry; ")
    assert np.array_equal(np.stack(out.frames), _frames(eat, request_of(label="angry", frames=2)))


def test_without_the_recogniser_lane_speech_is_unavailable(
    method: Callable[..., Eat], request_of: Callable[..., Request]
) -> None:
    made = method().generate(request_of("speech"), KeptFrames())
    assert isinstance(made, Failed)
    assert made.kind == "unavailable"
    assert "EAT takes labels alone" in made.reason
    assert "--lane label" in made.cure


def test_what_it_cannot_take_is_refused_in_words(
    method: Callable[..., Eat], request_of: Callable[..., Request], tmp_path: Path
) -> None:
    eat = method()
    cases = [
        (request_of(label="envious"), "does not know the label 'envious'"),
        (request_of(label=None), "neither as a label nor as recorded utterances"),
        (replace(request_of(), pose_video=None), "takes the head motion from a clip"),
    ]
    for request, sentence in cases:
        out = KeptFrames()
        made = eat.generate(request, out)
        assert isinstance(made, Failed)
        assert made.kind == "unsupported"
        assert sentence in made.reason
        assert not out.frames
    write_wav(tmp_path / "short.wav", voice(0.05))
    made = ask(eat, replace(request_of(), driving_audio=tmp_path / "short.wav"), tmp_path / "a.mp4")
    assert isinstance(made, Failed)
    assert (made.kind, made.reason) == ("bad-input", "the sound has 800 samples, and EAT needs 1025 (64 ms)")


def test_the_ends_may_do_without_stored_speech(
    method: Callable[..., Eat], request_of: Callable[..., Request], files: Any
) -> None:
    stored = _frames(method(), request_of())
    files["eat-pad"].unlink()
    eat, out = method(ends="nearest"), KeptFrames()
    made = eat.generate(request_of(), out)
    assert isinstance(made, Clip)
    assert made.notes.endswith("ends: nearest")
    assert "eat-pad" not in eat.weights()
    assert not np.array_equal(stored, np.stack(out.frames))


def test_options_narrow_where_the_emotion_comes_from(
    method: Callable[..., Eat], request_of: Callable[..., Request]
) -> None:
    made = method(emotion="speech").generate(request_of(speech=()), KeptFrames())
    assert isinstance(made, Failed)
    assert "not as recorded utterances" in made.reason
    made = method(emotion="label").generate(request_of("speech"), KeptFrames())
    assert isinstance(made, Failed)
    assert "not as a label" in made.reason


def test_an_extended_emotion_is_unsupported_beforehand(
    method: Callable[..., Eat], request_of: Callable[..., Request]
) -> None:
    asked = request_of()
    sample = Sample(
        "s", "d", "who", Emotion("envious"), asked.source_image, asked.driving_audio, FRAMES,
    )  # fmt: skip
    refusal = unsupported(method(), sample, "label")
    assert refusal is not None
    assert "label or speech" in refusal.reason


def test_the_harness_encodes_a_clip(
    method: Callable[..., Eat], request_of: Callable[..., Request], tmp_path: Path
) -> None:
    made = ask(method(), request_of(), tmp_path / "clip.mp4")
    assert isinstance(made, Clip), made
    assert (made.frames, made.height, made.width) == (FRAMES, 256, 256)


def test_a_clip_ends_with_the_pose_clip(method: Callable[..., Eat], request_of: Callable[..., Request]) -> None:
    out = KeptFrames()
    made = method().generate(request_of(frames=10), out)
    assert isinstance(made, Clip)
    assert len(out.frames) == 4
    assert "ends with the pose clip, after 4 of 10 frames" in made.notes


def test_whole_pictures_need_landmarks(
    method: Callable[..., Eat], request_of: Callable[..., Request], given: Path, tmp_path: Path
) -> None:
    """The predictor is the user's file; with crop=none pictures are only scaled."""
    wide = replace(request_of(frames=2), source_image=given / "wide.png", pose_video=given / "wide.mp4")
    made = ask(method(), wide, tmp_path / "a.mp4")
    assert isinstance(made, Failed)
    assert "dlib" in made.reason
    assert _frames(method(crop="none"), wide).shape == (2, 256, 256, 3)


def test_pictures_are_cut_around_the_landmarks(
    method: Callable[..., Eat], request_of: Callable[..., Request], given: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)

    def finder() -> Callable[..., list[np.ndarray]]:
        return lambda picture: [rng.uniform((60, 20), (90, 60), (68, 2))]

    monkeypatch.setattr("baselines.eat.crop.finder", finder)
    monkeypatch.setattr("baselines.eat.crop.template", lambda: rng.uniform((60, 95), (194, 224), (68, 2)))
    wide = replace(request_of(frames=2), source_image=given / "wide.png", pose_video=given / "wide.mp4")
    for way, said in (("auto", "dlib68 to template"), ("face", "dlib68 width x 2.1")):
        made = method(crop=way).generate(wide, KeptFrames())
        assert isinstance(made, Clip)
        assert f"crop: {said}; pose clip's crop: dlib68 width x 2.1" in made.notes


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"intensity": "3"}, "has no option 'intensity'"),
        ({"seed": "-1"}, "seed=-1 is not a whole number"),
        ({"seed": "2.5"}, "seed=2.5 is not a whole number"),
        ({"crop": "half"}, "no value of eat.crop 'half'"),
        ({"emotion": "image"}, "no value of eat.emotion 'image'"),
        ({"ends": "none"}, "no value of eat.ends 'none'"),
        ({"weights": "demoo"}, "no value of eat.weights 'demoo'"),
        ({"weights": "demo", "ends": "stored"}, "hold no stored speech"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Eat(options, "cpu")


def test_weights_are_told_for_the_record(method: Callable[..., Eat]) -> None:
    loaded = method()
    assert loaded.missing() == []
    assert list(loaded.weights()) == ["eat", "eat-latents", "eat-deepspeech", "eat-pad", "eat-basis", "eat-mean"]
    assert all(len(sha256) == 64 for sha256 in loaded.weights().values())


def test_absent_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))
    absent = Eat({"crop": "align", "emotion": "speech"}, "cpu")
    told = [lack.what for lack in absent.missing()]
    assert len(told) >= 9
    assert told[0] == "the weights 'eat' (deepprompt_eam3d_all_final_313.pth.tar)"
    assert "the weights 'emotion2vec' (model.pt)" in told
    assert "the weights 'eat-template' (M003_template.npy)" in told
    assert absent.weights() == {}


def test_it_passes_the_contract_test(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `bench.py list --check` asks of every method; the emotion is told by a label here."""
    monkeypatch.setattr("baselines.conformance.Puppets", brief_puppets(FRAMES))
    source = (
        "from baselines.eat.method import Eat",
        "from tests.small_eat import SMALL, brief_puppets",
        "class Small(Eat):",
        "    widths, demo_weights = SMALL, False",
    )
    (tmp_path / "mine.py").write_text("\n".join(source), encoding="utf-8")
    said: list[str] = []
    assert check_method(f"{tmp_path / 'mine.py'}:Small", said.append) == 0, said
    assert "ok   reacts to the emotion" in said
    assert any(line.startswith("ok   refuses a label it does not know") for line in said)
