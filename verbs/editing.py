"""This module does the work of `edit` with C-MET: inputs are checked, networks loaded, and each edit is rendered."""

from __future__ import annotations

import tempfile
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
from harness.media import VideoWriter, probe, read_audio
from harness.records import FPS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from networks.edtalk.talker import Talker
from verbs.edit_checks import check_inputs, check_targets, pose_needed
from verbs.edit_outputs import Shown, distinct, place, write_sheet, write_side_by_side
from verbs.edit_source import Source, read_source
from verbs.upscaling import Upscaler

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class EditCall:
    """Holds one call of `edit`: its options, and the networks and speech that they need."""

    given: Mapping[str, Any]

    def run(self) -> Iterator[Path]:
        """Renders every edit and yields each finished file."""
        check_inputs(self.given)
        pools, neutral = self._pools()
        self._tell_fewer([*pools, *([neutral] if neutral else [])])
        called = distinct([pool.name for pool in pools])
        self._mixture(called)
        names = self._names(called)
        targets = [place(self.given["out"], name, len(names)) for name in names]
        check_targets(targets, self.given)
        upscale = None if self.given["upscale"] is None else Upscaler(self.given["upscale"])
        with tempfile.TemporaryDirectory() as folder:
            source, sound = self._source(Path(folder)), self._sound()
            pose = self._pose(source)
            editor = self._editor([*pools, *([neutral] if neutral else [])])
            differences = [
                editor.difference(pool, neutral, self.given["num_samples"], self.given["seed"]) for pool in pools
            ]
            tracks = editor.tracks(
                source.picture, self.given["audio"], pose, self.given["lips"], self.given["expression"]
            )
            fps = max(1, round(probe(pose).fps)) if editor.official else FPS
            expressions = self._expressions(editor, tracks, called, differences)
            for name, target, expression in zip(names, targets, expressions, strict=True):
                shown = Shown(name, tracks.frames, upscale)
                self._write(target, map(shown, editor.render(tracks, expression)), sound, fps)
                yield target
        yield from self._beside(names, targets, sound)

    def _source(self, folder: Path) -> Source:
        return read_source(self.given["source"], folder, not self.given["no_face_check"])

    def _pose(self, source: Source) -> Path:
        pose: Path | None = self.given["pose"] or source.clip
        if pose is None:
            raise pose_needed("cmet")
        return pose

    def _editor(self, pools: Sequence[Pool]) -> Editor:
        parts = ("backbone", "connector", *(("speech",) if any(pool.needs_network for pool in pools) else ()))
        networks = load_networks(self.given["weights"], parts, self.given["device"], self.given["connector"])
        return Editor(Talker(networks, self.given["device"]), official=self.given["compat"] == "official")

    def _tell_fewer(self, pools: Sequence[Pool]) -> None:
        """A word where pools hold fewer utterances than are to be averaged."""
        wanted = self.given["num_samples"]
        counts = {pool.name: len(pool.entries()) for pool in pools if pool.kept is None}
        few = [f"'{name}' has {count}" for name, count in counts.items() if count < wanted]
        if few:
            told = f"of {wanted} utterances to be averaged (--num-samples), {', '.join(few)}"
            click.echo(f"bench.py: {told}: all are used.", err=True)

    def _beside(self, names: list[str], targets: list[Path], sound: Floats) -> Iterator[Path]:
        if self.given["sheet"] is not None:
            yield write_sheet(self.given["sheet"], targets)
        if self.given["side_by_side"] is not None:
            yield write_side_by_side(self.given["side_by_side"], list(zip(names, targets, strict=True)), sound)

    def _sound(self) -> Floats:
        """(n,) the driving sound; a word where its channels leave nothing, and where its end is cut."""
        track = read_audio(self.given["audio"])
        if "downmix_cancels" in track.notes:
            cure = "The lips will hardly move: give one channel of it."
            click.echo(f"bench.py: the channels of '{self.given['audio']}' cancel each other. {cure}", err=True)
        cut = len(track.samples) % SAMPLES_PER_FRAME
        if self.given["compat"] is None or not cut:
            return track.samples
        told = f"the last {1000 * cut / SAMPLE_RATE_HZ:.0f} ms of the sound, less than a frame, are cut"
        click.echo(f"bench.py: {told}, as in the released program.", err=True)
        return track.samples[:-cut]

    def _pools(self) -> tuple[list[Pool], Pool | None]:
        width = speech_width(self.given["weights"])
        shipped = puppet_speech() if self.given["weights"] == "demo" else {}
        names = emotion_pools.Names(self.given["speech"], shipped, width)
        pools = emotion_pools.pools(self.given["emotion_speech"], width, names)
        if all(pool.kept is not None for pool in pools):
            return pools, None
        if not self.given["neutral_speech"]:
            return pools, emotion_pools.neutral_beside(self.given["emotion_speech"], width, names)
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

    def _write(self, target: Path, frames: Iterator[Pixels], sound: Floats, fps: int) -> None:
        """The frames and the sound; a last piece of sound that is shorter than a frame is heard over the last one."""
        whole, rest = divmod(len(sound), SAMPLES_PER_FRAME)
        last = next(frames)
        with VideoWriter(target, last.shape[1], last.shape[0], fps=fps, audio=sound) as writer:
            writer.write(last)
            for frame in frames:
                writer.write(last := frame)
            if rest and writer.frames == whole:
                writer.write(last)


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
