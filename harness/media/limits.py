"""These bounds end the reading of files that would take a machine's memory or never end; each is a setting.

A file beyond one of them is an unscored row that says what was found. Settings are environment variables, so that
worker processes have them too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MediaError, UsageError

#: Names that libavformat gives the formats which are opened: films, sounds, and single pictures.
FORMATS = (
    *("mov", "matroska", "avi", "flv", "mpegts", "mpeg", "mpegvideo"),
    *("wav", "flac", "mp3", "aac", "ogg"),
    *("png_pipe", "jpeg_pipe", "bmp_pipe", "webp_pipe", "tiff_pipe", "gif"),
)
#: What names other files or addresses (lists, playlists, pictures by pattern); no setting opens it.
NEVER = (
    "concat",
    "hls",
    "dash",
    "webm_dash_manifest",
    "image2",
    "imf",
    "sdp",
    "rtsp",
    "lavfi",
    "avisynth",
    "vapoursynth",
)
MOST_HZ = 384_000  # of sound: the highest rate in use


@dataclass(frozen=True)
class Limits:
    """Holds the bounds of what is read."""

    formats: tuple[str, ...] = FORMATS
    clip_seconds: float = 3600.0
    gap_seconds: float = 60.0  # between two pictures, and between the first picture and the first sound
    pixels: float = 4096 * 2304  # of one picture of a film, as shown: 4K in any shape
    judging_seconds: float = 7200.0  # one clip, all judges of a protocol


_VARIABLES = {
    "clip_seconds": "CMET_BENCH_CLIP_SECONDS",
    "gap_seconds": "CMET_BENCH_GAP_SECONDS",
    "pixels": "CMET_BENCH_PICTURE_PIXELS",
    "judging_seconds": "CMET_BENCH_JUDGING_SECONDS",
}
MORE_FORMATS = "CMET_BENCH_MEDIA_FORMATS"


def limits() -> Limits:
    """Returns the bounds as the environment sets them. Raises UsageError for a setting that is no positive number."""
    given = {field: _number(variable) for field, variable in _VARIABLES.items() if os.environ.get(variable)}
    more = (name.strip() for name in os.environ.get(MORE_FORMATS, "").split(","))
    return Limits(formats=(*FORMATS, *(name for name in more if name and name not in NEVER)), **given)


def _number(variable: str) -> float:
    text = os.environ[variable]
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise UsageError(f"{variable}={text} is not a number above 0.", f"Unset {variable}, or give it one.")
    return value


def check_span(path: Path, seconds: float, gap_seconds: float) -> None:
    """Raise MediaError for a clip that claims to be longer, or to hold one picture longer, than is read."""
    bounds = limits()
    if seconds > bounds.clip_seconds:
        what = f"{path} claims to be {seconds:.0f} s long; at most {bounds.clip_seconds:g} s are read."
        raise MediaError(what, _allow("clip_seconds", seconds), reason="too_long")
    if gap_seconds > bounds.gap_seconds:
        what = (
            f"{path} has a gap of {gap_seconds:.0f} s between two pictures; at most {bounds.gap_seconds:g} s are read."
        )
        raise MediaError(what, _allow("gap_seconds", gap_seconds), reason="too_long")


def check_lateness(path: Path, seconds: float) -> None:
    """Raise MediaError for sound that begins too many seconds after (or before) the picture."""
    bounds = limits()
    if abs(seconds) > bounds.gap_seconds:
        where = "after" if seconds > 0 else "before"
        what = f"{path} has sound that starts {abs(seconds):.0f} s {where} the picture; at most "
        raise MediaError(f"{what}{bounds.gap_seconds:g} s are read.", "Put sound and picture together again.")


def check_pixels(path: Path, width: int, height: int) -> None:
    """Raise MediaError for pictures of more pixels than are read."""
    bounds = limits()
    if width * height > bounds.pixels:
        what = f"{path} has pictures of {width}x{height}; at most {bounds.pixels:.0f} pixels are read."
        raise MediaError(what, f"Scale it down. {_allow('pixels', width * height)}", reason="too_large")


def check_rate(path: Path, rate: int) -> None:
    """Raise MediaError for a sample rate that no sound has."""
    if not 0 < rate <= MOST_HZ:
        raise MediaError(f"{path} has sound of {rate} Hz; at most {MOST_HZ} Hz are read.", "Convert it to 48000 Hz.")


def check_duration(path: Path, seconds: float, frame: int, frames: int) -> None:
    """Raise MediaError where judging a clip has taken too many seconds, when it has reached so many of its frames."""
    bound = limits().judging_seconds
    if seconds > bound:
        what = f"Judging {path} took longer than {bound:g} s; frame {frame} of {frames} was reached."
        raise MediaError(what, _allow("judging_seconds", 2 * bound * frames / max(1, frame)), reason="took_too_long")


def _allow(field: str, found: float) -> str:
    return f"To read it, set {_VARIABLES[field]}={found + 1:.0f}."
