"""FLOAT's released files become networks: strictly by names and shapes, whichever of the ways they are published in.

`float.pth` may hold the two wav2vec2 networks or leave them out; then they are read from their own files, as
`pytorch_model.bin` or `model.safetensors`, where harness.weights finds them or in the folders that the official layout
has beside `float.pth`. Both spellings of the positional convolutions' weight norm are read. Nothing is kept in another
format: FLOAT's licence does not allow converted weights to be passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from harness import weights
from harness.errors import MissingError, UsageError
from harness.method import Missing
from networks.files import safetensors_copy
from networks.files.layout import Layout
from networks.files.plausibility import ImplausibleError
from networks.files.strict_loading import assign, matched
from networks.files.torch_file import TorchFile, state_dict_in
from networks.float.networks import FloatNetworks, Widths, constants, unfilled

NAME = "float"
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_OWN = ("motion_autoencoder.", "fmt.", "audio_encoder.audio_projection.")
_LAYOUT = Layout(_WRAPPERS, spare=("masked_spec_embed", "lm_head."))  # of training, of wav2vec2's own task
SPELLINGS = {
    "pos_conv_embed.conv.weight_g": "pos_conv_embed.conv.parametrizations.weight.original0",
    "pos_conv_embed.conv.weight_v": "pos_conv_embed.conv.parametrizations.weight.original1",
}
_FILES = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True)
class FilePart:
    """A network that `float.pth` may lack: its prefix there and in its own file, its entry, its official folder."""

    prefix: str
    own_prefix: str
    entry: str
    folder: str


PARTS = (
    FilePart("audio_encoder.wav2vec2.", "wav2vec2.", "float-wav2vec2", "wav2vec2-base-960h"),
    FilePart(
        "emotion_encoder.wav2vec2_for_emotion.", "", "float-speech-emotion",
        "wav2vec-english-speech-emotion-recognition",
    ),
)  # fmt: skip


class _File:
    """The tensors of one file by their names in `float.pth`, read when asked for."""

    def __init__(self, path: Path, part: FilePart | None = None) -> None:
        self.path = path
        self._torch = None if path.suffix == ".safetensors" else TorchFile(path)
        found = safetensors_copy.read(path) if self._torch is None else state_dict_in(self._torch.content, _WRAPPERS)
        self.names: dict[str, Any] = {_renamed(name, part): value for name, value in (found or {}).items()}

    def tensor(self, value: Any) -> Tensor:
        """Returns the tensor of one of the values of `names`."""
        tensor: Tensor = value if self._torch is None else self._torch.tensor(value)
        return tensor


def _renamed(name: str, part: FilePart | None) -> str:
    for old, new in SPELLINGS.items():
        name = name.replace(old, new)
    if part is None:
        return name
    return part.prefix + name.removeprefix(part.own_prefix)


def missing() -> list[Missing]:
    """Returns the weights of FLOAT that are not on this machine, each with its cure. Reads names, no tensors."""
    try:
        main = _main(None)
    except MissingError as error:
        return [Missing(f"the weights '{NAME}' ({weights.table()[NAME].file})", error.cure)]
    except UsageError as error:
        return [Missing(f"a whole {weights.table()[NAME].file}: {error.what.rstrip('.')}", error.cure)]
    found = []
    for part in _lacking(main):
        try:
            _beside(part, main.path)
        except MissingError as error:
            what = f"the weights '{part.entry}', which {main.path} leaves out"
            found.append(Missing(what, error.cure))
    return found


def files(path: Path | None = None) -> dict[str, Path]:
    """Returns the file that is read for each entry of weights.toml: `float`, and the parts that it lacks.

    path: the user's own `float.pth`. Reads names, no tensors. Raises MissingError for an absent file, UsageError for a
    damaged one or one of another method.
    """
    main = _main(path)
    return {NAME: main.path, **{part.entry: _beside(part, main.path) for part in _lacking(main)}}


def _main(path: Path | None) -> _File:
    main = _File(weights.locate(NAME, path, any_hash=True))
    if not any(name.startswith(_OWN) for name in main.names):
        first = next(iter(main.names), None)
        found = f"its first tensor is {first}" if first else "it holds no tensors at its top level"
        raise UsageError(
            f"{main.path} is not FLOAT's checkpoint: it has no tensor of {' or '.join(_OWN)}, {found}.",
            f"Name FLOAT's float.pth: export {weights.variable(NAME)}=FILE.",
        )
    return main


def _lacking(main: _File) -> list[FilePart]:
    return [part for part in PARTS if not any(name.startswith(part.prefix) for name in main.names)]


def _beside(part: FilePart, main: Path) -> Path:
    """The own file of a part that `main` lacks: the configured one, else the official layout's, else the cache's."""
    official = [main.parent / part.folder / name for name in _FILES]
    state = weights.verify([part.entry], any_hash=True)[0]
    if state.status == "own":
        return state.path
    if found := next((path for path in official if path.is_file()), None):
        return found
    try:
        return weights.locate(part.entry, any_hash=True)
    except MissingError as error:
        what = f"{main} holds no tensor of {part.prefix} and '{part.entry}' is not here either: {error.what}"
        raise MissingError(what, error.cure) from error


def load(path: Path | None = None, widths: Widths | None = None) -> FloatNetworks:
    """Returns FLOAT's networks, in eval mode, float32, on the CPU.

    Raises what `files` raises, UsageError for tensors that are missing, unexpected, of another shape or not finite, and
    ImplausibleError for networks that were never trained: no hash of `float.pth` is published that could vouch for it.
    """
    main = _main(path)
    opened = [main, *(_File(_beside(part, main.path), part) for part in _lacking(main))]
    owners = {name: file for file in opened for name in file.names}
    fixed = constants(widths)  # those of a file are not looked at: the architecture says what they are
    found = {**{name: value for file in opened for name, value in file.names.items()}, **fixed}
    networks, where = unfilled(widths), " with ".join(str(file.path) for file in opened)
    values = matched(networks, found, _LAYOUT, where)
    tensors = {name: fixed[name] if name in fixed else owners[name].tensor(value) for name, value in values.items()}
    assign(networks, tensors, where)
    if not bool(networks.audio_encoder.audio_projection[1].bias.any()):  # type: ignore[operator]
        what = f"{main.path} was never trained: the norm of its audio projection is that of a new network."
        raise ImplausibleError(what, "Get the file again.")
    return networks.requires_grad_(False)
