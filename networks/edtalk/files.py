"""This module names the files of EDTalk's networks: EDTalk.pt, EDTalk_lip_pose.pt, Audio2Lip.pt, and the small ones
that ship.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import weights
from harness.errors import UsageError
from networks.files import shipped
from networks.files.array_file import read_array
from networks.files.layout import Layout
from networks.files.official import Official, OfficialFile
from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from networks.edtalk.audio2lip import Audio2Lip
    from networks.edtalk.generator import Generator

Codes = dict[str, npt.NDArray[np.float32]]
#: The group of harness/weights.toml that holds EDTalk's expression codes, one file an emotion.
CODES = "edtalk-codes"


def _generator(_: Path | None = None) -> Generator:
    from networks.edtalk.generator import Generator

    return Generator()


def _lip_pose_generator(_: Path | None = None) -> Generator:
    from networks.edtalk.generator import Generator

    return Generator(expression=False)


def _audio2lip(_: Path | None = None) -> Audio2Lip:
    from networks.edtalk.audio2lip import Audio2Lip

    return Audio2Lip()


def _small_generator(channels: Mapping[str, int], **config: Any) -> Generator:
    from networks.edtalk.generator import Generator

    return Generator(channels={int(size): width for size, width in channels.items()}, **config)


def _small_audio2lip(**config: Any) -> Audio2Lip:
    from networks.edtalk.audio2lip import Audio2Lip

    return Audio2Lip(**config)


GENERATOR = OfficialFile("edtalk", Layout(("gen",)), _generator)
LIP_POSE_GENERATOR = OfficialFile("edtalk-lip-pose", Layout(("gen",)), _lip_pose_generator)  # no expression codes
AUDIO2LIP = OfficialFile("audio2lip", Layout(("audio2lip",)), _audio2lip)
SHIPPED_GENERATOR = ShippedFile("generator", _small_generator)
SHIPPED_AUDIO2LIP = ShippedFile("audio2lip", _small_audio2lip)


def expression_code_files() -> tuple[Official, ...]:
    """Returns the files of EDTalk's published expression codes."""
    return tuple(Official(entry.name, any_hash=True) for entry in weights.select([CODES]))


def expression_codes() -> Codes:
    """Returns EDTalk's published expression codes, emotion → (1, 10). Raises MissingError, or UsageError for another
    shape.
    """
    codes = {}
    for file in expression_code_files():
        path = file.path()
        code = read_array(path, "Get it again.")
        if code.shape != (1, 10) or not np.isfinite(code).all():
            wrong = f"{path} is no expression code: expected (1, 10) finite numbers, found {code.shape}."
            raise UsageError(wrong, "Get it again.")
        codes[path.stem] = code.astype(np.float32)
    return codes


def shipped_expression_codes(path: Path | None = None) -> Codes:
    """Returns the mean expression codes of the shipped generator, basic emotion → (1, 10), in EDTalk's manner."""
    tensors, _ = shipped.read(SHIPPED_GENERATOR.weights(path).path())
    return {name.removeprefix("codes."): t.numpy() for name, t in tensors.items() if name.startswith("codes.")}
