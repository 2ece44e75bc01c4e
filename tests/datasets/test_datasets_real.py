"""Real clips and puppets in the official grammars: flv at 30 fps, six channels, a detector that is the real one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from datasets.crema_d import CremaD
from datasets.mead import Mead
from datasets.mead_layout import MeadClip
from datasets.preparation.prepare import prepare
from datasets.preparation.stages import Network, PreparationPlan
from datasets.puppets.dataset import Puppets
from datasets.verify import verify
from harness.media import VideoReader, probe, read_audio
from harness.media.face_track import joined, square
from tests.media_samples import write_film
from tests.places import CLIPS, ROOT

pytestmark = pytest.mark.codec

CROP = PreparationPlan(("crop", "sound"), Network("evaluators.faces.mtcnn:detector", {}))


def on_canvas(source: Path, frames: int, left: int, top: int) -> np.ndarray:
    """Frames of a face crop pasted into a wide gray picture: what a raw corpus looks like."""
    chunk = next(iter(VideoReader(source, chunk=frames)))
    canvas = np.full((len(chunk), 360, 480, 3), 110, np.uint8)
    canvas[:, top : top + 256, left : left + 256] = chunk
    return canvas


def test_a_face_is_found_cropped_and_brought_to_25_fps(tmp_path: Path) -> None:
    clip = CLIPS / "talking.mp4"
    sound = read_audio(clip).samples[: 16000 * 18 // 30]
    folder = tmp_path / "raw" / "VideoFlash"
    write_film(folder / "1001_DFA_NEU_XX.flv", on_canvas(clip, 18, 190, 60), fps=30, audio=sound)
    puppets = Puppets()
    sample = puppets.samples()[0]
    puppets.materialise(sample)
    assert sample.source_video is not None
    write_film(folder / "1001_DFA_ANG_XX.flv", on_canvas(sample.source_video, 18, 20, 90), fps=30, audio=sound)
    done = prepare("crema_d", tmp_path / "raw", tmp_path / "out", CROP)
    assert (done.made, done.failures) == (2, ())

    from evaluators.faces.mtcnn import detector

    for name in ("1001_DFA_NEU_XX", "1001_DFA_ANG_XX"):
        path = tmp_path / "out" / f"{name}.mp4"
        assert (probe(path).frames, probe(path).fps) == (15, 25.0)
        faces = detector().detect(next(iter(VideoReader(path)))[::7])
        for found in faces:
            assert len(found) >= 1
            x0, y0, x1, y1 = found.boxes[0]
            assert found.probs[0] > 0.9
            assert 0.6 * 256 < max(x1 - x0, y1 - y0) < 256  # the face fills the crop
            assert abs((x0 + x1) / 2 - 128) < 25
            assert abs((y0 + y1) / 2 - 128) < 25


def test_our_square_is_the_official_crop(shared: Path) -> None:
    """Clips that the official preprocessing cropped, put back into a wide picture, are cut out again as they were."""
    from evaluators.faces.mtcnn import detector

    for name in ("mead_w009_038", "hdtf_radio1", "edtalk_a"):
        clip = np.concatenate(list(VideoReader(shared / "real" / "clips" / f"{name}.mp4")))[::12]
        wide = np.full((len(clip), 360, 480, 3), 110, np.uint8)
        wide[:, 60:316, 120:376] = clip
        found = square(joined([np.asarray(faces.boxes) for faces in detector().detect(wide)], name), 360, 480)
        assert abs(found.side - 256) <= 13, name  # 5 %
        assert abs(found.left + found.side / 2 - 248) <= 10, name
        assert abs(found.top + found.side / 2 - 188) <= 10, name


def test_mead_clips_become_samples(tmp_path: Path) -> None:
    clips = CLIPS
    base = tmp_path / "FPS25" / "W009" / "front"
    for clip, source in {
        MeadClip("W009", "neutral", 1, 38): "full_range.mp4",
        MeadClip("W009", "angry", 2, 28): "second.mp4",
    }.items():
        target = base / clip.emotion / f"level_{clip.level}" / f"{clip.number:03d}.mp4"
        target.parent.mkdir(parents=True)
        shutil.copyfile(clips / source, target)
    dataset = Mead(root=tmp_path, list_name="cmet-1143@part")
    (sample,) = dataset.samples()
    assert (sample.id, sample.emotion.name, sample.emotion.intensity) == ("W009_angry_2_028_n038", "angry", 2)
    assert sample.frames == 60
    dataset.materialise(sample)
    assert sample.pose_video is not None
    pose = np.concatenate(list(VideoReader(sample.pose_video)))
    filmed = np.concatenate(list(VideoReader(clips / "full_range.mp4")))
    assert np.array_equal(pose, filmed)
    report = verify("mead", tmp_path)
    assert report.shares[0].served == 1
    assert not [finding for finding in report.findings if finding.blocks and finding.problem != "missing"]


def test_every_hard_clip_is_examined_without_a_crash(tmp_path: Path) -> None:
    folder = tmp_path / "FPS25"
    folder.mkdir()
    hard = sorted((CLIPS).glob("hard_*.mp4"))
    names = list(CremaD(root=folder).rows())[: len(hard) - 1]
    wanted = [f"{names[0]['actor']}_{names[0]['sentence']}_NEU_XX", *(CremaD(root=folder).row_id(n) for n in names)]
    for path, name in zip(hard, wanted, strict=True):
        (folder / f"{name}.mp4").symlink_to(path)
    problems = {finding.problem for finding in verify("crema_d", tmp_path).findings}
    assert {"wrong_fps", "too_short", "not_cropped", "missing"} <= problems
    assert not problems & {"corrupt", "truncated", "no_picture"}


_BESIDE = """
import datasets, transformers, torch
assert datasets.DATASETS["folder"] == "datasets.folder:Folder"
config = transformers.Wav2Vec2Config(
    hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8,) * 7)
print(transformers.Wav2Vec2Model(config).eval()(torch.zeros(1, 800)).last_hidden_state.shape)
"""


def test_transformers_works_beside_our_datasets_package() -> None:
    """Our folder has the name of Hugging Face's package; transformers must not take one for the other."""
    pytest.importorskip("transformers")
    done = subprocess.run([sys.executable, "-c", _BESIDE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "torch.Size([1, 2, 16])" in done.stdout
