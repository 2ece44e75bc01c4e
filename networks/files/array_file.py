"""This module reads numpy's files, npy and npz, with one sentence for every file that holds no numbers."""

from __future__ import annotations

import lzma
import tokenize
import zlib
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from harness.errors import UsageError

#: The errors that numpy's reader ends in: headers nested 10 000 deep, integers of 5000 digits, 10^12 items, cut zips.
UNREADABLE = (
    OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, IndexError, OverflowError, MemoryError,
    RecursionError, SyntaxError, NotImplementedError, RuntimeError, tokenize.TokenError, BadZipFile, zlib.error,
    lzma.LZMAError,
)  # fmt: skip
_LONGEST = 120  # characters of numpy's own words, which may hold the whole header


def read_array(path: Path, cure: str = "Extract it again or remove it.") -> npt.NDArray[Any]:
    """Returns the array of an npy file: integers or floats of any shape, in memory. UsageError for anything else."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ValueError("it is no regular file")
        array = np.load(path, allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an archive of several arrays")
        if array.dtype.kind not in "iuf":
            raise ValueError(f"it holds {array.dtype}")
    except UNREADABLE as error:
        raise UsageError(f"{path} is no readable numpy array of numbers: {why(error)}.", cure) from error
    return array


def why(error: BaseException) -> str:
    """Returns the cause in one short line."""
    if isinstance(error, MemoryError):
        return "it claims more than the memory holds"
    text = str(error).split("\n", 1)[0]
    if "pickle" in text:
        return "it holds Python objects, or is another kind of file"
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return text.rstrip(".") or type(error).__name__
