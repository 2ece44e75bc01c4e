"""Tests the demo FLOAT on held-out puppets: `python -m recipes.held_out_float [FILE]`.

Codes: the encoder's motion of strange faces against the exact one, as squared error over variance. Names: of strange
voices' moods, one utterance at a time and three. Clips: neutral puppets speak with neutral voices, told an emotion by
name; their motion is exact (what the autoencoder can do) or the transformer's, whose mouth is set beside the sound's.
They are written as H.264 and judged by the demo's judges.
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
from datasets.puppets.voice import Utterance, speak
from evaluators.faces.crops import demo_crops
from harness.media import VideoWriter
from harness.records import SAMPLES_PER_FRAME
from networks.files import shipped
from networks.float.conditions import EMOTIONS, normalised, one_hot
from networks.float.files import SHIPPED_FLOAT
from networks.float.networks import FloatNetworks
from networks.float.sampler import Guidance, Speech, noise_for, tracks
from recipes.faces import PictureState, pictures
from recipes.float.space import MotionAlphabet
from recipes.held_out_generator import MadeClip, judged, relative_error, states

FRAMES, PEOPLE, VOICES = 48, 14, 20
GUIDANCES = {"a 2, e 1": Guidance(), "a 2, e 5": Guidance(emotion=5.0)}
_FELT = tuple(name for name in EMOTIONS if name != "neutral")


def posed(
    who: int, pose: npt.NDArray[np.float64], lip: npt.NDArray[np.float64], felt: npt.NDArray[np.float64]
) -> PictureState:
    """Returns the states of one puppet with one affect, for each row of `pose` and `lip`."""
    count = len(pose)
    return PictureState(np.full(count, who), pose, lip, np.repeat(felt[None], count, 0), np.zeros(count, np.int64))


def said_by(who: int) -> Utterance:
    """Returns a neutral utterance of FRAMES frames by a puppet."""
    return speak(who, affect_point("neutral"), FRAMES, (91, who))


@torch.inference_mode()
def code_errors(networks: FloatNetworks) -> dict[str, float]:
    """Returns the relative error of the encoder's motion of strange faces in basic emotions."""
    state, autoencoder = states(np.random.default_rng(77), extended=False), networks.motion_autoencoder
    shown = pictures(state, autoencoder.size).split(24)
    found = torch.cat([autoencoder.motion(autoencoder.coefficients(autoencoder.enc(part)[0])) for part in shown])
    return {"motion": relative_error(found, MotionAlphabet().motion(state))}


@torch.inference_mode()
def names(networks: FloatNetworks) -> dict[str, float]:
    """Returns the shares of strange voices whose mood is named: one utterance of 40 frames, and the mean of three."""
    one, three = [], []
    for label, name in enumerate(EMOTIONS):
        rows = []
        for place in range(VOICES):
            who, level = TEST_IDENTITIES[(7 * label + 3 * place) % len(TEST_IDENTITIES)], place % 3 + 1
            wave = speak(who, affect_point(name, level), 40, (97, label, place)).sound
            rows.append(networks.emotion_encoder(normalised(torch.from_numpy(wave[: 40 * SAMPLES_PER_FRAME])))[0])
        one += [int(row.argmax()) == label for row in rows]
        three += [int(torch.stack(rows[k : k + 3]).mean(0).argmax()) == label for k in range(VOICES - 2)]
    return {"one_utterance": float(np.mean(one)), "mean_of_three": float(np.mean(three))}


@dataclass(frozen=True)
class Studio:
    """Makes clips of test puppets in `folder`."""

    folder: Path
    networks: FloatNetworks
    alphabet: MotionAlphabet

    def source(self, who: int) -> Tensor:
        """Returns the portrait (1, 3, size, size) that a clip begins from: no emotion, mouth nearly closed."""
        calm = posed(who, np.zeros((1, 6)), np.array([[0.05, 0.0]]), np.zeros(5))
        return pictures(calm, self.networks.motion_autoencoder.size)

    def exact(self, who: int, emotion: str) -> Tensor:
        """Returns the exact motion (FRAMES, style) of a puppet that speaks with the emotion."""
        pose = pose_track(FRAMES, (92, who))
        return self.alphabet.motion(posed(who, pose, said_by(who).lips(), affect_point(emotion, 3)))

    def imagined(self, who: int, emotion: str, guidance: Guidance) -> Tensor:
        """Returns the transformer's motion (FRAMES, style) for the same sound."""
        wave = normalised(torch.from_numpy(said_by(who).sound[: FRAMES * SAMPLES_PER_FRAME]))
        audio = self.networks.audio_encoder(wave, FRAMES)
        portrait = self.networks.motion_autoencoder.portrait(self.source(who))
        noise = noise_for(self.networks.fmt, FRAMES, seed=who)
        return torch.cat(
            list(tracks(self.networks.fmt, Speech(audio, portrait.r_s, one_hot(emotion)), noise, guidance))
        )

    def clip(self, who: int, emotion: str, motion: Tensor, name: str) -> MadeClip:
        """Returns a clip of the puppet with that motion."""
        autoencoder, source = self.networks.motion_autoencoder, self.source(who)
        portrait, path = autoencoder.portrait(source), self.folder / f"{who}-{name}.mp4"
        with VideoWriter(path, 256, 256, audio=said_by(who).sound) as writer:
            for row in motion:
                writer.write(_enlarged(autoencoder.decode(portrait, row[None])))
        found = demo_crops(_enlarged(source)[None])[0]
        assert found is not None, f"MTCNN finds no face in the picture of puppet {who}"
        return MadeClip(path, emotion, said_by(who), found)


def _enlarged(picture: Tensor) -> npt.NDArray[np.uint8]:
    """(1, 3, s, s) in [-1, 1] as uint8 (256, 256, 3)."""
    rows = ((picture[0].clamp(-1, 1).permute(1, 2, 0) + 1) * 127.5).round().byte().numpy()
    return np.asarray(cv2.resize(rows, (256, 256), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


@torch.inference_mode()
def figures(file: Path, work: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """Yields every figure, part by part."""
    networks = SHIPPED_FLOAT.load(file)
    yield "codes", code_errors(networks)
    yield "names", names(networks)
    studio = Studio(work, networks, MotionAlphabet())
    people = TEST_IDENTITIES[:: len(TEST_IDENTITIES) // PEOPLE][:PEOPLE]
    cast = [(who, _FELT[place % len(_FELT)]) for place, who in enumerate(people)]
    true = {who: studio.exact(who, emotion) for who, emotion in cast}
    made = [studio.clip(who, emotion, true[who], "exact") for who, emotion in cast]
    yield "clips, exact motion", judged(made, shipped.FOLDER)
    for name, guidance in GUIDANCES.items():
        motion = {who: studio.imagined(who, emotion, guidance) for who, emotion in cast}
        mouths = [torch.cat([side[who][:, :2] for who, _ in cast]) for side in (motion, true)]
        told = {"mouth": relative_error(*mouths), "open_r": _correlation(mouths[0][:, 0], mouths[1][:, 0])}
        yield f"motion, {name}", told
        made = [studio.clip(who, emotion, motion[who], f"made {guidance.emotion:g}") for who, emotion in cast]
        yield f"clips, {name}", judged(made, shipped.FOLDER)


def _correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack((a, b)))[0, 1])


def main(file: Path) -> None:
    """Print every figure."""
    with tempfile.TemporaryDirectory() as work:
        for part, values in figures(file, Path(work)):
            print(f"{part}: " + ", ".join(f"{name} {value:.3f}" for name, value in values.items()), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped.place(SHIPPED_FLOAT.name))
