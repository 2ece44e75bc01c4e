"""Networks on a GPU make nothing on the CPU: tensors without values know their device, and two devices do not mix.

torch's fake tensors need no GPU. What a GPU computes is tests/verbs/test_gpu.py's to hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from cmet.connector import Connector
from evaluators.faces.mtcnn_nets import ONet, PNet, RNet
from evaluators.identity.demo_net import IdentityNet
from networks.edtalk.generator import Audio2Lip
from tests.cmet_golden import tiny_generator

GPU = "cuda"


def drawn(network: Any, *shapes: Sequence[int]) -> list[torch.Tensor]:
    """The frames of the generator, two at a time."""
    picture, *tracks = (blank(*shape) for shape in shapes)
    return list(network.frames(network.source(picture), *tracks, batch=2))


def blank(*shape: int) -> torch.Tensor:
    return torch.empty(shape, device=GPU)


def on_gpu(network: nn.Module, mode: FakeTensorMode) -> nn.Module:
    """The network with parameters and buffers on a GPU, of no value; what else it holds stays where it is."""
    with mode:
        for part in network.modules():
            for kept in (part._parameters, part._buffers):
                for name, value in list(kept.items()):
                    if value is not None:
                        moved: Any = torch.empty(value.shape, dtype=value.dtype, device=GPU)
                        kept[name] = nn.Parameter(moved, requires_grad=False) if kept is part._parameters else moved
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "work"),
    [
        (PNet, lambda net: net(blank(2, 3, 40, 40))),
        (RNet, lambda net: net(blank(2, 3, 24, 24))),
        (ONet, lambda net: net(blank(2, 3, 48, 48))),
        (IdentityNet, lambda net: net(blank(2, 3, 64, 64))),
        (lambda: Audio2Lip(width=4), lambda net: net(blank(3, 1, 80, 16))),
        (tiny_generator, lambda net: drawn(net, (1, 3, net.size, net.size), (3, 20), (3, 6), (3, 10))),
        (
            lambda: Connector(hidden=32, feedforward=32),
            lambda net: net(blank(1, 5, 10), blank(1, 1, 1024), blank(1, 5, 10))[0],
        ),
    ],
)
def test_a_network_stays_on_its_device(make: Callable[[], nn.Module], work: Callable[[Any], Any]) -> None:
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    network = on_gpu(make(), mode)
    with mode, torch.inference_mode():
        found = work(network)
    parts = list(found) if isinstance(found, (list, tuple)) else [found]
    assert parts
    assert {part.device.type for part in parts} == {GPU}


def test_the_check_fails_where_a_network_keeps_something_on_the_cpu() -> None:
    class Torn(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.ones(3)

    with pytest.raises(RuntimeError, match="device"):
        test_a_network_stays_on_its_device(Torn, lambda net: net(blank(2, 3)))
