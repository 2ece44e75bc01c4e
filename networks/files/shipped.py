"""This module says where the small networks that ship in the repository are, how they are stored, and how they load.

Each file is safetensors: float16 tensors (float32 where that overflows, or where rounding would tilt an axis) and, as
metadata, the constructor keywords (`config`) and the recipe with its seed (`recipe`), both JSON. The stored values are
those that were measured: figures are taken after this round trip.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from harness.atomic import replacing
from harness.errors import Missing, MissingError, UsageError
from harness.provenance import ROOT
from networks.files.layout import Layout
from networks.files.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor, nn

FOLDER = Path(__file__).resolve().parents[1] / "shipped"
_EXACT = (
    "basis",
    "direction_",
    "codes.",
    "motion_autoencoder.dec.direction.",
)  # prefixes of tensors whose rounding would tilt an axis
_EXTRA = "codes."  # prefix of tensors that are stored next to a network
Network = TypeVar("Network", bound="nn.Module")


@dataclass(frozen=True)
class Shipped(Weights):
    """Describes a small network that ships with the project, or the user's own file of that kind."""

    def path(self) -> Path:
        """Returns the file. Raises MissingError with the command that brings it back."""
        return present(self.own or place(self.name))

    @property
    def must_pass_gate(self) -> bool:
        """Says whether it is not the file that ships."""
        return self.gated and self.own is not None and self.own != place(self.name)

    def long(self) -> tuple[tuple[str, str], ...]:
        """Returns nothing: the repository holds the file."""
        return ()

    def config(self) -> dict[str, Any]:
        """Returns the keywords that the file was stored with."""
        return read(self.path())[1]

    def state(self) -> dict[str, Tensor]:
        """Returns the tensors, float32. ImplausibleError for a damaged file and values that are not finite."""
        return read(self.path())[0]


@dataclass(frozen=True)
class ShippedFile(Generic[Network]):
    """Describes a file of `FOLDER`, and how the network is built from the constructor keywords that it holds."""

    name: str
    build: Callable[..., Network]

    def weights(self, path: str | Path | None = None) -> Shipped:
        """Says where the file is; `path`: another one of the same kind."""
        return Shipped(self.name, Path(path) if path else None)

    def missing(self) -> list[Missing]:
        """Returns what a method lacks that needs this file, where it is not here."""
        path = place(self.name)
        return [] if path.is_file() else [Missing(f"the demo weights {path}", restoring(path))]

    def load(self, path: str | Path | None = None) -> Network:
        """Returns the network, in eval mode. MissingError for an absent file, ImplausibleError for a damaged or foreign
        one.
        """
        from networks.files.plausibility import ImplausibleError
        from networks.files.strict_loading import matched

        file = self.weights(path).path()
        tensors, config = read(file)
        try:
            network = self.build(**config)
            own = {n: t for n, t in tensors.items() if not n.startswith(_EXTRA)}
            network.load_state_dict(matched(network, own, Layout(), str(file)), strict=True)
        except (UsageError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise ImplausibleError(_damaged(file), restoring(file)) from error
        return network.eval().requires_grad_(False)


def place(name: str) -> Path:
    """Says where the file of that name belongs."""
    return FOLDER / f"{name}.safetensors"


def present(path: Path) -> Path:
    """Returns `path`, where there is a file. Raises MissingError."""
    if not path.is_file():
        raise MissingError(f"The demo weights {path} are not there.", restoring(path))
    return path


def restoring(path: Path) -> str:
    """Returns the command that brings back a file that is part of the repository."""
    inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"Type: git checkout -- {inside} (the file is part of the repository)."


def store(
    path: Path,
    module: nn.Module,
    config: Mapping[str, Any],
    recipe: Mapping[str, Any],
    codes: Mapping[str, Tensor] | None = None,
) -> None:
    """Write `module` to `path`, atomically. `config` are the keywords that construct it again.

    codes: tensors that are kept next to the network, by name (`read` gives them back as `codes.<name>`).
    """
    from safetensors.torch import save

    beside = {f"{_EXTRA}{name}": tensor for name, tensor in (codes or {}).items()}
    everything = {**module.state_dict(), **beside}
    tensors = {name: _narrow(name, tensor).contiguous().clone() for name, tensor in everything.items()}
    metadata = {"config": json.dumps(config), "recipe": json.dumps(recipe)}
    with replacing(path) as partial:
        partial.write_bytes(save(tensors, metadata))  # the library's own writer tells a full disk in a class of its own


def _narrow(name: str, tensor: Tensor) -> Tensor:
    """float16 where that holds every value: a variance of 0..255 pictures does not fit and stays float32."""
    if not tensor.is_floating_point() or name.startswith(_EXACT):
        return tensor
    half = tensor.half()
    return half if bool(half.isfinite().all()) else tensor


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Returns the tensors (float32 again) and constructor keywords of a stored file.

    Raises MissingError if it is not there, ImplausibleError if it is damaged or holds values that are not finite.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    from networks.files.plausibility import ImplausibleError

    try:
        with safe_open(str(present(path)), framework="pt") as file:
            config = json.loads(file.metadata()["config"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ImplausibleError(_damaged(path), restoring(path)) from error
    floats = {name: t.float() if t.dtype == torch.float16 else t for name, t in tensors.items()}
    # An infinite variance is a channel that float16 once switched off (sync: 4 of 12 of the first layer); no other.
    broken = [n for n, t in floats.items() if bool(t.isnan().any() if n.endswith("var") else ~t.isfinite().all())]
    if broken:
        raise ImplausibleError(f"The demo weights {path} are not finite ({broken[0]}).", restoring(path))
    return floats, config


def _damaged(path: Path) -> str:
    return f"The demo weights {path} are damaged or of another network."
