"""The contestant `float`: a portrait and a sound; the emotion as a label, as utterances, or from the sound itself.

Facts: docs/reference/methods.md, 'FLOAT' and 'Lanes'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from baselines.float import checkpoint
from baselines.float.crop import Detector, cropped, detector, is_crop
from baselines.float.options import KNOWN, read_options
from harness import weights
from harness.errors import MediaError, MissingError, UsageError
from harness.media import read_image
from harness.method import Frame, Missing, Output
from harness.records import SAMPLES_PER_FRAME, Clip, Emotion, Failed, Request
from networks.float.conditions import EMOTIONS, LEAST_SAMPLES, one_hot
from networks.float.files import SHIPPED_FLOAT
from networks.float.networks import Widths
from networks.float.speaker import Speaker, Wave

_LEAST_PX = 256  # of the frames: what the small networks that ship draw is enlarged, as EDTalk's are


@dataclass(frozen=True)
class _Told:
    """The emotion as FLOAT takes it, (1, 7); where it comes from; a remark."""

    probabilities: Tensor
    used: str
    note: str = ""


class Float:
    """Runs FLOAT (ICCV 2025), an independent port; small networks of our own training ship. Its head motion is its own.

    `weights=demo` takes those that ship, as puppets do by themselves. Frames of a clip have no true counterpart.
    """

    name: ClassVar[str] = "float"
    emotion_sources: ClassVar[tuple[str, ...]] = ("speech", "label", "driving-speech")
    labels: ClassVar[tuple[str, ...]] = ("angry", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
    pose: ClassVar[str] = "own"
    size: ClassVar[int] = 512
    stochastic: ClassVar[bool] = True
    licence: ClassVar[str] = "CC BY-NC-ND 4.0"
    options: ClassVar[tuple[str, ...]] = KNOWN
    takes_strength: ClassVar[bool] = True
    crops: ClassVar[bool] = True
    demo_weights: ClassVar[bool] = True
    widths: ClassVar[Widths | None] = None  # of networks that are not the released ones

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        self._options = read_options(options)
        self._device = device
        self._speaker: Speaker | None = None
        self._find: Detector | None = None
        self._heard: dict[Path, Tensor] = {}  # utterances serve many samples: seven numbers each

    def missing(self) -> list[Missing]:
        """Returns what is not here of FLOAT's own file, the wav2vec2 files (or of the small networks that ship) and the
        face detector that was asked for.
        """
        found = SHIPPED_FLOAT.missing() if self._options.demo else checkpoint.missing()
        if self._options.detector == "s3fd" and weights.verify(["s3fd"])[0].status in ("absent", "wrong"):
            cure = "Type `python bench.py weights fetch s3fd`, or leave --set float.detector out."
            found.append(Missing("the weights 's3fd'", cure))
        return found

    def weights(self) -> dict[str, str]:
        """Returns name → sha256 of the files this method loads; {} where one is not here or is none of FLOAT's."""
        try:
            found = {"float": SHIPPED_FLOAT.weights().path()} if self._options.demo else checkpoint.files()
        except (MissingError, UsageError):
            return {}
        if self._options.detector == "s3fd":
            found["s3fd"] = weights.locate("s3fd")
        return {name: weights.digest(path) for name, path in found.items()}

    def load(self) -> None:
        """Load every network, and the face detector, once."""
        networks = SHIPPED_FLOAT.load() if self._options.demo else checkpoint.load(widths=self.widths)
        self._speaker = Speaker(networks, self._device, least=_LEAST_PX if self._options.demo else 1)
        if self._options.crop != "none":
            self._find = detector(self._options.detector, self._device)

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Render the portrait speaking the driving sound with the emotion that the lane offers."""
        if self._speaker is None:
            self.load()
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            return self._made(request, out)

    def _made(self, request: Request, out: Output) -> Clip | Failed:
        speaker = self._ready()
        wave = out.audio(request.driving_audio)[: request.frames * SAMPLES_PER_FRAME]
        if len(wave) < LEAST_SAMPLES:
            return Failed("bad-input", f"the sound has {len(wave)} samples, and FLOAT needs {LEAST_SAMPLES} (25 ms)")
        told = self._told(request, out, wave)
        if isinstance(told, Failed):
            return told
        picture, crop = self._picture(request, out)
        seed = request.seed if self._options.seed is None else self._options.seed
        noise = speaker.noise(len(wave), seed, self._options.repeated_noise)
        plain = self._options.guidance
        guidance = replace(plain, emotion=plain.emotion * request.emotion.strength)
        try:
            for frame in speaker.frames(picture, wave, told.probabilities, noise, guidance):
                out.frame(frame)
        except FloatingPointError as error:
            return Failed("bad-output", str(error), "Weights or options do not fit: try the defaults.")
        official = "compat: official (every stretch starts from the same noise)" if self._options.repeated_noise else ""
        demo = "networks: demo width, trained on puppets, not FLOAT's own" if self._options.demo else ""
        notes = (told.note, demo, "head pose: its own", crop, f"seed: {seed}", official)
        label = request.emotion.label or "" if told.used == "label" else ""
        return out.clip(used=told.used, notes="; ".join(note for note in notes if note), label=label)

    def _picture(self, request: Request, out: Output) -> tuple[Frame, str]:
        """The face at the network's size, and how it was cut out."""
        picture, size = read_image(request.source_image), self._ready().size
        way = self._options.crop
        if way == "none" or self._find is None or (way == "auto" and is_crop(picture)):
            return out.image(request.source_image, size), "crop: none"
        return cropped(picture, self._find, size, request.source_image), f"crop: {self._options.detector} box x 1.6"

    def _told(self, request: Request, out: Output, wave: Wave) -> _Told | Failed:
        """The emotion from where the lane or the user says; never from elsewhere in silence."""
        emotion, source = request.emotion, self._source(request)
        if source == "label" and emotion.label is not None:
            if emotion.label not in EMOTIONS:
                return Failed("unsupported", f"FLOAT does not know the label '{emotion.label}'")
            return _Told(one_hot(emotion.label), "label")
        if source == "speech" and emotion.speech:
            return self._told_by_utterances(emotion, out)
        if source == "driving-speech":
            return _Told(self._ready().emotion(wave), "driving-speech")
        return Failed(
            "unsupported",
            f"lane '{request.lane}' offers this sample's emotion neither as a label nor as recorded utterances",
            "--set float.emotion=driving-speech takes it from the driving sound.",
        )

    def _source(self, request: Request) -> str:
        if self._options.emotion != "auto":
            return self._options.emotion
        if request.lane == "as-published":  # the released program without --emo
            return "driving-speech"
        return "label" if request.emotion.label is not None else "speech"

    def _told_by_utterances(self, emotion: Emotion, out: Output) -> _Told:
        heard = torch.cat([self._hear(path, out) for path in emotion.speech]).mean(0, keepdim=True)
        note = (
            f"extension: mean emotion probabilities of {len(emotion.speech)} utterances, apart from the driving sound"
        )
        return _Told(heard, "speech", note)

    def _hear(self, path: Path, out: Output) -> Tensor:
        """(1, 7) emotion probabilities of an utterance. Raises MediaError for one of less than 25 ms."""
        if path not in self._heard:
            wave = out.audio(path)
            if len(wave) < LEAST_SAMPLES:
                raise MediaError(f"{path} has {len(wave)} samples; a recogniser of emotion needs {LEAST_SAMPLES}.")
            self._heard[path] = self._ready().emotion(wave)
        return self._heard[path]

    def _ready(self) -> Speaker:
        assert self._speaker is not None
        return self._speaker

    def close(self) -> None:
        """Forget the networks."""
        self._speaker, self._find = None, None
        self._heard.clear()
