"""Each metric beside the package that the field computes it with: same pictures, same sound, same weights, same number.

The packages are dev dependencies. Weights that nobody may publish are seeded by parameter name on both sides; MTCNN
and LPIPS's heads are the wheels' own. Pictures are a puppet's and scikit-image's astronaut (NASA, public domain).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from evaluators.faces.crops import box_crop
from evaluators.faces.mtcnn import detector
from evaluators.fid.distance import frechet
from evaluators.fid.inception import ImageNetInception, Inception
from evaluators.fid.inputs import EAT, TF_FID, plus_minus_one
from evaluators.full_reference.lpips_net import Distance, Trunk
from evaluators.full_reference.pixels import psnr, ssim
from evaluators.identity.nets import facenet_input, facenet_module
from evaluators.sync import curve
from evaluators.sync.crop import median_filter
from evaluators.sync.syncnet import SyncNet
from evaluators.sync.syncnet_stream import LipRunner, audio_rows
from harness.media import VideoReader, read_audio, write_wav
from harness.seeded import fill
from tests.places import CLIPS

Picture = np.ndarray


@lru_cache(maxsize=1)
def frames() -> np.ndarray:
    """The first frames of a talking puppet, uint8 RGB (32, 256, 256, 3)."""
    return next(iter(VideoReader(CLIPS / "talking.mp4")))


def astronaut() -> Picture:
    """A photographed face in 256 px."""
    skimage = pytest.importorskip("skimage.data", reason="scikit-image is not installed: make ready")
    return np.ascontiguousarray(skimage.astronaut()[:256, 90:346])


def wheel(name: str) -> Any:
    return pytest.importorskip(name, reason=f"{name} is not installed: make ready", exc_type=ImportError)


def noisy(picture: Picture) -> Picture:
    grain = np.random.default_rng(0).integers(-20, 21, picture.shape)
    return np.clip(picture.astype(int) + grain, 0, 255).astype(np.uint8)


def gray(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["colour", "gray"])
def test_psnr_and_ssim_are_scikit_images(side: str) -> None:
    metrics = wheel("skimage.metrics")
    first = astronaut() if side == "colour" else gray(astronaut())
    second, axis = noisy(first), {"channel_axis": -1 if side == "colour" else None}
    assert psnr(first, second) == pytest.approx(metrics.peak_signal_noise_ratio(first, second), abs=1e-9)
    theirs = metrics.structural_similarity(first, second, **axis)
    assert ssim(first, second, "u7", "sample") == pytest.approx(theirs, abs=1e-9)
    wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    theirs = metrics.structural_similarity(first, second, **wang, **axis)
    assert ssim(first, second, "g1.5", "pop") == pytest.approx(theirs, abs=1e-9)


@pytest.mark.full_size
@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_is_the_wheels(net: str) -> None:
    theirs = wheel("lpips").LPIPS(net=net, version="0.1", pnet_rand=True, verbose=False).eval()
    ours = Distance(net).eval()
    ours.load_heads(net)
    fill(ours.trunk, "features.")
    state = dict(ours.trunk.state_dict())
    own = [module for module in theirs.net.modules() if isinstance(module, torch.nn.Conv2d)]
    with torch.inference_mode():
        for module, name in zip(own, sorted({key.split(".")[0] for key in state}, key=int), strict=True):
            module.weight.copy_(state[f"{name}.weight"])
            module.bias.copy_(state[f"{name}.bias"])
        pair = [torch.from_numpy(one).permute(2, 0, 1)[None] / 127.5 - 1 for one in (astronaut(), noisy(astronaut()))]
        assert float(ours(*pair).sum()) == pytest.approx(float(theirs(*pair)), abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("net", ["alexnet", "vgg16"])
def test_lpips_trunk_has_torchvisions_names(net: str) -> None:
    with torch.device("meta"):
        theirs = getattr(wheel("torchvision.models"), net)(weights=None).features.state_dict()
        ours = Trunk(net.removesuffix("net").removesuffix("16")).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.items()}
    assert shapes.items() <= {name: tuple(tensor.shape) for name, tensor in theirs.items()}.items()


@pytest.fixture(scope="module")
def inception() -> Inception:
    network = Inception().eval().requires_grad_(False)
    fill(network)
    return network


@pytest.mark.full_size
@pytest.mark.parametrize("block", range(4))
def test_fid_features_are_pytorch_fids(inception: Inception, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    package = wheel("pytorch_fid.inception")
    monkeypatch.setattr(package, "load_state_dict_from_url", lambda *_, **__: inception.state_dict())
    theirs = package.InceptionV3([block], resize_input=True).eval()
    pictures = np.stack([frames()[0], astronaut()])
    given = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    width = (64, 192, 768, 2048)[block]
    with torch.inference_mode():
        wanted = theirs(given)[0].mean(dim=(2, 3)).numpy()
        plain = inception(TF_FID(pictures), width).numpy()
        folded = inception.folded()(TF_FID(pictures), width).numpy()
    scale = max(float(np.abs(wanted).max()) * 1e-2, 1e-12)
    for found in (plain, folded):
        assert float((np.abs(found - wanted) / np.maximum(np.abs(wanted), scale)).max()) < 1e-5


@pytest.mark.parametrize(("count", "width"), [(80, 64), (40, 192)])
def test_frechet_distance_is_pytorch_fids(count: int, width: int) -> None:
    score = wheel("pytorch_fid.fid_score")
    rng = np.random.default_rng(width)
    first, second = rng.standard_normal((count, width)), 1.3 * rng.standard_normal((count + 9, width)) + 0.2
    moments = [part for x in (first, second) for part in (x.mean(axis=0), np.cov(x, rowvar=False))]
    try:
        theirs = float(score.calculate_frechet_distance(*moments))
    except TypeError:  # scipy 1.18 took away an argument that pytorch-fid 0.3.0 gives
        root = np.real(wheel("scipy.linalg").sqrtm(moments[1] @ moments[3]))
        theirs = float(np.square(moments[0] - moments[2]).sum() + np.trace(moments[1] + moments[3] - 2 * root))
    assert frechet(first, second) == pytest.approx(theirs, rel=1e-5)


@pytest.mark.full_size
def test_eats_fid_features_are_torchvisions() -> None:
    theirs = wheel("torchvision.models").inception_v3(weights=None, init_weights=False, transform_input=True)
    ours = ImageNetInception()
    fill(ours)
    theirs.load_state_dict(ours.state_dict(), strict=True)  # so the names and shapes are torchvision's, too
    theirs.fc = torch.nn.Identity()
    pictures = np.stack([frames()[0], astronaut()])
    with torch.inference_mode():
        wanted = theirs.eval()(replace(EAT, normalisation=plus_minus_one)(pictures)).numpy()
        found = ours.eval().folded()(EAT(pictures)).numpy()
    assert np.abs(found - wanted).max() < 1e-5 * np.abs(wanted).max()


#: What the face networks look at.
FACES: dict[str, Callable[[], Picture]] = {
    "puppet": lambda: frames()[0],
    "photo": astronaut,
    "gray photo": lambda: np.stack([gray(astronaut())] * 3, axis=-1),
    "turned photo": lambda: np.ascontiguousarray(np.rot90(astronaut())),
    "small photo": lambda: cv2.resize(astronaut(), (128, 128), interpolation=cv2.INTER_AREA),
    "two": lambda: np.hstack([astronaut(), frames()[8]]),
    "black": lambda: np.zeros((200, 300, 3), np.uint8),
    "noise": lambda: np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8),
}


@pytest.mark.parametrize("name", FACES)
def test_faces_are_facenet_pytorchs(name: str) -> None:
    theirs, picture = wheel("facenet_pytorch").MTCNN(keep_all=True), FACES[name]()
    boxes, probs, points = theirs.detect(picture, landmarks=True)
    (found,) = detector().detect(picture[None])
    if boxes is None:
        assert len(found) == 0
        return
    assert len(found) == len(boxes) == (2 if name == "two" else 1)
    np.testing.assert_allclose(found.boxes, np.asarray(boxes, float), atol=1e-3)
    np.testing.assert_allclose(found.probs, np.asarray(probs, float), atol=1e-5)
    np.testing.assert_allclose(found.landmarks, np.asarray(points, float), atol=1e-3)


@pytest.mark.full_size
@pytest.mark.parametrize("margin", [0, 40])
def test_identity_crops_and_embeddings_are_facenet_pytorchs(margin: int) -> None:
    package, image = wheel("facenet_pytorch"), wheel("PIL.Image")
    theirs, network = package.MTCNN(image_size=160, margin=margin), facenet_module()
    fill(network)
    pictures = [astronaut(), frames()[0]]
    wanted = torch.stack([theirs(image.fromarray(picture)) for picture in pictures])
    boxes = [detector().detect(picture[None])[0].boxes[0] for picture in pictures]
    ours = facenet_input([box_crop(one, box, 160, margin) for one, box in zip(pictures, boxes, strict=True)])
    np.testing.assert_allclose(ours, wanted, atol=1 / 128)
    with torch.inference_mode():
        assert float((network(ours) * network(wanted)).sum(dim=1).min()) > 1 - 1e-6


def sound() -> np.ndarray:
    """A puppet's voice, int16, 16 kHz."""
    return np.round(read_audio(CLIPS / "talking.mp4").samples * 32767).astype(np.int16)


