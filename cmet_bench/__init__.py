"""cmet_bench is the front door for Python: measure clips in one call, and read runs as pandas tables.

    from cmet_bench import clips, frame, measure

    measure("clip.mp4", "lse")["lse_c"].value     # networks stay loaded for the next call
    frame("runs/bench")                           # one row a number
    clips("runs/bench")                           # one row a clip and metric

Only this package is ever installed; it points at the checkout that it lies in. Importing it puts the checkout last on
`sys.path`, so that it hides nobody's packages (Hugging Face's `datasets` above all), and raises ImportError in words
where another package hides one of those that it needs. Examples: docs/library.md.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cmet_bench.checkout import join

if TYPE_CHECKING:
    from cmet_bench.frames import clips, frame
    from cmet_bench.measured import Measured, Measures
    from cmet_bench.measuring import forget, measure

__all__ = ["Measured", "Measures", "clips", "forget", "frame", "measure"]

#: Public name → the module that holds it, imported when the name is used: pandas and PyAV take a second.
_HOMES = {
    "Measured": "measured",
    "Measures": "measured",
    "clips": "frames",
    "forget": "measuring",
    "frame": "frames",
    "measure": "measuring",
}

# The command starts a process of its own in which the checkout comes first: nothing can be in its way there.
if Path(sys.argv[0] if sys.argv else "").stem != "cmet-bench":
    join()


def __getattr__(name: str) -> Any:
    """A public name, from the module that holds it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'cmet_bench' has no attribute '{name}'")
    return getattr(importlib.import_module(f"cmet_bench.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
