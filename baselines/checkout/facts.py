"""What is there of a checkout, and what its clips are made of: files, commit, weights, interpreter."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.digest import digest
from harness.method import Missing

if TYPE_CHECKING:
    from baselines.checkout.method import Checkout

_GIT_SECONDS = 20
#: What our environment must not bring into another interpreter, and what keeps it from the network.
_TAKEN_OUT = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
_PUT_IN = {
    "PYTHONNOUSERSITE": "1",
    "PYTHONDONTWRITEBYTECODE": "1",  # nothing is written into a checkout
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}

DOCTOR = "Type `python bench.py doctor`."


def missing(method: Checkout) -> list[Missing]:
    """Returns what is not here, each with its cure; starts nothing."""
    settings, section = method.settings, method.section or method.name
    if settings.checkout is None:
        cure = (
            f"--set {method.name}.checkout=DIR, CMET_BENCH_{section.upper()}_CHECKOUT=DIR, or [{section}] in bench.toml"
        )
        return [Missing("a checkout of its authors' repository", f"Name it: {cure}.")]
    found = []
    absent = [name for name in method.marker if not (settings.checkout / name).is_file()]
    if absent:
        what = f"'{absent[0]}' in its checkout '{settings.checkout}'"
        found.append(Missing(what, f"Name the folder that holds it: --set {method.name}.checkout=DIR."))
    if not os.access(method.python, os.X_OK):
        what = f"its interpreter '{method.python}'"
        found.append(Missing(what, f"Name the one of its environment: --set {method.name}.python=FILE."))
    folder = method.weights_folder
    for name in method.weight_files:
        if folder is None or not (folder / name).is_file():
            cure = f"Get it as its authors say, or: --set {method.name}.weights=DIR."
            found.append(Missing(f"the weights '{folder}/{name}'", cure))
    return found


def digests(method: Checkout, ours: Iterable[Path]) -> dict[str, str]:
    """Returns name → SHA-256, or commit: weights, checkout, and our files that run in its interpreter."""
    folder = method.weights_folder
    assert method.settings.checkout is not None
    assert folder is not None
    found = {name: digest(folder / name) for name in method.weight_files}
    found["checkout"] = commit(method.settings.checkout) or digests_of(
        method.settings.checkout / name for name in method.marker
    )
    found["runner"] = digests_of(ours)
    found["options"] = hashlib.sha256(repr(sorted(method.settings.options.items())).encode()).hexdigest()
    return found


def digests_of(files: Iterable[Path]) -> str:
    """Returns one SHA-256 over several files."""
    return hashlib.sha256("".join(digest(path) for path in files).encode()).hexdigest()


def commit(checkout: Path) -> str:
    """Returns the commit of a checkout, with a digest of what was changed in it; "" where there is no git."""
    head = _git(checkout, "rev-parse", "HEAD")
    if not head:
        return ""
    changes = _git(checkout, "diff", "HEAD")
    return head if not changes else f"{head}+{hashlib.sha256(changes.encode()).hexdigest()[:12]}"


def environment() -> dict[str, str]:
    """Returns our environment as another interpreter may see it."""
    return {name: value for name, value in os.environ.items() if name not in _TAKEN_OUT} | _PUT_IN


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-c", f"safe.directory={checkout}", "-C", str(checkout), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
