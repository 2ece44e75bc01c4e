"""C-MET: the expression of a talking face moved along what emotional speech says (CVPR 2026), and its floor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from cmet.networks import WEIGHT_SETS, digests, files_of, load_networks
from cmet.rollout import emotion_difference, fit_track, pick_samples, roll_out
from cmet.talker import Networks, Talker, shown
from harness import weights
from harness.contract import Missing, Output
from harness.errors import UsageError, unknown_name
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
    parts: ClassVar[tuple[str, ...]] = ("backbone", "speech", "connector")
    _used: ClassVar[str] = "speech"

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        known = ("weights", "num_samples", "intensity")
        if unknown := sorted(set(options) - set(known)):
            raise UsageError(f"Method '{self.name}' has no option '{unknown[0]}'.", f"Known: {', '.join(known)}.")
        self._which = options.get("weights", "official")
        if self._which not in WEIGHT_SETS:
            raise unknown_name("weight set", self._which, WEIGHT_SETS)
        self._num_samples = _number(options, "num_samples", 10.0)
        self._intensity = _number(options, "intensity", 1.0)
        self._device = device
        self._talker: Talker | None = None

    def missing(self) -> list[Missing]:
        """Official weight files that are not on this machine; the demo ones ship."""
        if self._which == "demo":
            return []
        cure = "Type `python bench.py weights fetch cmet`, or use --dataset puppets."
        states = weights.verify(files_of(self.parts), any_hash=True)
        return [
            Missing(f"the weights '{state.entry.name}' ({state.entry.file})", cure)
            for state in states
            if state.status in ("absent", "wrong")
        ]

    def weights(self) -> dict[str, str]:
        """name → sha256 of the files this method loads."""
        return digests(self._which, self.parts)

    def load(self) -> None:
        """Load every network once."""
        self._talker = Talker(load_networks(self._which, self.parts, self._device), self._device)

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Edit the source clip's expression by the speech difference and render it with the driving sound."""
        talker = self._ready()
        if request.source_video is None or request.pose_video is None:
            return Failed("unsupported", f"{self.name} edits a neutral clip of the identity, and there is none")
        codes = talker.clip_codes(request.source_video)
        same = request.pose_video == request.source_video
        pose = codes.pose if same else talker.clip_codes(request.pose_video).pose
        expression = codes.exp + self._directions(talker.networks, request, codes.exp)
        self._speak(talker, request, out, fit_track(expression, request.frames, trim=0), pose)
        return out.clip(used=self._used)

    def _speak(self, talker: Talker, request: Request, out: Output, expression: Tensor, pose: Tensor) -> None:
        picture = out.image(request.source_image, talker.size)
        lips = talker.lips(request.driving_audio)
        for frame in shown(talker.render(picture, lips, pose, expression, request.frames)):
            out.frame(frame)

    def _directions(self, networks: Networks, request: Request, codes: Tensor) -> Tensor:
        neutral, target = _picked(request, int(self._num_samples))
        features = [networks.speech.of_files(paths) for paths in (neutral, target)]
        speech = torch.from_numpy(emotion_difference(*features))[None, None].to(self._device)
        strength = self._intensity * request.emotion.strength
        return roll_out(networks.connector, speech * strength, codes, pad_last=True)[0]

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
    parts: ClassVar[tuple[str, ...]] = ("backbone",)
    _used: ClassVar[str] = "none"

    def _directions(self, networks: Networks, request: Request, codes: Tensor) -> Tensor:
        return torch.zeros_like(codes)


def _number(options: Mapping[str, str], key: str, default: float) -> float:
    try:
        return float(options.get(key, default))
    except ValueError as error:
        raise UsageError(f"Option {key}='{options[key]}' is not a number.", f"Example: --set cmet.{key}=1") from error


def _picked(request: Request, count: int) -> tuple[list[Path], list[Path]]:
    emotion = request.emotion
    if not emotion.speech or not emotion.neutral_speech:
        raise UsageError("Emotional and neutral speech are both needed.", "Name at least one file of each.")
    neutral, target = pick_samples([str(p) for p in emotion.neutral_speech], [str(p) for p in emotion.speech], count)
    return [Path(p) for p in neutral], [Path(p) for p in target]
