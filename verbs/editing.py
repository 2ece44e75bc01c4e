"""What `edit` does with its options: check the inputs, load what is needed, render each edit to its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from cmet import emotion_pools
from cmet.edit import Editor, Tracks, blended, read_schedule
from cmet.networks import load_networks
from cmet.talker import Talker
from harness import registry
from harness.errors import MediaError, UsageError
from harness.media import VideoWriter, probe, read_audio, read_image
from harness.progress import Progress
from harness.records import FPS, SAMPLES_PER_FRAME

Pixels = npt.NDArray[np.uint8]
SHEET_FRAMES = 8


@dataclass(frozen=True)
class Job:
    """One call of `edit`."""

    given: Mapping[str, Any]

    def run(self) -> Iterator[Path]:
        """Render every edit; yields each finished file."""
        picture = self._picture()
        for name in ("audio", "pose", "lips"):
            if self.given[name] is not None and not self.given[name].is_file():
                raise MediaError(f"There is no file '{self.given[name]}'.", f"Name a file with --{name}.")
        pools, neutral = self._pools()
        upscale = self._upscale()
        needs_speech = any(pool.needs_network for pool in (*pools, *([neutral] if neutral else [])))
        parts = ("backbone", "connector", *(("speech",) if needs_speech else ()))
        talker = Talker(load_networks(self.given["weights"], parts, self.given["device"]), self.given["device"])
        editor = Editor(talker, official=self.given["compat"] == "official")
        differences = [
            editor.difference(pool, neutral, self.given["num_samples"], self.given["seed"]) for pool in pools
        ]
        tracks = editor.tracks(picture, self.given["audio"], self.given["pose"], self.given["lips"])
        edits = self._edits(editor, tracks, [pool.name for pool in pools], differences)
        rows: list[Pixels] = []
        for name, expression in edits.items():
            target = self._target(name, len(edits))
            frames = self._shown(editor.render(tracks, expression), tracks, name, upscale, rows)
            self._write(target, frames)
            yield target
        if self.given["sheet"] is not None:
            yield _write_sheet(self.given["sheet"], rows)

    def _picture(self) -> Pixels:
        picture = read_image(self.given["source"])
        if not self.given["no_face_check"]:
            _check_face(picture, self.given["source"])
        return picture

    def _pools(self) -> tuple[list[emotion_pools.Pool], emotion_pools.Pool | None]:
        prepared = self.given["weights"] == "official"
        pools = emotion_pools.pools(self.given["emotions"], prepared)
        if all(pool.kept is not None for pool in pools):
            return pools, None
        if self.given["neutral_speech"] is None:
            return pools, emotion_pools.neutral_beside(self.given["emotions"], prepared)
        return pools, emotion_pools.pools([self.given["neutral_speech"]], prepared)[0]

    def _edits(self, editor: Editor, tracks: Tracks, names: list[str], differences: list[Any]) -> dict[str, Any]:
        """name → expression track."""
        if self.given["blend"] is not None:
            differences = [blended(differences, _shares(self.given["blend"]))]
            names = ["+".join(names)]
        if self.given["keep"] is not None:
            emotion_pools.keep(self.given["keep"], differences[-1])
        if self.given["schedule"] is not None:
            steps = read_schedule(self.given["schedule"], names)
            by_name = dict(zip(names, differences, strict=True))
            return {"schedule": editor.scheduled(tracks, steps, by_name, self.given["intensity"])}
        if len(set(names)) < len(names):
            names = [f"{name}{k}" for k, name in enumerate(names, start=1)]
        return dict(zip(names, editor.expressions(tracks, differences, self.given["intensity"]), strict=True))

    def _target(self, name: str, count: int) -> Path:
        out: Path = self.given["out"]
        return out if count == 1 else out.with_name(f"{out.stem}_{name}{out.suffix or '.mp4'}")

    def _upscale(self) -> Callable[[Pixels], Pixels] | None:
        spec = self.given["upscale"]
        if spec is None:
            return None
        if not registry.is_file_spec(spec):
            raise UsageError(f"--upscale '{spec}' is not FILE.py:FUNCTION.", "Example: --upscale sr.py:upscale")
        found: Callable[[Pixels], Pixels] = registry.load(spec)
        return found

    def _shown(
        self,
        frames: Iterator[Pixels],
        tracks: Tracks,
        name: str,
        upscale: Callable[[Pixels], Pixels] | None,
        rows: list[Pixels],
    ) -> Iterator[Pixels]:
        """The frames, upscaled if asked, with progress; eight of them are kept for the sheet."""
        wanted = set(np.linspace(0, tracks.frames - 1, SHEET_FRAMES).round().astype(int).tolist())
        progress, kept = Progress(f"{name}: frames", tracks.frames), []
        for index, frame in enumerate(frames):
            frame = frame if upscale is None else np.ascontiguousarray(upscale(frame))
            if index in wanted:
                kept.append(frame)
            progress.step()
            yield frame
        rows.append(np.concatenate(kept, axis=1))

    def _write(self, target: Path, frames: Iterator[Pixels]) -> None:
        sound = read_audio(self.given["audio"]).samples
        sound = sound[: len(sound) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME]
        fps = round(probe(self.given["pose"]).fps) if self.given["compat"] == "official" else FPS
        first = next(frames)
        with VideoWriter(target, first.shape[1], first.shape[0], fps=fps, audio=sound) as writer:
            writer.write(first)
            for frame in frames:
                writer.write(frame)


def _shares(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--blend '{text}' is not a list of numbers.", "Example: --blend 0.7,0.3") from error


def _check_face(picture: Pixels, path: Path) -> None:
    """One frontal face, or one sentence. Uses facenet-pytorch's MTCNN, whose weights come with it."""
    from evaluators.mtcnn import detector

    faces = detector("cpu").detect(picture[None])[0]
    sure = faces.probs > 0.9
    cure = "Give a picture of one frontal face, cropped like C-MET's; --no-face-check skips this check."
    if not sure.any():
        raise UsageError(f"No face was found in '{path}'.", cure)
    if int(sure.sum()) > 1:
        raise UsageError(f"{int(sure.sum())} faces were found in '{path}'.", cure)
    eye, other, nose = faces.landmarks[sure][0][:3]
    low, high = sorted((float(eye[0]), float(other[0])))
    if not low < float(nose[0]) < high:
        raise UsageError(f"The face in '{path}' is in profile.", cure)
    height, width = picture.shape[:2]
    if abs(height - width) > 0.02 * max(height, width):
        click.echo(f"bench.py: '{path}' is {width}x{height}; it is squeezed to a square. Crop it first.", err=True)


def _write_sheet(path: Path, rows: list[Pixels]) -> Path:
    from PIL import Image

    from harness.atomic import replacing

    with replacing(path) as partial:
        Image.fromarray(np.concatenate(rows, axis=0)).save(partial, format="PNG")
    return path
