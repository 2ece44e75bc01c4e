"""This module takes clips that exist already: a folder of mp4 files is a method too (`score --clips`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from harness.errors import UsageError
from harness.method import Missing, Output
from harness.records import Clip, Failed, Request


class Existing:
    """Hands out `<sample id>.mp4` of a folder, or the files of an index {sample id: path}; makes nothing."""

    name: ClassVar[str] = "existing"
    emotion_sources: ClassVar[tuple[str, ...]] = ()
    labels: ClassVar[tuple[str, ...]] = ()
    pose: ClassVar[str] = "own"
    size: ClassVar[int] = 0
    stochastic: ClassVar[bool] = False
    licence: ClassVar[str] = "the clips' own"
    anchor: ClassVar[bool] = False
    existing: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        self._folder = Path(options["clips"]) if "clips" in options else None
        self._index: dict[str, str] = json.loads(options.get("index", "{}"))
        if self._folder is None and not self._index:
            raise UsageError("No clips were named.", "Give --clips DIR or a csv file.")

    def missing(self) -> list[Missing]:
        """Returns nothing: no file is needed."""
        return []

    def load(self) -> None:
        """Does nothing: there is no network to load."""

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Returns the existing file, as it is; the judges read it as they read every clip."""
        path = self._path(request.id)
        if path is None or not path.is_file():
            reason = f"there is no clip for sample '{request.id}'"
            return Failed("bad-input", reason, "Name it <sample id>.mp4.", code="missing_clip")
        return Clip(path, request.frames, 0, 0, used="unknown", codec="own")

    def _path(self, sample: str) -> Path | None:
        if sample in self._index:
            return Path(self._index[sample])
        return self._folder / f"{sample}.mp4" if self._folder is not None else None

    def close(self) -> None:
        """Does nothing: there is no network to close."""
