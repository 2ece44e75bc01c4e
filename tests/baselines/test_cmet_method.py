"""Method `cmet` of `run`: its options, a connector of own training, and the released program's behaviour."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from baselines.cmet import CMet, NoEdit
from baselines.edtalk.method import EDTalk, Label
from cmet import weight_sets
from cmet.connector import Connector
from cmet.connector_files import CONNECTOR
from cmet.edit import Editor
from cmet.training.checkpoint_files import WIDTHS, write_checkpoint, write_widths
from cmet.weight_sets import digests, load_networks, speech_width
from harness.errors import MissingError, UsageError
from harness.media import VideoWriter, write_wav
from harness.records import Clip, Emotion, Failed, Request
from harness.seeded import fill
from networks.edtalk.generator import Audio2Lip, Generator
from networks.edtalk.talker import Networks, Talker
from networks.emotion2vec.features import SpeechFeatures
from networks.emotion2vec.files import EMOTION2VEC, SHIPPED_SPEECH, EncoderFile
from networks.files import shipped
from verbs.prepare import _check_weights

SMALL = {"window": 7, "hidden": 34, "speech": 16, "layers": 1, "heads": 2, "feedforward": 16}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"samples": "3"}, "has no option 'samples'"),
        ({"num_samples": "0"}, "num_samples=0 is no number of utterances"),
        ({"num_samples": "2.5"}, "num_samples=2.5 is no number of utterances"),
        ({"num_samples": "many"}, "num_samples='many' is not a number"),
        ({"intensity": "nan"}, "intensity='nan' is not a number"),
        ({"compat": "old"}, "no value of cmet.compat 'old'"),
        ({"weights": "mine"}, "no weight set 'mine'"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        CMet(options, "cpu")


@pytest.mark.parametrize("kind", [NoEdit, EDTalk])
def test_methods_without_speech_differences_take_no_options_about_them(kind: type[NoEdit | EDTalk]) -> None:
    with pytest.raises(UsageError, match=r"has no option 'num_samples'\. Known: weights[,.]"):
        kind({"num_samples": "3"}, "cpu")


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A checkpoint as training leaves it, of an unusual window and width."""
    connector = Connector(**SMALL)
    fill(connector)
    write_widths(tmp_path / "run", SMALL)
    return write_checkpoint(tmp_path / "run", connector.state_dict(), None, 0, 3)


def test_a_connector_of_own_training_keeps_its_widths_and_window(trained: Path) -> None:
    connector = CONNECTOR.load(trained)
    assert (connector.window, connector.speaker_encoder.proj.in_features) == (7, 16)
    expected = Connector(**SMALL)
    fill(expected)
    speech, codes = torch.ones(1, 1, 16), torch.ones(1, 7, 10)
    torch.testing.assert_close(
        connector(codes, speech, codes)[0], expected.eval()(codes, speech, codes)[0], atol=1e-6, rtol=0
    )
    trained.with_name(WIDTHS).write_text("{", encoding="utf-8")
    with pytest.raises(UsageError, match="does not describe a connector"):
        CONNECTOR.load(trained)


def test_a_connector_of_other_features_is_one_sentence(trained: Path) -> None:
    width = speech_width("demo")
    with pytest.raises(UsageError, match=f"takes 16 speech numbers and 10 of expression, not {width} and 10"):
        load_networks("demo", ("backbone", "connector"), connector=trained)
    assert load_networks("demo", ("backbone",), connector=trained).connector is None


def test_a_connector_of_own_training_counts_in_what_made_a_clip(trained: Path) -> None:
    own = CMet({"weights": "demo", "connector": str(trained)}, "cpu")
    shipped = digests("demo", ("connector",))["connector"]
    assert own.weights()["connector"] == digests("demo", (), trained)["connector"] != shipped
    assert own.missing() == []
    with pytest.raises(UsageError, match=r"There is no connector 'no-such\.pth'"):
        CMet({"weights": "demo", "connector": "no-such.pth"}, "cpu").missing()
    with pytest.raises(UsageError, match=r"There is no connector 'no-such\.pth'"):
        load_networks("demo", ("backbone", "connector"), connector="no-such.pth")


class Said:
    """A speech network that has a vector for each file."""

    def of_files(self, paths: list[Path]) -> npt.NDArray[np.float32]:
        return np.stack([np.full(8, float(path.stem), np.float32) for path in paths])


class Kept:
    """An `Output` that keeps its frames."""

    def __init__(self) -> None:
        self.frames: list[npt.NDArray[np.uint8]] = []

    def image(self, path: Path, size: int) -> npt.NDArray[np.uint8]:
        return np.random.default_rng(5).integers(0, 255, (size, size, 3), dtype=np.uint8)

    def audio(self, path: Path) -> npt.NDArray[np.float32]:
        raise AssertionError("the method reads the sound itself")

    def frame(self, frame: npt.NDArray[np.uint8]) -> None:
        self.frames.append(frame)

    def clip(self, used: str, notes: str = "", label: str = "") -> Clip:
        return Clip(Path("x.mp4"), len(self.frames), 256, 256, used, notes=notes)


def small_talker() -> Talker:
    generator = Generator(size=32, style=40, channels={4: 8, 8: 8, 16: 8, 32: 8}).eval()
    audio2lip = Audio2Lip(width=4).eval()
    connector = Connector(hidden=34, speech=8, layers=1, heads=2, feedforward=16).eval()
    for module in (generator, audio2lip, connector):
        fill(module)
    return Talker(Networks(generator, audio2lip, Said(), connector))


