"""C-MET (CVPR 2026) moves the expression of a talking face along the emotion of speech; this module adds its floor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from baselines.backbone import BackboneMethod
from baselines.options import number, one_of
from cmet.edit import Editor, TooShortError, Tracks
from cmet.emotion_pools import Pool
from harness.errors import UsageError
from harness.method import Output
from harness.records import Clip, Emotion, Failed, Request


class CMet(BackboneMethod):
    """Edits a face by neutral and emotional utterances towards any emotion; the reference method of this project."""

    name: ClassVar[str] = "cmet"
    emotion_sources: ClassVar[tuple[str, ...]] = ("speech",)
    parts: tuple[str, ...] = ("backbone", "speech", "connector")
    options: ClassVar[tuple[str, ...]] = ("weights", "num_samples", "intensity", "connector", "compat")

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        super().__init__(options, device)
        self._official = one_of(options, self.name, "compat", ("none", "official")) == "official"
        self._num_samples = number(options, self.name, "num_samples", 10.0)
        if self._num_samples < 1 or self._num_samples % 1:
            raise UsageError(f"Option num_samples={self._num_samples:g} is no number of utterances.", "1 or more.")
        self._intensity = number(options, self.name, "intensity", 1.0)

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Edits the source clip's expression by the speech difference and renders it with the driving sound."""
        editor = Editor(self.talker, self._official)
        tracks = _tracks(editor, request, out, self.name)
        if isinstance(tracks, Failed):
            return tracks
        _write(editor, tracks, self._expression(editor, tracks, request.emotion), out)
        return out.clip(used="speech", notes="compat: official" if self._official else "")

    def _expression(self, editor: Editor, tracks: Tracks, emotion: Emotion) -> Tensor:
        if not emotion.speech or not emotion.neutral_speech:
            raise UsageError("Emotional and neutral speech are both needed.", "Name at least one file of each.")
        target, neutral = Pool(emotion.name, emotion.speech), Pool("neutral", emotion.neutral_speech)
        difference = editor.difference(target, neutral, int(self._num_samples))
        return editor.expressions(tracks, [difference], self._intensity * emotion.strength)[0]


class NoEdit(BackboneMethod):
    """Renders the source's own neutral expression with the same backbone, sound and pose: a floor for emotion."""

    name: ClassVar[str] = "no_edit"
    emotion_sources: ClassVar[tuple[str, ...]] = ()
    anchor: ClassVar[bool] = True

    def generate(self, request: Request, out: Output) -> Clip | Failed:
        """Renders the source clip's own expression with the driving sound."""
        editor = Editor(self.talker)
        tracks = _tracks(editor, request, out, self.name)
        if isinstance(tracks, Failed):
            return tracks
        _write(editor, tracks, editor.unedited(tracks), out)
        return out.clip(used="none")


def _tracks(editor: Editor, request: Request, out: Output, name: str) -> Tracks | Failed:
    """The tracks from which the edit starts; a refusal where there is no clip to edit, or the released program could
    not.
    """
    if request.source_video is None or request.pose_video is None:
        return Failed("unsupported", f"{name} edits a neutral clip of the identity, and there is none")
    picture = out.image(request.source_image, editor.talker.size)
    sound, pose, source = request.driving_audio, request.pose_video, request.source_video
    try:
        return editor.tracks(picture, sound, pose, expression=source, frames=request.frames)
    except TooShortError as error:
        return Failed("unsupported", error.what)


def _write(editor: Editor, tracks: Tracks, expression: Tensor, out: Output) -> None:
    for frame in editor.render(tracks, expression, least=256):
        out.frame(frame)
