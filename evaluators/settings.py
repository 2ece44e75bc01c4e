"""Reading a judge's settings: a misspelt key or value must not silently become a default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.errors import UsageError, unknown_name


def check(judge: str, settings: Mapping[str, str], known: Iterable[str]) -> None:
    """Raise UsageError when a setting is not one of `known`."""
    names = list(known)
    for key in settings:
        if key not in names:
            raise unknown_name(f"setting of '{judge}'", key, names)


def choice(settings: Mapping[str, str], key: str, allowed: Iterable[str], default: str) -> str:
    """The value of `key`, which must be one of `allowed`."""
    names, value = list(allowed), settings.get(key, default)
    if value not in names:
        raise unknown_name(f"value of '{key}'", value, names)
    return value


def whole(settings: Mapping[str, str], key: str, default: int, least: int = 1) -> int:
    """The value of `key` as a whole number of at least `least`."""
    text = settings.get(key, str(default))
    if not text.isdigit() or int(text) < least:
        raise UsageError(f"'{key}' is '{text}'.", f"It must be a whole number of at least {least}.")
    return int(text)
