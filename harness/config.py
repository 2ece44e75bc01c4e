"""The file of a user's own settings, which several commands share: bench.toml in the folder where they are typed."""

from __future__ import annotations

import os
from pathlib import Path

FILE = "bench.toml"
#: Names another file.
VARIABLE = "CMET_BENCH_CONFIG"


def config_file() -> Path:
    """Returns the file of settings, whether it is there or not."""
    return Path(os.environ.get(VARIABLE) or FILE).expanduser().absolute()
