"""This module turns an emotion into expression codes: from a stored code, a picture of a face, a clip, or speech."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from baselines.edtalk.driving import Driving
from baselines.heard_label import heard_label
from harness.errors import UsageError
from harness.media import probe, read_image
from harness.records import MEDIA_SUFFIXES, Failed
from networks.edtalk.talker import Talker
from networks.edtalk.tracks import OFFICIAL_TRIM
from networks.files.array_file import read_array


@dataclass(frozen=True)
class Expression:
    """Holds expression codes, (1, exp) for all frames or (frames, exp); None of a model without expression; `used`,
    `note` and `label` go to the clip's record.
    """

    codes: Tensor | None
    used: str
    note: str = ""
    label: str = ""


def stored(talker: Talker, label: str, note: str = "") -> Expression | Failed:
    """Returns EDTalk's stored code of a label."""
    codes = talker.networks.codes or {}
    if label not in codes:
        return Failed("unsupported", f"EDTalk has no stored expression code for '{label}'")
    code = torch.from_numpy(np.array(codes[label], dtype=np.float32)).reshape(1, -1)
    return Expression(code.to(talker.device), "label", note, label)


def heard(talker: Talker, utterances: Sequence[Path]) -> Expression | Failed:
    """Returns the stored code of the label that emotion2vec+ hears in the utterances on average."""
    label, note = heard_label(talker.networks.speech, utterances)
    return stored(talker, label, note)


def of_picture(talker: Talker, path: Path) -> Expression:
    """Returns the code of a picture of a face."""
    return Expression(talker.picture_codes(read_image(path)).exp, "image")


def of_clip(driving: Driving, path: Path) -> Expression:
    """Returns the codes of a clip of a face, one a frame."""
    return Expression(driving.expression(path), "clip")


def is_code(path: Path) -> bool:
    """Says whether a file is a stored code; `edit` hands one over in the place of a clip."""
    return path.suffix.lower() == ".npy"


def of_file(talker: Talker, driving: Driving, path: Path) -> Expression:
    """Returns the codes of a user's picture, clip or stored code. UsageError for an array of another shape."""
    note = f"expression: {path.name}"
    if is_code(path):
        return Expression(_read(path, talker.networks.generator.exp).to(talker.device), "code", note)
    made = of_clip(driving, path) if path.suffix.lower() in MEDIA_SUFFIXES else of_picture(talker, path)
    return Expression(made.codes, made.used, note)


def _read(path: Path, width: int) -> Tensor:
    """(1, width) of a stored code (width,) or (1, width)."""
    code = read_array(path, "Name a stored code of EDTalk.")
    if code.shape not in ((width,), (1, width)) or not np.isfinite(code).all():
        what = f"{path} is no expression code: expected (1, {width}) finite numbers, found {code.shape}."
        raise UsageError(what, "Name one of EDTalk's stored codes, a picture or a clip.")
    return torch.from_numpy(code.astype(np.float32)).reshape(1, width)


def released_never_ends(path: Path) -> str:
    """Says why the published audio-driven demo never comes back from this expression; "" where it does."""
    if is_code(path):
        return ""
    frames = probe(path).frames if path.suffix.lower() in MEDIA_SUFFIXES else 1
    if frames > OFFICIAL_TRIM:
        return ""
    return (
        f"'{path.name}' has {frames} of the more than {OFFICIAL_TRIM} frames without which the released demo never ends"
    )
