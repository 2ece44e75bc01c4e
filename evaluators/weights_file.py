"""One row of weights.toml as a judge uses it: verified, hashed into the signature, read without unpickling code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from harness.digest import digest
from harness.errors import MissingError
from harness.weights import locate


class WeightsFile:
    """A row of weights.toml in use: where its file is, and its hash for the signature.

    Setting `weights` points at another copy, which must have the published hash too unless setting `hash` is
    `any`; the signature then says so, because random weights also give a number.
    """

    def __init__(self, name: str, settings: Mapping[str, str]) -> None:
        self._name = name
        self._override = settings.get("weights") or None
        self._any_hash = settings.get("hash", "published") == "any"

    def path(self) -> Path:
        """The verified file. Raises MissingError."""
        return locate(self._name, self._override, any_hash=self._any_hash)

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
        return (*loose, ("w", "absent" if self.missing() else digest(self.path())[:8]))

    def state(self) -> dict[str, Any]:
        """The state dict in the file. Raises MissingError."""
        state: dict[str, Any] = torch.load(self.path(), weights_only=True, map_location="cpu")
        return state
