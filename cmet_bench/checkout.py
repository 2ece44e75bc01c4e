"""The checkout joins `sys.path` in the last place, and says so in words where it would not be found there."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: The packages of the checkout that the front door imports. Never `datasets`: that name is Hugging Face's elsewhere.
OURS = ("evaluators", "harness", "networks", "reports")


def join() -> None:
    """Put the checkout last on `sys.path` unless it is there; every other package of an equal name comes first.

    Raises ImportError, with what to do, where this package lies outside a checkout or where another package or module
    is found before one of OURS.
    """
    if not (ROOT / "bench.py").is_file():
        raise ImportError(
            f"cmet_bench lies in {ROOT}, without its checkout. "
            "Install it from there: pip install --no-deps -e path/to/cmet-bench"
        )
    if str(ROOT) not in sys.path:
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
