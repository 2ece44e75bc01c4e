"""Where `edit` writes and what it calls things: folders with a slash, emotions called alike, names that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from cmet.emotion_pools import Names, kept_names, neutral_beside, neutral_named, pools, recall
from cmet.emotion_pools import keep as keep_emotion
from cmet.training.options import options as train_options
from harness.errors import MediaError, UsageError
from harness.media import VideoWriter, write_wav
from networks.emotion2vec.features import FEATURE_FOLDER
from verbs.edit import command as edit
from verbs.edit_checks import check_inputs, check_targets
from verbs.editing import EditCall, distinct, place


@pytest.mark.parametrize(
    ("out", "count", "made"),
    [
        ("{tmp}/new dir/", 1, "new dir/happy.mp4"),
        ("{tmp}/v1.5/", 2, "v1.5/happy.mp4"),
        ("{tmp}/there", 2, "there/happy.mp4"),
        ("{tmp}/new", 1, "new.mp4"),
        ("{tmp}/new", 2, "new_happy.mp4"),
        ("{tmp}/new.mp4", 1, "new.mp4"),
    ],
)
def test_a_slash_at_the_end_means_a_folder(tmp_path: Path, out: str, count: int, made: str) -> None:
    (tmp_path / "there").mkdir()
    assert place(out.format(tmp=tmp_path), "happy", count) == tmp_path / made


def test_a_file_with_a_slash_behind_it_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    target = place(f"{tmp_path}/a.mp4/", "happy", 1)
    named = ("source", "audio", "pose", "expression", "lips", "sheet", "side_by_side")
    nothing: Mapping[str, Any] = dict.fromkeys(named)
    with pytest.raises(UsageError, match=r"a\.mp4' is a file, not a folder"):
        check_targets([target], nothing)


def test_the_command_line_keeps_the_slash() -> None:
    context = edit.make_context("edit", [
        *("--source", "s", "--audio", "a", "--pose", "p"), "--emotion-speech", "e", "-o", "newdir/",
    ])  # fmt: skip
    assert context.params["out"] == "newdir/"


def test_emotions_called_alike_are_numbered_in_schedules_too() -> None:
    assert distinct(["happy", "sad"]) == ["happy", "sad"]
    called = distinct(["happy", "happy"])
    assert called == ["happy1", "happy2"]
    job = EditCall({"blend": None, "schedule": "0:happy1,1:happy2"})
    assert job._mixture(called) == (None, [(0.0, "happy1"), (1.0, "happy2")])
    with pytest.raises(UsageError, match="'1:happy' is not SECONDS:NAME"):
        EditCall({"blend": None, "schedule": "0:happy1,1:happy"})._mixture(called)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    """Options of a valid call, as far as they are looked at before the work."""
    with VideoWriter(tmp_path / "pose.mp4", 32, 32) as writer:
        writer.write(np.zeros((32, 32, 3), np.uint8))
    write_wav(tmp_path / "sound.wav", np.zeros(640, np.float32))
    return {
        "source": tmp_path / "sound.wav", "audio": tmp_path / "sound.wav", "pose": tmp_path / "pose.mp4", "lips": None,
        "expression": None,
        "out": "x.mp4", "keep": None, "intensity": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(("option", "value"), [("keep", "neutral"), ("keep", " "), ("out", "")])
def test_names_that_name_nothing(inputs: dict[str, Any], option: str, value: str) -> None:
    check_inputs(inputs)
    with pytest.raises(UsageError):
        check_inputs({**inputs, option: value})


def test_clips_are_looked_at_before_the_work(inputs: dict[str, Any]) -> None:
    with pytest.raises(MediaError, match="has no video stream"):
        check_inputs({**inputs, "lips": inputs["audio"]})


def test_a_clip_that_is_not_square_is_told_of_once(
    inputs: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_inputs(inputs)
    assert capsys.readouterr().err == ""
    with VideoWriter(tmp_path / "wide.mp4", 64, 32) as writer:
        writer.write(np.zeros((32, 64, 3), np.uint8))
    check_inputs({**inputs, "pose": tmp_path / "wide.mp4", "lips": tmp_path / "wide.mp4"})
    said = capsys.readouterr().err
    assert said.count("is 64x32; it is squeezed to a square") == said.count("\n") == 1


def test_kept_names_never_share_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))
    names = ["frühlich", "fröhlich", "a/b", "a_b", "...", "my joy", "50 % 'joy'"]
    for number, name in enumerate(names):
        keep_emotion(name, np.full(8, number, np.float32))
    assert kept_names() == sorted(names)
    found = [recall(pool, 8)[0] for pool in pools(names)]
    assert found == list(range(len(names)))
    assert not list(tmp_path.glob("*.npz"))


def test_a_damaged_kept_emotion_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))
    path = keep_emotion("joy", np.zeros(8, np.float32))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UsageError, match=r"joy\.npz is no kept emotion"):
        recall(pools(["joy"])[0], 8)


def features(folder: Path) -> Path:
    (folder / FEATURE_FOLDER).mkdir(parents=True)
    np.save(folder / FEATURE_FOLDER / "u.npy", np.ones(1024, np.float32))
    return folder / FEATURE_FOLDER


def test_neutral_lies_beside_the_emotion_whose_feature_folder_is_named(tmp_path: Path) -> None:
    happy, neutral = features(tmp_path / "happy"), features(tmp_path / "neutral")
    assert neutral_beside([str(happy)]).features == neutral
    assert neutral_beside([str(happy.parent)]).features == neutral


def test_neutral_speech_is_speech_whatever_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "cache"))
    names = Names(tmp_path)
    features(tmp_path / "MEAD" / "happy")
    neutral = features(tmp_path / "MEAD" / "neutral")
    keep_emotion("neutral", np.ones(1024, np.float32))  # as older versions allowed
    assert neutral_beside(["happy"], names=names).features == neutral
    keep_emotion("calm", np.ones(1024, np.float32))
    with pytest.raises(UsageError, match="'calm' is a kept difference, no speech"):
        neutral_named(["calm"], names=names)
    assert neutral_named(["happy"], names=names).features is not None
    with pytest.raises(UsageError, match="--neutral-speech names 2 things"):
        neutral_named(["happy", "calm"], names=names)


def test_neutral_speech_takes_the_files_of_a_shell_pattern(tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.wav" for k in range(3)]
    for path in files:
        path.touch()
    asked = ["--source", "s", "--audio", "a", "--pose", "p", "-o", "o", "--emotion-speech", "x", "y"]
    given = edit.make_context("edit", [*asked, "--neutral-speech", *map(str, files)]).params
    assert given["emotion_speech"] == ("x", "y")
    assert neutral_named(given["neutral_speech"]).sounds == tuple(files)


@pytest.mark.parametrize("command", [edit, click.command()(train_options(lambda **_: None))])
def test_every_option_says_what_it_is(command: click.Command) -> None:
    silent = [p.name for p in command.params if isinstance(p, click.Option) and not p.hidden and not p.help]
    assert silent == []
