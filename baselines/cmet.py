"""C-MET: the expression of a talking face moved along what emotional speech says (CVPR 2026), and its floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from cmet.rollout import emotion_difference, official_least, pick_samples, roll_out, whole_windows
from cmet.weight_sets import PARTS, WEIGHT_SETS, digests, files_of, load_networks
from harness import weights
from harness.errors import UsageError, unknown_name
from harness.method import Missing, Output
from harness.records import Clip, Failed, Request
from networks.edtalk.frames import stretched_pixels
from networks.edtalk.talker import Networks, Talker, enlarged, shown
from networks.edtalk.tracks import OFFICIAL_TRIM, fit_track


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
    options: ClassVar[tuple[str, ...]] = ("weights", "num_samples", "intensity", "connector", "compat")
    _used: ClassVar[str] = "speech"

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        if unknown := sorted(set(options) - set(self.options)):
            raise UsageError(
                f"Method '{self.name}' has no option '{unknown[0]}'.", f"Known: {', '.join(self.options)}."
            )
        self._which = options.get("weights", "official")
        if self._which not in WEIGHT_SETS:
            raise unknown_name("weight set", self._which, WEIGHT_SETS)
        if options.get("compat", "official") != "official":
            raise unknown_name("program to be like", options["compat"], ("official",))
        self._official = "compat" in options
        self._num_samples = _number(options, "num_samples", 10.0)
        if self._num_samples < 1 or self._num_samples % 1:
            raise UsageError(f"Option num_samples={self._num_samples:g} is no number of utterances.", "1 or more.")
        self._intensity = _number(options, "intensity", 1.0)
        self._connector = Path(options["connector"]).expanduser() if "connector" in options else None
        self._device = device
        self._talker: Talker | None = None

    def missing(self) -> list[Missing]:
        """Official weight files, and a connector of own training, that are not on this machine; the demo ones ship."""
        own = self._connector
        if own is not None and not own.is_file():
            return [Missing(f"the connector '{own}'", "`python bench.py train` makes one; name its checkpoint.")]
        if self._which == "demo":
            return []
        cure = "Type `python bench.py weights fetch cmet`, or use --dataset puppets."
        states = weights.verify(files_of(self.parts), any_hash=True)
        return [
            Missing(f"the weights '{state.entry.name}' ({state.entry.file})", cure)
            for state in states
            if state.status in ("absent", "wrong") and (own is None or state.entry.name not in PARTS["connector"])
        ]

    def weights(self) -> dict[str, str]:
        """name → sha256 of the files this method loads."""
        return digests(self._which, self.parts, self._connector)

    def load(self) -> None:
        """Load every network once."""
        networks = load_networks(self._which, self.parts, self._device, self._connector)
        self._talker = Talker(networks, self._device)

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Edit the source clip's expression by the speech difference and render it with the driving sound."""
        talker = self._ready()
        if request.source_video is None or request.pose_video is None:
            return Failed("unsupported", f"{self.name} edits a neutral clip of the identity, and there is none")
        codes = talker.clip_codes(request.source_video, limit=self._needed(talker.networks, request))
        if self._official and len(codes.exp) < (least := official_least(talker.networks.connector.window)):
            return Failed("unsupported", f"of clips below {least} frames the released program never ends")
        same = request.pose_video == request.source_video
        pose = codes.pose if same else talker.clip_codes(request.pose_video, limit=request.frames).pose
        directions = self._directions(talker.networks, request, codes.exp)
        expression = codes.exp[: len(directions)] + directions
        trim = OFFICIAL_TRIM if self._official else 0
        self._speak(talker, request, out, fit_track(expression, request.frames, trim), pose)
        return out.clip(used=self._used, notes="compat: official" if self._official else "")

    def _needed(self, networks: Networks, request: Request) -> int | None:
        """How many frames of the source clip can be seen in the result; None: all."""
        if self._official or networks.connector is None:
            return None if self._official else request.frames
        return whole_windows(request.frames, networks.connector.window)

    def _speak(self, talker: Talker, request: Request, out: Output, expression: Tensor, pose: Tensor) -> None:
        picture = out.image(request.source_image, talker.size)
        lips = talker.lips(request.driving_audio)

        def chunks() -> Iterator[Tensor]:
            return talker.render(picture, lips, pose, expression, request.frames)

        stretched = chain.from_iterable(stretched_pixels(lambda: enlarged(chunks())))
        for frame in stretched if self._official else shown(chunks()):
            out.frame(frame)

    def _directions(self, networks: Networks, request: Request, codes: Tensor) -> Tensor:
        neutral, target = _picked(request, int(self._num_samples))
        features = [networks.speech.of_files(paths) for paths in (neutral, target)]
        speech = torch.from_numpy(emotion_difference(*features))[None, None].to(self._device)
        strength = self._intensity * request.emotion.strength
        return roll_out(networks.connector, speech * strength, codes, pad_last=not self._official)[0]

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
    options: ClassVar[tuple[str, ...]] = ("weights",)
    _used: ClassVar[str] = "none"

    def _directions(self, networks: Networks, request: Request, codes: Tensor) -> Tensor:
        return torch.zeros_like(codes)


def _number(options: Mapping[str, str], key: str, default: float) -> float:
    try:
        value = float(options.get(key, default))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UsageError(f"Option {key}='{options[key]}' is not a number.", f"Example: --set cmet.{key}=1")
    return value


def _picked(request: Request, count: int) -> tuple[list[Path], list[Path]]:
    emotion = request.emotion
    if not emotion.speech or not emotion.neutral_speech:
        raise UsageError("Emotional and neutral speech are both needed.", "Name at least one file of each.")
    neutral, target = pick_samples([str(p) for p in emotion.neutral_speech], [str(p) for p in emotion.speech], count)
    return [Path(p) for p in neutral], [Path(p) for p in target]
