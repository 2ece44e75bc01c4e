"""`bench.py edit` as a user types it: small demo networks, bad input, interrupted writing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import bench
from harness.errors import UsageError
from harness.media import VideoReader, VideoWriter, probe, read_audio, write_wav
from tests.places import ROOT
from verbs.edit_checks import face_problem
from verbs.upscaling import Upscaler

pytestmark = pytest.mark.slow

ODD = "a 'b' \"c\" ünï $x"


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, a sound and a pose clip under names that shells choke on."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("inputs") / ODD
    folder.mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / "fäce.png")
    write_wav(folder / "sound.wav", np.random.default_rng(1).normal(0, 0.1, 9 * 640).astype(np.float32))
    with VideoWriter(folder / "pose.mp4", 64, 64) as writer:
        for _ in range(3):
            writer.write(picture)
    return folder


def arguments(inputs: Path, out: Path, **changed: str) -> list[str]:
    """A valid call of `edit` on random pictures, with some options replaced."""
    given = {
        "source": str(inputs / "fäce.png"), "audio": str(inputs / "sound.wav"), "pose": str(inputs / "pose.mp4"),
        "emotion-speech": "happy", "weights": "demo", "out": str(out), **changed,
    }  # fmt: skip
    return ["edit", "--no-face-check", *(part for name, value in given.items() for part in (f"--{name}", value))]


def test_an_edit_from_odd_paths_with_shipped_names(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / ODD
    out.mkdir()
    asked = arguments(inputs, out, sheet=str(out / "sheet.png"))
    assert bench.main([*asked, "--emotion-speech", "envious"]) == 0
    made = sorted(path.name for path in out.iterdir())
    assert made == ["envious.mp4", "happy.mp4", "sheet.png"]
    assert capsys.readouterr().out.splitlines() == [
        str(out / name) for name in ("happy.mp4", "envious.mp4", "sheet.png")
    ]
    info = probe(out / "happy.mp4")
    assert (info.frames, info.fps, info.has_audio) == (9, 25.0, True)
    happy, envious = (np.concatenate(list(VideoReader(out / name))) for name in ("happy.mp4", "envious.mp4"))
    assert np.abs(happy.astype(int) - envious).max() > 10
    assert abs(len(read_audio(out / "happy.mp4").samples) - 9 * 640) < 1100


def test_all_the_sound_is_kept_and_fewer_utterances_are_told(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_wav(tmp_path / "sound.wav", np.random.default_rng(1).normal(0, 0.1, 9 * 640 + 300).astype(np.float32))
    asked = arguments(inputs, tmp_path / "x.mp4", audio=str(tmp_path / "sound.wav"))
    assert bench.main([*asked, "--side-by-side", str(tmp_path / "all.mp4")]) == 0
    frames = np.concatenate(list(VideoReader(tmp_path / "x.mp4")))
    assert len(frames) == 10
    assert np.abs(frames[9].astype(int) - frames[8]).mean() < 2  # held, and encoded
    assert len(read_audio(tmp_path / "x.mp4").samples) >= 9 * 640 + 300
    assert probe(tmp_path / "all.mp4").height == 128 + 32
    said = capsys.readouterr().err
    assert "of 10 utterances to be averaged (--num-samples), 'happy' has 6, 'neutral' has 6: all are used" in said
    assert bench.main([*asked, "--num-samples", "6"]) == 0
    assert "utterances" not in capsys.readouterr().err


def test_a_raw_video_is_a_source_its_face_is_followed_and_it_gives_the_pose(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from datasets.puppets import files
    from datasets.puppets.affect import affect_point

    files.neutral_clip(tmp_path / "face.mp4", 64, 12)
    files.portrait(tmp_path / "face.png", 64, affect_point("neutral"))
    with VideoWriter(tmp_path / "raw.mp4", 400, 300, fps=30) as writer:
        for frame in np.concatenate(list(VideoReader(tmp_path / "face.mp4"))):
            wide = np.full((300, 400, 3), 90, np.uint8)
            wide[20:276, 100:356] = frame
            writer.write(wide)
    asked = arguments(inputs, tmp_path / "x.mp4", source=str(tmp_path / "raw.mp4"))
    place = asked.index("--pose")
    assert bench.main([*asked[:place], *asked[place + 2 :]]) == 0
    assert "is 400x300; its face was followed and cut out to 256 px" in capsys.readouterr().err
    assert probe(tmp_path / "x.mp4").frames == 9
    asked = arguments(inputs, tmp_path / "y.mp4")
    place = asked.index("--pose")
    assert bench.main([*asked[:place], *asked[place + 2 :]]) == 2
    assert "give a video as --source" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("emotion", "happy", "cannot use --emotion: it takes the emotion by --emotion-speech"),
        ("set", "cmet.intensity=2", "--set is for other engines"),
        ("side-by-side", "{tmp}/all.avi", "is no mp4 file"),
        ("audio", "no.wav", "There is no file"),
        ("out", "{tmp}/result.avi", "is no mp4 file"),
        ("out", "{inputs}/fäce.png/x.mp4", "is a file, not a folder"),
        ("out", "{inputs}/pose.mp4", "it is the --pose of this edit"),
        ("sheet", "{inputs}/fäce.png", "it is the --source of this edit"),
        ("sheet", "{inputs}", "is a folder"),
        ("intensity", "nan", "is no strength"),
        ("neutral-speech", "hapy", "Did you mean 'happy'?"),
        ("pose", "{inputs}/sound.wav", "has no video stream"),
        ("audio", "{inputs}/pose.mp4", "has no sound stream"),
        ("source", "{inputs}/sound.wav", "cannot be decoded"),
        ("source", "{inputs}/pose.mp4", "no face was found"),
        ("schedule", "0:joy", "is not SECONDS:NAME"),
        ("blend", "0.5,x", "is not a list of numbers"),
        ("blend", "inf", "a share that is no number"),
        ("intensity", "1e39", "is not finite"),
        ("sheet", "{tmp}/out/x.mp4", "would be written twice"),
        ("upscale", "sr.py", "is not FILE.py:FUNCTION"),
        ("upscale", "{tmp}/sr.py:f", "There is no file"),
        ("blend", "0.5,0.5", "2 shares for 1"),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence_and_writes_nothing(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, sentence: str
) -> None:
    before = sorted(inputs.iterdir())
    asked = arguments(inputs, tmp_path / "out" / "x.mp4")
    assert bench.main([*asked, f"--{option}", value.format(inputs=inputs, tmp=tmp_path)]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert "Traceback" not in said
    assert sorted(inputs.iterdir()) == before
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_is_known_before_the_work(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    assert bench.main(arguments(inputs, tmp_path / "x.mp4")) == 2
    assert "cannot be written: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_writing_leaves_no_file_under_the_final_name(inputs: Path, tmp_path: Path, how: int) -> None:
    write_wav(tmp_path / "long.wav", np.zeros(25 * 640 * 60, np.float32))
    asked = arguments(inputs, tmp_path / "out" / "x.mp4", audio=str(tmp_path / "long.wav"))
    child = subprocess.Popen(
        [sys.executable, str(ROOT / "bench.py"), *asked],
        stderr=subprocess.PIPE,
        text=True,
        # A test run that was put in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 120
    while not any(path.stat().st_size for path in (tmp_path / "out").glob(".partial-*")):
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child.send_signal(how)
    _, said = child.communicate(timeout=60)
    assert not (tmp_path / "out" / "x.mp4").exists()
    if how == signal.SIGINT:
        assert child.returncode == 130
        assert "interrupted" in said
        assert "Traceback" not in said
        assert not list((tmp_path / "out").iterdir())


def test_a_face_in_profile_none_and_two() -> None:
    frontal = np.array([[[10, 10], [30, 10], [20, 20], [12, 30], [28, 30]]], np.float32)
    profile = frontal.copy()
    profile[0, 2, 0] = 35
    sure = np.array([0.99])
    assert face_problem(sure, frontal) == ""
    assert face_problem(sure, profile) == "The only face is in profile"
    tilted = frontal[:, :, ::-1].copy()  # lying on its side
    assert face_problem(sure, tilted) == ""
    turned = frontal.copy()
    turned[0, :, 0] *= 0.5
    assert face_problem(sure, turned) == "The only face is in profile"
    assert face_problem(np.array([0.5]), frontal) == "No face was found"
    assert face_problem(np.array([0.99, 0.95]), np.concatenate([frontal, frontal])) == "2 faces were found"


HOOKS = """
def twice(frame):
    return frame.repeat(2, 0).repeat(2, 1)

