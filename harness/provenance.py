"""This module records how a run was made: commit, versions, machine, weights; enough to make it again."""

from __future__ import annotations

import hashlib
import inspect
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import sources as sources_of_code

if TYPE_CHECKING:
    from harness.dataset import Dataset

ROOT = sources_of_code.ROOT
PACKAGES = (
    "av",
    "facenet-pytorch",
    "lpips",
    "numpy",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "torch",
    "torchvision",
)
#: The module between every method's frames and files.
_DRIVER = ROOT / "harness" / "output.py"


def commit() -> dict[str, Any]:
    """Returns the checkout's commit and whether it was changed; None where there is no git."""
    head = _git("rev-parse", "HEAD")
    return {"commit": head, "dirty": bool(_git("status", "--porcelain", "--untracked-files=no")) if head else None}


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def versions() -> dict[str, str]:
    """Returns the version of Python and of every package that can move a number."""
    from importlib import metadata  # slow to import, and `list` wants only ROOT

    installed = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed[package] = "not installed"
    return installed


@lru_cache(maxsize=1)
def decoders() -> tuple[tuple[str, str], ...]:
    """Returns the versions of what decodes and encodes pictures and sound, as every signature's long form has them."""
    installed = versions()
    return ("dec", f"av {installed['av']}"), ("cv", f"opencv {installed['opencv-python-headless']}")


def machine() -> dict[str, Any]:
    """Returns the machine in words; no host or user name."""
    return {
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": sys.implementation.name,
    }


def fingerprint(method: Any, dataset: type[Dataset] | None = None) -> str:
    """Returns the fingerprint of a clip's making: the code and weights of the method, how media are read and written, a
    dataset's own version.

    A change means the clip is made again. The code is that of the method's classes and of all project files that they
    import, transitively (harness.sources); docstrings and comments do not count.
    """
    text = hashlib.sha256()
    for path in sources(method):
        text.update(sources_of_code.code_digest(path).encode())
    for name, digest in sorted(weights_of(method).items()):
        text.update(f"{name}={digest}".encode())
    text.update(version_of(dataset).encode())
    return text.hexdigest()[:16]


def made_by(methods: Mapping[str, str], marks: Mapping[str, str], built: Callable[[str], Any]) -> dict[str, Any]:
    """Returns what a run keeps of each method (name → spec): the spec, the fingerprint, and the facts that it states
    as it was `built`, which its options may change.
    """
    from harness.method import facts_of  # numpy; `list` wants only ROOT

    return {
        name: {"spec": spec, "fingerprint": marks.get(name, ""), "facts": facts_of(built(name))}
        for name, spec in methods.items()
    }


def version_of(dataset: type[Dataset] | None) -> str:
    """Returns the version of data that are drawn by code (puppets); "" for recorded data."""
    return "" if dataset is None else dataset.version()


def sources(method: Any) -> list[Path]:
    """Returns the files of a method's classes and of their imports from the project, with the module that writes its
    frames.
    """
    kind = method if inspect.isclass(method) else type(method)
    return sources_of_code.imported([_DRIVER, *files_of(kind)], ROOT)


@lru_cache(maxsize=64)
def code_outside(kind: type, package: str) -> str:
    """Returns 8 hex digits of the code of a class that lies outside our `package`; "" for one inside, which has a
    version.

    The code is that of its file, of files next to it that it imports, and of all project files that these import, but
    for harness/: the contract is the same for everyone. Taken once a class: later changes are another class.
    """
    ours = (ROOT / package, ROOT / "harness")
    files = [path for path in files_of(kind) if not any(path.is_relative_to(folder) for folder in ours)]
    if not files and kind.__module__.partition(".")[0] in (package, "harness"):
        return ""
    reached = {
        path for file in files for root in (file.parent, ROOT) for path in sources_of_code.imported([file], root)
    }
    text = hashlib.sha256()
    for path in sorted(reached):
        if not path.is_relative_to(ours[1]):
            text.update(sources_of_code.code_digest(path).encode())
    return text.hexdigest()[:8]


def files_of(kind: type) -> list[Path]:
    """Returns the files of a class and of those that it derives from; a class typed into a console has none."""
    own = [one for one in kind.__mro__ if one.__module__ not in ("builtins", "typing", "abc")]
    return [Path(file).resolve() for one in own if (file := _file(one)) is not None]


def _file(kind: type) -> str | None:
    try:
        return inspect.getsourcefile(kind)
    except (TypeError, OSError):  # of __main__ in a console
        return None


def weights_of(method: Any) -> dict[str, str]:
    """Returns name → SHA-256 of the weight files a method will load; {} if it says nothing about them."""
    tell = getattr(method, "weights", None)
    return dict(tell()) if callable(tell) else {}
