"""The contestants on EDTalk: the published model in all its modes, its stored codes alone, and lips and pose alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import torch

from baselines.backbone import BackboneMethod
from baselines.edtalk import expression
from baselines.edtalk.driving import Driving, lip_clip
from baselines.edtalk.expression import Expression
from baselines.edtalk.options import read_options
from harness import weights
from harness.method import Output
from harness.records import Clip, Failed, Request

_PARTS = {"auto": ("speech", "codes"), "speech": ("speech", "codes"), "label": ("codes",)}


class EDTalk(BackboneMethod):
    """Runs EDTalk: lips by sound or a clip, head pose by a clip, expression by a face, a stored code or a label."""

    name: ClassVar[str] = "edtalk"
    emotion_sources: tuple[str, ...] = ("image", "clip", "label", "speech")
    labels: ClassVar[tuple[str, ...]] = (
        "angry", "contempt", "disgusted", "fear", "happy", "neutral", "sad", "surprised",
    )  # fmt: skip
    parts: tuple[str, ...] = ("backbone", "speech", "codes")
    pose: str = "clip"
    lips: ClassVar[tuple[str, ...]] = ("sound", "clip")
    options: ClassVar[tuple[str, ...]] = ("weights", "compat", "lips", "pose", "emotion", "expression")
    with_expression: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        super().__init__(options, device)
        self._how = read_options(options, self.name)
        if self._how.fixed_pose:
            self.pose = "source"
        if self._how.expression is not None:
            self.emotion_sources, self.parts = (), ("backbone",)
        elif self._how.emotion != "auto":
            self.emotion_sources = (self._how.emotion,)
            self.parts = ("backbone", *_PARTS.get(self._how.emotion, ()))

    def weights(self) -> dict[str, str]:
        """Returns name → sha256 of the weights, and of the user's own clips and codes, which decide as much."""
        own = {name: weights.digest(path) for name, path in self._how.files().items() if path.is_file()}
        return {**super().weights(), **own}

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Renders the picture, driven as the options say, with the emotion that the lane offers."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        talker = self.talker
        driving = Driving(talker, request, self._how, self.with_expression)
        told = self._told(request, driving)
        if isinstance(told, Failed):
            return told
        picture = out.image(request.source_image, talker.size)
        tracks = driving.lips(), driving.pose(picture), told.codes
        if not all(bool(torch.isfinite(track).all()) for track in tracks if track is not None):
            return Failed("bad-output", "the codes of lips, pose or expression are not finite")
        if (driving.frames, driving.fps) != (request.frames, request.fps):
            out.timing(driving.frames, driving.fps)
        for frame in talker.frames(picture, *tracks, driving.frames, stretched=self._how.official):
            out.frame(frame)
        return out.clip(used=told.used, notes="; ".join(self._notes(driving, told)), label=told.label)

    def _refusal(self, request: Request) -> Failed | None:
        """Why nothing can be made of a request, found before any work."""
        if request.pose_video is None and not self._how.fixed_pose:
            cure = f"--set {self.name}.pose=fixed keeps the head of the picture still."
            return Failed("unsupported", f"{self.name} needs a pose clip", cure)
        if self._how.lips == "source" and request.source_video is None:
            return Failed("unsupported", f"{self.name} is to take its lips from the source clip, and there is none")
        if request.frames < 1:
            return Failed("bad-input", "the sound is shorter than one frame (40 ms)")
        return None

    def _notes(self, driving: Driving, told: Expression) -> list[str]:
        clip = driving.lip_clip
        lips = f"lips: {'the sound' if clip is None else clip.name}"
        pose = "head pose: the picture's" if self._how.fixed_pose else ""
        official = "compat: official" if self._how.official else ""
        return [note for note in (told.note, lips, pose, official) if note]

    def _told(self, request: Request, driving: Driving) -> Expression | Failed:
        """The expression from where the user or the lane says; never from elsewhere in silence."""
        emotion, source = request.emotion, self._source(request)
        face = self._how.expression or {"image": emotion.image, "clip": emotion.clip}.get(source)
        if face is not None and (refusal := self._hangs(request, face)) is not None:
            return refusal
        if face is not None and (face == self._how.expression or expression.is_code(face)):
            return expression.of_file(self.talker, driving, face)
        if source == "label" and emotion.label is not None:
            return expression.stored(self.talker, emotion.label)
        if source == "speech":
            return expression.heard(self.talker, emotion.speech)
        if face is None:
            return Failed("unsupported", f"lane '{request.lane}' offers this sample's emotion in no form that counts")
        return expression.of_clip(driving, face) if source == "clip" else expression.of_picture(self.talker, face)

    def _source(self, request: Request) -> str:
        """The first source that the request has; of everything (`as-published`) the clip, as in the paper."""
        emotion = request.emotion
        has = {"image": emotion.image, "clip": emotion.clip, "label": emotion.label, "speech": emotion.speech}
        published = ("clip",) if request.lane == "as-published" and "clip" in self.emotion_sources else ()
        return next((source for source in (*published, *self.emotion_sources) if has[source]), "")

    def _hangs(self, request: Request, face: Path) -> Failed | None:
        """A refusal where the released program, asked for the same, never ends."""
        if not self._how.official or lip_clip(request, self._how) is not None:
            return None
        why = expression.released_never_ends(face)
        cure = f"Leave --set {self.name}.compat=official out, or give a longer clip."
        return Failed("unsupported", why, cure) if why else None


class Label(EDTalk):
    """Runs EDTalk's predefined-expression mode: one stored code for all frames, chosen by a label."""

    name: ClassVar[str] = "label"
    emotion_sources: tuple[str, ...] = ("label", "speech")
    options: ClassVar[tuple[str, ...]] = ("weights", "compat", "lips", "pose")


class LipPose(EDTalk):
    """Runs EDTalk's model of lips and head pose alone (EDTalk_lip_pose.pt): the face keeps its expression."""

    name: ClassVar[str] = "edtalk_lip_pose"
    emotion_sources: tuple[str, ...] = ()
    labels: ClassVar[tuple[str, ...]] = ()
    parts: tuple[str, ...] = ("lip-pose",)
    options: ClassVar[tuple[str, ...]] = ("compat", "lips", "pose")
    demo_weights: ClassVar[bool] = False
    with_expression: ClassVar[bool] = False

    def _told(self, request: Request, driving: Driving) -> Expression:
        return Expression(None, "none")
