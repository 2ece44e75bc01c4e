"""FID features and judges: the published names, the goldens of pytorch-fid and of EAT, sampling, cache, refusals."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from evaluators.faces.sidecar_landmarks import sidecar
from evaluators.fid import collector, features, inputs
from evaluators.fid.fid import Fid, PairFid, frechet
from evaluators.fid.inception import ImageNetInception, Inception
from evaluators.fid.inputs import EAT, TAPS, TF_FID
from evaluators.identity.demo_net import IdentityNet
from evaluators.packing import unpack
from harness.errors import MissingError, UsageError
from harness.records import Scored, Unscored
from harness.seeded import fill
from harness.signature import Signature
from networks.files import shipped
from tests.places import names_and_shapes
from tests.reference_pairs import context, film, judged, noisy

pytestmark = pytest.mark.slow

Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def seeded() -> Inception:
    network = Inception().eval().requires_grad_(False)
    fill(network)
    return network


@pytest.fixture(scope="module")
def weights(seeded: Inception, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("weights") / "seeded.pth"
    torch.save(seeded.state_dict(), path)
    return str(path)


def test_names_and_shapes_are_the_published_ones(seeded: Inception) -> None:
    """Those of the ImageNet network are torchvision's: tests/evaluators/test_references.py loads one into the other."""
    own = {name: tuple(tensor.shape) for name, tensor in seeded.state_dict().items()}
    assert own == names_and_shapes("fid_inception")


@pytest.mark.full_size
def test_official_features(shared: Path) -> None:
    """EAT's three ways to prepare a frame, on a person's picture; then its distance by pytorch-fid at every width."""
    folder = shared / "golden" / "metrics"
    golden = np.load(folder / "eat_fid_edtalk_a_vs_hdtf_radio1.npz")
    source = np.load(folder / "syncnet_w2l_edtalk_a.npz")
    ends = np.cumsum(source["jpg_len"])
    index = int(golden["idx_fake"][1])
    data = source["jpg_bytes"].tobytes()[ends[index - 1] : ends[index]]
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[None]
    network = ImageNetInception().eval()
    fill(network)
    network = network.folded()
    cases = {
        "act_fake": EAT(picture),
        "act_fake_no_transform_input": replace(EAT, normalisation=inputs.plus_minus_one)(picture),
        "act_fake_rgb_order": replace(EAT, channels=inputs.same_order)(picture),
    }
    for name, given in cases.items():
        largest = np.abs(golden[name]).max(axis=0)
        found = np.abs(network(given).numpy()[0] - golden[name][1])
        assert float((found / np.maximum(largest, 1e-2 * largest.max())).max()) < 1e-5
    features = np.load(folder / "fid_edtalk_a_vs_hdtf_radio1.npz")
    told = json.loads((folder / "fid_edtalk_a_vs_hdtf_radio1.json").read_text())
    for width in TAPS:
        value, wanted = frechet(features[f"feat_a_{width}"], features[f"feat_b_{width}"]), told[str(width)]
        assert value == pytest.approx(wanted["fid_reference"], rel=1e-7)
        spread = wanted["fid_reference"] - wanted["mean_term"]
        assert value - wanted["mean_term"] == pytest.approx(spread, rel=1e-5)


def test_gray_levels_map_onto_the_networks_range() -> None:
    frames = np.stack([np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)])
    low, high = TF_FID(frames)
    assert low.shape == (3, 299, 299)
    assert float((low + 1).abs().max()) < 1e-6
    assert float((high - 1).abs().max()) < 1e-6


def _judge(weights: str, **settings: str) -> Fid:
    judge = Fid({"weights": weights, "hash": "any", "gate": "off", "dim": "64", **settings}, "cpu")
    judge.load()
    return judge


