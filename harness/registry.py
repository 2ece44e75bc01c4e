"""Names become classes here, imported only when used: literal registry entries, or a user's `path/to/file.py:Class`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Mapping
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import MissingError, UsageError, unknown_name
from harness.guard import Crash, attempt

_FILE_SPEC = re.compile(r"^(?P<file>.+\.py):(?P<name>[A-Za-z_]\w*)$")


def is_file_spec(name: str) -> bool:
    """Says whether `name` has the form path/to/file.py:Class."""
    return _FILE_SPEC.match(name) is not None


def resolve(kind: str, name: str, registry: Mapping[str, str]) -> str:
    """Returns the spec of `name` ("module:Class" or "file.py:Class"); UsageError with a suggestion if unknown."""
    if is_file_spec(name):
        return name
    if name.endswith(".py"):
        raise UsageError(f"'{name}' names a file, and no class in it.", f"Type: {name}:YourClass")
    if name not in registry:
        raise unknown_name(kind, name, registry)
    return registry[name]


def load(spec: str) -> Any:
    """Returns the object that a spec names. UsageError or MissingError, never an ImportError, for a user's slip."""
    match = _FILE_SPEC.match(spec)
    if match:
        return _from_file(Path(match["file"]).expanduser().resolve(), match["name"])
    module, _, attribute = spec.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _from_file(path: Path, name: str) -> Any:
    if not path.is_file():
        raise UsageError(f"There is no file '{path}'.", "Type path/to/file.py:Class.")
    module_name = f"user_code_{path.stem}_{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"  # files called alike
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"'{path}' cannot be imported as Python.", "Type path/to/file.py:Class.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    loader = spec.loader
    made = attempt(lambda: _execute(loader, module, path))
    if isinstance(made, Crash):
        raise UsageError(made.reason if made.expected else _failed(made, path), "Mend the file and try again.")
    if not hasattr(module, name):
        raise UsageError(f"'{path}' has no class '{name}'.", "Type path/to/file.py:Class.")
    return getattr(module, name)


def _execute(loader: Loader, module: ModuleType, path: Path) -> None:
    try:
        loader.exec_module(module)
    except SyntaxError as error:
        raise UsageError(f"'{path}' line {error.lineno}: {error.msg}.") from error
    except ImportError as error:
        raise MissingError(f"'{path}' needs a package that is not installed: {error}.", "Install it.") from error


def _failed(crash: Crash, path: Path) -> str:
    """In which of the file's own lines it failed, and how."""
    lines = re.findall(rf'File "{re.escape(str(path))}", line (\d+)', crash.detail)
    return f"'{path}'{f' line {lines[-1]}' if lines else ''} cannot be loaded: {crash.reason}."
