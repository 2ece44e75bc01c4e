"""Where a checkout lies, and how it is run, is told by `--set`, by the environment, or by bench.toml, in this order."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.config import VARIABLE, config_file
from harness.errors import UsageError, unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLACES = ("checkout", "python", "weights")


@dataclass(frozen=True)
class CheckoutSettings:
    """Holds what a user says of a checkout. A place that nobody named is None; `options` go to the program."""

    checkout: Path | None
    python: Path | None
    weights: Path | None
    options: Mapping[str, str]
    timeout_seconds: float


def read_settings(
    method: str, section: str, known: tuple[str, ...], given: Mapping[str, str], timeout_seconds: float
) -> CheckoutSettings:
    """Returns the settings of a method: `--set METHOD.KEY=`, else CMET_BENCH_SECTION_KEY, else bench.toml's [section].

    known: the names of the program's own options. Raises UsageError for a name or a file that is none.
    """
    file = _section(section)
    options = file.pop("options", {})
    if not isinstance(options, dict):
        raise UsageError(f"[{section}] options in {config_file()} is no table.", "Example: options = { nfe = 10 }")
    _known(f"entry of [{section}] in {config_file()}", file, (*PLACES, "kind"))
    if file.get("kind", "checkout") != "checkout":
        file = {}
    places = {
        key: given.get(key) or os.environ.get(f"CMET_BENCH_{section}_{key}".upper()) or file.get(key) for key in PLACES
    }
    own = {**options, **{key: value for key, value in given.items() if key not in (*PLACES, "timeout")}}
    _known(f"option of method '{method}'", own, known)
    found = {key: None if value is None else Path(str(value)).expanduser().absolute() for key, value in places.items()}
    return CheckoutSettings(
        found["checkout"],
        found["python"],
        found["weights"],
        {key: str(value) for key, value in own.items()},
        timeout_seconds,
    )


def _section(name: str) -> dict[str, Any]:
    path = config_file()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(name, {})
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            raise UsageError(f"There is no file '{path}', which {VARIABLE} names.", "Mend or unset it.") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UsageError(f"'{path}' is not valid toml: {error}.", "Mend the file.") from error
    if not isinstance(table, dict):
        raise UsageError(f"[{name}] in {path} is no table.", f"Write [{name}] and its entries below it.")
    return dict(table)


def _known(what: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            raise unknown_name(what, key, known)
