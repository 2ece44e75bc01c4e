"""The contestant `eat` with small networks in the place of EAT's own: `weights=demo`."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from baselines.conformance import check_method
from baselines.eat.method import Eat
from harness import weights
from harness.media import VideoWriter, write_wav
from harness.records import Clip, Emotion, Lane, Request, strip_to_lane
from networks.emotion2vec.files import SHIPPED_SPEECH
from networks.files import shipped
from tests.kept_frames import KeptFrames
from tests.media_samples import voice
from tests.small_eat import brief_puppets, write_demo

pytestmark = pytest.mark.slow

torch.set_num_threads(1)
FRAMES, SPOKEN_FRAMES = 2, 12


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped files, the recogniser and a small EAT of stand-in weights; nothing else is here."""
    speech = shipped.place(SHIPPED_SPEECH.name)
    shutil.copy(speech, tmp_path)
    write_demo(tmp_path)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "empty"))
    return tmp_path


@pytest.fixture
def request_of(tmp_path: Path) -> Callable[[Lane], Request]:
    """A request in a lane: a picture and a pose clip of noise, a voice."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)).save(tmp_path / "face.png")
    writer = VideoWriter(tmp_path / "pose.mp4", 256, 256)
    for frame in rng.integers(0, 255, (FRAMES, 256, 256, 3), dtype=np.uint8):
        writer.write(frame)
    writer.close()
    for name in ("driving", "said"):
        write_wav(tmp_path / f"{name}.wav", voice(0.5, seed=len(name)))

    def made(lane: Lane) -> Request:
        told = strip_to_lane(Emotion("happy", "happy", speech=(tmp_path / "said.wav",)), lane)
        face, sound, pose = (tmp_path / name for name in ("face.png", "driving.wav", "pose.mp4"))
        return Request("s", "who", told, face, sound, FRAMES, 25, 11, lane, pose_video=pose)

    return made


def test_they_need_nothing_else_and_say_that_they_are_not_eats_own(
    folder: Path, request_of: Callable[[Lane], Request]
) -> None:
    demo, out = Eat({"weights": "demo"}, "cpu"), KeptFrames()
    assert demo.missing() == []
    files = {name: folder / f"{name}.safetensors" for name in ("eat", "speech")}
    assert demo.weights() == {name: weights.digest(path) for name, path in files.items()}
    assert list(Eat({"weights": "demo", "emotion": "label"}, "cpu").weights()) == ["eat"]
    made = demo.generate(request_of("label"), out)
    assert isinstance(made, Clip), made
    assert (made.used, made.label) == ("label", "happy")
    assert made.notes.startswith("networks: demo width, trained on puppets, not EAT's own; crop: none")
    assert made.notes.endswith("ends: nearest")
    assert [frame.shape for frame in out.frames] == [(256, 256, 3)] * FRAMES
    assert Eat({}, "cpu").missing()  # EAT's own are not here


def test_in_lane_speech_the_recogniser_that_ships_tells_the_label(
    folder: Path, request_of: Callable[[Lane], Request]
) -> None:
    demo = Eat({"weights": "demo", "emotion": "speech"}, "cpu")
    assert demo.missing() == []
    made = demo.generate(request_of("speech"), KeptFrames())
    assert isinstance(made, Clip), made
    assert made.notes.startswith("label heard in the speech: ")
    assert made.label in Eat.labels


def test_what_ships_passes_the_contract_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `bench.py list --check eat` asks, of clips of half a second."""
    monkeypatch.setattr("baselines.conformance.Puppets", brief_puppets(SPOKEN_FRAMES))
    said: list[str] = []
    assert check_method("eat", said.append) == 0, said
    assert "ok   reacts to the emotion" in said


def test_an_absent_file_is_one_thing_that_is_missing(folder: Path) -> None:
    (folder / "eat.safetensors").unlink()
    demo = Eat({"weights": "demo"}, "cpu")
    (lack,) = demo.missing()
    assert lack.what == f"the demo weights {folder / 'eat.safetensors'}"
    assert demo.weights() == {}
