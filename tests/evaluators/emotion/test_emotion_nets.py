"""Emotion networks: official names and shapes, both formulas of the reference, weights that cannot be noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.emotion.features import EmotionFront
from evaluators.emotion.files import EMOTION_FAN
from evaluators.emotion.labels import EAT_FAN, HSEMOTION_8, canonical
from evaluators.emotion.nets import FrameAttention, ResNet18Classifier, imagenet_input
from evaluators.packing import unpack
from evaluators.weights.judge_weights import in_use
from harness.emotions import BASIC_EMOTIONS
from harness.errors import MissingError, UsageError
from harness.seeded import fill
from networks.files.plausibility import (
    ImplausibleError,
    normalisation_spread,
    probe_pictures,
    require_separating,
    require_trained,
)
from tests import face_samples
from tests.places import GOLDEN, names_and_shapes

PARTS = (slice(0, 5), slice(5, 8), slice(8, 12))


@pytest.fixture(scope="module")
def network() -> EmotionFAN:
    module = EmotionFAN().eval().requires_grad_(False)
    fill(module)
    return module


@pytest.mark.slow
def test_names_and_shapes_are_the_checkpoints(network: EmotionFAN) -> None:
    assert {n: tuple(t.shape) for n, t in network.state_dict().items()} == names_and_shapes("emotion_fan")
    assert sum(p.numel() for p in network.parameters()) == 11_190_354


@pytest.mark.parametrize("row", range(3))
def test_both_formulas_are_the_references(network: EmotionFAN, row: int) -> None:
    data, frames = np.load(GOLDEN / "emotion" / "emotion_fan.npz"), PARTS[row]
    features = torch.from_numpy(data["f"][frames])
    judged, trained = network.decide(features), network.decide(features, "train")
    np.testing.assert_allclose(judged.alpha, data["alpha"][frames], atol=1e-5)
    np.testing.assert_allclose(judged.beta, data["beta"][frames], atol=1e-5)
    np.testing.assert_allclose(judged.mean, data["vm"][row], atol=1e-5)
    np.testing.assert_allclose(judged.logits, data["logits"][row], atol=2e-5)
    np.testing.assert_allclose(trained.logits, data["logits_if_beta_in_numerator"][row], atol=2e-5)
    np.testing.assert_allclose(network.pred_fc1(judged.mean), data["logits_self_attention_head"][row], atol=2e-5)


def fan_judge(network: EmotionFAN, folder: Path) -> EmotionAccuracy:
    """The judge around the seeded network, whole pictures in the place of face crops."""
    torch.save(network.state_dict(), folder / "fan.pth")
    settings = {"align": "frame", "samp": "all", "weights": str(folder / "fan.pth"), "hash": "any", "gate": "off"}
    judge = EmotionAccuracy(settings, "cpu")
    judge.front.net = FrameAttention(network, "eval", "cpu")
    return judge


@pytest.mark.full_size
@pytest.mark.parametrize("place", [0, 1, 3])
def test_an_empty_video_changes_no_other(network: EmotionFAN, place: int, tmp_path: Path) -> None:
    """The reference answers "Happy" for everything when a video without faces is among them.

    Facts: docs/reference/metrics.md, 'Emotion accuracy of EAT'.
    """
    judge, rng = fan_judge(network, tmp_path), np.random.default_rng(0)
    clips = [rng.integers(0, 256, (count, 64, 64, 3)).astype(np.uint8) for count in (2, 1, 2)]
    asked = face_samples.sample("angry")
    alone = [face_samples.judged(judge, asked, frames)[0] for frames in clips]
    clips.insert(place, clips[0][:0])
    rows = [face_samples.judged(judge, asked, frames)[0] for frames in clips]
    assert rows.pop(place).reason == "no_face"
    assert [row.value for row in rows] == [row.value for row in alone]
    kept = [unpack(row.statistics) for row in rows]
    assert judge.combine("emotion_acc", kept) == pytest.approx(np.mean([row.value for row in alone]))


@pytest.mark.full_size
def test_official_faces(shared: Path, network: EmotionFAN, tmp_path: Path) -> None:
    """Features, decisions and accuracy of people's face crops, with and without an empty video among them."""
    notes, data = face_samples.golden(shared, "emotion_fan")
    pictures = face_samples.jpegs(data)
    features = FrameAttention(network, "eval", "cpu").features(list(pictures))
    np.testing.assert_allclose(features, data["f"], atol=1e-5)
    judge = fan_judge(network, tmp_path)
    clips = {name: pictures[frames] for name, frames in zip(notes["order"], PARTS, strict=True)}
    for place in ("empty_first", "empty_in_middle", "empty_last"):
        rows = {}
        for name in notes[place]["order"]:
            asked, frames = face_samples.sample(canonical(name[-3:])), clips.get(name, pictures[:0])
            (rows[name],) = face_samples.judged(judge, asked, frames)
        assert rows.pop("vidZ_ang").reason == "no_face"
        kept = {name: unpack(row.statistics) for name, row in rows.items()}
        assert [judge.classes.index(str(kept[name]["predicted"])) for name in notes["order"]] == notes["pred_class"]
        for name, wanted in zip(notes["order"], notes["pred_softmax"], strict=True):
            np.testing.assert_allclose(kept[name]["probabilities"], wanted, atol=1e-5)
        assert judge.combine("emotion_acc", list(kept.values())) == pytest.approx(notes["acc_video"], abs=1e-4)


