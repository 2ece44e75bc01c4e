"""SyncNet: published names, embeddings equal to the reference, whole clips equal to windows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from evaluators.sync import curve
from evaluators.sync.syncnet import SyncNet, last_map_px
from evaluators.sync.syncnet_first import FirstLipLayer
from evaluators.sync.syncnet_stream import LipRunner, LipStream, audio_rows
from evaluators.sync.toom_cook import transforms
from evaluators.sync.weights import neighbours_alike, require_plausible
from harness.errors import UsageError
from harness.seeded import fill
from networks.files.layout import Layout
from networks.files.plausibility import ImplausibleError
from networks.files.strict_loading import matched
from tests.places import names_and_shapes


@pytest.fixture(scope="module")
def official() -> SyncNet:
    with torch.device("meta"):
        net = SyncNet()
    net = net.to_empty(device="cpu")
    fill(net)
    return net.eval().requires_grad_(False)


def thin(seeded: bool = True) -> SyncNet:
    net = SyncNet(divide=16, input_px=96, embedding=64)
    if seeded:
        fill(net)
    return net.eval()


def test_published_names_and_shapes() -> None:
    with torch.device("meta"):
        state = SyncNet().state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == names_and_shapes("syncnet")


def jpegs_of(stored: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """The first frames the reference read, RGB 224 px."""
    ends = np.r_[0, np.cumsum(stored["jpg_len"][:count])]
    pictures = [cv2.imdecode(stored["jpg_bytes"][ends[i] : ends[i + 1]], cv2.IMREAD_COLOR) for i in range(count)]
    return np.stack([cv2.resize(picture, (224, 224))[..., ::-1] for picture in pictures])


def assert_rows(got: np.ndarray, want: np.ndarray) -> None:
    error = np.linalg.norm(got - want, axis=1) / np.linalg.norm(want, axis=1)
    assert error.max() < 1e-5


@pytest.mark.full_size
def test_official_clips(shared: Path, official: SyncNet) -> None:
    """A whole film of a person, fed in pieces, and the first windows of three at distances of a realistic size."""
    folder = shared / "golden" / "metrics"
    stored = np.load(folder / "syncnet_w2l_hdtf_radio1.npz")
    stream, frames = LipStream(LipRunner(official)), jpegs_of(stored, 125)
    for first in range(0, 125, 40):
        stream.feed(frames[first : first + 40])
    count = int(stored["n_windows"])
    lip, audio = stream.rows()[:count], audio_rows(official, curve.mfcc(stored["audio"]), count)
    assert_rows(lip[stored["rows"]], stored["lip_rows"])
    assert_rows(audio[stored["rows"]], stored["aud_rows"])
    np.testing.assert_allclose(curve.distances(lip, audio), stored["dists"], rtol=1e-5)
    got = curve.score(lip, audio)
    np.testing.assert_allclose(got.curve, stored["mean_curve"], rtol=1e-5)
    assert got.offset == int(stored["offset"])
    assert got.lse_c == pytest.approx(float(stored["confidence"]), abs=5e-4)
    assert got.lse_d == pytest.approx(float(stored["min_dist"]), rel=1e-5)
    net = scaled_net(official)
    for clip in ("eat_edtalk_radio51_512", "joon_hdtf_radio1", "w2l_edtalk_a"):
        stored, scaled = (np.load(folder / f"syncnet_{kind}{clip}.npz") for kind in ("", "scaled_"))
        at_realistic_scale(net, jpegs_of(stored, 9), stored["audio"], scaled)


def scaled_net(official: SyncNet) -> SyncNet:
    state = {name: tensor.clone() for name, tensor in official.state_dict().items()}
    state["netcnnlip.0.weight"] /= 128
    state["netcnnaud.0.weight"] /= 16
    with torch.device("meta"):
        net = SyncNet()
    net.to_empty(device="cpu").load_state_dict(state)
    return net.eval()


def at_realistic_scale(net: SyncNet, frames: np.ndarray, sound: np.ndarray, scaled: Mapping[str, np.ndarray]) -> None:
    lip = LipRunner(net).rows(frames)
    np.testing.assert_allclose(np.linalg.norm(lip, axis=1), scaled["lip_norm"][:5], rtol=1e-5)
    audio = audio_rows(net, curve.mfcc(sound), 40)
    np.testing.assert_allclose(np.linalg.norm(audio, axis=1), scaled["aud_norm"][:40], rtol=1e-5)
    np.testing.assert_allclose(curve.distances(lip, audio[:5])[0, 15:20], scaled["dists"][0, 15:20], atol=2e-4)


def test_over_time_equals_window_by_window() -> None:
    net, frames = thin(), np.random.default_rng(0).integers(0, 256, (23, 96, 96, 3), np.uint8)
    stack = torch.from_numpy(frames[..., ::-1].copy()).float().permute(3, 0, 1, 2)
    with torch.inference_mode():
        windows = torch.cat([net.forward_lip(stack[None, :, v : v + 5]) for v in range(19)]).numpy()
        at_once = net.forward_lip(stack[None]).numpy()
    scale = np.linalg.norm(windows, axis=1).max()
    assert np.abs(at_once - windows).max() < 1e-6 * scale
    assert np.abs(LipRunner(net).rows(frames) - windows).max() < 1e-5 * scale


@pytest.mark.parametrize(("outputs", "taps"), [(1, 3), (2, 3), (4, 3), (3, 4), (4, 4)])
def test_toom_cook_is_the_convolution(outputs: int, taps: int) -> None:
    made, rng = transforms(outputs, taps), np.random.default_rng(0)
    signal, kernel = rng.standard_normal(outputs + taps - 1), rng.standard_normal(taps)
    got = made.outputs @ ((made.taps @ kernel) * (made.inputs @ signal))
    np.testing.assert_allclose(got, np.convolve(signal, kernel[::-1], "valid"), atol=1e-14)


@pytest.mark.parametrize(("side", "frames"), [(64, 5), (96, 9), (98, 14), (224, 6)])
def test_the_first_layer_by_tiles_is_the_first_layer(side: int, frames: int) -> None:
    rng = torch.Generator().manual_seed(side)
    kernel, bias = torch.randn(8, 15, 7, 7, generator=rng) / 27, torch.randn(8, generator=rng)
    pictures = torch.randint(0, 256, (frames, side, side, 3), generator=rng, dtype=torch.uint8)

    def direct(kind: torch.dtype) -> torch.Tensor:
        stacked = pictures.to(kind).unfold(0, 5, 1).flatten(3).permute(0, 3, 1, 2)
        maps = functional.conv2d(stacked, kernel.to(kind), bias.to(kind), 2)
        return functional.relu(functional.max_pool2d(maps, 3, 2))

    exact, got = direct(torch.float64), FirstLipLayer(kernel, bias, side)(pictures)
    assert got.shape == exact.shape
    assert (got - exact).norm() < 1e-6 * exact.norm()


@pytest.mark.parametrize("size", [1, 3, 4, 5, 17])
def test_pieces_of_any_size_join_without_a_seam(size: int) -> None:
    runner, frames = LipRunner(thin()), np.random.default_rng(1).integers(0, 256, (22, 96, 96, 3), np.uint8)
    stream = LipStream(runner)
    for first in range(0, len(frames), size):
        stream.feed(frames[first : first + size])
    whole = runner.rows(frames)
    np.testing.assert_allclose(stream.rows(), whole, atol=1e-5 * np.abs(whole).max())


def test_fewer_than_five_frames_give_no_window() -> None:
    stream = LipStream(LipRunner(thin()))
    stream.feed(np.zeros((4, 96, 96, 3), np.uint8))
    assert stream.rows().shape == (0, 0)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="96, 96, 3"):
        LipRunner(thin()).rows(np.zeros((6, 64, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="MFCC"):
        audio_rows(thin(), np.zeros((20, 13)), 2)
    with pytest.raises(ValueError, match="51 pixels"):
        SyncNet(divide=16, input_px=50)
    with pytest.raises(ValueError, match="divisor"):
        SyncNet(divide=7)
    assert [last_map_px(px) for px in (51, 96, 224)] == [1, 2, 6]


def test_neither_fresh_nor_seeded_weights_are_plausible() -> None:
    for seeded in (False, True):
        with pytest.raises(ImplausibleError, match="untrained") as refused:
            require_plausible("mine", thin(seeded).state_dict())
        assert refused.value.reason == "weights_implausible"


def test_wide_statistics_alone_do_not_pass_the_gate() -> None:
    state = thin().state_dict()
    for name in state:
        if name.endswith("running_var"):
            state[name] = torch.logspace(-2, 2, state[name].numel())
    with pytest.raises(ImplausibleError, match="neighbouring taps"):
        require_plausible("mine", state)
    kernel = state["netcnnlip.0.weight"]
    state["netcnnlip.0.weight"] = torch.nn.functional.avg_pool3d(kernel, (1, 3, 3), 1, (0, 1, 1))
    require_plausible("mine", state)


def test_a_trained_first_layer_is_smooth_and_a_random_one_is_not() -> None:
    from evaluators.weights.wheel_files import wheel_file

    trained = torch.load(wheel_file("facenet_pytorch", "data/onet.pt"), weights_only=True)["conv1.weight"]
    assert neighbours_alike(trained) > 0.4
    assert abs(neighbours_alike(SyncNet(divide=8).netcnnlip[0].weight.detach())) < 0.05


def test_only_counters_may_be_absent() -> None:
    net = thin()
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert matched(thin(False), state, Layout(), "mine").keys() == net.state_dict().keys()
    for odd in ({**state, "extra": torch.zeros(1)}, {k: v for k, v in state.items() if k != "netfclip.0.bias"}):
        with pytest.raises(UsageError, match="holds another network"):
            matched(thin(False), odd, Layout(), "mine")
    with pytest.raises(UsageError, match="netfcaud"):
        matched(SyncNet(divide=16, input_px=96, embedding=32), state, Layout(), "mine")
