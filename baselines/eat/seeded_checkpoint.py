"""Stand-ins for all of EAT's files at full size in the released layout, for a dry run without the official weights.

    python -m baselines.eat.seeded_checkpoint DIR        # 1.4 GB; prints how to use them

The networks are complete and of the right size, their weights are pseudo-random: times, memory and file handling are
real, pictures mean nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.eat.checkpoint import BASIS, ENTRIES, GRAPH, LATENTS, MAIN, MEAN, OFFSETS, PAD
from baselines.eat.seeded_graph import write_graph
from harness.atomic import replacing
from harness.seeded import seeded_array
from harness.weights import table, variable
from networks.eat.deepspeech import LETTERS, WIDTH, WINDOW
from networks.eat.mel import BANDS
from networks.eat.networks import EatNetworks, Widths
from networks.eat.seeded_weights import filled


def stand_in(widths: Widths | None = None) -> EatNetworks:
    """Returns all networks with stand-in weights, in eval mode, without gradients."""
    return filled(EatNetworks(widths), "")


def released_layout(networks: EatNetworks, name: str) -> dict[str, dict[str, Tensor]]:
    """Returns the state dicts of a checkpoint, `eat` or `eat-latents`, by entry; `kp_detector` is in both."""
    entries = ENTRIES[name] if name == MAIN else (*ENTRIES[name], "kp_detector")
    return {entry: getattr(networks, entry).state_dict() for entry in entries}


def write(folder: Path, networks: EatNetworks, graph_width: int = WIDTH) -> dict[str, Path]:
    """Write all files into a folder; returns them by their names in weights.toml. Raises MediaError on a full disk."""
    pad = np.empty(2, object)
    pad[0] = torch.from_numpy(seeded_array("pad.mel", (BANDS,)))
    pad[1] = seeded_array("pad.deep", (WINDOW, LETTERS))
    writers: dict[str, Callable[[Path], Any]] = {
        MAIN: lambda path: torch.save({**released_layout(networks, MAIN), "epoch": 313}, path),
        LATENTS: lambda path: torch.save(released_layout(networks, LATENTS), path),
        GRAPH: lambda path: write_graph(path, graph_width),
        PAD: lambda path: np.save(path, pad, allow_pickle=True),
        BASIS: lambda path: np.save(path, seeded_array("basis", (OFFSETS, OFFSETS)) * 0.01),
        MEAN: lambda path: np.save(path, seeded_array("mean", (OFFSETS,)) * 0.01),
    }
    paths = {name: folder / table()[name].file for name in writers}
    for name, writer in writers.items():
        with replacing(paths[name]) as partial:
            writer(partial)
    return paths


def main(arguments: list[str]) -> int:
    """Write to the folder named on the command line and print the variables that select the files."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    for name, path in write(Path(arguments[0]).resolve(), stand_in()).items():
        print(f"export {variable(name)}='{path}'")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
