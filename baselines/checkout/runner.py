"""A runner for an official checkout: `PYTHON runner.py job.json`. Standard library only, syntax of Python 3.7.

It is started by baselines.checkout in the interpreter of the checkout, with the checkout as working directory. The
adapter that the job names has `load(job)`, whose result is kept, and `generate(state, request, out)`, which gives every
frame to `out.frame` (anything uint8 of (height, width, 3) with `tobytes`, or with `numpy()` first), or the file of a
video to `out.video`, and returns {"used": ..., "notes": ...}.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import platform
import random
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Json = dict[str, Any]

_PR_SET_PDEATHSIG = 1
_PATIENCE_SECONDS = 0.05
_SEEDED = ("numpy", "torch")  # only where the adapter imported them


class Results:
    """The file of answers: one JSON object a line, each written whole."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - as long as the process
        self._lock = threading.Lock()

    def say(self, **line: Any) -> None:
        """Write one line."""
        with self._lock:
            self._file.write(json.dumps(line, default=str) + "\n")
            self._file.flush()


class Frames:
    """Takes the frames of one request, as raw RGB bytes in a growing file, or one video file."""

    def __init__(self, folder: str, results: Results) -> None:
        self._path = os.path.join(folder, "frames.rgb")
        self._file = open(self._path, "wb")  # noqa: SIM115 - until `answer`
        self._results = results
        self._size: tuple[int, ...] | None = None
        self._video: str | None = None

    def frame(self, frame: Any) -> None:
        """Append one frame: uint8 (height, width, 3), one size a clip."""
        if hasattr(frame, "numpy"):
            frame = frame.numpy()
        size = tuple(int(n) for n in frame.shape)
        if self._size is None:
            self._size = size
        if size != self._size or len(size) != 3 or size[2] != 3 or str(frame.dtype) != "uint8":
            raise ValueError(f"a frame is {frame.dtype} {size}, not uint8 (height, width, 3) of one size")
        self._file.write(frame.tobytes())
        self._file.flush()

    def video(self, path: str) -> None:
        """Name a video file that the program made, inside the folder of the request."""
        self._video = os.path.abspath(path)

    def alive(self) -> None:
        """Tell that work goes on."""
        self._results.say(status="alive")

    def answer(self) -> Json:
        """Returns the fields of an answer that name the frames."""
        self._file.close()
        if self._video is not None:
            return {"frames": self._video}
        height, width = (self._size or (0, 0))[:2]
        return {"frames": self._path, "height": height, "width": width}


def lines(path: str) -> Iterator[Json]:
    """Yields the lines of a file that another process is writing, until one says that it ends."""
    with open(path, encoding="utf-8") as file:
        while True:
            where = file.tell()
            line = file.readline()
            if not line.endswith("\n"):
                file.seek(where)
                time.sleep(_PATIENCE_SECONDS)
                continue
            request = json.loads(line)
            if request.get("end"):
                return
            yield request


def leave_with(parent: int) -> None:
    """End this process and its group when its parent is gone; on Linux the system sees to it as well."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.killpg(0, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.daemon = True
    thread.start()


def seed_all(seed: int) -> None:
    """Seed every generator that foreign code is known to draw from."""
    random.seed(seed)
    for name in _SEEDED:
        module = sys.modules.get(name)
        if name == "numpy" and module is not None:
            module.random.seed(seed % 2**32)
        elif name == "torch" and module is not None:
            module.manual_seed(seed)


def restart_peak() -> None:
    """Forget the most GPU memory that was used so far."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_bytes() -> int:
    """Returns the most memory in use since then: the GPU's where one is used, else this process's since its start."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def versions() -> dict[str, str]:
    """Returns the versions of the loaded packages that say one and usually matter."""
    named = {name: getattr(sys.modules.get(name), "__version__", None) for name in ("torch", "numpy", "transformers")}
    return {name: str(version) for name, version in named.items() if version is not None}


def failure(error: BaseException) -> Json:
    """Returns a failed answer: the kind by the error's own name, one sentence, the end of the traceback."""
    name = type(error).__name__
    reason = traceback.format_exception_only(type(error), error)[-1].strip()
    scarce = name in ("MemoryError", "OutOfMemoryError") or "CUDA out of memory" in reason
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {"kind": "out-of-memory" if scarce else "crashed", "reason": reason, "detail": "".join(lines)[-4000:]}


def adapter_of(job: Json) -> ModuleType:
    """Returns the module of the adapter's file."""
    spec = importlib.util.spec_from_file_location("cmet_bench_adapter", job["adapter"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Answer:
    """Holds the answer to one request. Whatever the foreign code raises in here is one, exit() included."""

    def __init__(self) -> None:
        self.line: Json = {}

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None:
            self.line = dict(failure(error), status="failed")
        return True


def answered(adapter: Any, state: Any, request: Json, results: Results) -> Json:
    """Returns the answer to one request."""
    began = time.time()
    with Answer() as answer:
        out = Frames(request["out"], results)
        seed_all(request["seed"])
        restart_peak()
        told = adapter.generate(state, request, out) or {}
        answer.line = dict(out.answer(), status="ok", used=told.get("used", "none"), notes=told.get("notes", ""))
        answer.line["memory_peak_bytes"] = peak_bytes()
    return dict(answer.line, id=request["id"], seconds=time.time() - began)


def main(path: str) -> None:
    """Loads the adapter, says that it is ready, and answers until it is asked to leave."""
    with open(path, encoding="utf-8") as file:
        job = json.load(file)
    leave_with(job["parent"])
    results = Results(job["results"])
    sys.path.insert(0, job["checkout"])
    sys.argv = [os.path.join(job["checkout"], "runner")]
    began = time.time()
    adapter = adapter_of(job)
    state = adapter.load(job)
    results.say(status="ready", seconds_load=time.time() - began, python=platform.python_version(), versions=versions())
    for request in lines(job["requests"]):
        results.say(**answered(adapter, state, request, results))


if __name__ == "__main__":
    main(sys.argv[1])
