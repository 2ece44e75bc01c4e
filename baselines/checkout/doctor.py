"""What `doctor` says of a checkout: folder, commit, files, interpreter, modules, GPU architectures, weights, ffmpeg."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from baselines.checkout import facts
from baselines.checkout.method import Checkout
from harness.digest import digest
from harness.readiness import Finding

_PROBE = Path(__file__).with_name("probe.py")
_PROBE_SECONDS = 120


def findings(method: Checkout) -> Iterator[Finding]:
    """Yields the lines of one checkout, each lack with its cure; one line where none is named."""
    name, settings = method.name, method.settings
    if settings.checkout is None:
        (lack, *_) = facts.missing(method)
        yield Finding("note", f"{name}: no checkout is named", lack.cure)
        return
    for lack in facts.missing(method):
        yield Finding("bad", f"{name} needs {lack.what}", lack.cure)
    yield _commit(name, settings.checkout)
    yield from _weights(method)
    yield from _interpreter(method)
    if shutil.which("ffmpeg") is None:
        yield Finding(
            "note", f"{name}: no ffmpeg on the PATH", "Its script may call it; its pictures are taken before."
        )


def _commit(name: str, checkout: Path) -> Finding:
    head, _, changed = facts.commit(checkout).partition("+")
    if not head:
        return Finding(
            "note", f"{name}: '{checkout}' is no git checkout", "Its version is known by its marker files only."
        )
    if changed:
        return Finding("note", f"{name}: commit {head[:10]}, changed since", f"See `git -C {checkout} diff`.")
    return Finding("ok", f"{name}: commit {head[:10]} in {checkout}")


def _weights(method: Checkout) -> Iterator[Finding]:
    folder = method.weights_folder
    for file in method.weight_files:
        path = None if folder is None else folder / file
        if path is not None and path.is_file():
            size = path.stat().st_size / 1e6
            yield Finding(
                "ok", f"{method.name}: {file}, {size:.0f} MB, sha256 {digest(path)[:16]}… (none is published)"
            )


def _interpreter(method: Checkout) -> Iterator[Finding]:
    """Whether the interpreter runs, has the modules, and was built for the GPU that is here."""
    name, probed = method.name, _probed(method)
    cure = f"Mend that environment, or name another one: CMET_BENCH_{(method.section or name).upper()}_PYTHON=FILE."
    if isinstance(probed, str):
        yield Finding("bad", f"{name}: {method.python} does not run: {probed}", cure)
        return
    modules: dict[str, dict[str, str]] = probed["modules"]
    for module, told in modules.items():
        if "error" in told:
            yield Finding("bad", f"{name}: its interpreter cannot import {module}: {told['error']}", cure)
    versions = ", ".join(f"{module} {told['version']}" for module, told in modules.items() if told.get("version"))
    yield Finding("ok", f"{name}: Python {probed['python']}{', ' if versions else ''}{versions}")
    built, devices = probed["cuda"].get("built_for", []), probed["cuda"].get("devices", [])
    for device in dict.fromkeys(devices):
        if device not in built and not any(_runs_on(one, device) for one in built):
            text = f"{name}: its torch has no code for this GPU ({device}; it was built for {', '.join(built)})"
            yield Finding("bad", text, "A newer torch in that environment, another GPU, or the port (no _checkout).")


def _runs_on(built: str, device: str) -> bool:
    """Binary code runs on the same major version and a higher minor one; `compute_` code on all that came later."""
    kind, _, number = built.partition("_")
    here = device.partition("_")[2]
    if not (number.isdigit() and here.isdigit()):
        return False
    if kind == "compute":
        return int(number) <= int(here)
    return number[:-1] == here[:-1] and int(number) <= int(here)


def _probed(method: Checkout) -> dict[str, Any] | str:
    """The facts of the interpreter, or why there are none."""
    try:
        done = subprocess.run(
            [str(method.python), str(_PROBE), *method.imports],
            cwd=method.settings.checkout,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PROBE_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=facts.environment(),
        )
        told: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    except subprocess.TimeoutExpired:
        return f"no answer in {_PROBE_SECONDS} s"
    except (OSError, ValueError) as error:
        return str(error)[:200]
    return told