def test_pooled_rows_hold_features_and_the_reference_is_read_once(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = _judge(weights, samp="4")
    truth = film(11)
    own = judged(judge, context(tmp_path, truth, truth, name="own"))[0]
    assert isinstance(own, Scored)
    assert own.value is None
    assert "pooled" in own.notes
    same = unpack(own.statistics)
    assert same["clip"].shape == same["reference"].shape == (4, 64)
    assert judge.combine("fid", [same]) == 0.0

    monkeypatch.setattr(collector, "VideoReader", None)  # reading a known reference again would now fail
    given = context(tmp_path, noisy(truth, 25), truth, aligned=False, name="other")
    worse = unpack(judged(judge, given)[0].statistics)  # type: ignore[union-attr]
    assert np.array_equal(worse["reference"], same["reference"])
    assert judge.combine("fid", [worse]) == pytest.approx(frechet(worse["clip"], worse["reference"]))
    assert judge.combine("fid", [worse]) > 0


def test_chunking_changes_nothing(weights: str, tmp_path: Path) -> None:
    judge = _judge(weights, samp="all")
    given = context(tmp_path, film(10), film(4))
    first, second = (unpack(judged(judge, given, chunk)[0].statistics) for chunk in (3, 10))  # type: ignore[union-attr]
    assert first["clip"] == pytest.approx(second["clip"], rel=1e-5, abs=1e-6)
    assert first["reference"].shape == (4, 64)


def test_pair_fid_is_the_distance_of_one_clip_and_needs_two_frames(weights: str, tmp_path: Path) -> None:
    judge = PairFid({"weights": weights, "hash": "any", "gate": "off", "dim": "64"}, "cpu")
    judge.load()
    truth = film(6)
    row = judged(judge, context(tmp_path, noisy(truth, 25), truth))[0]
    assert isinstance(row, Scored)
    assert row.value is not None
    assert row.value > 0
    assert judge.combine("fid_pair", [{"value": np.array([row.value])}, {"value": np.array([1.0])}]) == pytest.approx(
        (row.value + 1) / 2
    )
    short = judged(judge, context(tmp_path, truth[:1], truth, name="short"))[0]
    assert isinstance(short, Unscored)
    assert short.reason == "too_short"


def test_crops_without_a_face_give_no_row_and_other_points_another_cache_entry(weights: str, tmp_path: Path) -> None:
    judge = _judge(weights, samp="all", crop="eat128", points="sidecar")
    given = context(tmp_path, film(4), film(3))
    reference = given.sample.reference_video
    assert reference is not None
    points = np.random.default_rng(0).uniform(10, 54, (4, 68, 2))
    points[1] = np.nan
    np.save(sidecar(given.path), points)
    np.save(sidecar(reference), points[:3])
    lossy = judged(judge, given)[0]
    assert isinstance(lossy, Scored)
    assert "frames_left_out" in lossy.notes
    first = unpack(lossy.statistics)
    assert (len(first["clip"]), len(first["reference"])) == (3, 2)
    np.save(sidecar(reference), np.full((3, 68, 2), np.nan))
    row = judged(judge, context(tmp_path, film(4), film(3)))[0]
    assert isinstance(row, Unscored)
    assert row.reason == "no_face"


def test_demo_features_are_those_of_the_small_identity_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = IdentityNet(width=4, size=32, embedding=8)
    fill(network)
    shipped.store(tmp_path / "identity.safetensors", network, {"width": 4, "size": 32, "embedding": 8}, {})
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    judge = Fid({"net": "demo", "samp": "3"}, "cpu")
    assert judge.missing() == []
    judge.load()
    assert "|net:demo-identity|" in str(judge.signature("fid"))
    found = unpack(judged(judge, context(tmp_path, noisy(film(5), 30), film(5)))[0].statistics)  # type: ignore[union-attr]
    assert found["clip"].shape == found["reference"].shape == (3, 32)
    assert judge.combine("fid", [found]) > 0


def test_no_reference_is_a_reason(weights: str, tmp_path: Path) -> None:
    judge = _judge(weights)
    row = judged(judge, context(tmp_path, film(3), None))[0]
    assert isinstance(row, Unscored)
    assert row.reason == "no_reference"


def test_a_damaged_reference_is_a_reason_and_a_damaged_cache_is_not(weights: str, tmp_path: Path) -> None:
    judge = _judge(weights, samp="2")
    given = context(tmp_path, film(3), film(4))
    judged(judge, given)
    for file in (tmp_path.parent / "cache").glob("reference/*"):
        file.write_bytes(b"not a zip")
    assert isinstance(judged(judge, context(tmp_path, film(3), film(4)))[0], Scored)
    broken = context(tmp_path, film(3), film(4), name="broken")
    assert broken.sample.reference_video is not None
    broken.sample.reference_video.write_bytes(b"no video")
    row = judged(judge, broken)[0]
    assert isinstance(row, Unscored)
    assert row.reason == "unreadable"


def test_signature_names_what_changes_the_number(weights: str) -> None:
    own = {"weights": weights, "hash": "any", "gate": "off", "dim": "64"}
    line = str(Fid(own, "cpu").signature("fid"))
    assert Signature.parse(line) == Fid(own, "cpu").signature("fid")
    assert "|net:tf-fid-2015|dim:64|" in line
    assert "|samp:5|" in line
    assert "|hash:any|gate:off|w:" in line
    others = [
        Fid({}, "cpu").signature("fid"),
        Fid({"net": "tv-in1k"}, "cpu").signature("fid"),
        Fid({**own, "samp": "all"}, "cpu").signature("fid"),
        PairFid({}, "cpu").signature("fid_pair"),
    ]
    assert len({line, *map(str, others)}) == 5
    assert "w:absent" in str(others[0])


def test_missing_random_and_foreign_weights_are_refused(weights: str, tmp_path: Path) -> None:
    absent = Fid({}, "cpu").missing()
    assert "weights fetch pt_inception-2015-12-05" in absent[0].cure
    assert Fid({"weights": weights}, "cpu").missing()  # not the published hash
    with pytest.raises(MissingError, match="not the published"):
        Fid({"weights": weights}, "cpu").load()
    with pytest.raises(MissingError, match="look untrained"):
        Fid({"weights": weights, "hash": "any"}, "cpu").load()
    foreign = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.ones(2)}, foreign)
    with pytest.raises(MissingError, match="holds another network"):
        Fid({"weights": str(foreign), "hash": "any", "gate": "off"}, "cpu").load()


@pytest.mark.parametrize("settings", [{"net": "resnet"}, {"dim": "100"}, {"sampling": "5"}])
def test_misspelt_settings_are_refused(settings: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Fid(settings, "cpu")


def test_the_signature_says_what_the_function_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def line() -> str:
        return str(Fid({}, "cpu").signature("fid"))

    before = line()
    assert "|rs:torch-bilinear|norm:pm1|ch:rgb|" in before
    other = replace(TF_FID, resize=nearest)
    monkeypatch.setattr(
        features, "INCEPTIONS", {"tf-fid-2015": replace(features.INCEPTIONS["tf-fid-2015"], input=other)}
    )
    assert line() != before
    assert "|rs:nearest@" in line()


def nearest(frames: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(frames[:, :299, :299].copy()).permute(0, 3, 1, 2).float() / 255
