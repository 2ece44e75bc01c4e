"""The weights of one judge: where they are, what the signature says of them, and whether they can be believed.

Random weights also give a number (Emotion-FAN#11). A file with a published hash is taken by its hash; any other
must pass the plausibility gate of evaluators.plausibility, unless setting `gate` is `off`: the signature says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.digest import digest
from harness.errors import MissingError, UsageError
from harness.weights import locate, table

if TYPE_CHECKING:
    from torch import Tensor

#: Settings of a judge that are read here.
SETTINGS = ("weights", "hash", "gate")


class JudgeWeights:
    """A row of weights.toml in use. `weights`: another copy; `hash=any`: own training; `gate=off`: for tests."""

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self.name = name
        self._override = settings.get("weights") or None
        self._any_hash = settings.get("hash", "published") == "any"
        self.gated = settings.get("gate", "on") != "off"

    def path(self) -> Path:
        """The verified file. Raises MissingError."""
        return locate(self.name, self._override, any_hash=self._any_hash)

    def missing(self) -> list[tuple[str, str]]:
        """(what, cure) where the file is not here or not the published one."""
        try:
            self.path()
        except MissingError as error:
            return [(error.what, error.cure)]
        return []

    def fields(self) -> tuple[tuple[str, str], ...]:
        """The signature's fields about the weights."""
        loose = (("hash", "any"),) if self._any_hash else ()
        open_gate = () if self.gated else (("gate", "off"),)
        return (*loose, *open_gate, ("w", "absent" if self.missing() else digest(self.path())[:8]))

    @property
    def must_pass_gate(self) -> bool:
        """Whether no published hash vouches for these bytes."""
        return self.gated and (self._any_hash or not table()[self.name].sha256)

    def state(self) -> dict[str, Tensor]:
        """The tensors of the checkpoint, names without `module.`, from its `state_dict` entry if it has one.

        Raises MissingError if it is absent, UsageError if it holds no tensors.
        """
        import torch

        loaded = torch.load(self.path(), weights_only=True, map_location="cpu")
        inner = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
        if not isinstance(inner, dict) or not any(isinstance(value, torch.Tensor) for value in inner.values()):
            raise UsageError(f"'{self.path()}' holds no state dict.", f"Get {table()[self.name].file} again.")
        tensors = {name: value for name, value in inner.items() if isinstance(value, torch.Tensor)}
        return {name.removeprefix("module."): value for name, value in tensors.items()}