def test_small_network_is_the_same_class_and_trains() -> None:
    torch.manual_seed(0)
    small = EmotionFAN(("happy", "sad", "neutral"), width=4, dropout=0.5)
    pictures = torch.rand(2, 3, 3, 32, 32)
    logits = small(pictures)
    assert logits.shape == (2, 3)
    logits.sum().backward()
    assert small.beta[0].weight.grad is not None
    small.eval()
    assert set(small.state_dict()) == set(EmotionFAN(width=8).state_dict())
    torch.testing.assert_close(small(pictures[0]), small(pictures)[:1])  # the other clip of a batch changes nothing
    assert not torch.equal(small(pictures, "train"), small(pictures, "eval"))


def test_an_empty_clip_is_refused_by_the_network() -> None:
    with pytest.raises(ValueError, match="at least one frame"):
        EmotionFAN(width=4).decide(torch.zeros(0, 32))


def test_seven_class_judge_is_a_torchvision_resnet18() -> None:
    torchvision = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in torchvision.resnet18(num_classes=7).state_dict().items()}
    small, module = ResNet18Classifier(7, width=4), ResNet18Classifier(7)
    assert {name: tuple(t.shape) for name, t in module.state_dict().items()} == wanted
    assert small(torch.rand(2, 3, 40, 40)).shape == (2, 7)
    white = imagenet_input([np.full((4, 4, 3), 255, np.uint8)])
    np.testing.assert_allclose(white[0, :, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], 1e-5)


def test_the_papers_file_is_read_as_it_was_published(tmp_path: Path) -> None:
    """Names begin with base_model.module. and a numpy number stands beside the tensors; torchvision is the witness."""
    torchvision = pytest.importorskip("torchvision.models")
    module = torchvision.resnet18(num_classes=7)
    fill(module)
    module.eval()
    state = {f"base_model.module.{name}": tensor for name, tensor in module.state_dict().items()}
    torch.save({"epoch": 3, "best": np.float64(55.9), "state_dict": state}, tmp_path / "Emotion-FAN_MEAD.pth")
    settings = {"net": "cmet7", "weights": str(tmp_path / "Emotion-FAN_MEAD.pth"), "hash": "any", "gate": "off"}
    front = EmotionFront(settings, "cpu")
    front.load()
    assert front.net is not None
    crops = [np.random.default_rng(k).integers(0, 256, (224, 224, 3), dtype=np.uint8) for k in range(2)]
    with torch.no_grad():
        wanted = module(imagenet_input(crops)).mean(0).softmax(0).numpy()
    logits = front.net.logits(front.net.features(crops)).astype(np.float64)
    np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), wanted, atol=1e-5)


def test_labels_go_by_name() -> None:
    assert [canonical(name) for name in ("Anger", "dis", "JOY", "fearful", "surprise")] == [
        "angry", "disgusted", "happy", "fear", "surprised",
    ]  # fmt: skip
    with pytest.raises(UsageError, match="surprized"):
        canonical("surprized")
    assert set(EAT_FAN) == set(HSEMOTION_8) == set(BASIC_EMOTIONS)


def test_untrained_weights_are_refused() -> None:
    fresh, seeded = EmotionFAN(width=8), EmotionFAN(width=8)
    fill(seeded)
    for module in (fresh, seeded):
        assert normalisation_spread(module.state_dict()) < 4
        with pytest.raises(MissingError, match="untrained"):
            require_trained("x", module.state_dict())
    trained = {name: tensor.clone() for name, tensor in seeded.state_dict().items()}
    for name in trained:
        if name.endswith("running_var"):
            trained[name] = torch.logspace(-2, 1, trained[name].numel())
    require_trained("x", trained)
    trained["conv1.weight"][0] = float("nan")
    with pytest.raises(MissingError, match=r"conv1\.weight"):
        require_trained("x", trained)


def test_networks_that_confuse_everything_are_refused() -> None:
    def blind(pictures: np.ndarray) -> np.ndarray:
        return np.ones((len(pictures), 1), np.float32)

    def seeing(pictures: np.ndarray) -> np.ndarray:
        rows = pictures.reshape(len(pictures), -1).astype(np.float32)
        rows -= rows.mean(axis=1, keepdims=True)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    require_separating("x", seeing, 32)
    with pytest.raises(MissingError, match="do not tell pictures apart"):
        require_separating("x", blind, 32)
    assert probe_pictures(16).shape == (4, 16, 16, 3)


@pytest.mark.slow
def test_checkpoints_load_as_published(tmp_path: Path) -> None:
    state = {f"module.{name}": tensor for name, tensor in EmotionFAN(width=64).state_dict().items()}
    state["module.fc.weight"] = torch.zeros(7, 512)
    file = tmp_path / "fan.pth.tar"
    torch.save({"epoch": 61, "state_dict": state}, file)
    weights = in_use(EMOTION_FAN, {"weights": str(file), "hash": "any"})
    assert "conv1.weight" in weights.state()
    assert weights.must_pass_gate
    assert dict(weights.fields())["hash"] == "any"
    file.write_bytes(b"")
    torch.save([1, 2], file)
    with pytest.raises(ImplausibleError, match="no state dict"):
        weights.state()
    torch.save({"epoch": 61, "state_dict": state}, file)
    for kept in (0, 1, 100, file.stat().st_size // 2, file.stat().st_size - 10):
        (tmp_path / "cut.pth").write_bytes(file.read_bytes()[:kept])
        cut = in_use(EMOTION_FAN, {"weights": str(tmp_path / "cut.pth"), "hash": "any"})
        with pytest.raises(ImplausibleError, match="no complete PyTorch checkpoint"):
            cut.state()
    absent = in_use(EMOTION_FAN, {})
    assert absent.missing()
    assert dict(absent.fields())["w"] == "absent"


def test_settings_that_would_do_nothing_are_refused() -> None:
    for settings in ({"net": "cmet7", "form": "train"}, {"net": "demo", "hash": "any"}):
        with pytest.raises(UsageError, match="has no use for"):
            EmotionAccuracy(settings, "cpu")
