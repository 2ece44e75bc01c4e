"""`cmet-bench` is `python bench.py` from anywhere: the installed command starts it from the checkout."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from cmet_bench.checkout import ROOT


def main() -> NoReturn:
    """Become bench.py in this place, with these arguments; the checkout comes first on the path there."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    os.execve(sys.executable, [sys.executable, str(ROOT / "bench.py"), *sys.argv[1:]], environment)
