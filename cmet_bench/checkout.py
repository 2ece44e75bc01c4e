"""This module puts the checkout last on `sys.path`, and raises in words where it would not be found there."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
#: The packages of the checkout that the front door imports.
OURS = ("evaluators", "harness", "networks", "reports")
#: A package of ours whose name is Hugging Face's elsewhere.
THEIRS = "datasets"


class Finder:
    """Finds the modules of the checkout except `datasets`, even where nobody else has a package of that name.

    transformers asks whether one can be found, and then uses it as Hugging Face's. A user who puts the checkout first
    on the path gets all of it.
    """

    def __init__(self, path: str) -> None:
        if path != str(ROOT):
            raise ImportError("another folder: the next hook has it")
        self._files = FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))

    def find_spec(self, name: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """Says where the module lies; None where it is not here, or not meant."""
        return None if name == THEIRS and sys.path[0] != str(ROOT) else self._files.find_spec(name, target)

    def invalidate_caches(self) -> None:
        """Look at the folder anew."""
        self._files.invalidate_caches()


def join() -> None:
    """Put the checkout last on `sys.path` unless it is there, without our `datasets`; other packages come first.

    Raises ImportError, with what to do, where this package lies outside a checkout or where another package or module
    is found before one of OURS.
    """
    if not (ROOT / "bench.py").is_file():
        raise ImportError(
            f"cmet_bench lies in {ROOT}, without its checkout. "
            "Install it from there: pip install --no-deps -e path/to/cmet-bench"
        )
    if str(ROOT) not in sys.path:
        sys.path_hooks.insert(0, Finder)
        sys.path_importer_cache.pop(str(ROOT), None)
        sys.path.append(str(ROOT))
    for name in OURS:
        found = _place(name)
        if found is None or not found.is_relative_to(ROOT):
            raise ImportError(
                f"cmet_bench needs its own package '{name}' ({ROOT / name}), but {found} comes first under that name. "
                f"Rename it, take it off the path, or use the command `cmet-bench`, which needs no room here.",
                name=name,
            )


def _place(name: str) -> Path | None:
    """Where `import name` finds the package: its first file or folder; None where it does not."""
    module = sys.modules.get(name)
    spec = getattr(module, "__spec__", None) if module is not None else importlib.util.find_spec(name)
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    if spec is not None:
        places += [spec.origin, *(spec.submodule_search_locations or ())]
    return next((Path(place).resolve() for place in places if place), None)
