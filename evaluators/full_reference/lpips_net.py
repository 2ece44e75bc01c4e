"""LPIPS v0.1 (Zhang et al. 2018) is a torchvision trunk with trained linear heads over five layers of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evaluators.weights.wheel_files import wheel_file
from networks.files.torch_file import read_state

_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_EPSILON = 1e-10

#: Trunk → (layers of torchvision's `features` in order, layers after which a tap lies).
#: A layer: (channels, kernel, stride, padding) of a convolution with its ReLU, or "pool" as (0, kernel, stride, 0).
_Layer = tuple[int, int, int, int]
_ALEX: tuple[_Layer, ...] = (
    (64, 11, 4, 2),
    (0, 3, 2, 0),
    (192, 5, 1, 2),
    (0, 3, 2, 0),
    (384, 3, 1, 1),
    (256, 3, 1, 1),
    (256, 3, 1, 1),
)
_POOL: _Layer = (0, 2, 2, 0)


def _vgg(width: int, count: int) -> tuple[_Layer, ...]:
    return tuple((width, 3, 1, 1) for _ in range(count))


_VGG = (*_vgg(64, 2), _POOL, *_vgg(128, 2), _POOL, *_vgg(256, 3), _POOL, *_vgg(512, 3), _POOL, *_vgg(512, 3))
_TRUNKS: dict[str, tuple[tuple[_Layer, ...], tuple[int, ...]]] = {
    "alex": (_ALEX, (0, 2, 4, 5, 6)),
    "vgg": (_VGG, (1, 4, 8, 12, 16)),
}


class Trunk(nn.Module):
    """Holds the convolutions of torchvision's AlexNet or VGG16 under their names in `features` (0.weight,
    3.weight, …).
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        layers, self._taps = _TRUNKS[name]
        self._layers: list[tuple[_Layer, str]] = []
        self.widths = tuple(layers[tap][0] for tap in self._taps)
        inputs, position = 3, 0
        for layer in layers:
            channels, kernel, stride, padding = layer
            self._layers.append((layer, str(position)))
            if channels:
                self.add_module(str(position), nn.Conv2d(inputs, channels, kernel, stride, padding))
                inputs = channels
            position += 2 if channels else 1  # a convolution is followed by its ReLU

    def forward(self, x: Tensor) -> list[Tensor]:
        """Returns the five activations after ReLU of scaled pictures (n, 3, h, w)."""
        taps = []
        for index, ((channels, kernel, stride, _), name) in enumerate(self._layers):
            x = F.relu(self.get_submodule(name)(x)) if channels else F.max_pool2d(x, kernel, stride)
            if index in self._taps:
                taps.append(x)
        return taps


class Distance(nn.Module):
    """Computes LPIPS v0.1 with the trunk `name` (alex or vgg)."""

    shift: Tensor
    scale: Tensor

    def __init__(self, name: str) -> None:
        super().__init__()
        self.trunk = Trunk(name)
        self.heads = nn.ParameterList([nn.Parameter(torch.zeros(1, width, 1, 1)) for width in self.trunk.widths])
        self.register_buffer("shift", torch.tensor(_SHIFT)[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE)[:, None, None], persistent=False)

    def load_heads(self, name: str) -> None:
        """Load the wheel's linear heads v0.1. Raises MissingError or ImplausibleError without them."""
        state = read_state(wheel_file("lpips", f"weights/v0.1/{name}.pth"))
        with torch.no_grad():
            for index, head in enumerate(self.heads):
                head.copy_(state[f"lin{index}.model.1.weight"])

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Returns the distances by layer (n, 5) of pictures (n, 3, h, w), RGB in [-1, 1]; LPIPS is their sum."""
        both = (torch.cat([first, second]) - self.shift) / self.scale
        layers = []
        for head, taps in zip(self.heads, self.trunk(both), strict=True):
            unit = taps / (torch.sqrt(torch.sum(taps * taps, dim=1, keepdim=True)) + _EPSILON)
            difference = (unit[: len(first)] - unit[len(first) :]) ** 2
            layers.append((difference * head).sum(dim=1).mean(dim=(1, 2)))
        return torch.stack(layers, dim=1)

    @torch.inference_mode()
    def of_frames(
        self, first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], batch: int
    ) -> npt.NDArray[np.float64]:
        """Returns the LPIPS of pairs of uint8 RGB frames (n, h, w, 3) → (n,)."""
        values = [np.zeros(0)]
        for k in range(0, len(first), batch):
            a, b = (self._tensor(frames[k : k + batch]) for frames in (first, second))
            with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # a GPU gives the same number as a CPU
                values.append(self(a, b).sum(dim=1).double().cpu().numpy())
        return np.concatenate(values)

    def _tensor(self, frames: npt.NDArray[np.uint8]) -> Tensor:
        x = torch.from_numpy(np.ascontiguousarray(frames)).to(self.shift.device)
        return x.permute(0, 3, 1, 2).float() / 127.5 - 1
