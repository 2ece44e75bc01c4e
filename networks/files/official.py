"""A published file of weights becomes a network by one call: found, verified, read strictly, kept for the next start.

Names and shapes must be exactly those of the network: a missing, unexpected or differently shaped tensor is one
sentence. A file's other contents (optimisers, discriminators, arguments) are never unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from harness import weights
from harness.digest import digest
from harness.errors import UsageError
from networks.files.layout import Layout
from networks.files.weights import Weights

if TYPE_CHECKING:
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")


@dataclass(frozen=True)
class Official(Weights):
    """Names a row of harness/weights.toml. any_hash: a file that the user points at himself is taken as it is."""

    any_hash: bool = False

    def path(self) -> Path:
        """Returns the verified file. Raises MissingError."""
        return weights.locate(self.name, self.own, any_hash=self.any_hash)

    @property
    def must_pass_gate(self) -> bool:
        """Says whether no published hash vouches for these bytes."""
        return self.gated and (self.any_hash or not weights.table()[self.name].sha256)

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the fields of any weights; a hash that may be any comes first."""
        return (*((("hash", "any"),) if self.any_hash else ()), *super().fields())

    def long(self) -> tuple[tuple[str, str], ...]:
        """Returns the whole SHA-256; nothing where the file is not here."""
        return () if self.missing() else (("w", digest(self.path())),)

    def config(self) -> dict[str, Any]:
        """Returns nothing: a published network is of the size that its class has by default."""
        return {}

    def state(self) -> dict[str, Tensor]:
        """Returns the tensors, names without `module.`, from the entry `state_dict` if there is one; nothing else is
        built.
        """
        from networks.files.plausibility import ImplausibleError
        from networks.files.torch_file import read_state

        try:
            return read_state(self.path(), ("state_dict",))
        except UsageError as error:
            raise ImplausibleError(error.what, f"Get {weights.table()[self.name].file} again.") from error


@dataclass(frozen=True)
class OfficialFile(Generic[Network]):
    """Describes a published file: its row in harness/weights.toml, how it holds its network, and how that network is
    built.

    build: the empty network for the file at a path (own training may be of other widths), of official size for None; it
    may leave parameters on the meta device, loading replaces them.
    """

    name: str
    layout: Layout
    build: Callable[[Path | None], Network]

    def weights(self, path: str | Path | None = None) -> Official:
        """Says where the file is; `path`: the user's own copy, whose hash may be any."""
        return Official(self.name, Path(path) if path else None, any_hash=True)

    def load(self, path: str | Path | None = None) -> Network:
        """Returns the network, in eval mode, float32, on the CPU; a safetensors copy is kept for the next start.

        Without `path`, the file that harness.weights finds. Raises MissingError if it is absent or not the published
        one (expected and found hash), UsageError if it is damaged or holds another network, ImplausibleError for a
        file of the cache that no published hash vouches for and that was never trained.
        """
        from networks.files.plausibility import require_touched
        from networks.files.strict_loading import load_into

        row = weights.table()[self.name]
        file = self.weights(path).path()
        module = self.build(file)
        try:
            load_into(module, self.layout, file, self.name, keep_copy=True)
        except UsageError as error:
            hashes = f"SHA-256 published: {row.sha256 or 'none'}, found: {digest(file)}."
            cure = error.cure or f"Get {row.file} again, or name it: export {weights.variable(self.name)}=FILE."
            raise UsageError(f"{error.what} {hashes}", cure) from error
        if file == weights.cached_path(row) and not row.sha256:
            require_touched(str(file), module.state_dict())
        return module.eval().requires_grad_(False)
