"""The contestant `float` at small widths: lanes, options, noise, streaming, and what it refuses."""

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
from baselines.float.method import Float
from baselines.float.seeded_checkpoint import write
from harness import registry, weights
from harness.errors import UsageError
from harness.media import read_audio, write_wav
from harness.records import Clip, Emotion, Failed, Lane, Request, Sample, strip_to_lane
from harness.worker import ask, unsupported
from networks.files import shipped
from networks.float.conditions import EMOTIONS, normalised, one_hot
from networks.float.networks import FloatNetworks, Widths
from networks.float.sampler import Guidance
from networks.float.speaker import Speaker
from tests.kept_frames import KeptFrames
from tests.media_samples import voice

pytestmark = pytest.mark.slow

torch.set_num_threads(1)
FRAMES = 52  # one stretch and two frames of the next; most tests look at the first four only


@pytest.fixture
def method(
    small: FloatNetworks,
    small_widths: Widths,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Float]:
    """Makes a loaded small FLOAT with options."""
    monkeypatch.setenv(weights.variable("float"), str(write(tmp_path_factory.mktemp("weights"), small)))

    class Small(Float):
        widths = small_widths

    def made(**options: str) -> Float:
        loaded = Small(options, "cpu")
        loaded.load()
        return loaded

    return made