def request(folder: Path, pose_frames: int, frames: int) -> Request:
    rng = np.random.default_rng(2)
    with VideoWriter(folder / "pose.mp4", 32, 32) as writer:
        for _ in range(pose_frames):
            writer.write(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8))
    write_wav(folder / "sound.wav", rng.normal(0, 0.1, frames * 640).astype(np.float32))
    speech = Emotion("happy", speech=(Path("3.wav"), Path("5.wav")), neutral_speech=(Path("1.wav"),))
    clip = folder / "pose.mp4"
    return Request("s", "i", speech, Path("p.png"), folder / "sound.wav", frames, 25, 0, "speech", clip, clip)


@pytest.mark.slow
@pytest.mark.parametrize("official", [False, True])
def test_the_method_edits_as_edit_does(tmp_path: Path, official: bool) -> None:
    asked = request(tmp_path, 43, 30)
    method = CMet({"compat": "official"} if official else {}, "cpu")
    method.talker = small_talker()
    out = Kept()
    made = method.generate(asked, out)
    assert isinstance(made, Clip)
    assert made.notes == ("compat: official" if official else "")
    assert (len(out.frames), out.frames[0].shape) == (30, (256, 256, 3))
    editor, picture = Editor(method.talker, official=official), out.image(Path(), 32)
    tracks = editor.tracks(picture, asked.driving_audio, tmp_path / "pose.mp4")
    assert tracks.frames == 30
    (edited,) = editor.expressions(tracks, [np.full(8, 3, np.float32)])  # mean of 3 and 5, less 1
    np.testing.assert_array_equal(np.stack(out.frames), np.stack(list(editor.render(tracks, edited, least=256))))
    plain = np.stack(list(editor.render(tracks, editor.unedited(tracks), least=256)))
    assert not np.array_equal(np.stack(out.frames), plain)


@pytest.mark.slow
def test_no_edit_shows_the_clips_own_expression(tmp_path: Path) -> None:
    asked, out, method = request(tmp_path, 43, 30), Kept(), NoEdit({}, "cpu")
    method.talker = small_talker()
    assert isinstance(method.generate(asked, out), Clip)
    codes, picture = method.talker.clip_codes(tmp_path / "pose.mp4", limit=30), out.image(Path(), 32)
    lips = method.talker.lips(asked.driving_audio)
    expected = list(method.talker.frames(picture, lips, codes.pose, codes.exp, 30))
    np.testing.assert_array_equal(np.stack(out.frames), np.stack(expected))


def test_the_released_program_would_hang_on_a_short_clip(tmp_path: Path) -> None:
    method = CMet({"compat": "official"}, "cpu")
    method.talker = small_talker()
    made = method.generate(request(tmp_path, 24, 10), Kept())
    assert isinstance(made, Failed)
    assert "below 25 the released program never ends" in made.reason


@pytest.mark.slow
def test_an_expression_clip_shorter_than_the_sound_goes_back_and_forth(tmp_path: Path) -> None:
    asked, out, method = request(tmp_path, 4, 10), Kept(), EDTalk({}, "cpu")
    method.talker = small_talker()
    method.generate(replace(asked, emotion=Emotion("happy", clip=asked.pose_video)), out)
    codes, picture = method.talker.clip_codes(tmp_path / "pose.mp4"), out.image(Path(), 32)
    to_and_fro = codes.exp[[0, 1, 2, 3, 3, 2, 1, 0, 0, 1]]
    lips = method.talker.lips(asked.driving_audio)
    expected = list(method.talker.frames(picture, lips, codes.pose, to_and_fro, 10))
    np.testing.assert_array_equal(np.stack(out.frames), np.stack(expected))


def test_the_speech_network_of_a_set_goes_to_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[EncoderFile, str]] = []
    monkeypatch.setattr(SpeechFeatures, "of", lambda file, path=None, device="cpu": taken.append((file, device)))
    for which, file in (("demo", SHIPPED_SPEECH), ("official", EMOTION2VEC)):
        monkeypatch.setitem(weight_sets.SETS, which, replace(weight_sets.SETS["demo"], speech=file))
        load_networks(which, ("backbone", "speech"), "meta")
    assert taken == [(SHIPPED_SPEECH, "meta"), (EMOTION2VEC, "meta")]


def test_only_the_files_that_a_method_loads_count_in_what_made_its_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = {kind: set(kind({"weights": "demo"}, "cpu").weights()) for kind in (CMet, NoEdit, Label)}
    assert loads[CMet] == {"generator", "audio2lip", "speech", "connector"}
    assert loads[NoEdit] == {"generator", "audio2lip"}
    assert loads[Label] == {"generator", "audio2lip", "speech"}
    opened: list[str] = []
    read = shipped.read
    monkeypatch.setattr(shipped, "read", lambda path: opened.append(path.stem) or read(path))
    for kind in loads:
        opened.clear()
        kind({"weights": "demo"}, "cpu").load()
        assert set(opened) <= loads[kind]


def test_prepare_takes_weights_of_the_users_own_as_edit_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.pt").write_bytes(b"own")
    monkeypatch.setenv("CMET_BENCH_WEIGHTS_EMOTION2VEC", str(tmp_path / "own.pt"))
    _check_weights(("speech",))
    monkeypatch.setenv("CMET_BENCH_WEIGHTS_EMOTION2VEC", str(tmp_path / "none.pt"))
    with pytest.raises(MissingError, match="Until then: --stage crop"):
        _check_weights(("speech",))
