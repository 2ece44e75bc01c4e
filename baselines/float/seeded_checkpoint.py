"""A stand-in `float.pth` at full size in the released layout, for a dry run without the official weights.

    python -m baselines.float.seeded_checkpoint DIR        # 2.5 GB; prints how to use it

The networks are complete and of the right size, their weights are pseudo-random: times, memory and file handling are
real, pictures mean nothing. Values follow harness.seeded, with a gain that keeps the autoencoder's activations alive.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from baselines.float.checkpoint import NAME, PARTS, SPELLINGS
from harness.atomic import replacing
from harness.seeded import fill
from harness.weights import table, variable
from networks.float.networks import FloatNetworks, Widths


def add_gain(autoencoder: nn.Module) -> None:
    """Undo the run-time 1/sqrt(fan-in) of a seeded motion autoencoder, without which its codes ignore the picture."""
    with torch.no_grad():
        for name, parameter in autoencoder.named_parameters():
            if name.endswith("weight") and parameter.ndim >= 2 and not name.endswith("direction.weight"):
                parameter.mul_(math.sqrt(math.prod(parameter.shape[1:])))


def stand_in(widths: Widths | None = None) -> FloatNetworks:
    """Returns all networks with stand-in weights, in eval mode, without gradients."""
    networks = FloatNetworks(widths)
    fill(networks)
    add_gain(networks.motion_autoencoder)
    return networks.eval().requires_grad_(False)


def released_layout(networks: FloatNetworks, wav2vec2: bool = True) -> dict[str, Tensor]:
    """Returns the tensors by their names in `float.pth`, with or without both wav2vec2 networks."""
    old = {new: released for released, new in SPELLINGS.items()}
    left_out = () if wav2vec2 else tuple(part.prefix for part in PARTS)
    state = {}
    for name, value in networks.state_dict().items():
        if not name.startswith(left_out):
            ending = next((ending for ending in old if name.endswith(ending)), "")
            state[name.removesuffix(ending) + old.get(ending, "")] = value
    return state


def write(folder: Path, networks: FloatNetworks) -> Path:
    """Write `float.pth` into a folder. Raises MediaError on a full disk."""
    path = folder / table()[NAME].file
    with replacing(path) as partial:
        torch.save(released_layout(networks), partial)
    return path


def main(arguments: list[str]) -> int:
    """Write to the folder named on the command line and print the variable that selects the file."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    print(f"export {variable(NAME)}='{write(Path(arguments[0]).resolve(), stand_in())}'")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
