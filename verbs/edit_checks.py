"""Makes the checks of `edit` before an hour of work: the inputs, the source's face, the places to write to."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from cmet import emotion_pools
from harness.atomic import cannot_write, partial_path
from harness.errors import MediaError, UsageError
from harness.media import probe, read_image
from harness.records import PICTURE_SUFFIXES
from networks.files.array_file import read_array

Pixels = npt.NDArray[np.uint8]
SURE = 0.9  # probability from which MTCNN's finding counts as a face
NARROW = 0.6  # eyes nearer to each other than this share of their distance from the mouth: turned by some 50 degrees
SQUARE = 0.02  # a picture this far from square is worth a word
INPUTS = ("source", "audio", "pose", "expression", "lips")
CLIPS = ("pose", "expression", "lips")
_FACE_CURE = "Give a picture of one frontal face, cropped like C-MET's; --no-face-check skips this check."


def check_inputs(given: Mapping[str, Any]) -> None:
    """Raise MediaError for a file that is not there or no clip, UsageError for numbers and names that are none.

    Clips that are not square are reported on stderr.
    """
    for name in INPUTS:
        if given[name] is not None and not given[name].is_file():
            raise MediaError(f"There is no file '{given[name]}'.", f"Name a file with --{name}.")
    for path in dict.fromkeys(given[name] for name in CLIPS if given[name] is not None):
        if path == given["expression"] and path.suffix.lower() in PICTURE_SUFFIXES:
            read_image(path)  # an expression may be a picture's
            continue
        if path == given["expression"] and path.suffix.lower() == ".npy" and given["method"] != "cmet":
            read_array(path, "Name a stored code of EDTalk.")
            continue
        info = probe(path)
        tell_shape(path, info.width, info.height)
    if not given["out"]:
        raise UsageError("-o names no place.", "Type: -o out.mp4")
    if given["keep"] is not None and given["keep"].strip() in ("", emotion_pools.NEUTRAL):
        raise UsageError(f"An emotion cannot be kept as '{given['keep']}'.", "Choose another name for --keep.")
    if not math.isfinite(given["intensity"]):
        raise UsageError(f"--intensity {given['intensity']} is no strength.", "1 is as spoken, 0 is neutral.")


def pose_needed(name: str) -> UsageError:
    """Returns the error of a call without a head pose."""
    what = f"Method '{name}' takes the head pose from a clip, and none was given."
    return UsageError(what, "Add --pose CLIP, or give a video as --source.")


def check_targets(clips: Sequence[Path], given: Mapping[str, Any]) -> None:
    """Tries to write next to every target. UsageError for a place that cannot be meant, MediaError if refused."""
    inputs = {given[name].resolve(): name for name in INPUTS if given[name] is not None}
    sheet = given["sheet"]
    targets = [*clips, *(given[name] for name in ("sheet", "side_by_side") if given[name] is not None)]
    twice = next((target for k, target in enumerate(targets) if target in targets[:k]), None)
    if twice is not None:
        cure = "Give --sheet, --side-by-side or the emotions other names."
        raise UsageError(f"'{twice}' would be written twice.", cure)
    for target in targets:
        if target != sheet and target.suffix.lower() != ".mp4":
            raise UsageError(f"'{target}' is no mp4 file, and edits are.", f"Type: -o '{target.with_suffix('.mp4')}'.")
        if target.is_dir():
            raise UsageError(f"'{target}' is a folder.", "Name a file.")
        blocked = next((parent for parent in target.parents if parent.is_file()), None)
        if blocked is not None:
            raise UsageError(
                f"'{target}' cannot be written: '{blocked}' is a file, not a folder.", "Choose another -o."
            )
        if target.resolve() in inputs:
            name = inputs[target.resolve()]
            raise UsageError(f"'{target}' would be overwritten: it is the --{name} of this edit.", "Choose another -o.")
        _try_to_write(target)


def _try_to_write(target: Path) -> None:
    trial = partial_path(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise cannot_write(target, error) from error


def check_face(picture: Pixels, path: Path) -> None:
    """Raises unless the picture shows one frontal face. Uses facenet-pytorch's MTCNN, whose weights come with it."""
    from evaluators.faces.mtcnn import detector

    faces = detector("cpu").detect(picture[None])[0]
    problem = face_problem(faces.probs, faces.landmarks)
    if problem:
        raise UsageError(f"{problem} in '{path}'.", _FACE_CURE)


def tell_shape(path: Path, width: int, height: int) -> None:
    """Warns on stderr of a picture or clip that is not square: the networks' pictures are."""
    if abs(height - width) > SQUARE * max(height, width):
        click.echo(f"bench.py: '{path}' is {width}x{height}; it is squeezed to a square. Crop it first.", err=True)


def face_problem(probs: npt.NDArray[np.floating], landmarks: npt.NDArray[np.floating]) -> str:
    """Returns the fault of the faces of a picture (probabilities (n,), landmarks (n, 5, 2): eyes, nose, mouth); "" if
    there is none.

    A face is in profile if its nose does not lie between its eyes, or if these are too near each other for their
    distance from the mouth (0.85 to 1.03 of it on real frontal faces; a turn shrinks it by about its cosine). Measured
    along the line of the eyes, so that a tilted head is none.
    """
    sure = probs > SURE
    if int(sure.sum()) != 1:
        return "No face was found" if not sure.any() else f"{int(sure.sum())} faces were found"
    eye, other, nose, *mouth = landmarks[sure][0]
    apart = float(np.linalg.norm(other - eye))
    down = float(np.linalg.norm((mouth[0] + mouth[1] - eye - other) / 2))
    between = 0 < float((nose - eye) @ (other - eye)) < apart * apart
    return "" if between and apart > NARROW * down else "The only face is in profile"
