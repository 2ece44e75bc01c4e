"""`Checkout` is a contestant that runs from its authors' own checkout in its own interpreter (baselines.checkout)."""

from __future__ import annotations

import inspect
import itertools
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar

from baselines.checkout import facts
from baselines.checkout.delivery import frames_of
from baselines.checkout.process import CheckoutProcess, Ended
from baselines.checkout.settings import CheckoutSettings, read_settings
from harness import foreign
from harness.errors import MediaError, MissingError
from harness.method import Missing, Output
from harness.output import MAX_EXTRA_FRAMES
from harness.records import Clip, Failed, FailureKind, Request
from harness.worker import TIMEOUT_SECONDS

RUNNER = Path(__file__).with_name("runner.py")
#: A process that ended so often before its first clip is not started again.
MOST_DEATHS = 2


class Checkout:
    """The frame of such a contestant; derive from it, name the program's facts, and write an adapter for its runner."""

    name: ClassVar[str]
    emotion_sources: ClassVar[tuple[str, ...]]
    section: ClassVar[str] = ""  # of bench.toml and of CMET_BENCH_SECTION_KEY; "": the name
    adapter: ClassVar[str] = ""  # file beside the class: `load(job)`, `generate(state, request, out)`
    runner: ClassVar[str] = ""  # file beside the class that speaks the protocol itself, in place of an adapter
    marker: ClassVar[tuple[str, ...]] = ()  # files that the checkout must hold
    imports: ClassVar[tuple[str, ...]] = ()  # modules that its interpreter must have, for doctor
    weight_files: ClassVar[tuple[str, ...]] = ()  # in its folder of weights
    weights_at: ClassVar[str] = ""  # that folder, from the checkout
    program_options: ClassVar[tuple[str, ...]] = ()  # of `--set NAME.KEY=`, handed on as `options`
    size: ClassVar[int] = 0  # pixels, square; 0: any
    keeps_time: ClassVar[bool] = True  # its own process is ended for silence, not the worker

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        self._device = device
        seconds = float(options.get("timeout", TIMEOUT_SECONDS))
        self.settings: CheckoutSettings = read_settings(
            self.name, self.section or self.name, self.program_options, options, seconds
        )
        self._process: CheckoutProcess | None = None
        self._deaths = 0
        self._answered = False
        self._numbers = itertools.count()
        self._ready: dict[str, Any] = {}

    @property
    def python(self) -> Path:
        """The interpreter: the one named, else ours."""
        return self.settings.python or Path(sys.executable)

    @property
    def weights_folder(self) -> Path | None:
        """Where the weights lie: the folder named, else the program's own place in its checkout."""
        checkout = self.settings.checkout
        return self.settings.weights or (None if checkout is None else checkout / self.weights_at)

    def missing(self) -> list[Missing]:
        """Returns what is not here of the checkout, its interpreter and its weights; starts nothing."""
        return facts.missing(self)

    def weights(self) -> dict[str, str]:
        """Returns what makes this method's clips besides our own code: weights, the checkout's commit, the runner."""
        return {} if self.missing() else facts.digests(self, self._beside())

    def _beside(self) -> tuple[Path, ...]:
        """The files that run in the checkout's interpreter: ours, and those beside the class."""
        here = Path(inspect.getfile(type(self))).parent
        return (here / self.runner,) if self.runner else (RUNNER, here / self.adapter)

    def load(self) -> None:
        """Start the process and wait until it is ready. Raises MissingError where it does not become so, twice."""
        for lack in self.missing():
            raise MissingError(f"Method '{self.name}' needs {lack.what}.", lack.cure)
        while (ended := self._start()) is not None:
            if self._deaths >= MOST_DEATHS:
                words = ended.log.strip().rpartition("\n")[2][:300]
                said = f" Its last words: {words}" if words else ""
                raise MissingError(f"Method '{self.name}' does not start: {ended.reason}.{said}", facts.DOCTOR)

    def _start(self) -> Ended | None:
        """Start the process; None once it is ready."""
        checkout = self.settings.checkout
        assert checkout is not None
        *_, last = beside = self._beside()
        job = {
            "schema": 1,
            "method": self.name,
            "device": "cuda:0" if self._device.startswith("cuda") else "cpu",
            "checkout": str(checkout),
            "weights": str(self.weights_folder),
            "options": dict(self.settings.options),
            "adapter": str(last),
        }
        self._process = CheckoutProcess([str(self.python), str(beside[0])], job, checkout, self._device)
        answer = self._process.answer(None, self.settings.timeout_seconds)
        if isinstance(answer, Ended):
            self._process = None
            self._deaths += 1
            return answer
        self._ready = answer
        return None

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Let the process make the clip; a new one where the last one ended."""
        began = time.perf_counter()
        if self._process is None:
            if self._deaths >= MOST_DEATHS and not self._answered:
                reason = f"{self.name} ended its process {self._deaths} times before its first clip"
                return Failed("unavailable", reason, facts.DOCTOR)
            ended = self._start()
            if ended is not None:
                return self._lost(ended)
        process, starting = self._process, time.perf_counter() - began
        assert process is not None
        folder = process.folder / f"{next(self._numbers)}"
        process.send({**_told(request, folder), "out": str(folder)})
        answer = process.answer(folder / "frames.rgb", self.settings.timeout_seconds)
        if isinstance(answer, Ended):
            self._process = None
            self._deaths += 1
            return self._lost(answer)
        if answer.get("id") != request.id or answer.get("status") not in ("ok", "failed"):
            self._process, self._deaths = None, self._deaths + 1
            process.end()  # it is out of step: its next answer would be taken for another sample's
            return Failed("bad-output", f"{self.name}: its answer is none to this sample: {str(answer)[:200]}")
        self._answered = True
        made = self._delivered(answer, request, folder, out)
        shutil.rmtree(folder, ignore_errors=True)  # raw frames: gigabytes, in the end
        return _with_cost(made, starting, answer) if isinstance(made, Clip) else made

    def _lost(self, ended: Ended) -> Failed:
        kind: FailureKind = "timeout" if ended.silent else "crashed"
        cure = f"If that is how long it takes: --resume --set {self.name}.timeout=SECONDS." if ended.silent else ""
        return Failed(kind, f"{self.name}: {ended.reason}", cure, ended.log)

    def _delivered(self, answer: dict[str, Any], request: Request, folder: Path, out: Output) -> Clip | Failed:
        if answer["status"] == "failed":
            told = Failed(answer.get("kind", "crashed"), f"{self.name}: {answer.get('reason')}")
            return foreign.failed(Failed(told.kind, told.reason, answer.get("cure", ""), answer.get("detail", "")))
        try:
            for frame in frames_of(answer, folder, request.frames + MAX_EXTRA_FRAMES + 1):
                if self.size and frame.shape[:2] != (self.size, self.size):
                    height, width = frame.shape[:2]
                    raise MediaError(
                        f"its frames are {width} x {height} pixels, and it makes {self.size} x {self.size}"
                    )
                out.frame(frame)
        except MediaError as error:
            return Failed("bad-output", f"{self.name}: {error.what}")
        used = foreign.text(answer.get("used", "none"))
        return out.clip(used, self._notes(answer), request.emotion.label or "" if used == "label" else "")

    def _notes(self, answer: dict[str, Any]) -> str:
        """What the process said of itself: unproven, as notes are."""
        versions = self._ready.get("versions")
        stack = {"python": self._ready.get("python"), **(versions if isinstance(versions, dict) else {})}
        named = ", ".join(f"{name} {version}" for name, version in stack.items() if version)
        own = "codec: own" if not str(answer.get("frames", "")).endswith((".rgb", ".npy")) else ""
        return foreign.text("; ".join(filter(None, [str(answer.get("notes", "")), own, named])))[:1000]

    def close(self) -> None:
        """Let the process leave."""
        if self._process is not None:
            self._process.leave()
            self._process = None


def _with_cost(made: Clip, starting_seconds: float, answer: Mapping[str, Any]) -> Clip:
    """The clip without the time that a new process took to load, and with the memory that the process says it used."""
    seconds = {**made.seconds, "generate": max(0.0, made.seconds.get("generate", 0.0) - starting_seconds)}
    peak = answer.get("memory_peak_bytes")
    return replace(made, seconds=seconds, memory_peak_bytes=peak if type(peak) is int else None)


def _told(request: Request, folder: Path) -> dict[str, Any]:
    """The request as the process reads it: every path is a link in `folder` without a space or a quote."""
    folder.mkdir()
    fields = asdict(request)
    places = {"source_image": "source", "source_video": "source_clip", "pose_video": "pose", "driving_audio": "driving"}
    for key, name in places.items():
        fields[key] = _link(fields[key], folder, name)
    emotion = fields["emotion"]
    for key in ("image", "clip", "features"):
        emotion[key] = _link(emotion[key], folder, f"emotion_{key}")
    for key in ("speech", "neutral_speech"):
        emotion[key] = [_link(path, folder, f"{key}{k}") for k, path in enumerate(emotion[key])]
    return fields


def _link(path: Path | None, folder: Path, name: str) -> str | None:
    if path is None:
        return None
    link = folder / f"{name}{path.suffix.lower() if path.suffix[1:].isalnum() else ''}"
    os.symlink(path.absolute(), link)
    return str(link)
