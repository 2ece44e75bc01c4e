"""Laws of the generator at any width: what must not change a picture, what must, and where gradients go."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import Tensor

from networks.edtalk.generator import Generator, orthogonal
from networks.stylegan2 import winograd
from networks.stylegan2.layers import Blur, ConvLayer, Upsample, blur_kernel
from networks.stylegan2.modulation import StyledConv
from tests.cmet_golden import tiny_generator

DEAD = ("to_rgb1.", ".noise.", ".conv1.weight", ".conv1.bias", ".norm1.")  # in the checkpoints, without effect


EXACT = {"rtol": 0.0, "atol": 1e-9}
"""Of float64, in which laws are checked: stand-in weights blow the rounding of float32 up to 1e-4."""


def pictures(count: int, size: int = 32) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(3)) * 2 - 1


def precise(network: Generator, count: int) -> tuple[Generator, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Network, pictures and codes in float64."""
    lip, pose, exp = codes(count)
    return network.double(), pictures(count).double(), (lip.double(), pose.double(), exp.double())


def codes(count: int, seed: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(count, size, generator=draw) for size in (20, 6, 10))  # type: ignore[return-value]


@torch.no_grad()
def test_blurs_equal_one_channel_at_a_time_to_the_bit() -> None:
    x = torch.randn(2, 8, 17, 17)
    for layer, pad, gain in ((Blur(2), 2, 1.0), (Blur(1, gain=4.0), 1, 4.0)):
        single = torch.nn.functional.conv2d(x.reshape(16, 1, 17, 17), blur_kernel(gain)[None, None], padding=pad)
        assert torch.equal(layer(x).flatten(), single.flatten())
    every_second = Blur(1, stride=2)
    assert torch.equal(every_second(x), Blur(1)(x)[:, :, ::2, ::2])


@pytest.mark.slow
@torch.no_grad()
@pytest.mark.parametrize(("shape", "outputs"), [((1, 3, 4, 6), 5), ((2, 8, 16, 16), 4), ((1, 2, 2, 2), 1)])
def test_winograd_equals_the_direct_convolution(shape: tuple[int, ...], outputs: int) -> None:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=draw, dtype=torch.float64)
    weight = torch.randn(outputs, shape[1], 3, 3, generator=draw, dtype=torch.float64)
    direct = torch.nn.functional.conv2d(x, weight, padding=1)
    torch.testing.assert_close(winograd.convolve(x, winograd.filters(weight)), direct, rtol=0, atol=1e-12)


@torch.no_grad()
def test_wide_layers_take_winograds_way_and_stay_what_they_are() -> None:
    draw = torch.Generator().manual_seed(1)
    layer = ConvLayer(256, 256, 3).double()
    x = torch.randn(1, 256, 16, 16, generator=draw).double()
    assert winograd.pays(x, layer[0].weight)
    with torch.enable_grad():
        assert not winograd.pays(x, layer[0].weight)
        direct = layer(x)
    torch.testing.assert_close(layer(x), direct, **EXACT)
    styled = StyledConv(256, 256, 8).double()
    latent = torch.randn(2, 8, generator=draw).double()
    with torch.enable_grad():
        direct = styled(x.expand(2, -1, -1, -1), latent)
    torch.testing.assert_close(styled(x.expand(2, -1, -1, -1), latent), direct, **EXACT)


@torch.no_grad()
def test_upsampling_keeps_a_flat_picture_flat() -> None:
    doubled = Upsample()(torch.full((1, 3, 8, 8), 0.7))
    assert doubled.shape == (1, 3, 16, 16)
    torch.testing.assert_close(doubled[:, :, 2:-2, 2:-2], torch.full((1, 3, 12, 12), 0.7))


@torch.no_grad()
def test_batch_of_frames_equals_frame_by_frame() -> None:
    network, pictures_, (lip, pose, exp) = precise(tiny_generator(), 5)
    source = network.source(pictures_[:1])
    together = network.render(source, lip, pose, exp)
    streamed = torch.cat(list(network.frames(source, lip, pose, exp)))
    torch.testing.assert_close(together, streamed, **EXACT)
    assert torch.equal(streamed, torch.cat(list(network.frames(pictures_[:1], lip, pose, exp))))