@pytest.fixture
def request_of(tmp_path: Path) -> Callable[..., Request]:
    """A request in a lane, for a square picture of noise and a voice."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(tmp_path / "face.png")
    write_wav(tmp_path / "driving.wav", voice(FRAMES / 25))
    spoken = [tmp_path / f"said{k}.wav" for k in range(3)]
    for k, path in enumerate(spoken):
        write_wav(path, voice(0.5 + k / 7, seed=k + 1))

    def made(lane: Lane = "label", label: str | None = "happy", frames: int = 4, **changes: Any) -> Request:
        told = Emotion(label or "", label, speech=tuple(spoken))
        emotion = strip_to_lane(replace(told, **changes), lane)
        return Request("s", "who", emotion, tmp_path / "face.png", tmp_path / "driving.wav", frames, 25, 11, lane)

    return made


def _frames(method: Float, request: Request) -> npt.NDArray[np.uint8]:
    out = KeptFrames()
    made = method.generate(request, out)
    assert isinstance(made, Clip), made
    return np.stack(out.frames)


def test_the_registry_knows_it_and_its_facts_are_those_of_the_networks() -> None:
    assert registry.load(METHODS["float"]) is Float
    assert Float.labels == EMOTIONS
    assert (Float.pose, Float.size, Float.stochastic) == ("own", 512, True)


def test_a_clip_is_as_long_as_the_sound_and_repeats_exactly(
    method: Callable[..., Float], request_of: Callable[..., Request]
) -> None:
    asked = request_of(frames=FRAMES)
    first = _frames(method(), asked)
    assert first.shape == (FRAMES, 32, 32, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, _frames(method(), asked))
    assert not np.array_equal(first[0], first[30])
    assert not np.array_equal(first[:4], _frames(method(), replace(request_of(), seed=12)))
    chosen = _frames(method(seed="12"), request_of())
    assert np.array_equal(chosen, _frames(method(seed="12"), replace(request_of(), seed=13)))


def test_sound_and_emotion_are_seen(
    method: Callable[..., Float], request_of: Callable[..., Request], tmp_path: Path
) -> None:
    happy = _frames(method(), request_of())
    assert not np.array_equal(happy, _frames(method(), request_of(label="angry")))
    write_wav(tmp_path / "silent.wav", np.zeros(4 * 640, dtype=np.float32))
    assert not np.array_equal(happy, _frames(method(), replace(request_of(), driving_audio=tmp_path / "silent.wav")))


@pytest.mark.parametrize(
    ("lane", "used"),
    [("label", "label"), ("reference", "label"), ("speech", "speech"), ("as-published", "driving-speech")],
)
def test_each_lane_tells_the_emotion_in_its_own_way(
    method: Callable[..., Float], request_of: Callable[..., Request], lane: Lane, used: str
) -> None:
    out = KeptFrames()
    made = method(nfe="2").generate(request_of(lane), out)
    assert isinstance(made, Clip)
    assert made.used == used
    assert ("extension" in made.notes) == (lane == "speech")
    assert "head pose: its own" in made.notes
    assert "crop: none" in made.notes
    assert "seed: 11" in made.notes


def test_speech_is_the_mean_of_class_probabilities(
    method: Callable[..., Float], request_of: Callable[..., Request], small: FloatNetworks
) -> None:
    """Three utterances give what their mean probabilities give; one of them alone gives something else."""
    request = request_of("speech")
    waves = [torch.from_numpy(read_audio(path).samples) for path in request.emotion.speech]
    with torch.no_grad():
        heard = [small.emotion_encoder(normalised(wave)) for wave in waves]
    assert not torch.allclose(heard[0], heard[1], atol=1e-4)
    three = _frames(method(), request)
    one = replace(request, emotion=replace(request.emotion, speech=request.emotion.speech[:1]))
    twice = replace(request, emotion=replace(request.emotion, speech=request.emotion.speech[:1] * 2))
    assert not np.array_equal(three, _frames(method(), one))
    assert np.array_equal(_frames(method(), one), _frames(method(), twice))


def test_the_driving_sound_is_taken_when_asked_for(
    method: Callable[..., Float], request_of: Callable[..., Request]
) -> None:
    asked = _frames(method(emotion="driving-speech"), request_of("label"))
    assert np.array_equal(asked, _frames(method(), request_of("as-published")))
    assert np.array_equal(
        _frames(method(emotion="label"), request_of("as-published")), _frames(method(), request_of("label"))
    )


def test_what_it_cannot_take_is_refused_in_words(
    method: Callable[..., Float], request_of: Callable[..., Request], tmp_path: Path
) -> None:
    float_ = method()
    cases = [
        (request_of(label="contempt"), "unsupported", "does not know the label 'contempt'"),
        (request_of(label=None), "unsupported", "neither as a label nor as recorded utterances"),
        (request_of("speech", speech=()), "unsupported", "neither as a label nor as recorded utterances"),
    ]
    for request, kind, sentence in cases:
        out = KeptFrames()
        made = float_.generate(request, out)
        assert isinstance(made, Failed)
        assert made.kind == kind
        assert sentence in made.reason
        assert not out.frames


def test_sounds_that_are_too_short_are_bad_input(
    method: Callable[..., Float], request_of: Callable[..., Request], tmp_path: Path
) -> None:
    write_wav(tmp_path / "short.wav", voice(0.02))
    made = ask(method(), replace(request_of(), driving_audio=tmp_path / "short.wav"), tmp_path / "a.mp4")
    assert isinstance(made, Failed)
    assert (made.kind, made.reason) == ("bad-input", "the sound has 320 samples, and FLOAT needs 400 (25 ms)")
    made = ask(method(), request_of("speech", speech=(tmp_path / "short.wav",)), tmp_path / "a.mp4")
    assert isinstance(made, Failed)
    assert made.kind == "bad-input"
    assert "320 samples" in made.reason


def test_the_harness_knows_beforehand_that_contempt_is_unsupported(
    method: Callable[..., Float], request_of: Callable[..., Request]
) -> None:
    request = request_of()
    sample = Sample(
        "s", "d", "who", Emotion("contempt", "contempt", speech=request.emotion.speech),
        request.source_image, request.driving_audio, FRAMES,
    )  # fmt: skip
    refusal = unsupported(method(), sample, "label")
    assert refusal is not None
    assert "contempt" in refusal.reason


def test_the_harness_encodes_a_clip(
    method: Callable[..., Float], request_of: Callable[..., Request], tmp_path: Path
) -> None:
    made = ask(method(), request_of(), tmp_path / "clip.mp4")
    assert isinstance(made, Clip)
    assert (made.frames, made.height, made.width) == (4, 32, 32)
    one = ask(method(), request_of(frames=1), tmp_path / "one.mp4")
    assert isinstance(one, Clip)
    assert one.frames == 1


def test_official_noise_starts_every_stretch_alike(
    method: Callable[..., Float], request_of: Callable[..., Request]
) -> None:
    asked = request_of(frames=FRAMES)
    ours, official = _frames(method(), asked), _frames(method(compat="official"), asked)
    assert np.array_equal(ours[:50], official[:50])
    assert not np.array_equal(ours[50:], official[50:])


def test_guidance_and_steps_are_seen_and_r_cfg_is_not(
    method: Callable[..., Float], request_of: Callable[..., Request]
) -> None:
    plain = _frames(method(), request_of())
    for option, value in (("a_cfg", "1"), ("e_cfg", "5"), ("nfe", "4")):
        assert not np.array_equal(plain, _frames(method(**{option: value}), request_of())), option
    assert np.array_equal(plain, _frames(method(r_cfg="3"), request_of()))
    stronger = _frames(method(), request_of(strength=5.0))
    assert np.array_equal(stronger, _frames(method(e_cfg="5"), request_of()))


def test_frames_come_before_the_sound_is_done(small: FloatNetworks) -> None:
    """The first frame is there when one stretch is sampled and one picture decoded: a clip is never held as a whole."""
    speaker, counts = Speaker(small), {"velocities": 0, "pictures": 0}

    def counted(name: str) -> Callable[..., None]:
        def count(*_: object) -> None:
            counts[name] += 1

        return count

    hooks = [
        small.fmt.register_forward_hook(counted("velocities")),
        small.motion_autoencoder.dec.register_forward_hook(counted("pictures")),
    ]
    wave = voice(FRAMES / 25)
    with torch.no_grad():
        noise = speaker.noise(len(wave), seed=1)
        frames = speaker.frames(np.zeros((32, 32, 3), np.uint8), wave, one_hot("sad"), noise, Guidance())
        assert next(frames).shape == (32, 32, 3)
    for hook in hooks:
        hook.remove()
    assert counts == {"velocities": 9, "pictures": 1}


def test_motion_that_is_not_finite_makes_no_clip(
    method: Callable[..., Float], request_of: Callable[..., Request]
) -> None:
    made = method(a_cfg="1e38", e_cfg="-1e38").generate(request_of(), KeptFrames())
    assert isinstance(made, Failed)
    assert made.kind == "bad-output"
    assert "not finite" in made.reason


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"cfg": "3"}, "has no option 'cfg'"),
        ({"nfe": "1"}, "nfe=1 leaves nothing but noise"),
        ({"nfe": "2.5"}, "nfe=2.5 is not a whole number"),
        ({"seed": "-1"}, "seed=-1 is not a whole number"),
        ({"a_cfg": "much"}, "a_cfg='much' is not a number"),
        ({"e_cfg": "inf"}, "e_cfg='inf' is not a number"),
        ({"ode": "midpoint"}, "by the Euler method here, as it is by default, not by 'midpoint'"),
        ({"compat": "float"}, "no value of float.compat 'float'"),
        ({"crop": "half"}, "no value of float.crop 'half'"),
        ({"detector": "dlib"}, "no value of float.detector 'dlib'"),
        ({"emotion": "image"}, "no value of float.emotion 'image'"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Float(options, "cpu")
    Float({"ode": "euler"}, "cpu")


def test_weights_are_told_for_the_record(method: Callable[..., Float]) -> None:
    loaded = method()
    assert loaded.missing() == []
    assert list(loaded.weights()) == ["float"]
    assert len(loaded.weights()["float"]) == 64


def test_absent_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))
    absent = Float({"detector": "s3fd"}, "cpu")
    assert [lack.what for lack in absent.missing()] == ["the weights 'float' (float.pth)", "the weights 's3fd'"]
    assert absent.weights() == {}


def test_it_passes_the_contract_test(small: FloatNetworks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `bench.py list --check` asks of every method; the emotion is told by utterances here."""
    monkeypatch.setenv(weights.variable("float"), str(write(tmp_path, small)))
    source = (
        "from baselines.float.method import Float",
        "from tests.baselines.float.conftest import SMALL",
        "class Small(Float):",
        "    widths, demo_weights = SMALL, False",
    )
    (tmp_path / "mine.py").write_text("\n".join(source), encoding="utf-8")
    said: list[str] = []
    assert check_method(f"{tmp_path / 'mine.py'}:Small", said.append) == 0, said
    assert "ok   reacts to the emotion" in said
    assert any(line.startswith("ok   refuses a label it does not know") for line in said)


def test_the_small_networks_that_ship_need_nothing_and_say_that_they_are_not_floats_own(
    request_of: Callable[..., Request], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv(weights.variable("float"), raising=False)
    demo = Float({"weights": "demo"}, "cpu")
    assert demo.missing() == []
    assert demo.weights() == {"float": weights.digest(shipped.place("float"))}
    assert Float({}, "cpu").missing()
    out = KeptFrames()
    made = demo.generate(request_of(frames=3), out)
    assert isinstance(made, Clip)
    assert "networks: demo width, trained on puppets, not FLOAT's own" in made.notes
    assert [frame.shape for frame in out.frames] == [(256, 256, 3)] * 3
    with pytest.raises(UsageError, match="Did you mean 'demo'"):
        Float({"weights": "demoo"}, "cpu")