def fails(frame):
    raise OverflowError("no room on the card")

def odd(frame):
    return frame[1:]

def floats(frame):
    return frame / 255

def forgets(frame):
    frame[:] = 0

seen = []
def changes(frame):
    seen.append(frame)
    return frame[:64] if len(seen) > 3 else frame

number = 3
"""


def test_an_upscaler_may_change_the_size(inputs: Path, tmp_path: Path) -> None:
    (tmp_path / "sr.py").write_text(HOOKS)
    assert bench.main(arguments(inputs, tmp_path / "x.mp4", upscale=f"{tmp_path / 'sr.py'}:twice")) == 0
    assert (probe(tmp_path / "x.mp4").width, probe(tmp_path / "x.mp4").height) == (256, 256)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("fails", "'fails' of '{file}' line 6 failed: OverflowError: no room on the card."),
        ("odd", "returned uint8 (127, 128, 3); expected even sizes, which videos need."),
        ("floats", "returned float64 (128, 128, 3); expected uint8 RGB (height, width, 3)."),
        ("forgets", "returned NoneType; expected uint8 RGB (height, width, 3)."),
        ("changes", "returned uint8 (64, 128, 3); expected (128, 128, 3), as of the first frame."),
        ("number", "is no function."),
        ("missing", "has no class 'missing'."),
    ],
)
def test_a_failing_upscaler_is_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "sr.py").write_text(HOOKS)
    frame = np.full((128, 128, 3), 7, np.uint8)

    def four_frames() -> None:
        upscale = Upscaler(f"{tmp_path / 'sr.py'}:{name}")
        for _ in range(4):
            upscale(frame)

    with pytest.raises(UsageError) as error:
        four_frames()
    assert error.value.what.endswith(sentence.format(file=tmp_path / "sr.py"))
    assert frame.min() == 7


def test_an_upscaler_that_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "sr.py").write_text("\n1 / 0\n")
    with pytest.raises(UsageError, match=r"line 2 cannot be loaded: ZeroDivisionError"):
        Upscaler(f"{tmp_path / 'sr.py'}:f")


def test_the_documented_upscaler_works(inputs: Path, tmp_path: Path) -> None:
    text = (ROOT / "docs" / "editing.md").read_text(encoding="utf-8")
    (tmp_path / "sr.py").write_text(text.split("```python\n")[1].split("```")[0], encoding="utf-8")
    made = Upscaler(f"{tmp_path / 'sr.py'}:upscale")(np.full((128, 96, 3), 9, np.uint8))
    assert (made.shape, made.min(), made.max()) == ((256, 192, 3), 9, 9)