@torch.no_grad()
def test_batch_of_sources_equals_one_by_one() -> None:
    network, pictures_, (lip, pose, exp) = precise(tiny_generator(), 3)
    together = network.render(pictures_, lip, pose, exp)
    for row in range(3):
        alone = network.render(*(part[row : row + 1] for part in (pictures_, lip, pose, exp)))
        torch.testing.assert_close(together[row], alone[0], **EXACT)


@torch.no_grad()
def test_one_row_of_codes_stands_for_all_frames() -> None:
    network, (lip, pose, exp) = tiny_generator(), codes(3)
    spread = network.render(pictures(1), lip, pose, exp[:1].expand(3, -1))
    assert torch.equal(network.render(pictures(1), lip, pose, exp[:1]), spread)
    assert len(list(network.frames(pictures(1), lip, pose[:1], exp[:1], batch=2))) == 2


def test_recording_gradients_does_not_change_the_picture() -> None:
    network, pictures_, (lip, pose, exp) = precise(tiny_generator(), 2)
    recorded = network.render(network.encode(pictures_[:1]), lip[:1], pose[:1], exp[:1])
    assert recorded.requires_grad
    with torch.no_grad():
        plain = network.render(network.encode(pictures_[:1]), lip[:1], pose[:1], exp[:1])
    torch.testing.assert_close(recorded.detach(), plain, **EXACT)


def test_every_live_parameter_learns() -> None:
    network, (lip, pose, _) = tiny_generator().train(), codes(2)
    encoded = network.encode(pictures(2))
    (network.render(encoded, encoded.lip + lip, encoded.pose + pose, encoded.exp) ** 2).mean().backward()
    learns = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    dead = {name for name, _ in network.named_parameters() if name.startswith("dec.") and _is_dead(name)}
    assert learns == {name for name, _ in network.named_parameters()} - dead
    assert float(network.direction_exp.weight.grad.abs().max()) > 0


def _is_dead(name: str) -> bool:
    return name != "dec.conv1.conv.weight" and any(
        part in name for part in (DEAD if "fineadainresblock" in name else DEAD[:2])
    )


@torch.no_grad()
def test_kept_weights_follow_changes() -> None:
    network, (lip, pose, exp) = tiny_generator(), codes(1)
    before = network.render(pictures(1), lip, pose, exp)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    for parameter in network.parameters():
        parameter.mul_(1.1)
    changed = network.render(pictures(1), lip, pose, exp)
    fresh = tiny_generator()
    fresh.load_state_dict(network.state_dict())
    assert torch.equal(changed, fresh.render(pictures(1), lip, pose, exp))
    assert not torch.allclose(before, changed)
    network.load_state_dict(state, assign=True)
    assert torch.equal(network.render(pictures(1), lip, pose, exp), before)


@pytest.mark.slow
def test_a_fused_optimiser_leaves_nothing_stale() -> None:
    """It changes weights without telling: a picture between two steps, or after them, is of the weights as they are."""
    network, (lip, pose, exp) = tiny_generator(), codes(1)
    picture = pictures(1)

    def shown(trained: torch.nn.Module) -> torch.Tensor:
        fresh = tiny_generator()
        fresh.load_state_dict(trained.state_dict())
        with torch.no_grad():
            made = network.render(picture, lip, pose, exp)
            assert torch.equal(made, fresh.render(picture, lip, pose, exp))
        return made

    first = shown(network)
    optimizer = torch.optim.Adam(network.train().parameters(), lr=0.01, fused=True)
    for _ in range(2):
        optimizer.zero_grad()
        network.render(picture, lip, pose, exp).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        between = shown(network)
    network.eval()
    assert not torch.allclose(shown(network), first)
    torch.testing.assert_close(between, shown(network))


