"""A dialect of the lip-sync metric is named settings from dialects.toml, with their signature fields."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from evaluators.faces import mtcnn, warp
from harness.errors import unknown_name

if TYPE_CHECKING:
    from evaluators.sync.audio import AudioPath
    from evaluators.sync.curve import Pad
    from evaluators.sync.tracks import Rule

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).with_name("dialects.toml")
LEVEL_DB = -28  # what sound "level" is brought to: that of the puppets' neutral voices
SILENCE_DB = -60  # root mean square of the whole sound, full scale = 0
LEAST_COVER = 0.2  # fewest frames with sound, as a share of all
PADDING_WINDOWS = 35  # below this many windows padding decides most of a zero-padded value
JPEG_NAME = "mjpeg@ffmpeg-5.1-emulated"
AVI_NAME = "avi-q2-3threads@ffmpeg-5.1+jpeg-q2"
SCALER_OFF = 0.2  # levels, at most, on average of a plane: our scaling to 224 px against that of ffmpeg 5.1
DETECTORS = {"mtcnn": mtcnn.NAME, "s3fd": "s3fd@.25"}


@dataclass(frozen=True)
class Dialect:
    """Holds one table of dialects.toml; its head explains the fields."""

    name: str
    about: str
    frames: Literal["decoded", "pipeline"]
    rate: Literal["near", "ff", "ff-avi"]
    crop: Literal["track", "whole", "lower-face", "align68"]
    detector: str
    every: int
    rule: Rule
    more_than: int
    wider_than_px: int
    ends: Literal["zero", "edge"]
    file: str
    image: Literal["none", "mjpeg"]
    resize: str
    sound: AudioPath
    source: Literal["clip", "driving"]
    pad: Pad
    least: int
    face: Literal["largest", "mean", "each", "maxC-minD", "checked"]
    average: Literal["clip", "track"]
    unpinned: str

    @property
    def tracked(self) -> bool:
        """Says whether faces are followed and cropped (else the picture is taken as it is)."""
        return self.crop == "track"

    @property
    def whole(self) -> bool:
        """Says whether the picture as it is must be one face: nothing says which of several is meant."""
        return self.crop in ("whole", "lower-face")

    def signature(self, net: str) -> tuple[tuple[str, str], ...]:
        """Returns the fields of the signature, in order; weights and version come after them."""
        return (
            ("net", net),
            ("dialect", self.name),
            ("fps", f"25{self.rate}"),
            ("pre", "none" if self.frames == "decoded" else AVI_NAME),
            ("img", JPEG_NAME if self.image == "mjpeg" else "none"),
            ("rs", f"{self.resize}~{SCALER_OFF}" if self.resize == "sws-bicubic" else self.resize),
            *self._followed(),
            ("file", self.file),
            ("face", self.face if self.tracked else f"{self.face}-{mtcnn.NAME}/{self.every}"),
            ("aud", self._sound()),
            *((("async", "1"),) if self.sound not in ("clean", "level") else ()),
            ("mfcc", "psf0.6"),
            ("vs", "15"),
            ("pad", self.pad),
            ("win", "L-5"),
            ("minN", str(self.least)),
            ("gate", f"{SILENCE_DB}dB"),
            ("cover", str(LEAST_COVER)),
            ("agg", self.average),
            *((("unpinned", self.unpinned),) if self.unpinned else ()),
        )

    def _sound(self) -> str:
        """How the sound is decoded, and of what."""
        name = f"level{LEVEL_DB}dB" if self.sound == "level" else self.sound
        return name if self.source == "clip" else f"{name}@{self.source}"

    def _followed(self) -> tuple[tuple[str, str], ...]:
        """Where the faces are taken from."""
        if self.crop == "align68":
            return ("crop", f"{self.crop}-{warp.NAME}"), ("det", "fan68-file")
        if not self.tracked:
            return (("crop", self.crop),)
        every = "" if self.every == 1 else f"/{self.every}"
        scene = "avi" if self.frames == "pipeline" else ""  # of as many frames as its AVI holds
        return (
            ("crop", f"track-cs.4-med13{self.ends}-gray110"),
            ("det", DETECTORS[self.detector] + every),
            ("trk", f"{self.rule}>{self.more_than}{scene}@{self.wider_than_px}px"),
        )


@lru_cache(maxsize=1)
def table() -> dict[str, Dialect]:
    """Returns every dialect by name."""
    rows: dict[str, dict[str, Any]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    known = {field.name for field in fields(Dialect)}
    for name, row in rows.items():
        if {"name", *row} != known:
            raise ValueError(f"dialects.toml: '{name}' must have exactly the fields {sorted(known - {'name'})}")
    return {name: Dialect(name=name, **row) for name, row in rows.items()}


def read(name: str) -> Dialect:
    """Returns the dialect of that name. Raises UsageError for an unknown one."""
    if name not in table():
        raise unknown_name("lip-sync dialect", name, table())
    return table()[name]
