"""EDTalk (ECCV 2024): the same backbone, with the emotion from a picture of a face or from a stored code."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from baselines.cmet import CMet
from baselines.talker import Networks, Talker
from harness.contract import Output
from harness.media import read_audio, read_image
from harness.records import Clip, Failed, Request


class Label(CMet):
    """EDTalk's predefined-expression mode: one stored code for all frames, chosen by a label."""

    name: ClassVar[str] = "label"
    emotion_sources: ClassVar[tuple[str, ...]] = ("label", "speech")
    needed: ClassVar[tuple[str, ...]] = ("edtalk", "audio2lip", "emotion2vec", "edtalk-codes")

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Render with the stored code of the label; in the speech lane the label is what a recogniser hears."""
        talker = self._ready()
        if request.pose_video is None:
            return Failed("unsupported", f"{self.name} needs a pose clip")
        label, notes = self._label(talker.networks, request)
        codes = talker.networks.codes or {}
        if label not in codes:
            return Failed("unsupported", f"EDTalk has no stored expression code for '{label}'")
        expression = torch.from_numpy(np.array(codes[label], dtype=np.float32)).reshape(1, -1).to(self._device)
        return self._render(talker, request, out, expression, "label", notes)

    def _render(
        self, talker: Talker, request: Request, out: Output, expression: Tensor, used: str, notes: str = ""
    ) -> Clip | Failed:
        assert request.pose_video is not None
        talker.speak(request, out, expression, talker.clip_codes(request.pose_video).pose)
        return out.clip(used=used, notes=notes)

    def _label(self, networks: Networks, request: Request) -> tuple[str, str]:
        if request.emotion.label is not None:
            return request.emotion.label, ""
        scores = networks.speech.classify([read_audio(path).samples for path in request.emotion.speech])
        heard = max(scores, key=lambda name: float(scores[name]))
        return heard, f"label heard in the speech: {heard}"


class EDTalk(Label):
    """EDTalk with the expression of a reference picture or clip; a stored code where the lane offers neither."""

    name: ClassVar[str] = "edtalk"
    emotion_sources: ClassVar[tuple[str, ...]] = ("image", "clip", "label", "speech")

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Render with the expression code of the reference face."""
        talker, emotion = self._ready(), request.emotion
        if request.pose_video is None:
            return Failed("unsupported", f"{self.name} needs a pose clip")
        if emotion.image is not None:
            code = talker.picture_codes(read_image(emotion.image)).exp
            return self._render(talker, request, out, code, "image")
        if emotion.clip is not None:
            return self._render(talker, request, out, talker.clip_codes(emotion.clip).exp, "clip")
        return super().generate(request, out)