@torch.no_grad()
def test_bank_is_factorised_once_in_eval_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny_generator()
    calls: list[int] = []
    qr = torch.linalg.qr
    monkeypatch.setattr(torch.linalg, "qr", lambda *args, **named: calls.append(1) or qr(*args, **named))
    first = network.bank()
    assert network.bank() is first
    assert len(calls) == 1


def test_bank_is_differentiable_in_train_mode() -> None:
    network = tiny_generator().train()
    wanted = torch.randn(network.bank().shape, generator=torch.Generator().manual_seed(1))
    before = (network.bank() * wanted).sum()
    before.backward()
    for columns in (network.direction_lipnonlip.weight, network.direction_exp.weight):
        assert columns.grad is not None
        with torch.no_grad():
            columns += 1e-3 * columns.grad / columns.grad.norm()
        after = (network.bank() * wanted).sum()
        assert after > before  # uphill, by one block of columns after the other
        before = after


def test_axes_are_orthonormal_with_the_signs_of_householder() -> None:
    columns = torch.randn(24, 7, generator=torch.Generator().manual_seed(1))
    axes = orthogonal(columns)
    torch.testing.assert_close(axes.T @ axes, torch.eye(7), rtol=0, atol=2e-6)
    expected, _ = np.linalg.qr(columns.numpy().astype(np.float64) + 1e-8)
    np.testing.assert_allclose(axes.numpy(), expected, rtol=0, atol=5e-6)


@torch.no_grad()
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float16, 0.04), (torch.bfloat16, 0.2)])
def test_half_precision_leaves_the_axes_alone(dtype: torch.dtype, limit: float) -> None:
    network, (lip, pose, exp) = tiny_generator(), codes(2)
    axes, picture = network.bank().clone(), network.render(pictures(1), lip, pose, exp)
    network.to(dtype)
    assert network.direction_exp.weight.dtype == torch.float32
    assert torch.equal(network.bank(), axes)
    short = network.render(pictures(1).to(dtype), lip, pose, exp)
    assert short.dtype == dtype
    assert float((short.float() - picture).square().mean().sqrt()) < limit * float(picture.std())


@pytest.mark.slow
@torch.no_grad()
def test_copies_and_pickles_render_alike() -> None:
    network, (lip, pose, exp) = tiny_generator(), codes(1)
    picture = network.render(pictures(1), lip, pose, exp)
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(twin.render(pictures(1), lip, pose, exp), picture)


@torch.no_grad()
def test_lip_and_pose_model_has_no_expression() -> None:
    network, (lip, pose, exp) = tiny_generator(expression=False), codes(1)
    encoded = network.encode(pictures(1))
    assert encoded.exp.shape == (1, 0)
    plain = network.render(encoded, lip, pose)
    assert torch.equal(plain, network.render(encoded, lip, pose, exp))


@torch.no_grad()
def test_codes_of_a_clip_do_not_depend_on_its_chunks() -> None:
    network, clip = tiny_generator(), pictures(5)
    whole, parts = network.codes([clip]), network.codes(clip.split(2))
    for name in ("exp", "pose", "lip"):
        assert torch.equal(getattr(whole, name), getattr(parts, name))
    torch.testing.assert_close(whole.lip, network.encode(clip).lip, rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [64, 128])
def test_other_sizes(size: int) -> None:
    edges = [4 << step for step in range(size.bit_length() - 2)]
    network = Generator(size=size, style=40, channels=dict.fromkeys(edges, 4)).eval()
    with torch.no_grad():
        encoded = network.encode(pictures(1, size))
        assert [map_.shape[-1] for map_ in encoded.features] == edges[1:]
        assert network.render(encoded, *codes(1)).shape == (1, 3, size, size)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"size": 96}, "power of two"),
        ({"size": 4}, "power of two"),
        ({"style": 35}, "do not fit"),
        ({"size": 64, "channels": {4: 8, 8: 8, 16: 8}}, r"\[32, 64\] have none"),
    ],
)
def test_impossible_sizes_are_refused(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Generator(**settings)  # type: ignore[arg-type]


def test_a_clip_without_frames_has_no_codes() -> None:
    with pytest.raises(ValueError, match="without frames"):
        tiny_generator().codes([])
