"""Trains what makes a face speak: the sound network, the side branch, and the mapping network's deep prompts.

They learn together where keypoints go: the mouth of the utterance and one emotion, told by name, which is not the
voice's. Portraits are seen through the keypoint detector, head poses are exact. The shallow prompts, by which the
generator learns to draw, are kept as they begin (prompts).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.puppets.affect import affect_point
from datasets.puppets.identity import TRAIN_IDENTITIES
from datasets.puppets.motion import pose_track
from harness.media import to_pcm16
from networks.eat import deepspeech
from networks.eat.audio_to_keypoints import AudioToKeypoints
from networks.eat.deepspeech import DeepSpeech
from networks.eat.keypoint_motion import deformation, hull_volume
from networks.eat.keypoints import KeypointDetector
from networks.eat.mapping import EMOTIONS, MappingNetwork
from networks.eat.mel import normalised_mel
from networks.eat.pose_network import HeadPose
from networks.eat.pose_pictures import pose_pictures
from networks.eat.side_branch import SideBranch
from networks.eat.windows import Tracks, windows
from recipes.eat import anatomy
from recipes.eat.expression import Expressions
from recipes.eat.hearing import FRAMES, Said
from recipes.eat.prompts import mapping_start, prompts_of
from recipes.eat.settling import settle
from recipes.eat.sizes import SIZE, WIDTHS
from recipes.faces import calmed, random_states, uint8_pictures
from recipes.part import Part
from recipes.recipe_run import RecipeRun

BATCH, RATE = 12, 2e-3
PORTRAITS, HEADS = 192, 96  # portraits that are seen, and head motions
MOUTH, MOUTH_WEIGHT, UNIT = slice(6, 11), 3.0, 0.02  # keypoints of mouth and chin; an error that counts as one
LEAST_STRENGTH, MOST_STRENGTH = 0.9, 1.05
KEPT_WEIGHT = 10.0


class Actor(nn.Module):
    """Is the sound network, the side branch and the mapping network."""

    def __init__(self) -> None:
        super().__init__()
        self.audio2kptransformer, self.sidetuning = AudioToKeypoints(WIDTHS.audio), SideBranch(**WIDTHS.side)
        self.emotionprompt = MappingNetwork(**WIDTHS.mapping)
        self._keep_all()

    def _keep_all(self) -> None:
        """Drops nothing out in training: no two frames are alike, and steps then are a function of their number."""
        for module in self.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
            elif isinstance(module, nn.MultiheadAttention):
                module.dropout = 0.0


@dataclass(frozen=True)
class Stage:
    """Holds what actors learn from: utterances' mel spectra (n, T, bands), DeepSpeech windows (n, FRAMES, 16, 29) and
    mouths (n, FRAMES, 2); head motions' scores (h, FRAMES, 3, 66), places (h, FRAMES, 3) and pictures (h, FRAMES, 1,
    64, 64); portraits' face maps and volumes.
    """

    mel: Tensor
    deep: Tensor
    lips: Tensor
    scores: Tensor
    t: Tensor
    pictures: Tensor
    maps: Tensor
    volumes: Tensor


@torch.no_grad()
def stage(run: RecipeRun, said: list[Said], ears: DeepSpeech, detector: KeypointDetector) -> Stage:
    """Returns everything that stays as it is while actors learn."""
    bands = WIDTHS.audio.bands if WIDTHS.audio else 0
    mel = torch.stack([normalised_mel(torch.from_numpy(one.wave), bands).T for one in said])
    deep = torch.stack([deepspeech.windows(ears, to_pcm16(one.wave)).cpu() for one in said])
    lips = torch.from_numpy(np.stack([one.lips for one in said])).float()
    heads = [_heads(number) for number in range(HEADS)]
    run.log(f"eat: {len(said)} utterances heard, {HEADS} head motions drawn")
    faces = detector(_portraits(run.seed).to(run.device))
    volumes = torch.tensor([hull_volume(row) for row in faces.keypoints])
    scores, t, pictures = (torch.stack(part) for part in zip(*heads, strict=True))
    return Stage(mel, deep, lips, scores, t, pictures, faces.map.cpu(), volumes)


def _heads(number: int) -> tuple[Tensor, Tensor, Tensor]:
    track = pose_track(FRAMES, (77, number))
    state = random_states(np.random.default_rng(0), FRAMES)
    pose = anatomy.pose(replace(state, pose=track))
    scores = pose.scores()
    yaw, pitch, roll = scores.unbind(1)
    return scores, pose.t, pose_pictures(yaw, pitch, roll, pose.t)


def _portraits(seed: int) -> Tensor:
    rng = np.random.default_rng([seed, 78])
    state = calmed(random_states(rng, PORTRAITS), rng)
    state = replace(state, who=np.array(TRAIN_IDENTITIES)[np.arange(PORTRAITS) % len(TRAIN_IDENTITIES)])
    return torch.from_numpy(uint8_pictures(state, SIZE)).permute(0, 3, 1, 2).float() / 255


@dataclass(frozen=True)
class Scene:
    """Holds BATCH single frames: what the sound network sees of each, the face, the emotion's number, and where the
    keypoints go, (BATCH, 45).
    """

    mel: Tensor
    deep: Tensor
    pictures: Tensor
    pose: HeadPose
    face: Tensor
    volume: Tensor
    emotion: list[int]
    moved: Tensor


def scene(there: Stage, rng: np.random.Generator) -> Scene:
    """Returns frames of random utterances, head motions, portraits and emotions."""
    said, heads = rng.integers(0, len(there.mel), BATCH), rng.integers(0, len(there.scores), BATCH)
    frames, face = rng.integers(0, FRAMES, BATCH), rng.integers(0, len(there.maps), BATCH)
    cuts = [
        windows(Tracks(there.mel[u], there.deep[u], there.pictures[h]), None, int(f), int(f) + 1)
        for u, h, f in zip(said, heads, frames, strict=True)
    ]
    mel, deep, pictures = (torch.cat([getattr(cut, name) for cut in cuts]) for name in ("mel", "deep", "pictures"))
    scores, t = there.scores[heads, frames], there.t[heads, frames]
    pose = HeadPose(scores[:, 0], scores[:, 1], scores[:, 2], t, t.new_zeros(BATCH, 45))
    emotion = [int(one) for one in rng.integers(0, len(EMOTIONS), BATCH)]
    strength = rng.uniform(LEAST_STRENGTH, MOST_STRENGTH, (BATCH, 1))
    affect = np.stack([affect_point(EMOTIONS[one]) for one in emotion]) * strength
    moved = anatomy.offsets(there.lips[said, frames].double().numpy(), affect, np.zeros(BATCH))
    return Scene(mel, deep, pictures, pose, there.maps[face], there.volumes[face], emotion, moved)


def on(device: str, one: Scene) -> Scene:
    """Returns a scene on a device."""
    pose = HeadPose(*(getattr(one.pose, name).to(device) for name in ("yaw", "pitch", "roll", "t", "exp")))
    tensors = {name: getattr(one, name).to(device) for name in ("mel", "deep", "pictures", "face", "volume", "moved")}
    return replace(one, pose=pose, **tensors)


def moves(actor: Actor, one: Scene, prompts: Tensor, faces: Expressions) -> Tensor:
    """Returns where an actor moves the keypoints of a scene: (BATCH, 45)."""
    sound = actor.audio2kptransformer
    face = sound.modulated(one.face, prompts[:, 0])
    coefficients = sound(one.mel, one.deep, one.pictures, one.pose, face, prompts)
    emotional = actor.sidetuning(face, prompts)
    per_volume = deformation(coefficients, faces.basis, faces.mean, emotional, 1.0)
    return per_volume * one.volume[:, None]


def train(run: RecipeRun, there: Stage, faces: Expressions) -> Actor:
    """Returns the trained actor, in eval mode; checkpoints lie in `run.out`."""
    with run.seeded():
        actor, average = (Actor().train().to(run.device) for _ in range(2))
    mapping = mapping_start(run)
    actor.emotionprompt.load_state_dict(mapping.state_dict())
    part = Part("eat-speaking", actor, average, [(list(actor.parameters()), RATE)])
    weight = torch.ones(15, 3)
    weight[MOUTH] = MOUTH_WEIGHT
    weight, faces = weight.flatten().to(run.device), Expressions(faces.basis.to(run.device), faces.mean.to(run.device))

    def losses(number: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([run.seed, 79, number])
        one = on(run.device, scene(there, rng))
        noise = torch.from_numpy(rng.standard_normal((BATCH, mapping.noise), dtype=np.float32)).to(run.device)
        prompts = prompts_of(actor.emotionprompt, one.emotion, noise)
        with torch.no_grad():
            kept = prompts_of(mapping, one.emotion, noise)[:, 0]
        off = F.smooth_l1_loss(moves(actor, one, prompts, faces) / UNIT, one.moved / UNIT, reduction="none")
        return {"keypoints": (weight * off).mean(), "kept": KEPT_WEIGHT * F.mse_loss(prompts[:, 0], kept)}

    trained = part.train(run, losses)

    def use(number: int) -> None:
        rng = np.random.default_rng([run.seed, 80, number])
        one = on(run.device, scene(there, rng))
        noise = torch.from_numpy(rng.standard_normal((BATCH, mapping.noise), dtype=np.float32)).to(run.device)
        moves(trained, one, prompts_of(trained.emotionprompt, one.emotion, noise), faces)

    settle(trained, use)
    return trained
