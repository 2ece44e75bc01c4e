"""The contestants on EDTalk at small width: every input of lips, pose and expression, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines import METHODS
from baselines.edtalk.method import EDTalk, Label, LipPose
from cmet.weight_sets import SETS
from harness import registry, weights
from harness.emotions import BASIC_EMOTIONS
from harness.errors import MissingError, UsageError
from harness.media import VideoReader, read_image
from harness.records import Clip, Emotion, Request, Sample
from harness.worker import ask, unsupported
from networks.edtalk.generator import Audio2Lip, Codes, Generator
from networks.edtalk.lips import smooth
from networks.edtalk.talker import Networks, Talker
from tests.kept_frames import KeptFrames
from tests.small_edtalk import CODES, FRAMES, codes, film, lips, made, refusal, rendered, shown, talker

torch.set_num_threads(1)


def test_the_registry_knows_the_contestants_and_options_change_their_facts() -> None:
    assert [registry.load(METHODS[kind.name]) for kind in (EDTalk, Label, LipPose)] == [EDTalk, Label, LipPose]
    plain, told, free = EDTalk({}, "cpu"), EDTalk({"emotion": "label"}, "cpu"), EDTalk({"pose": "fixed"}, "cpu")
    assert (plain.pose, plain.emotion_sources) == ("clip", ("image", "clip", "label", "speech"))
    assert (told.emotion_sources, told.parts) == (("label",), ("backbone", "codes"))
    assert free.pose == "source"
    assert LipPose.emotion_sources == LipPose.labels == ()
    assert EDTalk.labels == BASIC_EMOTIONS == tuple(sorted(SETS["demo"].codes()))
    absent = {state.what.split("'")[1] for state in LipPose({}, "cpu").missing()}
    assert absent == {"edtalk-lip-pose", "audio2lip"}
    assert "weights fetch edtalk-lip-pose" in LipPose({}, "cpu").missing()[0].cure
    assert not any("emotion2vec" in missing.what for missing in told.missing())


@pytest.mark.parametrize(
    ("kind", "options", "sentence"),
    [
        (EDTalk, {"mouth": "open"}, "has no option 'mouth'"),
        (EDTalk, {"lips": "none.mp4"}, "no file 'none.mp4', which --set edtalk.lips names"),
        (EDTalk, {"expression": "joy"}, "no file 'joy', which --set edtalk.expression names"),
        (EDTalk, {"pose": "still"}, "no value of edtalk.pose 'still'"),
        (EDTalk, {"emotion": "driving-speech"}, "no value of edtalk.emotion 'driving-speech'"),
        (EDTalk, {"compat": "yes"}, "no value of edtalk.compat 'yes'"),
        (Label, {"expression": "a.png"}, "Method 'label' has no option 'expression'"),
        (LipPose, {"weights": "demo"}, "Method 'edtalk_lip_pose' has no option 'weights'"),
    ],
)
def test_a_wrong_option_is_one_sentence(kind: type[EDTalk], options: dict[str, str], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        kind(options, "cpu")


def test_a_file_of_the_users_counts_in_what_made_a_clip(tmp_path: Path) -> None:
    own = tmp_path / "own.npy"
    np.save(own, np.ones((1, 10), np.float32))
    first = EDTalk({"weights": "demo", "expression": str(own)}, "cpu").weights()
    assert set(first) == {"generator", "audio2lip", "expression"}
    np.save(own, np.zeros((1, 10), np.float32))
    assert EDTalk({"weights": "demo", "expression": str(own)}, "cpu").weights() != first


@pytest.mark.slow
def test_the_expression_comes_from_where_the_lane_or_the_user_says(asked: Callable[..., Request]) -> None:
    everything, face = asked(), asked("reference")
    assert face.emotion.image is not None
    assert face.emotion.clip is not None
    picture = talker().picture_codes(read_image(face.emotion.image)).exp
    to_and_fro = codes(face.emotion.clip).exp[[0, 1, 2, 3, 3, 2]]
    happy, fear = (torch.from_numpy(CODES[name]) for name in ("happy", "fear"))
    cases = [
        (made(), everything, "clip", to_and_fro),
        (made(), face, "image", picture),
        (made(emotion="clip"), face, "clip", to_and_fro),
        (made(), asked("label"), "label", happy),
        (made(emotion="label"), everything, "label", happy),
        (made(), asked("speech"), "label", fear),
        (made(Label), everything, "label", happy),
    ]
    different = set()
    for method, request, used, exp in cases:
        frames, out = shown(method, request)
        assert out.told[0] == used
        assert "lips: the sound" in out.told[1]
        assert out.timed is None
        expected = rendered(request, lips(request), codes(request.pose_video).pose, exp)
        np.testing.assert_array_equal(frames, expected, err_msg=f"{request.lane} {used}")
        different.add(frames.tobytes())
    assert len(different) == 4  # a clip, a picture, two stored codes


@pytest.mark.slow
@pytest.mark.parametrize(("name", "used"), [("own.npy", "code"), ("smile.png", "image"), ("emotion.mp4", "clip")])
def test_an_expression_of_the_users_replaces_the_samples(
    asked: Callable[..., Request], tmp_path: Path, name: str, used: str
) -> None:
    request, code = asked("label"), np.linspace(-2, 2, 10, dtype=np.float32)
    np.save(tmp_path / "own.npy", code)
    exp = {
        "own.npy": lambda: torch.from_numpy(code)[None],
        "smile.png": lambda: talker().picture_codes(read_image(tmp_path / "smile.png")).exp,
        "emotion.mp4": lambda: codes(tmp_path / "emotion.mp4").exp[[0, 1, 2, 3, 3, 2]],
    }[name]()
    method = made(expression=str(tmp_path / name))
    sample = Sample("s", "puppets", "who", request.emotion, request.source_image, request.driving_audio, FRAMES)
    assert unsupported(method, replace(sample, emotion=Emotion("envious")), "label") is None
    frames, out = shown(method, request)
    assert out.told[0] == used
    assert f"expression: {name}" in out.told[1]
    np.testing.assert_array_equal(frames, rendered(request, lips(request), codes(request.pose_video).pose, exp))


def test_a_stored_code_may_stand_for_the_clip_of_a_request(asked: Callable[..., Request], tmp_path: Path) -> None:
    """That is how `edit --expression code.npy` hands it over."""
    np.save(tmp_path / "own.npy", CODES["fear"])
    request = replace(asked(), emotion=Emotion("fear", clip=tmp_path / "own.npy"))
    for options in ({"emotion": "clip"}, {"compat": "official"}):
        frames, out = shown(made(**options), request)
        assert out.told[0] == "code"
    fear = torch.from_numpy(CODES["fear"])
    expected = rendered(request, lips(request), codes(request.pose_video).pose, fear, stretched=True)
    np.testing.assert_array_equal(frames, expected)


def test_what_is_no_stored_code_is_one_sentence(asked: Callable[..., Request], tmp_path: Path) -> None:
    for array, why in ((np.zeros((2, 10)), r"found \(2, 10\)"), (np.full(10, np.nan), "finite")):
        np.save(tmp_path / "own.npy", array)
        with pytest.raises(UsageError, match=why):
            made(expression=str(tmp_path / "own.npy")).generate(asked(), KeptFrames())
    (tmp_path / "own.npy").write_bytes(b"hello")
    with pytest.raises(UsageError, match="no readable numpy array"):
        made(expression=str(tmp_path / "own.npy")).generate(asked(), KeptFrames())


@pytest.mark.slow
def test_lips_may_come_from_a_clip(asked: Callable[..., Request], tmp_path: Path) -> None:
    request = asked("label")
    exp, pose = torch.from_numpy(CODES["happy"]), codes(request.pose_video).pose
    short = film(tmp_path / "short.mp4", 3, 9)
    for option, clip in (("source", request.source_video), (str(short), short)):
        frames, out = shown(made(lips=option), request)
        assert clip is not None
        assert f"lips: {clip.name}" in out.told[1]
        track = smooth(codes(clip).lip)  # of the whole clip: where it is cut off makes no difference
        np.testing.assert_array_equal(frames, rendered(request, track, pose, exp))
    assert "there is none" in refusal(made(lips="source"), replace(request, source_video=None)).reason


@pytest.mark.slow
def test_the_head_moves_with_a_clip_back_and_forth_or_stays(asked: Callable[..., Request]) -> None:
    request, exp = asked("label", pose=4), torch.from_numpy(CODES["happy"])
    to_and_fro = codes(request.pose_video).pose[[0, 1, 2, 3, 3, 2]]
    frames, _ = shown(made(), request)
    np.testing.assert_array_equal(frames, rendered(request, lips(request), to_and_fro, exp))
    assert "needs a pose clip" in refusal(made(), replace(request, pose_video=None)).reason
    own = talker().picture_codes(read_image(request.source_image)).pose
    frames, out = shown(made(pose="fixed"), replace(request, pose_video=None))
    assert "head pose: the picture's" in out.told[1]
    np.testing.assert_array_equal(frames, rendered(request, lips(request), own, exp))


class Noted(Talker):
    """A talker that notes which clips it encodes, and how far."""

    def clip_codes(self, path: Path, fps: float | None = 25.0, limit: int | None = None) -> Codes:
        self.encoded = [*getattr(self, "encoded", []), (path.name, limit)]
        return super().clip_codes(path, fps, limit)


@pytest.mark.slow
def test_a_clip_is_encoded_once_and_no_further_than_it_is_seen(asked: Callable[..., Request], tmp_path: Path) -> None:
    request = asked("label")
    long = film(tmp_path / "long.mp4", 60, 5)
    method = made(lips=str(long), expression=str(long))
    method.talker = Noted(talker().networks)
    shown(method, replace(request, pose_video=long))
    assert method.talker.encoded == [("long.mp4", FRAMES + 1)]


def test_frames_of_a_clip_are_never_float_all_at_once(tmp_path: Path) -> None:
    class Watched(Generator):
        most = 0

        def codes(self, chunks: Iterable[Tensor], batch: int = 1) -> Codes:
            def watched() -> Iterable[Tensor]:
                for chunk in chunks:
                    self.most = max(self.most, len(chunk))
                    yield chunk

            return super().codes(watched(), batch)

    network = Watched(size=32, style=40, channels={4: 8, 8: 8, 16: 8, 32: 8}).eval()
    small = Talker(Networks(network, Audio2Lip(width=4)))
    assert len(small.clip_codes(film(tmp_path / "long.mp4", 70, 1)).pose) == 70
    assert network.most == 1


def test_no_sound_and_no_numbers_are_refused(asked: Callable[..., Request], tmp_path: Path) -> None:
    assert "shorter than one frame" in refusal(made(), replace(asked(), frames=0)).reason
    method = made(emotion="label")
    method.talker = Talker(replace(talker().networks, codes={"happy": np.full((1, 10), np.inf, np.float32)}))
    answer = refusal(method, asked())
    assert (answer.kind, "not finite" in answer.reason) == ("bad-output", True)
    assert (
        "no stored expression code for 'sad'" in refusal(method, replace(asked(), emotion=Emotion("sad", "sad"))).reason
    )


def test_the_lip_and_pose_file_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"'edtalk-lip-pose' \(EDTalk_lip_pose\.pt\)"):
        LipPose({}, "cpu").load()
    for name in ("edtalk-lip-pose", "audio2lip"):
        torch.save({"gen": {"enc.net_app.convs.0.0.weight": torch.zeros(2)}}, tmp_path / f"{name}.pt")
        monkeypatch.setenv(weights.variable(name), str(tmp_path / f"{name}.pt"))
    assert LipPose({}, "cpu").missing() == []
    with pytest.raises(UsageError, match="holds another network: 194 tensors are missing"):
        LipPose({}, "cpu").load()


@pytest.mark.slow
def test_frames_of_the_file_are_those_of_the_clip(asked: Callable[..., Request], tmp_path: Path) -> None:
    request = asked("label")
    clip = ask(made(), request, tmp_path / "made.mp4")
    assert isinstance(clip, Clip)
    stored = np.concatenate(list(VideoReader(clip.path)))
    assert np.abs(stored.astype(int) - shown(made(), request)[0]).mean() < 8
