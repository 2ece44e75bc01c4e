"""The contestant `eat`: a portrait, a sound, a pose clip and one of eight labels.

Facts: docs/reference/methods.md, 'EAT' and 'Lanes'.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from baselines.eat import checkpoint, crop
from baselines.eat.driving import Cutter
from baselines.eat.options import KNOWN, read_options
from baselines.heard_label import heard_label
from harness import weights
from harness.errors import MissingError, UsageError
from harness.method import Missing, Output
from harness.records import SAMPLES_PER_FRAME, Clip, Emotion, Failed, Request
from networks.eat.files import SHIPPED_EAT
from networks.eat.mapping import EMOTIONS
from networks.eat.mel import LEAST_SAMPLES
from networks.eat.networks import Widths
from networks.eat.speaker import Speaker
from networks.eat.thick_line import NAME as DRAWING
from networks.emotion2vec.features import SpeechFeatures
from networks.emotion2vec.files import EMOTION2VEC, SHIPPED_SPEECH

_LEAST_PX = 256  # of the frames: what the small networks that ship draw is enlarged, as EDTalk's are
_DEMO_NOTE = "networks: demo width, trained on puppets, not EAT's own"
_HELD = 2  # frames that the harness adds by itself where a clip is short


@dataclass(frozen=True)
class _Told:
    """Holds the label of a clip and a remark on where it comes from."""

    label: str
    note: str = ""


class Eat:
    """Runs EAT (ICCV 2023), an independent port: emotion by a label, head motion of a clip.

    `weights=demo` takes small networks of our own training that ship, as puppets do by themselves.
    """

    name: ClassVar[str] = "eat"
    emotion_sources: ClassVar[tuple[str, ...]] = ("label", "speech")
    labels: ClassVar[tuple[str, ...]] = (
        "angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised",
    )  # fmt: skip
    pose: ClassVar[str] = "clip"
    size: ClassVar[int] = 256
    stochastic: ClassVar[bool] = True
    licence: ClassVar[str] = "CC BY-NC 4.0"
    extended_only_by: ClassVar[str] = "a fine-tuning of its own on each sentence, which is not run here"
    options: ClassVar[tuple[str, ...]] = KNOWN
    crops: ClassVar[bool] = True
    demo_weights: ClassVar[bool] = True
    widths: ClassVar[Widths | None] = None  # of networks that are not the released ones

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        self._options = read_options(options)
        self._device = device
        self._speaker: Speaker | None = None
        self._speech: SpeechFeatures | None = None
        self._cutter = Cutter(self._options.crop)

    def missing(self) -> list[Missing]:
        """Returns what is not here of EAT's files (or the small networks' one), and of what the options ask for: a
        recogniser of emotion in speech, landmarks.
        """
        demo = self._options.demo
        found = SHIPPED_EAT.missing() if demo else checkpoint.missing(self._options.stored)
        if self._options.emotion == "speech":
            found += SHIPPED_SPEECH.missing() if demo else _absent(EMOTION2VEC.name)
        if self._options.crop in ("align", "face"):
            found += crop.PREDICTOR.missing()
        if self._options.crop == "align":
            found += _absent(crop.TEMPLATE)
        return found

    def weights(self) -> dict[str, str]:
        """Returns name → sha256 of the files this method loads; {} where one is not here."""
        try:
            found = self._small() if self._options.demo else checkpoint.files(self._options.stored)
        except MissingError:
            return {}
        return {name: weights.digest(path) for name, path in found.items()}

    def _small(self) -> dict[str, Path]:
        """The files that ship, by name: of EAT's networks and, unless labels alone count, of the recogniser."""
        files = (SHIPPED_EAT,) if self._options.emotion == "label" else (SHIPPED_EAT, SHIPPED_SPEECH)
        return {file.name: file.weights().path() for file in files}

    def load(self) -> None:
        """Load every network once."""
        if self._options.demo:
            self._speaker = Speaker(SHIPPED_EAT.load(), self._device, least=_LEAST_PX)
        else:
            self._speaker = Speaker(checkpoint.load(self.widths, self._options.stored), self._device)

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Render the portrait speaking the driving sound with the pose clip's head motion and the lane's emotion."""
        if request.pose_video is None:
            return Failed("unsupported", "EAT takes the head motion from a clip, and this sample has none")
        if self._speaker is None:
            self.load()
        try:
            with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                return self._made(request, request.pose_video, out)
        except FloatingPointError as error:
            return Failed("bad-output", str(error), "Weights do not fit: get the released ones.")

    def _made(self, request: Request, pose_clip: Path, out: Output) -> Clip | Failed:
        speaker = self._ready()
        wave = out.audio(request.driving_audio)[: request.frames * SAMPLES_PER_FRAME]
        if len(wave) < LEAST_SAMPLES:
            return Failed("bad-input", f"the sound has {len(wave)} samples, and EAT needs {LEAST_SAMPLES} (64 ms)")
        told = self._told(request)
        if isinstance(told, Failed):
            return told
        picture, picture_crop = self._cutter.portrait(request.source_image)
        heads, clip_crop = self._cutter.heads(speaker, pose_clip, request.frames)
        tracks = speaker.tracks(wave, heads)
        count = min(tracks.frames, request.frames)
        if count < request.frames - _HELD:
            out.timing(count, request.fps)
        seed = request.seed if self._options.seed is None else self._options.seed
        for frame in speaker.frames(picture, tracks, heads, told.label, speaker.noise(seed), count):
            out.frame(frame)
        notes = [told.note, _DEMO_NOTE if self._options.demo else "", f"crop: {picture_crop}"]
        notes += [f"pose clip's crop: {clip_crop}", f"pose pictures: {DRAWING}", f"seed: {seed}"]
        notes += ["" if self._options.stored else "ends: nearest", _early(count, request.frames)]
        return out.clip(used="label", notes="; ".join(note for note in notes if note), label=told.label)

    def _told(self, request: Request) -> _Told | Failed:
        """The label from where the lane or the user says; never from elsewhere in silence."""
        emotion, source = request.emotion, self._options.emotion
        if source != "speech" and emotion.label is not None:
            if emotion.label not in EMOTIONS:
                return Failed("unsupported", f"EAT does not know the label '{emotion.label}'")
            return _Told(emotion.label)
        if source != "label" and emotion.speech:
            return self._heard(emotion)
        forms = {"auto": "neither as a label nor as recorded utterances", "label": "not as a label"}
        said = forms.get(source, "not as recorded utterances")
        return Failed("unsupported", f"lane '{request.lane}' offers this sample's emotion {said}")

    def _heard(self, emotion: Emotion) -> _Told | Failed:
        """The label that a recogniser hears in the utterances: EAT itself takes labels alone."""
        try:
            if self._speech is None:
                file = SHIPPED_SPEECH if self._options.demo else EMOTION2VEC
                self._speech = SpeechFeatures.of(file, device=self._device)
        except MissingError as error:
            what = f"EAT takes labels alone, and the recogniser that hears one in speech is not here: {error.what}"
            return Failed("unavailable", what, f"{error.cure} Or type --lane label.")
        return _Told(*heard_label(self._speech, emotion.speech))

    def _ready(self) -> Speaker:
        assert self._speaker is not None
        return self._speaker

    def close(self) -> None:
        """Forget the networks."""
        self._speaker, self._speech = None, None
        self._cutter = Cutter(self._options.crop)


def _early(count: int, asked: int) -> str:
    """What a clip's notes say where it is shorter than its sound."""
    return f"ends with the pose clip, after {count} of {asked} frames" if count < asked else ""


def _absent(name: str) -> list[Missing]:
    """A row of weights.toml, where its file is not here or is another one."""
    try:
        weights.locate(name, any_hash=True)
    except (MissingError, UsageError) as error:
        return [Missing(f"the weights '{name}' ({weights.table()[name].file})", error.cure)]
    return []
