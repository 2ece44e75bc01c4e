"""From noise to a motion track: the Euler method along FLOAT's guided velocities, a stretch of 50 frames at a time.

Classifier-free guidance compares three answers of the network: with sound and emotion silenced, with the emotion
silenced, and with everything. `v = v0 + a (v_audio - v0) + e (v_all - v_audio)` weighs them by 1 - a, a - e and e; an
answer whose weight is 0 is not asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import torch
from torch import Tensor

from networks.float.transformer import Conditions, FlowTransformer


@dataclass(frozen=True)
class Guidance:
    """How strongly sound and emotion are obeyed, and the number of time points, of which the last needs no step."""

    audio: float = 2.0
    emotion: float = 1.0
    time_points: int = 10

    def weights(self) -> tuple[float, float, float]:
        """Returns shares of the velocity without sound and emotion, of that without emotion, and of that with
        everything.
        """
        return 1 - self.audio, self.audio - self.emotion, self.emotion


@dataclass(frozen=True)
class Speech:
    """The conditions of a whole clip: `audio` (1, T, width), `portrait` (1, width), `emotion` (1, 7)."""

    audio: Tensor
    portrait: Tensor
    emotion: Tensor


def noise_for(network: FlowTransformer, frames: int, seed: int, repeated: bool = False) -> Tensor:
    """Returns (stretches, 1, frames of a stretch, motion) standard normal numbers, drawn on the CPU whatever the
    device.

    repeated: every stretch starts from the same noise, as the released program does when its seed is fixed.
    """
    stretches = -(-frames // network.frames)
    drawn = 1 if repeated else stretches
    generator = torch.Generator("cpu").manual_seed(seed)
    noise = torch.randn((drawn, 1, network.frames, network.motion), generator=generator)
    return noise.expand(stretches, -1, -1, -1)


def tracks(network: FlowTransformer, speech: Speech, noise: Tensor, guidance: Guidance) -> Iterator[Tensor]:
    """Yields the motion vectors (<= 50, motion) of one stretch after the other, T in all.

    Each stretch follows the last frames of the one before; a last short one is made whole by holding its last sound.
    """
    size, count = network.frames, speech.audio.shape[1]
    before = speech.audio.new_zeros(1, network.previous, network.motion)
    audio_before = torch.zeros_like(before)
    for index, start in enumerate(range(0, count, size)):
        own = speech.audio[:, start : start + size]
        audio = torch.cat((own, own[:, -1:].expand(-1, size - own.shape[1], -1)), dim=1)
        given = Conditions(audio, audio_before, speech.portrait, speech.emotion)
        track = _integrated(network, noise[index].to(own.device, own.dtype), before, given, guidance)
        yield track[0, : own.shape[1]]
        before, audio_before = track[:, -network.previous :], audio[:, -network.previous :]


def _integrated(
    network: FlowTransformer, track: Tensor, before: Tensor, given: Conditions, guidance: Guidance
) -> Tensor:
    """The track (1, frames, motion) at time 1 that starts as noise at time 0."""
    times = torch.linspace(0, 1, guidance.time_points, device=track.device)
    for now, then in pairwise(times):
        whole = velocity(network, now[None], track, before, given, guidance)
        track = track + (then - now) * whole[:, network.previous :]
    return track


def velocity(
    network: FlowTransformer, time: Tensor, track: Tensor, before: Tensor, given: Conditions, guidance: Guidance
) -> Tensor:
    """Returns (1, previous + frames, motion): the guided velocity at `time` (1,)."""
    told = [
        (weight, conditions)
        for weight, conditions in zip(guidance.weights(), _silenced(given), strict=True)
        if weight != 0
    ]
    batch = Conditions(*(torch.cat([getattr(one, part.name) for _, one in told]) for part in fields(Conditions)))
    rows = (len(told), -1, -1)
    answers = network(time, track.expand(rows), before.expand(rows), batch)
    weights = answers.new_tensor([weight for weight, _ in told])
    return (weights[:, None, None] * answers).sum(0, keepdim=True)


def _silenced(given: Conditions) -> tuple[Conditions, Conditions, Conditions]:
    """The conditions without sound and emotion, without emotion, and all; what came before is never silenced."""
    calm = torch.zeros_like(given.emotion)
    silent = Conditions(torch.zeros_like(given.audio), given.audio_before, given.portrait, calm)
    return silent, Conditions(given.audio, given.audio_before, given.portrait, calm), given
