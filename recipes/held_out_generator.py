"""Tests the demo's generator and Audio2Lip on held-out puppets: `python -m recipes.held_out_generator [FOLDER]`.

Codes: the encoder's, and Audio2Lip's, against the exact ones, as squared error over variance. Clips: a neutral puppet,
lips from its voice, head and face from a neutral drive; to the face's code comes nothing, the exact difference of an
emotion, or the difference of the stored codes. They are written as H.264 and judged by the demo's judges.
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

from datasets.puppets.affect import EXTENDED_EMOTIONS, affect_point
from datasets.puppets.identity import TEST_IDENTITIES
from datasets.puppets.motion import pose_track
from datasets.puppets.voice import Utterance, speak
from evaluators.emotion import files as emotion_files
from evaluators.emotion.nets import FrameAttention
from evaluators.faces.crops import Picture, demo_crops, identity_input
from evaluators.identity import files as identity_files
from evaluators.sync import files as sync_files
from evaluators.sync.syncnet_stream import LipRunner
from harness.emotions import BASIC_EMOTIONS
from harness.media import VideoReader, VideoWriter
from networks.edtalk.files import SHIPPED_AUDIO2LIP, SHIPPED_GENERATOR, Codes, shipped_expression_codes
from networks.edtalk.generator import Audio2Lip, Generator
from networks.edtalk.lips import lips_from_audio
from networks.files import shipped
from recipes.alphabet import Alphabet
from recipes.audio2lip import lip_codes
from recipes.faces import PictureState, pictures, random_states
from recipes.judge_sync import curve

FRAMES, EVERY, STATES, PEOPLE = 48, 5, 120, 14
EDITS = ("none", "exact", "stored")
FELT = tuple(name for name in BASIC_EMOTIONS if name != "neutral")


def relative_error(predicted: Tensor, exact: Tensor) -> float:
    """Returns the squared error over variance: 0 is exact, 1 as good as the mean."""
    return float((predicted - exact).square().sum(1).mean() / (exact - exact.mean(0)).square().sum(1).mean())


@torch.inference_mode()
def code_errors(generator: Generator, state: PictureState) -> dict[str, float]:
    """Returns the relative errors of the encoder's codes of pictures of `state`."""
    parts = [generator.encode(part) for part in pictures(state, generator.size).split(24)]
    exact = Alphabet().codes(state)
    return {
        name: relative_error(torch.cat([getattr(part, name) for part in parts]), getattr(exact, name))
        for name in ("exp", "pose", "lip")
    }


