"""This module does the work of `edit`: it checks the inputs, loads the networks and renders each edit to its file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import torch

from cmet import emotion_pools
from cmet.edit import Editor, Floats, Tracks, blended, read_schedule
from cmet.emotion_pools import Pool
from cmet.weight_sets import load_networks, speech_width
from harness.errors import UsageError
from harness.media import VideoWriter, probe, read_audio, read_image
from harness.progress import Progress
from harness.records import FPS, SAMPLES_PER_FRAME
from networks.edtalk.talker import Talker
from verbs.edit_checks import check_face, check_inputs, check_targets, tell_shape
from verbs.upscaling import Upscaler

Pixels = npt.NDArray[np.uint8]
SHEET_FRAMES = 8


@dataclass(frozen=True)
class EditCall:
    """Holds one call of `edit`: its options, and the networks and speech that they need."""

    given: Mapping[str, Any]

    def run(self) -> Iterator[Path]:
        """Renders every edit and yields each finished file."""
        check_inputs(self.given)
        pools, neutral = self._pools()
        called = distinct([pool.name for pool in pools])
        self._mixture(called)
        names = self._names(called)
        targets = [place(self.given["out"], name, len(names)) for name in names]
        check_targets(targets, self.given["sheet"], self.given)
        upscale = None if self.given["upscale"] is None else Upscaler(self.given["upscale"])
        picture, sound = self._picture(), self._sound()
        needs_speech = any(pool.needs_network for pool in (*pools, *([neutral] if neutral else [])))
        parts = ("backbone", "connector", *(("speech",) if needs_speech else ()))
        networks = load_networks(self.given["weights"], parts, self.given["device"], self.given["connector"])
        talker = Talker(networks, self.given["device"])
        editor = Editor(talker, official=self.given["compat"] == "official")
        differences = [
            editor.difference(pool, neutral, self.given["num_samples"], self.given["seed"]) for pool in pools
        ]
        clips = (self.given[name] for name in ("audio", "pose", "lips", "expression"))
        tracks = editor.tracks(picture, *clips)
        rows: list[Pixels] = []
        expressions = self._expressions(editor, tracks, called, differences)
        for name, target, expression in zip(names, targets, expressions, strict=True):
            frames = self._shown(editor.render(tracks, expression), tracks, name, upscale, rows)
            self._write(target, frames, sound)
            yield target
        if self.given["sheet"] is not None:
            yield _write_sheet(self.given["sheet"], rows)

    def _picture(self) -> Pixels:
        picture = read_image(self.given["source"])
        tell_shape(self.given["source"], picture.shape[1], picture.shape[0])
        if not self.given["no_face_check"]:
            check_face(picture, self.given["source"])
        return picture

    def _sound(self) -> Floats:
        """(n,) the driving sound, whole frames of it; a word where its channels leave nothing."""
        track = read_audio(self.given["audio"])
        if "downmix_cancels" in track.notes:
            cure = "The lips will hardly move: give one channel of it."
            click.echo(f"bench.py: the channels of '{self.given['audio']}' cancel each other. {cure}", err=True)
        return track.samples[: len(track.samples) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME]

    def _pools(self) -> tuple[list[Pool], Pool | None]:
        width = speech_width(self.given["weights"])
        shipped = puppet_speech() if self.given["weights"] == "demo" else {}
        names = emotion_pools.Names(self.given["speech"], shipped, width)
        pools = emotion_pools.pools(self.given["emotions"], width, names)
        if all(pool.kept is not None for pool in pools):
            return pools, None
        if not self.given["neutral_speech"]:
            return pools, emotion_pools.neutral_beside(self.given["emotions"], width, names)
        return pools, emotion_pools.neutral_named(self.given["neutral_speech"], width, names)

    def _names(self, names: list[str]) -> list[str]:
        """The names of the results."""
        if self.given["schedule"] is not None:
            return ["schedule"]
        return names if self.given["blend"] is None else ["+".join(names)]

    def _mixture(self, names: list[str]) -> tuple[list[float] | None, list[tuple[float, str]] | None]:
        """Shares of --blend and steps of --schedule, read before any work is done for them."""
        shares = None if self.given["blend"] is None else _shares(self.given["blend"], len(names))
        known = names if shares is None else ["+".join(names)]
        return shares, None if self.given["schedule"] is None else read_schedule(self.given["schedule"], known)

    def _expressions(
        self, editor: Editor, tracks: Tracks, names: list[str], differences: list[Floats]
    ) -> list[torch.Tensor]:
        """One expression track a result."""
        shares, steps = self._mixture(names)
        if shares is not None:
            differences, names = [blended(differences, shares)], ["+".join(names)]
        if self.given["keep"] is not None:
            emotion_pools.keep(self.given["keep"], differences[-1])
        if steps is not None:
            by_name = dict(zip(names, differences, strict=True))
            return [editor.scheduled(tracks, steps, by_name, self.given["intensity"])]
        return editor.expressions(tracks, differences, self.given["intensity"])

    def _shown(
        self,
        frames: Iterator[Pixels],
        tracks: Tracks,
        name: str,
        upscale: Upscaler | None,
        rows: list[Pixels],
    ) -> Iterator[Pixels]:
        """The frames, upscaled if asked, with progress; eight of them are kept for the sheet."""
        wanted = set(np.linspace(0, tracks.frames - 1, SHEET_FRAMES).round().astype(int).tolist())
        progress, kept = Progress(f"{name}: frames", tracks.frames), []
        for index, frame in enumerate(frames):
            frame = frame if upscale is None else upscale(frame)
            if index in wanted:
                kept.append(frame)
            progress.step()
            yield frame
        rows.append(np.concatenate(kept, axis=1))

    def _write(self, target: Path, frames: Iterator[Pixels], sound: Floats) -> None:
        fps = max(1, round(probe(self.given["pose"]).fps)) if self.given["compat"] == "official" else FPS
        first = next(frames)
        with VideoWriter(target, first.shape[1], first.shape[0], fps=fps, audio=sound) as writer:
            writer.write(first)
            for frame in frames:
                writer.write(frame)


def distinct(names: list[str]) -> list[str]:
    """Returns the names of several emotions; where two are called alike (happy of two corpora), numbered."""
    return names if len(set(names)) == len(names) else [f"{name}{k}" for k, name in enumerate(names, start=1)]


def place(out: str, name: str, count: int) -> Path:
    """Says where the edit `name`, one of `count`, goes: a file, or in the folder `out` (there already, or with a
    slash).
    """
    path, plain = Path(out), re.sub(r"[\\/:\0]", "_", name)
    if path.is_dir() or out.endswith(("/", os.sep)):
        return path / f"{plain}.mp4"
    path = path if path.suffix else path.with_name(f"{path.name}.mp4")
    return path if count == 1 else path.with_name(f"{path.stem}_{plain}{path.suffix}")


def puppet_speech() -> dict[str, Callable[[], Sequence[Path]]]:
    """Returns the names that the demo weights understand out of the box: puppets' speech in each emotion."""
    from datasets.puppets.affect import POINTS
    from datasets.puppets.dataset import Puppets

    corpus = Puppets()
    return {name: partial(corpus.utterances, name) for name in POINTS}


def _shares(text: str, count: int) -> list[float]:
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--blend '{text}' is not a list of numbers.", "Example: --blend 0.7,0.3") from error
    if not np.isfinite(shares).all():
        raise UsageError(f"--blend '{text}' holds a share that is no number.", "Example: --blend 0.7,0.3")
    if len(shares) != count:
        raise UsageError(f"--blend has {len(shares)} shares for {count} emotions.", "Give one for each.")
    return shares


def _write_sheet(path: Path, rows: list[Pixels]) -> Path:
    from PIL import Image

    from harness.atomic import replacing

    with replacing(path) as partial:
        Image.fromarray(np.concatenate(rows, axis=0)).save(partial, format="PNG")
    return path
