"""This module reads the numbers of one npy file, with one sentence for every file that holds none."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError


def read_array(path: Path, cure: str = "Extract it again or remove it.") -> npt.NDArray[Any]:
    """Returns the array of an npy file: integers or floats of any shape, in memory. UsageError for anything else."""
    try:
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive of several arrays")
        if array.dtype.kind not in "iuf":
            raise ValueError(f"it holds {array.dtype}")
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise UsageError(f"{path} is no readable numpy array of numbers: {error}.", cure) from error
    return array
