"""Run a program written for a GPU and older packages, unchanged, on one thread of a CPU.

    python launch.py PROGRAM.py ARGUMENTS…     (in the program's folder)

What is stood in for: `.cuda()` and device 'cuda', `numpy.int`, and `torch.load` of before the weights_only default.
"""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def _same(self: Any, *_: Any, **__: Any) -> Any:
    return self


def _on_cpu(move: Callable[..., Any]) -> Callable[..., Any]:
    def to(self: Any, *given: Any, **named: Any) -> Any:
        return move(self, *("cpu" if isinstance(g, str) and g.startswith("cuda") else g for g in given), **named)

    return to


def main() -> None:
    """Stand in, then run."""
    if not hasattr(np, "int"):
        setattr(np, "int", int)  # noqa: B010 (an attribute that numpy no longer has)
    for kind in (torch.Tensor, torch.nn.Module):
        kind.cuda = _same  # type: ignore[method-assign]
        kind.to = _on_cpu(kind.to)  # type: ignore[method-assign]
    load = torch.load
    torch.load = lambda file, **_: load(file, map_location="cpu", weights_only=True)
    torch.set_num_threads(1)
    sys.argv = sys.argv[1:]
    sys.path.insert(0, ".")
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
