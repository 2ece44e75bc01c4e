"""An emotion's prompt scales and shifts the channels of maps: EAT's emotional adaptation module.

It is a feature-wise modulation (FiLM, Perez et al., AAAI 2018) whose scales and shifts pass through a tanh. One of them
acts on the face map that the sound and emotion networks see (`audio2kptransformer.fea.` in the released checkpoint),
one on the generator's volume (`generator.ea3d.`), and one behind each norm of the audio encoder's decoding blocks.
"""

from __future__ import annotations

from torch import Tensor, nn

from networks.eat.mapping import PROMPT_WIDTH

CHANNELS = 32
_NARROWER = 8


class EmotionModulation(nn.Module):
    """Modulates maps of `channels` channels by a prompt of `width` numbers."""

    def __init__(self, width: int = PROMPT_WIDTH, channels: int = CHANNELS) -> None:
        super().__init__()
        narrow = max(1, channels // _NARROWER)
        self.fc = nn.Sequential(nn.Linear(width, narrow), nn.ReLU(), nn.Linear(narrow, 2 * channels), nn.Tanh())

    def forward(self, x: Tensor, prompt: Tensor) -> Tensor:
        """Returns maps or volumes (B, channels, ...) as an emotion's shallow prompt (B, width) changes them."""
        scale, shift = (part.reshape(*part.shape, *(1,) * (x.dim() - 2)) for part in self.fc(prompt).chunk(2, dim=1))
        modulated: Tensor = x * (1 + scale) + shift
        return modulated
