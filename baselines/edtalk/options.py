"""This module reads the options of `--set edtalk.NAME=VALUE`, or refuses them in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baselines.options import one_of, word_or_file

SOURCES = ("image", "clip", "label", "speech")
LIPS = ("sound", "source")


@dataclass(frozen=True)
class Options:
    """Holds what a user may set.

    official: the published demos' numbers (compat=official); lips: from the `sound`, from the `source` clip, or from a
    clip of the user's; fixed_pose: the picture keeps its own head pose; emotion: the one source of it that counts,
    `auto` for the best that the lane offers; expression: a picture, a clip or a stored code (.npy) of the user's that
    replaces it.
    """

    official: bool
    lips: str | Path
    fixed_pose: bool
    emotion: str
    expression: Path | None

    def files(self) -> dict[str, Path]:
        """Returns the user's own files by the option that names them."""
        given = {"lips": self.lips, "expression": self.expression}
        return {name: path for name, path in given.items() if isinstance(path, Path)}


def read_options(given: Mapping[str, str], method: str) -> Options:
    """Returns the options of a run for one of this package's methods. UsageError for a value that does not fit."""
    expression = word_or_file(given, method, "expression", ("auto",))
    return Options(
        official=one_of(given, method, "compat", ("none", "official")) == "official",
        lips=word_or_file(given, method, "lips", LIPS),
        fixed_pose=one_of(given, method, "pose", ("clip", "fixed")) == "fixed",
        emotion=one_of(given, method, "emotion", ("auto", *SOURCES)),
        expression=expression if isinstance(expression, Path) else None,
    )
