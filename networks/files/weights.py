"""The weights of a network are a published file, or one that ships; this says where it is, and what signatures say of
it.

Random weights also give a number (Emotion-FAN#11). A file with a published hash is taken by its hash; any other must
pass a gate of networks.files.plausibility, unless `gated` is off: the signature says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.digest import digest
from harness.errors import Missing, MissingError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Weights(ABC):
    """Describes one file of weights. `own`: another copy, of the user's; `gated`: False for tests, which signatures
    say.
    """

    name: str
    own: Path | None = None
    gated: bool = True

    @abstractmethod
    def path(self) -> Path:
        """Returns the file. Raises MissingError where it is not here, or not the one it must be."""

    @property
    @abstractmethod
    def must_pass_gate(self) -> bool:
        """Says whether nothing vouches for these bytes."""

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """Returns constructor keywords of the network that the file holds; {} for the published size."""

    @abstractmethod
    def state(self) -> dict[str, Tensor]:
        """Returns the tensors by name. MissingError if the file is absent, ImplausibleError if it cannot be read."""

    @abstractmethod
    def long(self) -> tuple[tuple[str, str], ...]:
        """Returns the fields that the signature's `w` abbreviates, for its long form."""

    def missing(self) -> list[Missing]:
        """Returns the missing prerequisite where the file is not here or not the published one."""
        try:
            self.path()
        except MissingError as error:
            return [Missing.of(error)]
        return []

    def short(self) -> str:
        """Returns the first 8 hex digits of the file's SHA-256; `absent` where it is not here."""
        return "absent" if self.missing() else digest(self.path())[:8]

    def fields(self) -> tuple[tuple[str, str], ...]:
        """Returns the signature's fields about the weights, the hash last."""
        return (*(() if self.gated else (("gate", "off"),)), ("w", self.short()))
