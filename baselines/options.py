"""Options of contestants arrive as texts (`--set NAME.KEY=VALUE`) and are read here, or refused in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping

from harness.errors import UsageError


def number(options: Mapping[str, str], method: str, key: str, default: float) -> float:
    """Returns the option `key` as a finite number. Raises UsageError."""
    try:
        value = float(options.get(key, default))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"Option {key}='{options[key]}' is not a number.", f"Example: --set {method}.{key}=1")
    return value
