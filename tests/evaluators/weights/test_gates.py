"""No judge takes weights that nothing vouches for: each file without a published hash meets a gate that can fail."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluators import EVALUATORS
from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.emotion.nets import ResNet18Classifier
from evaluators.faces.dlib_points import DlibPoints
from evaluators.faces.dlib_predictor import require_face
from evaluators.identity import files as identity_files
from evaluators.sync import files as sync_files
from evaluators.sync.syncnet import SyncNet
from evaluators.sync.weights import require_plausible
from harness import registry
from harness.seeded import fill
from harness.weights import table
from networks.files.plausibility import ImplausibleError, require_separating, require_trained
from tests import onnx_bytes

#: Rows of weights.toml without a published hash that make clips, and judge none.
METHODS = {
    "cmet-connector", "audio2lip", "float", "float-speech-emotion", "eat", "eat-latents", "eat-deepspeech", "eat-pad",
    "eat-basis", "eat-mean",
}  # fmt: skip
#: Those that judge -> where their gate is tried below.
JUDGES = {"emotion-fan-eat", "emotion-cmet-mead", "emotion-cmet-crema-d", "i3d-tfhub-onnx"}
#: Rows with a published hash whose judge takes another file by hash = any.
ANY = {
    "hsemotion-b0-8",
    "facenet-vggface2",
    "arcface-r50",
    "pt_inception-2015-12-05",
    "inception_v3",
    "alexnet",
    "vgg16",
}


def test_every_file_without_a_published_hash_is_of_a_method_or_has_a_gate() -> None:
    assert {name for name, row in table().items() if not row.sha256} == METHODS | JUDGES
    assert {name for name, row in table().items() if row.sha256} >= ANY | {"syncnet", "s3fd"}


def judge(name: str, **settings: str) -> Any:
    return registry.load(EVALUATORS[name])(settings, "cpu")


def _seeded(module: torch.nn.Module) -> torch.nn.Module:
    fill(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fresh", "seeded"])
@pytest.mark.parametrize(("net", "kind"), [("efan8-eat", EmotionFAN), ("cmet7", ResNet18Classifier)])
def test_random_emotion_weights_are_refused(net: str, kind: Callable[[], Any], how: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    file = tmp_path / "random.pth"
    torch.save(kind().state_dict() if how == "fresh" else _seeded(kind()).state_dict(), file)
    own = {"net": net, "weights": str(file), "align": "frame"}
    with pytest.raises(ImplausibleError, match="look untrained"):
        judge("emotion", **own).load()  # no hash is published: the gate stands without `hash = any`
    judge("emotion", **own, gate="off").load()
    assert "|gate:off|" in str(judge("emotion", **own, gate="off").signature("emotion_acc"))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("emotion", {"net": "hsemotion8"}),
        ("identity", {"net": "arcface-r50"}),
        ("lpips", {"net": "alex"}),
        ("lpips", {"net": "vgg"}),
    ],
)
def test_files_that_no_gate_can_judge_are_refused_outright(name: str, settings: dict[str, str], tmp_path: Path) -> None:
    size = 224 if name == "emotion" else 112
    file = tmp_path / "any.onnx"
    onnx_bytes.write_linear(file, np.random.default_rng(0).normal(size=(3 * size * size, 8)), size)
    with pytest.raises(ImplausibleError, match="without the published hash"):
        judge(name, **settings, weights=str(file), hash="any").load()


def test_the_gate_lets_a_trained_network_through_and_its_shuffled_self_not() -> None:
    """The same numbers in another order: the gate does not look at their size alone."""
    state = sync_files.SHIPPED.load().state_dict()
    require_trained("sync", state)
    require_plausible("sync", state)
    first = state["netcnnlip.0.weight"]
    order = torch.randperm(first.numel(), generator=torch.Generator().manual_seed(0))
    with pytest.raises(ImplausibleError, match="neighbouring taps"):
        require_plausible("sync", {**state, "netcnnlip.0.weight": first.flatten()[order].reshape(first.shape)})
    flat = {key: torch.ones_like(value) if key.endswith("running_var") else value for key, value in state.items()}
    with pytest.raises(ImplausibleError, match="spread of the normalisation"):
        require_plausible("sync", flat)


@pytest.mark.parametrize("kind", [lambda: EmotionFAN(width=8), lambda: SyncNet(divide=32, input_px=64)])
def test_neither_fresh_nor_seeded_statistics_pass(kind: Callable[[], torch.nn.Module]) -> None:
    for module in (kind(), _seeded(kind())):
        with pytest.raises(ImplausibleError, match="look untrained"):
            require_trained("x", module.state_dict())


def test_the_trained_identity_network_tells_pictures_apart_and_one_that_is_blind_does_not() -> None:
    from evaluators.faces.crops import identity_input

    network = identity_files.SHIPPED.load()

    def embed(pictures: Any) -> Any:
        with torch.inference_mode():
            return network(identity_input(list(pictures))).numpy()

    require_separating("identity", embed, network.size)
    with pytest.raises(ImplausibleError, match="do not tell pictures apart"):
        require_separating("blind", lambda pictures: np.ones((len(pictures), 1), np.float32), 32)


MEAN_FACE_5 = np.array([(175.0, 130.0), (158.0, 131.0), (125.0, 130.0), (142.0, 131.0), (150.0, 165.0)])


def _mean_face_68() -> np.ndarray:
    points = np.full((68, 2), 150.0)
    points[:17] = np.stack([np.linspace(100, 199, 17), 120 + 80 * np.sin(np.linspace(0, np.pi, 17))], axis=1)
    points[36:42], points[42:48], points[48:68] = (125, 130), (175, 130), (150, 175)
    return points


@pytest.mark.parametrize(("count", "face"), [(5, MEAN_FACE_5), (68, _mean_face_68())])
def test_predictors_show_a_face_or_are_refused(count: int, face: np.ndarray) -> None:
    require_face("x.dat", face, count)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(50):
        try:
            require_face("x.dat", rng.uniform(-1000, 1000, face.shape), count)
        except ImplausibleError:
            refused += 1
    assert refused == 50
    for wrong in (face[::-1] * (1, -1) + (0, 300), face * (-1, 1) + (300, 0), face + 150, np.full_like(face, 150)):
        with pytest.raises(ImplausibleError, match="layout"):
            require_face("x.dat", wrong, count)
    with pytest.raises(ImplausibleError, match=f"predicts {count - 1} points"):
        require_face("x.dat", face[1:], count)


@pytest.fixture
def dlib(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[types.ModuleType]:
    """A dlib that reads points from a text file; the real one is not a dependency."""
    module = types.ModuleType("dlib")
    module.__spec__ = types.SimpleNamespace(name="dlib")  # type: ignore[assignment]

    def shape_predictor(path: str) -> Any:
        try:
            points = np.loadtxt(path, ndmin=2)
        except ValueError as error:
            raise RuntimeError("deserialization failed") from error
        shape = types.SimpleNamespace(parts=lambda: [types.SimpleNamespace(x=x, y=y) for x, y in points])
        return lambda picture, box: shape

    vars(module).update(
        shape_predictor=shape_predictor,
        rectangle=lambda *sides: sides,
        get_frontal_face_detector=lambda: lambda frame, upsampling: [(0, 0, 9, 9)],
    )
    monkeypatch.setitem(sys.modules, "dlib", module)
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "cache"))
    DlibPoints.shared.cache_clear()
    yield module
    DlibPoints.shared.cache_clear()


@pytest.mark.usefixtures("dlib")
def test_the_emotion_judge_tries_dlibs_file_before_it_judges(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "five.dat"
    monkeypatch.setattr("harness.weights.locate", lambda name, override=None, any_hash=False: file)
    own = {"net": "demo", "align": "dlib5"}
    np.savetxt(file, np.random.default_rng(0).uniform(-999, 999, (5, 2)))
    with pytest.raises(ImplausibleError, match="layout"):
        judge("emotion", **own).load()
    np.savetxt(file, _mean_face_68())
    with pytest.raises(ImplausibleError, match="68 points, not 5"):
        judge("emotion", **own).load()
    np.savetxt(file, 300 - _mean_face_68())
    with pytest.raises(ImplausibleError, match="layout"):
        judge("landmarks").load()
    file.write_text("no numbers")
    with pytest.raises(ImplausibleError, match="dlib cannot read"):
        judge("emotion", **own).load()
    np.savetxt(file, MEAN_FACE_5)
    judge("emotion", **own).load()
