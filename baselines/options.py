"""Options of contestants arrive as texts (`--set NAME.KEY=VALUE`) and are read here, or refused in one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError, unknown_name


def refuse_unknown(options: Mapping[str, str], method: str, known: tuple[str, ...]) -> None:
    """Raises UsageError where a key is none of `known`."""
    if unknown := sorted(set(options) - set(known)):
        raise UsageError(f"Method '{method}' has no option '{unknown[0]}'.", f"Known: {', '.join(known)}.")


def number(options: Mapping[str, str], method: str, key: str, default: float) -> float:
    """Returns the option `key` as a finite number. Raises UsageError."""
    try:
        value = float(options.get(key, default))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"Option {key}='{options[key]}' is not a number.", f"Example: --set {method}.{key}=1")
    return value


def one_of(options: Mapping[str, str], method: str, key: str, known: tuple[str, ...]) -> str:
    """Returns the option `key`, one of `known`, whose first is the default. Raises UsageError."""
    value = options.get(key, known[0])
    if value not in known:
        raise unknown_name(f"value of {method}.{key}", value, known)
    return value


def word_or_file(options: Mapping[str, str], method: str, key: str, words: tuple[str, ...]) -> str | Path:
    """Returns the option `key`: one of `words`, whose first is the default, or an existing file. Raises UsageError."""
    value = options.get(key, words[0])
    if value in words:
        return value
    path = Path(value).expanduser()
    if not path.is_file():
        known = f"a file or one of: {', '.join(words)}"
        raise UsageError(f"There is no file '{value}', which --set {method}.{key} names.", f"Name {known}.")
    return path
