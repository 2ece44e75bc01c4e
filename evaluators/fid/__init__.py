"""Frechet inception distance between the frames of two sets of clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluators.fid.distance import frechet

if TYPE_CHECKING:
    from evaluators.fid.inception import Inception

__all__ = ["Inception", "frechet"]


def __getattr__(name: str) -> Any:
    """The network, imported on use: whoever combines rows needs no torch."""
    if name == "Inception":
        from evaluators.fid.inception import Inception

        return Inception
    raise AttributeError(name)
