"""Identity similarity: FaceNet equals the reference; same pictures give 1; every choice is signed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from evaluators.faces.crops import crop
from evaluators.faces.mtcnn import detector
from evaluators.identity.demo_net import IdentityNet
from evaluators.identity.nets import facenet_module
from evaluators.identity.similarity import IdentityMeasurement, IdentitySimilarity
from evaluators.packing import unpack
from harness.errors import MissingError, UsageError
from harness.evaluator import Chunk
from harness.records import Scored, Unscored
from harness.seeded import fill
from harness.signature import Signature
from networks.files import shipped
from tests import face_samples, onnx_bytes
from tests.places import CLIPS


@pytest.fixture(scope="module")
def facenet() -> torch.nn.Module:
    module = facenet_module()
    fill(module)
    return module


@pytest.fixture(autouse=True)
def small_network(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A seeded IdentityNet of width 4 in the place of the demo's."""
    path = tmp_path_factory.getbasetemp() / "identity.safetensors"
    if not path.is_file():
        network = IdentityNet(width=4, embedding=16)
        fill(network)
        shipped.store(path, network, {"width": 4, "embedding": 16}, {"seed": 0})
    monkeypatch.setattr(shipped, "FOLDER", path.parent)


def judge(**settings: str) -> IdentitySimilarity:
    evaluator = IdentitySimilarity({"net": "demo", **settings}, "cpu")
    assert evaluator.missing() == []
    evaluator.load()
    return evaluator


@pytest.fixture(scope="module")
def clips() -> Path:
    return CLIPS


@pytest.mark.slow
def test_identical_files_give_one(clips: Path) -> None:
    path = clips / "talking.mp4"
    frames = face_samples.clip(path, 101)[:40]
    pair = face_samples.sample(reference_video=path)
    (row,) = face_samples.judged(judge(ref="paired", samp="every20"), pair, frames)
    assert row.value == pytest.approx(1.0, abs=1e-6)
    assert row.value <= 1.0
    (still,) = face_samples.judged(judge(ref="first"), face_samples.sample(), np.repeat(frames[:1], 11, axis=0))
    assert still.value == pytest.approx(1.0, abs=1e-6)
    assert unpack(still.statistics)["cosines"].max() <= 1.0  # a float32 vector of length 1 is a little longer


