"""This module reads the source of an edit: a picture, or a raw video whose face is followed and cut out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from harness.errors import MediaError
from harness.media import VideoReader, probe, read_image
from harness.records import MEDIA_SUFFIXES
from verbs.edit_checks import check_face, tell_shape

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """Holds the identity picture, and the clip that it is the first frame of, cut to the face at 25 fps, if any."""

    picture: Pixels
    clip: Path | None = None


def read_source(path: Path, folder: Path, face_check: bool, crops: bool = False) -> Source:
    """Returns the picture of a source, and its clip, which is written to `folder`.

    A clip of 256 x 256 px is a crop already; of others one face is followed, as `prepare` does. crops: the engine cuts
    the face out of a picture by itself, so a raw video's first frame stays whole. Raises MediaError for files that
    cannot be read or that one face cannot be followed in, UsageError for a picture without exactly one frontal face.
    """
    if path.suffix.lower() not in MEDIA_SUFFIXES:
        picture = read_image(path)
        if not crops:
            tell_shape(path, picture.shape[1], picture.shape[0])
        if face_check:
            check_face(picture, path)
        return Source(picture)
    clip = _followed(path, folder)
    picture = _first(path if crops else clip)
    if face_check:
        check_face(picture, path)
    return Source(picture, clip)


def _first(clip: Path) -> Pixels:
    return np.asarray(next(iter(VideoReader(clip, chunk=1)))[0])


def _followed(path: Path, folder: Path) -> Path:
    """The clip cut to its face and brought to 25 fps, by the code of `prepare`."""
    from datasets.preparation.jobs import Job
    from datasets.preparation.stages import SIZE, Network, PreparationPlan, work

    info = probe(path)
    job = Job("source", path, path, folder / "source")
    done = work(job, PreparationPlan(("crop",), faces=Network("evaluators.faces.mtcnn:Mtcnn", {})))
    if done.reason:
        raise MediaError(f"'{path}' is no source: {done.reason}", "Crop it by hand, or give a picture.")
    if (info.width, info.height) != (SIZE, SIZE):
        told = f"its face was followed and cut out to {SIZE} px"
        click.echo(f"bench.py: '{path}' is {info.width}x{info.height}; {told}.", err=True)
    return job.clip
