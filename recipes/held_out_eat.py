"""Tests the demo EAT on held-out puppets: `python -m recipes.held_out_eat [FILE]`.

Faces: the detector's and the pose network's answers to strange faces in basic emotions, set beside the true ones.
Clips: neutral puppets speak with neutral voices and the head motion of another take, told an emotion by name; their
keypoints are exact (what the generator can do) or the networks' own. They are written as H.264 and judged by the demo's
judges. Mouths: where the networks move mouth and chin, set beside where the sound's puppet does.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TEST_IDENTITIES
from datasets.puppets.motion import pose_track
from evaluators.faces.crops import demo_crops
from harness.media import VideoWriter
from harness.records import SAMPLES_PER_FRAME
from networks.eat.eat import Eat
from networks.eat.files import SHIPPED_EAT
from networks.eat.keypoint_motion import radians
from networks.eat.mapping import EMOTIONS
from networks.eat.speaker import Heads, Speaker, truncated_pixels
from networks.files import shipped
from recipes.eat import anatomy
from recipes.eat.speaking import MOUTH
from recipes.faces import pictures, uint8_pictures
from recipes.held_out_float import posed, said_by
from recipes.held_out_generator import MadeClip, judged, relative_error, states

FRAMES, PEOPLE = 48, 14
_FELT = tuple(name for name in EMOTIONS if name != "neutral")
Frames = npt.NDArray[np.uint8]


@torch.inference_mode()
def face_errors(eat: Eat) -> dict[str, float]:
    """Returns the relative errors of what the networks see in strange faces."""
    state = states(np.random.default_rng(77), extended=False)
    size = eat.networks.size
    shown = [(part + 1) / 2 for part in pictures(state, size).split(24)]
    found, heads = eat.networks.kp_detector, [eat.networks.he_estimator(part) for part in shown]
    rest, pose = torch.stack([anatomy.canonical(int(who)) for who in state.who]), anatomy.pose(state)
    angles = torch.cat([torch.stack([radians(x) for x in (one.yaw, one.pitch, one.roll)], 1) for one in heads])
    seen = torch.cat([found(part).keypoints for part in shown])
    return {
        "keypoints_px": float((seen - rest)[..., :2].norm(dim=-1).mean()) * anatomy.PX,
        "angles": relative_error(angles, pose.angles),
        "places": relative_error(torch.cat([one.t for one in heads]), pose.t),
        "offsets": relative_error(torch.cat([one.exp for one in heads]), anatomy.state_offsets(state)),
    }


@dataclass(frozen=True)
class Studio:
    """Makes clips of test puppets in `folder`."""

    folder: Path
    eat: Eat

    def source(self, who: int) -> Frames:
        """Returns the portrait (256, 256, 3) that a clip begins from: no emotion, mouth nearly closed."""
        return uint8_pictures(posed(who, np.zeros((1, 6)), np.array([[0.05, 0.0]]), np.zeros(5)), 256)[0]

    def exact(self, who: int, emotion: str) -> Tensor:
        """Returns the exact keypoints (FRAMES, 15, 3) of a puppet that speaks with the emotion."""
        pose = pose_track(FRAMES, (92, who))
        pose[:, 5] = 0
        return anatomy.keypoints(posed(who, pose, said_by(who).lips(), affect_point(emotion, 3)))

    def drawn(self, who: int, emotion: str) -> Iterator[Frames]:
        """Yields the generator's frames with exact keypoints."""
        networks = self.eat.networks
        picture = torch.from_numpy(_resized(self.source(who), networks.size)).permute(2, 0, 1)[None].float() / 255
        at_rest = anatomy.keypoints(posed(who, np.zeros((1, 6)), np.array([[0.05, 0.0]]), np.zeros(5)))
        held = networks.generator.portrait(picture, at_rest, self._prompts(emotion)[:, 0])
        for row in self.exact(who, emotion).split(1):
            yield _resized(truncated_pixels(networks.generator.frames(held, row))[0], 256)

    def spoken(self, who: int, emotion: str) -> Iterator[Frames]:
        """Yields the frames of EAT as a whole."""
        speaker = Speaker(self.eat, least=256)
        heads = self._heads(speaker, who)
        tracks = speaker.tracks(said_by(who).sound[: FRAMES * SAMPLES_PER_FRAME], heads)
        yield from speaker.frames(self.source(who), tracks, heads, emotion, speaker.noise(who), FRAMES)

    def _heads(self, speaker: Speaker, who: int) -> Heads:
        other = posed(who, pose_track(FRAMES, (92, who)), np.zeros((FRAMES, 2)), np.zeros(5))
        return speaker.heads(iter(uint8_pictures(other, 256)[:, None]))

    def _prompts(self, emotion: str) -> Tensor:
        mapping = self.eat.networks.emotionprompt
        prompts: Tensor = mapping(torch.zeros(1, mapping.noise), EMOTIONS.index(emotion))
        return prompts

    def clip(self, who: int, emotion: str, frames: Iterator[Frames], name: str) -> MadeClip:
        """Returns a clip of the puppet with those frames."""
        path = self.folder / f"{who}-{name}.mp4"
        with VideoWriter(path, 256, 256, audio=said_by(who).sound) as writer:
            for frame in frames:
                writer.write(frame)
        found = demo_crops(self.source(who)[None])[0]
        assert found is not None, f"MTCNN finds no face in the picture of puppet {who}"
        return MadeClip(path, emotion, said_by(who), found)


