"""The options of `--set eat.NAME=VALUE`, read and refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baselines.options import number, one_of, refuse_unknown
from harness.errors import UsageError

CROPS = ("auto", "face", "align", "none")
SOURCES = ("auto", "label", "speech")
ENDS = ("stored", "nearest")
WEIGHTS = ("official", "demo")
KNOWN = ("weights", "seed", "crop", "emotion", "ends")


@dataclass(frozen=True)
class Options:
    """What a user may set.

    demo: the small networks that ship, instead of EAT's own; seed: of the noise, instead of the sample's own; crop:
    `auto` leaves square pictures up to 256 px as they are, aligns other portraits and cuts other clips, `align` does so
    with all, `face` cuts a portrait as a clip is cut, `none` scales whole pictures; emotion: where it comes from,
    `auto` as the lane says; stored: whether beyond both ends of the sound the speech of pad.npy stands (ends=stored),
    or the nearest sound (ends=nearest, as always with the small networks).
    """

    demo: bool
    seed: int | None
    crop: str
    emotion: str
    stored: bool


def read_options(given: Mapping[str, str]) -> Options:
    """Returns the options of a run. UsageError for an unknown name or a value that does not fit."""
    refuse_unknown(given, "eat", KNOWN)
    demo, ends = one_of(given, "eat", "weights", WEIGHTS) == "demo", one_of(given, "eat", "ends", ENDS)
    if demo and given.get("ends") == "stored":
        raise UsageError(
            "The small networks (eat.weights=demo) hold no stored speech, which ends=stored takes from EAT's pad.npy.",
            "Leave --set eat.ends out, or add --set eat.weights=official.",
        )
    return Options(
        demo=demo,
        seed=_whole(given, "seed") if "seed" in given else None,
        crop=one_of(given, "eat", "crop", CROPS),
        emotion=one_of(given, "eat", "emotion", SOURCES),
        stored=ends == "stored" and not demo,
    )


def _whole(given: Mapping[str, str], key: str) -> int:
    value = number(given, "eat", key, 0.0)
    if value % 1 or not 0 <= value < 2**63:
        raise UsageError(
            f"Option {key}={given[key]} is not a whole number of 0 or more.", f"Example: --set eat.{key}=15"
        )
    return int(value)
