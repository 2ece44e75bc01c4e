"""This program writes stand-in checkpoints at full size in the official layout, for a dry run without the real ones.

    python -m cmet.seeded_checkpoints DIR        # about 1.4 GB; prints how to use them

The networks are complete and of the right size, their weights are pseudo-random: times, memory and file handling are
real, pictures mean nothing. Values follow harness.seeded, with the gain that keeps the generator's activations alive.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cmet.connector_files import CONNECTOR
from harness.atomic import replacing
from harness.seeded import fill
from harness.weights import table, variable
from networks.edtalk.files import AUDIO2LIP, GENERATOR, LIP_POSE_GENERATOR
from networks.emotion2vec.files import EMOTION2VEC
from networks.files.official import OfficialFile

#: The published files that stand-ins are made for, by their names in harness/weights.toml.
FILES: dict[str, OfficialFile[Any]] = {
    file.name: file for file in (EMOTION2VEC, CONNECTOR, GENERATOR, LIP_POSE_GENERATOR, AUDIO2LIP)
}
_PREFIX = {"cmet-connector": "connector.", "edtalk": "gen.", "edtalk-lip-pose": "lip_pose.", "audio2lip": "audio2lip."}
_NO_GAIN = ("direction_lipnonlip.", "direction_exp.", "dec.fineadainresblock.")
_CENTRE = 1.6  # brings the mean of the seeded generator's pictures near 0
DEFAULT = ("edtalk", "audio2lip", "cmet-connector", "emotion2vec")


def add_gain(generator: nn.Module) -> None:
    """Undoes the run-time 1/sqrt(fan-in) of a seeded EDTalk generator, without which its codes ignore the picture."""
    with torch.no_grad():
        for name, parameter in generator.named_parameters():
            if name.endswith(".weight") and not name.startswith(_NO_GAIN) and ".noise." not in name:
                parameter.mul_(math.sqrt(math.prod(parameter.shape[1:])))
        generator.get_parameter("dec.to_rgbs.5.bias").sub_(_CENTRE)


def seeded_network(name: str) -> nn.Module:
    """Returns the full-size network `name` (of `FILES`) with stand-in weights, in eval mode."""
    module: nn.Module = FILES[name].build(None)
    if name == "emotion2vec":
        module = module.to_empty(device="cpu")
    fill(module, _PREFIX.get(name, ""))
    if name.startswith("edtalk"):
        add_gain(module)
    return module.eval()


def official_layout(name: str, module: nn.Module) -> dict[str, Any]:
    """Returns the checkpoint that the authors' training code would save of this network (with an empty optimiser)."""
    state = module.state_dict()
    if name == "cmet-connector":
        return {"state_dict": state, "optimizer": None, "global_step": 0, "global_epoch": 0}
    if name == "emotion2vec":
        return {"model": state}
    key = FILES[name].layout.wrappers[0]
    return {key: state, "args": argparse.Namespace(stand_in=True)}


def write_seeded_checkpoints(folder: Path, names: tuple[str, ...] = DEFAULT) -> dict[str, Path]:
    """Writes the stand-ins under their official file names; name -> path. Raises MediaError on a full disk."""
    written = {}
    for name in names:
        path = folder / table()[name].file
        with replacing(path) as partial:
            torch.save(official_layout(name, seeded_network(name)), partial)
        written[name] = path
    return written


def main(arguments: list[str]) -> int:
    """Writes to the folder named on the command line and prints the variables that select these files."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    for name, path in write_seeded_checkpoints(Path(arguments[0]).resolve()).items():
        print(f"export {variable(name)}='{path}'")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
