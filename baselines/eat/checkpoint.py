"""EAT's released files become networks and numbers, strictly by names and shapes; nothing in them is run.

Two checkpoints hold one state dict for each network under an entry of its name; DeepSpeech comes as a frozen graph; the
basis and the mean of expressions and the stored speech are three small files. Nothing is kept in another format: EAT's
licence does not allow converted weights to be passed on.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.eat import deepspeech_graph, padding
from harness import weights
from harness.errors import MissingError, UsageError
from harness.method import Missing
from networks.eat.deepspeech import DeepSpeech
from networks.eat.eat import OFFSETS, Eat
from networks.eat.networks import Widths, unfilled
from networks.files.array_file import read_array
from networks.files.layout import Layout
from networks.files.plausibility import require_touched
from networks.files.strict_loading import assign, matched
from networks.files.torch_file import TorchFile, state_dict_in

MAIN, LATENTS, GRAPH, PAD, BASIS, MEAN = "eat", "eat-latents", "eat-deepspeech", "eat-pad", "eat-basis", "eat-mean"
FILES = (MAIN, LATENTS, GRAPH, PAD, BASIS, MEAN)
#: The entries that are read of each checkpoint; `kp_detector` is in both.
ENTRIES = {
    MAIN: ("generator", "kp_detector", "audio2kptransformer", "sidetuning", "emotionprompt"),
    LATENTS: ("he_estimator",),
}
GRAPH_SHA1 = "b90017e816572ddce84f5843f1fa21e6a377975e"
_BLOCK_BYTES = 1 << 22


def _names(stored: bool) -> list[str]:
    return [name for name in FILES if stored or name != PAD]


def files(stored: bool = True) -> dict[str, Path]:
    """Returns the file that is read for each of `FILES`. Raises MissingError for the first that is not here.

    stored: whether stored speech is among them.
    """
    return {name: weights.locate(name, any_hash=True) for name in _names(stored)}


def missing(stored: bool = True) -> list[Missing]:
    """Returns the files of EAT that are not on this machine or are of another kind, each with its cure. Reads names, no
    tensors.
    """
    found = []
    for name in _names(stored):
        try:
            path = weights.locate(name, any_hash=True)
            if name in ENTRIES:
                _state(name, path)
        except MissingError as error:
            found.append(Missing(f"the weights '{name}' ({weights.table()[name].file})", error.cure))
        except UsageError as error:
            found.append(Missing(f"a whole {weights.table()[name].file}: {error.what.rstrip('.')}", error.cure))
    return found


def load(widths: Widths | None = None, stored: bool = True) -> Eat:
    """Returns EAT with the files that harness.weights finds, in eval mode, float32, on the CPU.

    Raises MissingError for absent files, UsageError for damaged ones and those of another method or size, and
    ImplausibleError for networks that were never trained: no hash of the checkpoints is published that could vouch for
    them.
    """
    found = files(stored)
    networks = unfilled(widths)
    opened = {name: _state(name, found[name]) for name in ENTRIES}
    where = " with ".join(str(found[name]) for name in ENTRIES)
    names = {key: (file, value) for file, state in opened.values() for key, value in state.items()}
    values = matched(networks, {key: value for key, (_, value) in names.items()}, Layout(), where)
    assign(networks, {key: _tensor(names.get(key), value) for key, value in values.items()}, where)
    require_touched(where, networks.state_dict())
    basis, mean = _numbers(found[BASIS], (OFFSETS, OFFSETS)), _numbers(found[MEAN], (OFFSETS,))
    speech = padding.read(found[PAD]) if stored else None
    return Eat(networks, _deepspeech(found[GRAPH]), basis, mean, speech).eval().requires_grad_(False)


def _tensor(read: tuple[TorchFile, Any] | None, value: Any) -> Tensor:
    """A tensor of a file; zero for a counter, which files may lack."""
    if read is None:
        return torch.zeros(value.shape, dtype=value.dtype)
    tensor: Tensor = read[0].tensor(value)
    return tensor


def _state(name: str, path: Path) -> tuple[TorchFile, dict[str, Any]]:
    """A checkpoint and its tensors, not yet read, by entry and name. UsageError where an entry is not there."""
    file = TorchFile(path)
    entries = file.content if isinstance(file.content, dict) else {}
    states = {entry: state_dict_in({entry: entries.get(entry)}, (entry,)) for entry in ENTRIES[name]}
    absent = [entry for entry, state in states.items() if not state]
    if absent:
        held = ", ".join(f"'{str(key)[:40]}'" for key in list(entries)[:4]) or "no entries"
        raise UsageError(
            f"{path} is not EAT's {weights.table()[name].file}: it has no networks under '{absent[0]}', but {held}.",
            f"Name EAT's own file: export {weights.variable(name)}=FILE.",
        )
    return file, {f"{entry}.{key}": value for entry, state in states.items() for key, value in (state or {}).items()}


def _numbers(path: Path, shape: tuple[int, ...]) -> Tensor:
    """The finite numbers of an npy file of this shape, but for axes of length 1."""
    array = read_array(path, "Get it again (`python bench.py weights fetch eat`).")
    if array.squeeze().shape != shape or not np.isfinite(array).all():
        raise UsageError(f"{path} must hold finite numbers of shape {shape}, and holds {array.shape}.", "Get it again.")
    return torch.from_numpy(array.astype(np.float32)).reshape(shape)


def _deepspeech(path: Path) -> DeepSpeech:
    """The network of the released graph, whose SHA-1 is published; of a file that the user names whatever its hash."""
    if path == weights.cached_path(weights.table()[GRAPH]):
        hashed = hashlib.sha1(usedforsecurity=False)
        with path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                hashed.update(block)
        if hashed.hexdigest() != GRAPH_SHA1:
            what = f"{path} is not the published graph: expected SHA-1 {GRAPH_SHA1}, found {hashed.hexdigest()}."
            raise UsageError(what, "Type: python bench.py weights fetch eat-deepspeech")
    return deepspeech_graph.load(path)
