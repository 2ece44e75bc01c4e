"""FID: the public names."""

from __future__ import annotations

from evaluators.frechet import frechet
from evaluators.inception import Inception

__all__ = ["Inception", "frechet"]
