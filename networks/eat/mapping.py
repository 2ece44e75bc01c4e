"""EAT's mapping network turns noise and an emotion into seven prompt vectors for the networks that move the face.

It has the form of StarGAN v2's mapping network (Choi et al., CVPR 2020): shared layers, then a head of its own for each
emotion. The first prompt is the shallow one, the six others are the deep ones, one a layer. State-dict names are those
of `emotionprompt.` in the released checkpoint.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

#: The emotions in the order of the released network's heads.
EMOTIONS = ("angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
NOISE_WIDTH = 16
PROMPTS = 7
PROMPT_WIDTH = 128
HIDDEN_WIDTH = 512


def _layers(inputs: int, hidden: int, outputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in (inputs, hidden, hidden):
        layers += [nn.Linear(width, hidden), nn.ReLU()]
    return [*layers, nn.Linear(hidden, outputs)]


class _Heads(nn.Module):
    def __init__(self, noise: int, hidden: int, outputs: int, emotions: int) -> None:
        super().__init__()
        self.shared = nn.Sequential(*_layers(noise, hidden, hidden), nn.ReLU())
        self.unshared = nn.ModuleList(nn.Sequential(*_layers(hidden, hidden, outputs)) for _ in range(emotions))


class MappingNetwork(nn.Module):
    """The network; without arguments the official full-size one.

    noise, hidden, width: of the noise, the layers and a prompt; prompts: how many there are; emotions: number of heads.
    """

    def __init__(
        self,
        noise: int = NOISE_WIDTH,
        hidden: int = HIDDEN_WIDTH,
        prompts: int = PROMPTS,
        width: int = PROMPT_WIDTH,
        emotions: int = len(EMOTIONS),
    ) -> None:
        super().__init__()
        self.noise, self._prompts = noise, prompts
        self.mappingnet = _Heads(noise, hidden, prompts * width, emotions)

    def forward(self, noise: Tensor, emotion: int) -> Tensor:
        """Returns prompts (B, 7, width) of standard normal noise (B, 16) and the index of an emotion."""
        shared = self.mappingnet.shared(noise)
        flat = cast("nn.Sequential", self.mappingnet.unshared[emotion])(shared)
        prompts: Tensor = flat.unflatten(1, (self._prompts, -1))
        return prompts
