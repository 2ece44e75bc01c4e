"""A probe of an interpreter: `PYTHON probe.py NAME...` prints one JSON line. Standard library only, Python 3.7.

The line says the version of Python, of every module named, or why it cannot be imported, and, where there is a torch,
which GPU architectures it was built for and which the devices here have: old builds fail on new cards at the first
kernel only.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from types import TracebackType
from typing import Any


class Attempt:
    """Keeps the error of what is done in it; a module may raise anything, or leave, when it is imported."""

    def __init__(self) -> None:
        self.error = ""

    def __enter__(self) -> Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is not None:
            self.error = f"{kind.__name__}: {error!r}"[:300]
        return True


def probe(names: list[str]) -> dict[str, Any]:
    """Returns the facts."""
    sys.path.insert(0, os.getcwd())  # as its scripts see it
    modules = {}
    for name in names:
        with Attempt() as attempt:
            module = importlib.import_module(name)
            modules[name] = {"version": str(getattr(module, "__version__", ""))}
        if attempt.error:
            modules[name] = {"error": attempt.error}
    return {"python": platform.python_version(), "modules": modules, "cuda": cuda()}


def cuda() -> dict[str, Any]:
    """Returns the architectures that torch was built for and those of the devices; {} where neither is known."""
    found: dict[str, Any] = {}
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        with Attempt():
            found["built_for"] = list(torch.cuda.get_arch_list())
            capabilities = [torch.cuda.get_device_capability(k) for k in range(torch.cuda.device_count())]
            found["devices"] = [f"sm_{major}{minor}" for major, minor in capabilities]
    return found


if __name__ == "__main__":
    print(json.dumps(probe(sys.argv[1:])))
