"""This module is the hook of `edit --upscale FILE.py:FUNCTION`: a user's super-resolution, applied to every frame."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from harness import registry
from harness.errors import UsageError
from harness.guard import Crash, attempt

Pixels = npt.NDArray[np.uint8]
T = TypeVar("T")
_LINE = re.compile(r'File "(?P<file>[^"]*)", line (?P<line>\d+)')


class Upscaler:
    """Calls FUNCTION(frame) of a user's file: uint8 RGB (h, w, 3) in, uint8 RGB of one other size out.

    UsageError with the function's own words and line where it cannot be loaded, fails, or returns anything else.
    """

    def __init__(self, spec: str) -> None:
        if not registry.is_file_spec(spec):
            raise UsageError(f"--upscale '{spec}' is not FILE.py:FUNCTION.", "Example: --upscale sr.py:upscale")
        self._file, _, self._name = spec.rpartition(":")
        self._function: Callable[[Pixels], object] = self._guarded("cannot be loaded", lambda: registry.load(spec))
        if not callable(self._function):
            raise UsageError(f"--upscale '{spec}' is no function.", "It must take a frame and return one.")
        self._shape: tuple[int, ...] = ()

    def __call__(self, frame: Pixels) -> Pixels:
        """The frame as the hook returns it, checked."""
        made = self._guarded("failed", lambda: self._function(frame.copy()))
        if not isinstance(made, np.ndarray) or made.dtype != np.uint8 or made.ndim != 3 or made.shape[2] != 3:
            raise self._wrong(made, "uint8 RGB (height, width, 3)")
        if made.shape[0] % 2 or made.shape[1] % 2:
            raise self._wrong(made, "even sizes, which videos need")
        if self._shape and made.shape != self._shape:
            raise self._wrong(made, f"{self._shape}, as of the first frame")
        self._shape = made.shape
        return np.ascontiguousarray(made)

    def _guarded(self, what: str, work: Callable[[], T]) -> T:
        made = attempt(work)
        if not isinstance(made, Crash):
            return made
        if made.expected:
            raise UsageError(f"--upscale: {made.reason}", "Give --upscale path/to/file.py:FUNCTION.")
        own = str(Path(self._file).expanduser().resolve())
        lines = [match["line"] for match in _LINE.finditer(made.detail) if match["file"] == own]
        where = f" line {lines[-1]}" if lines else ""
        raise UsageError(f"--upscale: '{self._name}' of '{self._file}'{where} {what}: {made.reason}.", "Mend the file.")

    def _wrong(self, made: object, wanted: str) -> UsageError:
        found = f"{made.dtype} {made.shape}" if isinstance(made, np.ndarray) else type(made).__name__
        return UsageError(
            f"--upscale: '{self._name}' of '{self._file}' returned {found}; expected {wanted}.", "Mend the file."
        )
