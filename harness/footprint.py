"""This module measures how much memory a method needs: its weights and working memory, not the judges in its process.

On a CUDA device this is torch's allocated memory; else the resident memory of the process, whose peak Linux lets a
process reset. Elsewhere nothing is known, and nothing is claimed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


class Footprint:
    """Measures the memory of this process on one device, in bytes; None where the system does not say."""

    def __init__(self, device: str) -> None:
        self._device = device

    @property
    def _cuda(self) -> Any:
        """torch.cuda where that device is used and torch is loaded; torch is never imported for this."""
        torch = sys.modules.get("torch")
        usable = torch is not None and self._device.startswith("cuda") and torch.cuda.is_available()
        return torch.cuda if torch is not None and usable else None

    def held(self) -> int | None:
        """Returns the memory that is held now."""
        if self._cuda is not None:
            return int(self._cuda.memory_allocated(self._device))
        return None if self._device.startswith("cuda") else _of_status("VmRSS")

    def restart(self) -> bool:
        """Forget the peak so far; False where that cannot be done."""
        if self._cuda is not None:
            self._cuda.reset_peak_memory_stats(self._device)
            return True
        if self._device.startswith("cuda"):
            return False
        try:
            _CLEAR_REFS.write_text(_RESET_PEAK)
        except OSError:
            return False
        return True

    def peak(self) -> int | None:
        """Returns the most memory that was held since `restart`."""
        if self._cuda is not None:
            return int(self._cuda.max_memory_allocated(self._device))
        return None if self._device.startswith("cuda") else _of_status("VmHWM")


def process_peak() -> int | None:
    """Returns the most resident memory of this process, in bytes, since a `Footprint` of it last forgot its peak."""
    return _of_status("VmHWM")


def _of_status(name: str) -> int | None:
    try:
        match = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return 1024 * int(match[1]) if match else None
