"""The weights of one judge: where they are, what the signature says of them, and whether they can be believed.

Random weights also give a number (Emotion-FAN#11). A file with a published hash is taken by its hash; any other
must pass the gate of evaluators.weights.plausibility, unless setting `gate` is `off`: the signature says so.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evaluators.settings import choice
from evaluators.weights.plausibility import ImplausibleError
from harness.digest import digest
from harness.errors import Missing, MissingError
from harness.provenance import ROOT
from harness.weights import locate, table

if TYPE_CHECKING:
    from torch import Tensor

#: Settings of a judge that are read here.
SETTINGS = ("weights", "hash", "gate")


class JudgeWeights:
    """A row of weights.toml in use. `weights`: another copy; `hash=any`: own training; `gate=off`: for tests.

    Raises UsageError for another `hash` or `gate`.
    """

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self.name = name
        self._override = settings.get("weights") or None
        self._any_hash = choice(settings, "hash", ("published", "any"), "published") == "any"
        self.gated = choice(settings, "gate", ("on", "off"), "on") == "on"

    def path(self) -> Path:
        """The verified file. Raises MissingError."""
        return locate(self.name, self._override, any_hash=self._any_hash)

    def missing(self) -> list[Missing]:
        """What is missing where the file is not here or not the published one."""
        try:
            self.path()
        except MissingError as error:
            return [Missing.of(error)]
        return []

    def fields(self) -> tuple[tuple[str, str], ...]:
        """The signature's fields about the weights."""
        loose = (("hash", "any"),) if self._any_hash else ()
        open_gate = () if self.gated else (("gate", "off"),)
        return (*loose, *open_gate, ("w", "absent" if self.missing() else short_hash(self.path())))

    def long(self) -> tuple[tuple[str, str], ...]:
        """What the signature's `w` abbreviates: the whole SHA-256; nothing where the file is not here."""
        return () if self.missing() else (("w", digest(self.path())),)

    @property
    def must_pass_gate(self) -> bool:
        """Whether no published hash vouches for these bytes."""
        return self.gated and (self._any_hash or not table()[self.name].sha256)

    def state(self) -> dict[str, Tensor]:
        """The tensors of the checkpoint, names without `module.`, from its `state_dict` entry if it has one.

        Raises MissingError if it is absent, ImplausibleError if it cannot be read or holds no tensors.
        """
        import torch

        path, cure = self.path(), f"Get {table()[self.name].file} again."
        try:
            loaded = torch.load(path, weights_only=True, map_location="cpu")
        except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, OSError) as error:
            raise ImplausibleError(f"'{path}' is not a readable checkpoint ({_short(error)}).", cure) from error
        inner = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else None
        if not isinstance(inner, dict) or not any(isinstance(value, torch.Tensor) for value in inner.values()):
            raise ImplausibleError(f"'{path}' holds no state dict.", cure)
        tensors = {name: value for name, value in inner.items() if isinstance(value, torch.Tensor)}
        return {name.removeprefix("module."): value for name, value in tensors.items()}


def short_hash(path: Path) -> str:
    """First 8 hex digits of a file's SHA-256 for signatures; `absent` where it is not there."""
    return digest(path)[:8] if path.is_file() else "absent"


def shipped_missing(path: Path) -> list[Missing]:
    """What is missing where a demo network that ships with the project is not in its place."""
    if path.is_file():
        return []
    return [Missing(f"The demo weights {path} are not there.", restoring(path))]


def restoring(path: Path) -> str:
    """What to type to get back a file that is part of the repository."""
    inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"Type: git checkout -- {inside} (the file is part of the repository)."


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text[:120] or type(error).__name__
