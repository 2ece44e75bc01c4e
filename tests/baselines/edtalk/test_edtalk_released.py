"""The released demos' numbers, under `compat=official`; never their endless loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.edtalk.method import LipPose
from harness.media import probe
from harness.records import Clip, Request
from harness.worker import ask
from networks.edtalk.lips import smooth
from tests.small_edtalk import FRAMES, codes, film, lips, made, refusal, rendered, shown, talker

torch.set_num_threads(1)


@pytest.mark.slow
@pytest.mark.parametrize("official", [False, True])
def test_the_lip_and_pose_model(asked: Callable[..., Request], official: bool) -> None:
    """Its published demo mirrors a short pose clip; driven by a clip of lips it holds the last head pose."""
    how = {"compat": "official"} if official else {}
    request = asked(pose=4)
    pose = codes(request.pose_video, expression=False).pose
    frames, out = shown(made(LipPose, **how), request)
    assert out.told[0] == "none"
    sound = talker(False).lips(request.driving_audio)
    expected = rendered(request, sound, pose[[0, 1, 2, 3, 3, 2]], None, stretched=official)
    np.testing.assert_array_equal(frames, expected)
    frames, out = shown(made(LipPose, lips="source", **how), request)
    track = smooth(codes(request.source_video, expression=False).lip)
    count = len(track) if official else FRAMES
    pose = pose[[0, 1, 2, 3, 3, 3, 3, 3, 3] if official else [0, 1, 2, 3, 3, 2]]
    np.testing.assert_array_equal(frames, rendered(request, track, pose, None, frames=count, stretched=official))


@pytest.mark.slow
def test_the_released_demos_numbers(asked: Callable[..., Request], tmp_path: Path) -> None:
    """Demo A: the last 20 expression frames dropped, the rest mirrored, the last pose held, contrast stretched."""
    request = asked(pose=4)
    long = film(tmp_path / "long.mp4", 24, 7)
    request = replace(request, emotion=replace(request.emotion, clip=long))
    frames, out = shown(made(compat="official"), request)
    assert "compat: official" in out.told[1]
    exp = codes(long, None).exp[[0, 1, 2, 3, 3, 2]]
    pose = codes(request.pose_video, None).pose[[0, 1, 2, 3, 3, 3]]
    np.testing.assert_array_equal(frames, rendered(request, lips(request), pose, exp, stretched=True))
    assert not np.array_equal(frames, shown(made(), request)[0])


@pytest.mark.parametrize("option", [{}, {"emotion": "image"}, {"expression": "smile.png"}])
def test_where_the_released_demo_never_ends_is_one_sentence(
    asked: Callable[..., Request], tmp_path: Path, option: dict[str, str]
) -> None:
    request = asked()
    if option.get("expression"):
        option = {"expression": str(tmp_path / option["expression"])}
    answer = refusal(made(compat="official", **option), request)
    assert answer.kind == "unsupported"
    count = 1 if option else 4
    assert f"has {count} of the more than 20 frames without which the released demo never ends" in answer.reason


@pytest.mark.slow
def test_the_clip_driven_demo_takes_short_expressions_and_its_lip_clips_length(
    asked: Callable[..., Request], tmp_path: Path
) -> None:
    request = asked(pose=4)
    method = made(compat="official", lips=str(film(tmp_path / "lips.mp4", 8, 3, fps=30)))
    frames, out = shown(method, request)
    assert out.timed == (8, 30)
    track = smooth(codes(tmp_path / "lips.mp4", None).lip)
    pose = codes(request.pose_video, None).pose[[0, 1, 2, 3, 3, 3, 3, 3]]
    exp = codes(request.emotion.clip, None).exp[[0, 1, 2, 3, 3, 2, 1, 0]]
    np.testing.assert_array_equal(frames, rendered(request, track, pose, exp, frames=8, stretched=True))


@pytest.mark.slow
def test_a_pose_clip_of_30_fps_makes_a_video_of_30_fps_in_the_released_demo_alone(
    asked: Callable[..., Request], tmp_path: Path
) -> None:
    request = asked("label", fps=30)
    for option, rate, count in (({}, 25, FRAMES), ({"compat": "official"}, 30, FRAMES)):
        clip = ask(made(**option), request, tmp_path / f"made{rate}.mp4")
        assert isinstance(clip, Clip), clip
        facts = probe(clip.path)
        assert (facts.fps, facts.frames, clip.frames) == (rate, count, count)
        assert (facts.width, facts.height, facts.has_audio) == (256, 256, True)