def test_a_source_picture_is_embedded_once(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = face_samples.clip(clips / "talking.mp4", 101)[:6]
    picture = tmp_path / "source.png"
    cv2.imwrite(str(picture), frames[0][:, :, ::-1])
    asked = face_samples.sample(source_image=picture)
    (row,) = face_samples.judged(judge(), asked, np.repeat(frames[:1], 6, axis=0))
    assert row.value == pytest.approx(1.0, abs=1e-6)
    embedded, plain = [], IdentitySimilarity.chunk_embeddings

    def counting(self: IdentitySimilarity, chunk: Chunk) -> Any:
        embedded.append(len(chunk.frames))
        return plain(self, chunk)

    monkeypatch.setattr(IdentitySimilarity, "chunk_embeddings", counting)
    (second,) = face_samples.judged(judge(), asked, np.repeat(frames[:1], 6, axis=0))
    assert second.value == row.value
    assert embedded == [6]  # the clip, and not its source again


def test_references_without_a_face_are_refused(tmp_path: Path) -> None:
    picture = tmp_path / "black.png"
    cv2.imwrite(str(picture), np.zeros((64, 64, 3), np.uint8))
    (row,) = face_samples.judged(judge(), face_samples.sample(source_image=picture), np.zeros((3, 64, 64, 3), np.uint8))
    assert isinstance(row, Unscored)
    assert row.reason == "no_reference_face"
    (row,) = face_samples.judged(judge(ref="paired"), face_samples.sample(), np.zeros((3, 64, 64, 3), np.uint8))
    assert row.reason == "no_reference"


@pytest.mark.slow
def test_frames_without_a_face_follow_the_named_rule(clips: Path) -> None:
    frames = face_samples.clip(clips / "talking.mp4", 101)[:20].copy()
    frames[10:] = 0
    rows = {}
    for rule in ("skip", "zero", "refuse"):
        (rows[rule],) = face_samples.judged(judge(ref="first", miss=rule), face_samples.sample(), frames)
    assert isinstance(rows["skip"], Scored)
    assert ("frames_left_out" in rows["skip"].notes, "frames_left_out" in rows["zero"].notes) == (True, False)
    assert rows["zero"].value == pytest.approx(rows["skip"].value / 2)
    assert rows["refuse"].reason == "no_face"
    assert "2 of 4" in rows["refuse"].detail
    (nothing,) = face_samples.judged(judge(ref="first"), face_samples.sample(), frames[10:])
    assert nothing.reason == "no_face"
    (zero,) = face_samples.judged(judge(ref="first", miss="zero"), face_samples.sample(), frames[10:])
    assert zero.value == 0.0


def test_frames_after_the_end_of_the_reference_are_not_missing_faces() -> None:
    evaluator = judge(ref="paired", miss="refuse", samp="all")
    face = np.eye(1, 4, dtype=np.float32)[0]
    measurement = IdentityMeasurement(evaluator, (), dict.fromkeys(range(3), face), common=3)
    evaluator.chunk_embeddings = lambda chunk: (  # type: ignore[method-assign]
        indexes := list(range(chunk.first, chunk.first + len(chunk.frames))),
        dict.fromkeys(indexes, face),
    )
    measurement.feed(Chunk(0, np.zeros((5, 8, 8, 3), np.uint8)))
    (row,) = measurement.finish()
    assert isinstance(row, Scored)
    assert (row.value, row.notes) == (1.0, ())


@pytest.mark.slow
def test_aggregations_are_what_they_say(clips: Path) -> None:
    frames = face_samples.clip(clips / "full_range.mp4", 101)[:31]
    values, cosines = {}, np.zeros(0)
    for rule in ("mean-cos", "cos-mean", "frame-mean"):
        evaluator = judge(ref="first", agg=rule, samp="every10")
        (row,) = face_samples.judged(evaluator, face_samples.sample(), frames)
        values[rule], cosines = row.value, unpack(row.statistics)["cosines"]
    assert values["mean-cos"] == pytest.approx(cosines.mean()) == pytest.approx(values["frame-mean"])
    assert values["cos-mean"] > values["mean-cos"]
    pool = [{"value": np.array(0.5), "cosines": np.array([0.5])}, {"value": np.array(0.8), "cosines": np.full(3, 0.8)}]
    assert judge(agg="mean-cos").combine("identity_sim", pool) == pytest.approx(0.65)
    assert judge(agg="frame-mean").combine("identity_sim", pool) == pytest.approx(0.725)


def test_the_signature_says_everything() -> None:
    variants = ({}, {"ref": "first"}, {"agg": "cos-mean"}, {"samp": "all"}, {"miss": "zero"})
    lines = {str(judge(**settings).signature("identity_sim")) for settings in variants}
    lines |= {
        str(IdentitySimilarity(settings, "cpu").signature("identity_sim"))
        for settings in ({"net": "facenet-vggface2"}, {"margin": "40"}, {"net": "arcface-r50"})
    }
    assert len(lines) == 8
    signature = judge().signature("identity_sim")
    assert Signature.parse(str(signature)).fields == signature.fields
    odd = ({"net": "demo", "margin": "40"}, {"net": "arcface-r50", "margin": "40"})  # their crops have no margin
    for settings in ({"ref": "last"}, {"samp": "even16"}, {"margin": "-1"}, {"nett": "demo"}, *odd):
        with pytest.raises(UsageError):
            IdentitySimilarity(settings, "cpu")


@pytest.mark.full_size
def test_random_facenet_weights_are_refused(tmp_path: Path, facenet: torch.nn.Module) -> None:
    file = tmp_path / "mine.pt"
    torch.save({**facenet.state_dict(), "logits.weight": torch.zeros(1, 512)}, file)
    strict = IdentitySimilarity({"weights": str(file)}, "cpu")
    (lack,) = strict.missing()
    assert "SHA-256" in lack.what
    assert "weights fetch facenet-vggface2" in lack.cure
    own = {"weights": str(file), "hash": "any"}
    with pytest.raises(MissingError, match="untrained"):
        IdentitySimilarity(own, "cpu").load()
    tested = IdentitySimilarity({**own, "gate": "off"}, "cpu")
    tested.load()
    fields = dict(tested.signature("identity_sim").fields)
    assert (fields["hash"], fields["gate"]) == ("any", "off")
    torch.save({"conv2d_1a.conv.weight": torch.zeros(1)}, file)
    with pytest.raises(MissingError, match="holds another network"):
        IdentitySimilarity({**own, "gate": "off"}, "cpu").load()


def test_arcface_runs_from_a_users_onnx(tmp_path: Path, clips: Path) -> None:
    file = tmp_path / "arcface.onnx"
    onnx_bytes.write_linear(file, np.random.default_rng(0).normal(size=(3 * 112 * 112, 8)), 112)
    own = {"net": "arcface-r50", "weights": str(file), "hash": "any", "ref": "first"}
    with pytest.raises(MissingError, match="without the published hash"):
        IdentitySimilarity(own, "cpu").load()
    evaluator = IdentitySimilarity({**own, "gate": "off"}, "cpu")
    evaluator.load()
    frames = face_samples.clip(clips / "talking.mp4", 101)[:6]
    (row,) = face_samples.judged(evaluator, face_samples.sample(), frames)
    faces = detector().detect(frames[:1])[0]
    picture = crop(frames[0], faces, "arcface5", 112)
    assert picture is not None
    assert picture.shape == (112, 112, 3)
    assert unpack(row.statistics)["cosines"][0] == pytest.approx(1.0, abs=1e-6)
    (lack,) = IdentitySimilarity({"net": "arcface-r50"}, "cpu").missing()
    assert "w600k_r50.onnx" in lack.what
    assert "insightface" in lack.cure


def test_hard_clips_are_refused_or_scored(clips: Path) -> None:
    evaluator = judge(ref="first")
    for name, scored in (("hard_noface.mp4", False), ("hard_gray.mp4", True), ("hard_4frames.mp4", True)):
        (row,) = face_samples.judged(evaluator, face_samples.sample(), face_samples.clip(clips / name)[:8])
        assert isinstance(row, Scored) == scored, name
