"""EDTalk (ECCV 2024) renders on the same backbone, with the emotion from a picture of a face or from a stored code."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from baselines.backbone import BackboneMethod
from harness.emotions import CORPUS_LABELS
from harness.media import read_audio, read_image
from harness.method import Output
from harness.records import Clip, Failed, Request
from networks.edtalk.talker import Networks
from networks.edtalk.tracks import fit_track

#: emotion2vec's name of a basic emotion where it is not ours; no name leaves the face neutral.
HEARD = {**CORPUS_LABELS["emotion2vec"], "other": "neutral", "<unk>": "neutral", "unknown": "neutral"}


class Label(BackboneMethod):
    """Runs EDTalk's predefined-expression mode: one stored code for all frames, chosen by a label."""

    name: ClassVar[str] = "label"
    emotion_sources: ClassVar[tuple[str, ...]] = ("label", "speech")
    parts: ClassVar[tuple[str, ...]] = ("backbone", "speech", "codes")

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Renders with the stored code of the label; in the speech lane the label is a speech recogniser's."""
        talker = self.talker
        if request.pose_video is None:
            return Failed("unsupported", f"{self.name} needs a pose clip")
        label, notes = self._label(talker.networks, request)
        codes = talker.networks.codes or {}
        if label not in codes:
            return Failed("unsupported", f"EDTalk has no stored expression code for '{label}'")
        code = torch.from_numpy(np.array(codes[label], dtype=np.float32)).reshape(1, -1).to(self.device)
        return self._with_code(request, out, code, "label", notes)

    def _with_code(self, request: Request, out: Output, code: Tensor, used: str, notes: str = "") -> Clip | Failed:
        assert request.pose_video is not None
        picture, lip = out.image(request.source_image, self.talker.size), self.talker.lips(request.driving_audio)
        pose = self.talker.clip_codes(request.pose_video).pose
        for frame in self.talker.frames(picture, lip, pose, code, request.frames):
            out.frame(frame)
        return out.clip(used=used, notes=notes)

    def _label(self, networks: Networks, request: Request) -> tuple[str, str]:
        if request.emotion.label is not None:
            return request.emotion.label, ""
        waves = [read_audio(path).samples for path in request.emotion.speech]
        names, scores = networks.speech.scores(waves)
        heard = str(names[int(np.mean(scores, axis=0).argmax())])
        return HEARD.get(heard, heard), f"label heard in the speech: {heard}"


class EDTalk(Label):
    """Runs EDTalk with the expression of a reference picture or clip; a stored code where the lane offers neither."""

    name: ClassVar[str] = "edtalk"
    emotion_sources: ClassVar[tuple[str, ...]] = ("image", "clip", "label", "speech")

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Renders with the expression code of the reference face."""
        talker, emotion = self.talker, request.emotion
        if request.pose_video is None:
            return Failed("unsupported", f"{self.name} needs a pose clip")
        if emotion.image is not None:
            code = talker.picture_codes(read_image(emotion.image)).exp
            return self._with_code(request, out, code, "image")
        if emotion.clip is not None:
            track = talker.clip_codes(emotion.clip, limit=request.frames).exp  # a short one goes back and forth
            return self._with_code(request, out, fit_track(track, request.frames, trim=0), "clip")
        return super().generate(request, out)
