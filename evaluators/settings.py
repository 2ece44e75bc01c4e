"""A judge's settings are read here: a misspelt key or value must not silently become a default."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.errors import UsageError, unknown_name


def check(judge: str, settings: Mapping[str, str], known: Iterable[str]) -> None:
    """Raise UsageError when a setting is not one of `known`."""
    names = list(known)
    for key in settings:
        if key not in names:
            raise unknown_name(f"setting of '{judge}'", key, names)


def unused(who: str, settings: Mapping[str, str], keys: Iterable[str]) -> None:
    """Raise UsageError for a setting that would change nothing: two equal numbers must not look as if they differed."""
    for key in keys:
        if key in settings:
            raise UsageError(f"{who} has no use for '{key}'.", "Leave it out.")


def choice(settings: Mapping[str, str], key: str, allowed: Iterable[str], default: str) -> str:
    """Returns the value of `key`, which must be one of `allowed`."""
    names, value = list(allowed), settings.get(key, default)
    if value not in names:
        raise unknown_name(f"value of '{key}'", value, names)
    return value


def several(settings: Mapping[str, str], key: str, known: Iterable[str]) -> tuple[str, ...]:
    """Returns the names that `key` lists, comma between them, in the order of `known`; all of them where it is
    not set.
    """
    names = list(known)
    asked = [name.strip() for name in settings.get(key, "").split(",") if name.strip()]
    for name in asked:
        if name not in names:
            raise unknown_name(f"value of '{key}'", name, names)
    return tuple(name for name in names if name in asked or not asked)


def whole(settings: Mapping[str, str], key: str, default: int, least: int = 1) -> int:
    """Returns the value of `key` as a whole number of at least `least`."""
    text = settings.get(key, str(default))
    if not text.isdigit() or int(text) < least:
        raise UsageError(f"'{key}' is '{text}'.", f"It must be a whole number of at least {least}.")
    return int(text)


def positive(settings: Mapping[str, str], key: str, meaning: str) -> float | None:
    """Returns the value of `key` as a number above 0, or None where it is not set; `meaning` names the quantity in
    errors.
    """
    text = settings.get(key, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"'{key}' is '{text}'.", f"It must be {meaning}, > 0.")
    return value