def _resized(picture: Frames, size: int) -> Frames:
    how = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size, size), interpolation=how), dtype=np.uint8)


@torch.inference_mode()
def mouths(studio: Studio, cast: list[tuple[int, str]]) -> dict[str, float]:
    """Returns how far off mouths and chins of the cast are, and how well the opening follows the true one."""
    found, true = [], []
    for who, emotion in cast:
        offsets = _offsets(studio, who, emotion).unflatten(1, (15, 3))[:, MOUTH]
        exact = anatomy.offsets(
            said_by(who).lips(), np.repeat(affect_point(emotion, 3)[None], FRAMES, 0), np.zeros(FRAMES)
        )
        found.append(offsets)
        true.append(exact.unflatten(1, (15, 3))[:, MOUTH])
    opened = [torch.cat([(part[:, 3, 1] - part[:, 2, 1]) for part in side]) for side in (found, true)]
    error = relative_error(torch.cat(found).flatten(1), torch.cat(true).flatten(1))
    return {"mouth": error, "open_r": float(torch.corrcoef(torch.stack(opened))[0, 1])}


def _offsets(studio: Studio, who: int, emotion: str) -> Tensor:
    speaker = Speaker(studio.eat, least=256)
    heads = studio._heads(speaker, who)
    tracks = speaker.tracks(said_by(who).sound[: FRAMES * SAMPLES_PER_FRAME], heads)
    return speaker.offsets(studio.source(who), tracks, heads, emotion, speaker.noise(who), FRAMES)


@torch.inference_mode()
def figures(file: Path, work: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Yields every figure, part by part."""
    eat = SHIPPED_EAT.load(file)
    yield "faces", face_errors(eat)
    studio = Studio(work, eat)
    people = TEST_IDENTITIES[:: len(TEST_IDENTITIES) // PEOPLE][:PEOPLE]
    cast = [(who, _FELT[place % len(_FELT)]) for place, who in enumerate(people)]
    yield "mouths", mouths(studio, cast)
    for name, way in (("exact keypoints", studio.drawn), ("own keypoints", studio.spoken)):
        made = [studio.clip(who, emotion, way(who, emotion), name) for who, emotion in cast]
        yield f"clips, {name}", judged(made, shipped.FOLDER)


def main(file: Path) -> None:
    """Print every figure."""
    with tempfile.TemporaryDirectory() as work:
        for part, values in figures(file, Path(work)):
            print(f"{part}: " + ", ".join(f"{name} {value:.3f}" for name, value in values.items()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped.place(SHIPPED_EAT.name))