def test_mfcc_is_python_speech_features() -> None:
    theirs = wheel("python_speech_features").mfcc(sound(), 16000)
    np.testing.assert_allclose(curve.mfcc(sound()), theirs, atol=1e-8, rtol=0)


def test_median_filter_is_scipys() -> None:
    values = np.random.default_rng(0).standard_normal(60)
    np.testing.assert_array_equal(median_filter(values), wheel("scipy.signal").medfilt(values, 13))


@pytest.mark.full_size
def test_lip_sync_is_syncnet_pythons(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JPEGs and a wav in a folder, as that package reads them; offset, confidence and distance as it prints them."""
    package = wheel("syncnet_python.SyncNetInstance")
    theirs, ours = wheel("syncnet_python.SyncNetModel").S(), SyncNet().eval().requires_grad_(False)
    fill(ours)
    theirs.load_state_dict(ours.state_dict(), strict=True)  # names and shapes are the package's
    pictures = [cv2.resize(frame, (224, 224))[..., ::-1] for frame in frames()[:14]]
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(tmp_path / f"{index:06d}.jpg"), picture)
    write_wav(tmp_path / "audio.wav", sound()[: 14 * 640].astype(np.float32) / 32768)
    asked = SimpleNamespace(tmp_dir=str(tmp_path), batch_size=3, vshift=15)
    offset, confidence, distance = package.SyncNetInstance(theirs, "cpu").evaluate(asked)
    read = np.stack([cv2.imread(str(path))[..., ::-1] for path in sorted(tmp_path.glob("*.jpg"))])
    lip = LipRunner(ours).rows(read)[:9]
    found = curve.score(lip, audio_rows(ours, curve.mfcc(sound()[: 14 * 640]), 9))
    assert found.offset == offset
    assert found.lse_d == pytest.approx(distance, rel=1e-5)
    assert found.lse_c == pytest.approx(confidence, abs=5e-4)
    assert "Confidence" in capsys.readouterr().out
