"""`edit` with other engines than C-MET: the same contract as `run`, and a word for what an engine cannot use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import bench
from baselines.float.method import Float
from harness.errors import UsageError
from harness.media import VideoReader, VideoWriter, probe, read_audio, write_wav
from verbs.choices import device_said
from verbs.edit_methods import engine, refuse

#: An engine without networks: it paints grey by the label, and writes its request beside its file.
ENGINE = """
import json
from dataclasses import asdict
from pathlib import Path
import numpy as np

class Painter:
    name = "painter"
    emotion_sources = ("label", "image", "speech")
    labels = ("happy", "sad")
    pose = "{pose}"
    takes_strength = True
    options = ("colour", "weights")

    def __init__(self, options, device):
        self.options = dict(options)

    def generate(self, request, out):
        here = Path(__file__).with_name(f"{{request.id}}.json")
        here.write_text(json.dumps(asdict(request) | self.options, default=str))
        if request.pose_video:
            from harness.media import probe
            (here.with_suffix(".pose")).write_text(str(probe(request.pose_video).frames))
        for k in range(request.frames):
            out.frame(np.full((32, 32, 3), 10 * k + len(request.emotion.name), np.uint8))
        return out.clip(used="label", notes="crop: none")
"""


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(picture).save(tmp_path / "face.png")
    write_wav(tmp_path / "sound.wav", np.random.default_rng(1).normal(0, 0.1, 9 * 640 + 100).astype(np.float32))
    with VideoWriter(tmp_path / "pose.mp4", 64, 64) as writer:
        for _ in range(3):
            writer.write(picture)
    for pose in ("clip", "own"):
        (tmp_path / f"{pose}.py").write_text(ENGINE.format(pose=pose), encoding="utf-8")
    return tmp_path


def edit(inputs: Path, *more: str, pose: str = "clip") -> int:
    given = [
        "--source",
        inputs / "face.png",
        "--audio",
        inputs / "sound.wav",
        "--method",
        inputs / f"{pose}.py:Painter",
    ]
    return bench.main(["edit", "--no-face-check", *map(str, given), "-o", str(inputs / "out.mp4"), *more])


def test_the_request_is_the_contract_s_and_keeps_all_the_sound(
    inputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [
        "--pose",
        str(inputs / "pose.mp4"),
        "--emotion",
        "Happiness",
        "--intensity",
        "2",
        "--set",
        "painter.colour=red",
    ]
    assert edit(inputs, *more) == 0
    said = json.loads((inputs / "out.json").read_text(encoding="utf-8"))
    assert (said["frames"], said["fps"], said["lane"], said["colour"]) == (10, 25, "label", "red")
    assert (said["emotion"]["label"], said["emotion"]["strength"]) == ("happy", 2.0)
    assert (inputs / "out.pose").read_text(encoding="utf-8") == "10"  # three frames, back and forth
    info = probe(inputs / "out.mp4")
    assert (info.frames, info.fps) == (10, 25.0)
    assert len(read_audio(inputs / "out.mp4").samples) >= 9 * 640 + 100
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(inputs / "out.mp4")]
    assert "happy: crop: none" in printed.err


def test_labels_speech_and_a_face_are_several_edits_side_by_side(inputs: Path) -> None:
    (inputs / "sobbing").mkdir()
    write_wav(inputs / "sobbing" / "a.wav", np.zeros(1600, np.float32))
    more = ["--emotion", "sad", "--emotion-speech", str(inputs / "sobbing"), "--expression", str(inputs / "face.png")]
    aside = ["--side-by-side", str(inputs / "all.mp4"), "--sheet", str(inputs / "sheet.png")]
    assert edit(inputs, *more, *aside, pose="own") == 0
    lanes = {
        name: json.loads((inputs / f"out_{name}.json").read_text(encoding="utf-8"))
        for name in ("sad", "sobbing", "face")
    }
    assert {name: one["lane"] for name, one in lanes.items()} == {
        "sad": "label",
        "sobbing": "speech",
        "face": "reference",
    }
    assert lanes["sobbing"]["emotion"]["speech"] == [str(inputs / "sobbing" / "a.wav")]
    assert lanes["face"]["emotion"]["image"] == str(inputs / "face.png")
    assert lanes["sad"]["pose_video"] is None  # its head motion is its own
    info = probe(inputs / "all.mp4")
    assert (info.width, info.height, info.frames) == (3 * 32, 32 + 32, 10)
    frame = np.concatenate(list(VideoReader(inputs / "all.mp4")))[0]
    assert [frame[:32, 32 * k : 32 * k + 32].max() > 100 for k in range(3)] == [True] * 3  # a name above each


@pytest.mark.parametrize("sources", ['("speech", "driving-speech")', "()"])
def test_without_an_emotion_it_comes_from_the_driving_sound_where_an_engine_can_or_needs_none(
    inputs: Path, sources: str
) -> None:
    text = ENGINE.replace('("label", "image", "speech")', sources).format(pose="own")
    (inputs / "own.py").write_text(text, encoding="utf-8")
    assert edit(inputs, pose="own") == 0
    assert json.loads((inputs / "out.json").read_text(encoding="utf-8"))["lane"] == "as-published"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--emotion", "sad"], "takes the head pose from a clip, and none was given"),
        (["--pose", "{}/pose.mp4"], "No emotion was given"),
        (["--pose", "{}/pose.mp4", "--emotion", "envious"], "painter does not know the label 'envious'"),
        (["--emotion", "sad", "--schedule", "0:sad"], "cannot use --schedule: only C-MET"),
        (["--emotion", "sad", "--neutral-speech", "{}"], "cannot use --neutral-speech: only C-MET"),
        (["--emotion", "sad", "--lips", "{}/pose.mp4"], "cannot use --lips: it has no such option"),
        (["--emotion", "sad", "--seed", "3"], "cannot use --seed: it draws nothing by chance"),
        (["--emotion", "sad", "--set", "other.a=1"], "--set other.… is about another method"),
        (["--method", "still_face", "--emotion", "sad"], "There is no method 'still_face'"),
    ],
)
def test_what_an_engine_lacks_or_cannot_use_is_one_sentence(
    inputs: Path, capsys: pytest.CaptureFixture[str], more: list[str], sentence: str
) -> None:
    assert edit(inputs, *(part.format(inputs) for part in more)) == 2
    assert sentence in capsys.readouterr().err
    assert not list(inputs.glob("out*"))


def test_what_follows_from_the_facts_of_the_contestants() -> None:
    for name, option, words in [
        ("float", "pose", "its head motion is its own"),
        ("float", "expression", "it takes the emotion by --emotion-speech or --emotion LABEL"),
        ("edtalk_lip_pose", "weights", "it has no such option"),
        ("edtalk", "intensity", "it has one strength"),
        ("eat", "intensity", "it has one strength"),
        ("eat", "expression", "it takes the emotion by --emotion LABEL or --emotion-speech"),
        ("edtalk_lip_pose", "emotion", "it takes no emotion"),
        ("label", "expression", "it takes the emotion by --emotion LABEL or --emotion-speech"),
    ]:
        with pytest.raises(UsageError, match=f"'{name}' cannot use --{option}: {words}"):
            refuse(engine(name), [option], cmet=False)
    refuse(Float, ["emotion", "intensity", "seed", "compat", "weights", "emotion_speech"], cmet=False)
    refuse(engine("edtalk"), ["pose", "lips", "weights", "compat", "expression"], cmet=False)
    refuse(engine("cmet"), ["pose", "lips", "blend", "keep", "expression", "neutral_speech"], cmet=True)
    with pytest.raises(UsageError, match="cannot use --emotion: it takes the emotion by --emotion-speech"):
        refuse(engine("cmet"), ["emotion"], cmet=True)


def test_what_mps_refuses_is_a_sentence_and_a_defect_elsewhere_stays_one() -> None:
    def fails() -> None:
        raise NotImplementedError("The operator 'aten::linalg_qr' is not implemented for MPS.\nmore")

    with (
        pytest.raises(UsageError, match="MPS device cannot do a part of the work: The operator") as error,
        device_said("mps"),
    ):
        fails()
    assert "--device cpu" in error.value.cure
    with pytest.raises(NotImplementedError), device_said("cpu"):
        fails()


@pytest.mark.slow
def test_edtalk_with_the_shipped_networks_makes_different_faces_of_different_labels(inputs: Path) -> None:
    more = ["--weights", "demo", "--pose", str(inputs / "pose.mp4"), "--emotion", "happy", "--emotion", "angry"]
    assert edit(inputs, *more, "--method", "edtalk") == 0
    happy, angry = (np.concatenate(list(VideoReader(inputs / f"out_{name}.mp4"))) for name in ("happy", "angry"))
    assert happy.shape == (10, 256, 256, 3)
    assert np.abs(happy.astype(int) - angry).max() > 10


@pytest.mark.slow
def test_edtalk_takes_a_stored_code_as_an_expression(inputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(inputs / "code.npy", np.linspace(-3, 3, 10, dtype=np.float32))
    more = ["--weights", "demo", "--pose", str(inputs / "pose.mp4"), "--method", "edtalk", "--expression"]
    assert edit(inputs, *more, str(inputs / "code.npy")) == 0
    assert "expression: code.npy" in capsys.readouterr().err
    (inputs / "bad.npy").write_bytes(b"none")
    assert edit(inputs, *more, str(inputs / "bad.npy")) == 2
    assert "bad.npy is no readable numpy array" in capsys.readouterr().err
