"""DeepSpeech 0.1.0 (Mozilla, MPL-2.0) gives scores of 29 letters 50 times a second; EAT takes windows of 16 of them.

The network reads 26 cepstra of 19 neighbouring steps (494 numbers): three layers with ReLU cut at 20, a bidirectional
LSTM, one more such layer, and 29 scores. Facts: docs/reference/methods.md, 'EAT'.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from harness.records import SAMPLE_RATE_HZ
from networks.mfcc import mfcc

CEPSTRA = 26
CONTEXT = 9  # steps on either side
INPUTS = CEPSTRA * (2 * CONTEXT + 1)
LETTERS = 29
WIDTH = 2048
WINDOW = 16  # steps of a frame
STEPS_PER_SECOND = 50
_STRIDE = 2  # steps from frame to frame
_CUT = 20.0


class DeepSpeech(nn.Module):
    """The network; without arguments the released full-size one."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.width = width
        shapes = {1: (INPUTS, width), 2: (width, width), 3: (width, 2 * width), 5: (2 * width, width)}
        self.layers = nn.ModuleDict({str(k): nn.Linear(*shape) for k, shape in {**shapes, 6: (width, LETTERS)}.items()})
        self.lstm = nn.LSTM(2 * width, width, bidirectional=True)

    def forward(self, steps: Tensor) -> Tensor:
        """Returns (T, 29) scores of (T, 494) inputs."""
        x = steps
        for layer in ("1", "2", "3"):
            x = self.layers[layer](x).clamp(0, _CUT)
        x = self.layers["5"](self.lstm(x)[0]).clamp(0, _CUT)
        scores: Tensor = self.layers["6"](x)
        return scores


def inputs(samples: npt.NDArray[np.int16]) -> Tensor:
    """Returns the network's inputs (T, 494) of sound at 16 kHz on the int16 scale: every second column of cepstra with
    nine neighbours on either side (zeros beyond the ends), with one mean and deviation for all.
    """
    cepstra = mfcc(samples, CEPSTRA)[::2]
    padded = np.pad(cepstra, ((CONTEXT, CONTEXT), (0, 0)))
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * CONTEXT + 1, axis=0)
    rows = around.transpose(0, 2, 1).reshape(-1, INPUTS)
    return torch.from_numpy(((rows - rows.mean()) / rows.std()).astype(np.float32))


def scores(network: DeepSpeech, samples: npt.NDArray[np.int16]) -> Tensor:
    """Returns the scores (T, 29) of sound at 16 kHz on the int16 scale, on the network's device."""
    device = next(network.parameters()).device
    found: Tensor = network(inputs(samples).to(device))
    return found


def windows(network: DeepSpeech, samples: npt.NDArray[np.int16]) -> Tensor:
    """Returns (N, 16, 29) windows of scores, one a frame of 25 a second, of sound at 16 kHz on the int16 scale.

    The released features are brought to 50 steps a second, round(50 · seconds) of them; as the network gives 50 a
    second already, that takes its steps as they are and repeats the last one where they are too few. Then the last step
    is dropped, eight steps of zeros come to each end, and a window of 16 begins at every second step. Which step the
    released program drops where the sound ends between two frames rests on one recording (2.013 s, 50 windows).
    """
    found = scores(network, samples)
    steps = max(round(len(samples) / SAMPLE_RATE_HZ * STEPS_PER_SECOND) - 1, 0)
    kept = found[torch.arange(steps, device=found.device).clamp(max=len(found) - 1)]
    half = WINDOW // 2
    padded = nn.functional.pad(kept, (0, 0, half, half))
    starts = torch.arange(0, steps, _STRIDE, device=found.device)
    return padded[starts[:, None] + torch.arange(WINDOW, device=found.device)]
