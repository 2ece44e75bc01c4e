"""C-MET: the expression of a talking face moved along what emotional speech says (CVPR 2026), and its floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from baselines.networks import load_networks
from baselines.talker import Networks, Talker, missing_weights
from cmet.rollout import emotion_difference, fit_track, pick_samples, roll_out
from harness.contract import Missing, Output
from harness.errors import UsageError
from harness.media import read_audio
from harness.records import Clip, Failed, Request


class CMet:
    """Neutral and emotional utterances in, any emotion out; the reference method of this project."""

    name: ClassVar[str] = "cmet"
    emotion_sources: ClassVar[tuple[str, ...]] = ("speech",)
    labels: ClassVar[tuple[str, ...]] = ()
    pose: ClassVar[str] = "clip"
    size: ClassVar[int] = 256
    stochastic: ClassVar[bool] = False
    licence: ClassVar[str] = "Apache-2.0"
    demo_weights: ClassVar[bool] = True
    needed: ClassVar[tuple[str, ...]] = ("edtalk", "audio2lip", "emotion2vec", "cmet-connector")

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        known = {"weights", "num_samples", "intensity"}
        if unknown := set(options) - known:
            raise UsageError(f"{self.name} has no option {sorted(unknown)}.", f"Known: {', '.join(sorted(known))}.")
        self._which = options.get("weights", "official")
        self._num_samples = int(options.get("num_samples", "10"))
        self._intensity = float(options.get("intensity", "1"))
        self._device = device
        self._talker: Talker | None = None

    def missing(self) -> list[Missing]:
        """Official weight files that are not on this machine."""
        return missing_weights(self._which, self.needed)

    def weights(self) -> dict[str, str]:
        """name → sha256 of the files this method loads."""
        from baselines.networks import weight_digests

        return weight_digests(self._which, self.needed)

    def load(self) -> None:
        """Load every network once."""
        self._talker = Talker(load_networks(self._which, self.needed, self._device), self._device)

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Edit the source clip's expression by the speech difference and render it with the driving sound."""
        talker = self._ready()
        if request.source_video is None or request.pose_video is None:
            return Failed("unsupported", f"{self.name} edits a neutral clip of the identity, and there is none")
        codes = talker.clip_codes(request.source_video)
        same = request.pose_video == request.source_video
        pose = codes.pose if same else talker.clip_codes(request.pose_video).pose
        expression = codes.exp + self._directions(talker.networks, request, codes.exp)
        talker.speak(request, out, fit_track(expression, request.frames, trim=0), pose)
        return out.clip(used=self._used)

    _used: ClassVar[str] = "speech"

    def _directions(self, networks: Networks, request: Request, codes: Tensor) -> Tensor:
        neutral, target = _picked(request, self._num_samples)
        difference = emotion_difference(_features(networks, neutral), _features(networks, target))
        speech = torch.from_numpy(difference)[None, None].to(self._device) * (
            self._intensity * request.emotion.strength
        )
        return roll_out(networks.connector, speech, codes, pad_last=True)[0]

    def _ready(self) -> Talker:
        if self._talker is None:
            self.load()
        assert self._talker is not None
        return self._talker

    def close(self) -> None:
        """Forget the networks."""
        self._talker = None


class NoEdit(CMet):
    """A floor for emotion: the same backbone, sound and pose, and the source's own neutral expression."""

    name: ClassVar[str] = "no_edit"
    emotion_sources: ClassVar[tuple[str, ...]] = ()
    anchor: ClassVar[bool] = True
    needed: ClassVar[tuple[str, ...]] = ("edtalk", "audio2lip")
    _used: ClassVar[str] = "none"

    def _directions(self, networks: Networks, request: Request, codes: Tensor) -> Tensor:
        return torch.zeros_like(codes)


def _picked(request: Request, count: int) -> tuple[list[Path], list[Path]]:
    emotion = request.emotion
    if not emotion.speech or not emotion.neutral_speech:
        raise UsageError("Emotional and neutral speech are both needed.", "Name at least one file of each.")
    neutral, target = pick_samples([str(p) for p in emotion.neutral_speech], [str(p) for p in emotion.speech], count)
    return [Path(p) for p in neutral], [Path(p) for p in target]


def _features(networks: Networks, paths: Sequence[Path]) -> npt.NDArray[np.float32]:
    """(n, D) utterance features; the cache behind `embed_file` computes no file twice."""
    return np.stack([networks.speech.embed([read_audio(path).samples])[0] for path in paths])
