"""The options of `--set float.NAME=VALUE`, read and refused in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from baselines.options import number, one_of, refuse_unknown
from harness.errors import UsageError
from networks.float.sampler import Guidance

CROPS = ("auto", "face", "none")
DETECTORS = ("mtcnn", "s3fd")
SOURCES = ("label", "speech", "driving-speech")
WEIGHTS = ("official", "demo")
KNOWN = ("weights", "seed", "a_cfg", "e_cfg", "r_cfg", "nfe", "compat", "ode", "crop", "detector", "emotion")


@dataclass(frozen=True)
class Options:
    """What a user may set.

    demo: the small networks that ship, instead of FLOAT's own; seed: of the noise, instead of the sample's own;
    guidance: a_cfg, e_cfg, nfe; repeated_noise: compat=official; crop: `auto` leaves square pictures up to 256 px as
    they are; detector: which finds the face; emotion: where it comes from, `auto` as the lane says.
    """

    demo: bool
    seed: int | None
    guidance: Guidance
    repeated_noise: bool
    crop: str
    detector: str
    emotion: str


def read_options(given: Mapping[str, str]) -> Options:
    """Returns the options of a run. UsageError for an unknown name or a value that does not fit."""
    refuse_unknown(given, "float", KNOWN)
    _refuse_other_solvers(given)
    number(given, "float", "r_cfg", 1.0)  # the released program takes it, too, and never uses it
    nfe = _whole(given, "nfe", 10)
    if nfe < 2:
        raise UsageError(f"Option nfe={nfe} leaves nothing but noise: N points of time make N - 1 steps.", "2 or more.")
    return Options(
        demo=one_of(given, "float", "weights", WEIGHTS) == "demo",
        seed=_whole(given, "seed", 0) if "seed" in given else None,
        guidance=Guidance(number(given, "float", "a_cfg", 2.0), number(given, "float", "e_cfg", 1.0), nfe),
        repeated_noise=one_of(given, "float", "compat", ("none", "official")) == "official",
        crop=one_of(given, "float", "crop", CROPS),
        detector=one_of(given, "float", "detector", DETECTORS),
        emotion=one_of(given, "float", "emotion", ("auto", *SOURCES)),
    )


def _refuse_other_solvers(given: Mapping[str, str]) -> None:
    if given.get("ode", "euler") != "euler":
        raise UsageError(
            f"FLOAT's motion is integrated by the Euler method here, as it is by default, not by '{given['ode']}'.",
            "Leave --set float.ode out; --set float.nfe=20 makes finer steps.",
        )


def _whole(given: Mapping[str, str], key: str, default: int) -> int:
    value = number(given, "float", key, float(default))
    if value % 1 or not 0 <= value < 2**63:
        raise UsageError(
            f"Option {key}={given[key]} is not a whole number of 0 or more.", f"Example: --set float.{key}=15"
        )
    return int(value)