def states(rng: np.random.Generator, extended: bool) -> PictureState:
    """Returns random states of test puppets in basic or extended emotions."""
    state = random_states(rng, STATES, people=TEST_IDENTITIES)
    if extended:
        for row in range(STATES):
            name = EXTENDED_EMOTIONS[row % len(EXTENDED_EMOTIONS)]
            state.affect[row] = affect_point(name, row // len(EXTENDED_EMOTIONS) % 3 + 1)
    return state


def lip_error(model: Audio2Lip, count: int = 64) -> float:
    """Returns the relative error of Audio2Lip's codes of voices of test puppets, in every basic emotion."""
    said = [
        speak(who, affect_point(BASIC_EMOTIONS[number % 8], number % 3 + 1), FRAMES, (95, number))
        for number, who in enumerate(TEST_IDENTITIES[:count])
    ]
    predicted = torch.cat([lips_from_audio(model, one.sound, smoothed=False)[:FRAMES] for one in said])
    return relative_error(predicted, lip_codes(np.concatenate([one.lips() for one in said])).float())


@dataclass(frozen=True)
class MadeClip:
    """Describes a clip that the networks made: where, of what, its voice, and the crop of the picture that it began
    from.
    """

    path: Path
    emotion: str
    said: Utterance
    source: Picture


@dataclass(frozen=True)
class Studio:
    """Makes clips of test puppets with the networks of `folder`."""

    folder: Path
    generator: Generator
    audio2lip: Audio2Lip
    stored: Codes

    def direction(self, edit: str, emotion: str) -> Tensor:
        """Returns the direction that is added to the expression codes (1, 10)."""
        if edit == "stored":
            return torch.from_numpy(self.stored[emotion] - self.stored["neutral"])
        felt = affect_point(emotion, 3) * (edit == "exact")
        return Alphabet().codes(_posed(0, np.zeros((1, 6)), np.zeros((1, 2)), felt)).exp - self._rest()

    def _rest(self) -> Tensor:
        return Alphabet().codes(_posed(0, np.zeros((1, 6)), np.zeros((1, 2)), np.zeros(5))).exp

    def clip(self, who: int, edit: str, emotion: str) -> MadeClip:
        """Returns one clip of FRAMES frames."""
        calm = affect_point("neutral")
        said, motion = speak(who, calm, FRAMES, (91, who)), pose_track(FRAMES, (92, who))
        size = self.generator.size
        source = pictures(_posed(who, np.zeros((1, 6)), np.array([[0.05, 0.0]]), calm), size)
        codes = self.generator.codes(pictures(_posed(who, motion, said.lips(), calm), size).split(16))
        lip = lips_from_audio(self.audio2lip, said.sound)[:FRAMES]
        path = self.folder / f"{who}-{edit}-{emotion}.mp4"
        with VideoWriter(path, 256, 256, audio=said.sound) as writer:
            for chunk in self.generator.frames(source, lip, codes.pose, codes.exp + self.direction(edit, emotion), 8):
                for frame in _frames(chunk):
                    writer.write(frame)
        found = demo_crops(_frames(source))[0]
        assert found is not None, f"MTCNN finds no face in the picture of puppet {who}"
        return MadeClip(path, emotion, said, found)


def _posed(
    who: int, pose: npt.NDArray[np.float64], lip: npt.NDArray[np.float64], felt: npt.NDArray[np.float64]
) -> PictureState:
    count = len(pose)
    return PictureState(np.full(count, who), pose, lip, np.repeat(felt[None], count, 0), np.zeros(count, np.int64))


def _frames(pixels: Tensor) -> npt.NDArray[np.uint8]:
    """(n, 3, s, s) in [-1, 1] as uint8 (n, 256, 256, 3)."""
    rows = ((pixels.clamp(-1, 1).permute(0, 2, 3, 1) + 1) * 127.5).round().byte().numpy()
    return np.stack([cv2.resize(row, (256, 256), interpolation=cv2.INTER_CUBIC) for row in rows])


def judged(clips: list[MadeClip], folder: Path) -> dict[str, float]:
    """Returns the mean answers of the demo's judges (of `folder`)."""
    emotion = emotion_files.SHIPPED.load(folder / "emotion.safetensors")
    attention = FrameAttention(emotion, "eval", "cpu")
    identity = identity_files.SHIPPED.load(folder / "identity.safetensors")
    sync = sync_files.SHIPPED.load(folder / "sync.safetensors")
    named, alike, offsets, lse = [], [], [], []
    for clip in clips:
        frames = np.concatenate(list(VideoReader(clip.path)))
        crops = [crop for crop in demo_crops(np.ascontiguousarray(frames[::EVERY])) if crop is not None]
        named.append(emotion.classes[int(attention.logits(attention.features(crops)).argmax())] == clip.emotion)
        with torch.inference_mode():
            rows = identity(identity_input([clip.source, *crops]))
        alike.append(float((rows[1:] @ rows[0]).mean()))
        score = curve(sync, LipRunner(sync), clip.path)
        offsets.append(score.offset == 0)
        lse.append((score.lse_c, score.lse_d))
    (confidence, distance), count = np.mean(lse, 0), float(len(clips))
    figures = {"clips": count, "emotion_named": np.mean(named), "identity_cosine": np.mean(alike)}
    return {**figures, "offset_zero": np.mean(offsets), "lse_c": confidence, "lse_d": distance}


def figures(folder: Path, judges_folder: Path, work: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Yields every figure, part by part."""
    generator = SHIPPED_GENERATOR.load(folder / "generator.safetensors")
    audio2lip = SHIPPED_AUDIO2LIP.load(folder / "audio2lip.safetensors")
    rng = np.random.default_rng(77)
    for kind in ("basic", "extended"):
        yield f"codes, {kind} emotions", code_errors(generator, states(rng, kind == "extended"))
    yield "codes from sound", {"lip": lip_error(audio2lip)}
    stored = shipped_expression_codes(folder / "generator.safetensors")
    studio, people = Studio(work, generator, audio2lip, stored), TEST_IDENTITIES[:: len(TEST_IDENTITIES) // PEOPLE]
    for edit in EDITS:
        made = [studio.clip(who, edit, FELT[place % len(FELT)]) for place, who in enumerate(people[:PEOPLE])]
        yield f"clips, edit {edit}", judged(made, judges_folder)


def main(folder: Path, judges_folder: Path) -> None:
    """Print every figure."""
    with tempfile.TemporaryDirectory() as work:
        for part, values in figures(folder, judges_folder, Path(work)):
            print(f"{part}: " + ", ".join(f"{name} {value:.3f}" for name, value in values.items()))


if __name__ == "__main__":
    given = [Path(text) for text in sys.argv[1:]]
    main(given[0] if given else shipped.FOLDER, given[1] if len(given) > 1 else shipped.FOLDER)
