"""The lip-sync judge follows one clip here: reasons to refuse it, notes, and the number its dialect gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from evaluators.faces import sidecar_landmarks
from evaluators.packing import pack
from evaluators.sync import align68
from evaluators.sync.curve import LipSyncScore, read_curve, windows
from evaluators.sync.detections import largest, together
from evaluators.sync.dialect import LEAST_COVER, PADDING_WINDOWS, SILENCE_DB, Dialect
from evaluators.sync.inputs import Inputs, Piece, SyncNetworks
from evaluators.sync.syncnet import WINDOW_FRAMES
from evaluators.sync.tracks import Track
from harness.evaluator import Chunk, ClipContext, Evaluator, Refusal
from harness.media.sound import level_db
from harness.records import SAMPLES_PER_FRAME, Row
from harness.series import packed

_UNLIKE_FRAMES = 3  # AAC ends up to two frames late in every file: not worth a note
_Values = dict[str, float]


class SyncClip:
    """Measures one clip that has sound."""

    def __init__(self, judge: Evaluator, dialect: Dialect, networks: SyncNetworks, context: ClipContext) -> None:
        self._judge, self._dialect, self._context = judge, dialect, context
        self._inputs = Inputs(dialect, networks, context)
        assert context.audio is not None
        self._samples = len(context.audio)
        self._sound_problem = _sound_problem(context)
        self._frames = 0

    def feed(self, chunk: Chunk) -> None:
        """Take the next frames; nothing is computed for sound that will be refused."""
        self._frames = chunk.first + len(chunk.frames)
        if self._sound_problem is None:
            self._inputs.feed(chunk)

    def finish(self) -> Sequence[Row] | Refusal:
        """Returns three rows: LSE-C, LSE-D, offset; or a refusal that also names the notes of decoding."""
        result = self._too_short() or self._sound_problem or self._partial() or self._pieces()
        if isinstance(result, Refusal):
            return replace(result, detail="; ".join([result.detail, *self._context.notes]))
        return self._scored(result)

    def _pieces(self) -> Sequence[Piece] | Refusal:
        """The scored pieces: the face tracks, or the whole picture, as far as they have sound."""
        self._inputs.search()
        stretches = self._stretches()
        if isinstance(stretches, Refusal):
            return stretches
        pieces = [piece for track in stretches if (piece := self._inputs.piece(track)) is not None]
        fit = [piece for piece in pieces if piece.windows >= self._dialect.least]
        if not fit:
            most = max((piece.windows for piece in pieces), default=0)
            needed = f"{self._dialect.least} windows with sound"
            return Refusal("audio_partial", f"no face track has {needed}; the best of {len(stretches)} has {most}")
        return fit

    def _too_short(self) -> Refusal | None:
        count = windows(self._frames, self._frames * SAMPLES_PER_FRAME)
        if count >= self._dialect.least:
            return None
        detail = f"{self._frames} frames give {count} windows; this protocol needs {self._dialect.least}"
        return Refusal("too_short", detail + (" (padding_dominates)" if count else ""))

    def _partial(self) -> Refusal | None:
        cover = self._cover()
        if cover < LEAST_COVER:
            return Refusal("audio_partial", f"sound covers {cover:.2f} of the picture; {LEAST_COVER} is needed")
        count = windows(self._frames, self._samples)
        if count < self._dialect.least:
            detail = f"{self._samples / 16000:.2f} s of sound give {count} windows, not {self._dialect.least}"
            return Refusal("too_short", detail)
        return None

    def _cover(self) -> float:
        return min(1.0, (self._samples // SAMPLES_PER_FRAME) / max(1, self._frames))

    def _stretches(self) -> Sequence[Track | None] | Refusal:
        """The tracks to score ([None]: the whole picture), or why there is none."""
        log, d = self._inputs.log, self._dialect
        if not log.any:
            return Refusal("no_face", f"no face in {len(log.found)} searched frames")
        if not d.tracked:
            if d.whole and log.crowded:
                return Refusal("multiple_faces", "this protocol takes the picture as one face crop")
            return [None]
        fit = self._long_enough(log.tracks(d, self._inputs.store.scene))
        return fit or Refusal("track_too_short", self._longest())

    def _longest(self) -> str:
        """The shortcoming of the longest face track."""
        d, one = self._dialect, self._inputs.log.longest(self._dialect, self._inputs.store.scene)
        if one is None:
            return "no face in the frames that the pipeline's AVI holds"
        size = f"{one.detections} detections in {len(one.boxes)} frames, {one.side_px:.0f} px wide"
        need = f"more than {d.more_than} detections, {d.least + 5} frames, wider than {d.wider_than_px} px"
        return f"the longest face track has {size}; needed are {need}"

    def _long_enough(self, built: Sequence[Track]) -> list[Track]:
        return [track for track in built if len(track.boxes) >= self._dialect.least + 5]

    def _notes(self, pieces: Sequence[Piece]) -> tuple[str, ...]:
        notes = list(self._context.notes)
        if abs(self._samples / SAMPLES_PER_FRAME - self._frames) > _UNLIKE_FRAMES:
            notes.append("length_mismatch")
        if together([piece.track for piece in pieces if piece.track is not None]):
            notes.append("multiple_faces")
        if left_out(self._dialect.face, pieces, self._frames):
            notes.append("frames_left_out")
        if self._inputs.log.misses:
            notes.append("face_lost")
        if self._dialect.pad == "zero" and min(piece.windows for piece in pieces) < PADDING_WINDOWS:
            notes.append("padding_dominates")
        return tuple(dict.fromkeys(notes))

    def _scored(self, pieces: Sequence[Piece]) -> list[Row]:
        pad = self._dialect.pad
        scores = [read_curve(piece.valid if pad == "valid" else piece.zero) for piece in pieces]
        values, notes = _values(self._dialect, pieces, scores), self._notes(pieces)
        facts: dict[str, Any] = {
            "c": [score.lse_c for score in scores],
            "d": [score.lse_d for score in scores],
            "offset": [score.offset for score in scores],
            "curve_zero": np.stack([piece.zero for piece in pieces]),
            "curve_valid": np.stack([piece.valid for piece in pieces]),
            "windows": [piece.windows for piece in pieces],
            "first": [piece.first for piece in pieces],
            "last": [piece.last for piece in pieces],
            "side_px": [piece.track.side_px if piece.track else np.nan for piece in pieces],
            "cover": self._cover(),
        }
        if self._dialect.crop == "align68":
            facts["points"] = sidecar_landmarks.digests(self._context.path, suffix=align68.SUFFIX)
        series = {"lse_c": _series(pieces, scores)}  # once for the three
        return [
            self._judge.scored(metric, value, pack(value=value, **facts), notes, series.get(metric, b""))
            for metric, value in values.items()
        ]


def _series(pieces: Sequence[Piece], scores: Sequence[LipSyncScore]) -> bytes:
    """The distance of mouth and sound in each window of the largest face, at the shift that fits the clip best.

    A window is named by the middle one of its frames.
    """
    tracked = [piece.track for piece in pieces if piece.track is not None]
    place = largest(tracked) if tracked else 0
    piece, shift = pieces[place], pieces[place].distances.shape[1] // 2 - scores[place].offset
    frames = piece.first + WINDOW_FRAMES // 2 + np.arange(piece.windows)
    return packed(frames, {"distance": piece.distances[:, shift]})


def left_out(rule: str, pieces: Sequence[Piece], frames: int) -> bool:
    """Says whether frames of the clip lie outside the tracks that the rule for several faces counts."""
    tracked = [piece.track for piece in pieces if piece.track is not None]
    if not tracked:
        return False
    counted = [pieces[largest(tracked)]] if rule == "largest" else pieces
    return len({index for piece in counted for index in range(piece.first, piece.last + 1)}) < frames


def _sound_problem(context: ClipContext) -> Refusal | None:
    assert context.audio is not None
    if "downmix_cancels" in context.notes:
        return Refusal("downmix_cancels", "what is left of the sound is not the speech")
    level = level_db(context.audio)
    if level < SILENCE_DB:
        detail = f"the sound's level is {level:.0f} dB of full scale"
        return Refusal("silent_audio", f"{detail}; {SILENCE_DB} dB is the gate")
    return None


def _values(dialect: Dialect, pieces: Sequence[Piece], scores: Sequence[LipSyncScore]) -> _Values:
    """The clip's one value per metric by the dialect's rule for several tracks."""
    if dialect.face == "maxC-minD":
        best = max(scores, key=lambda score: score.lse_c)
        return {"lse_c": best.lse_c, "lse_d": min(s.lse_d for s in scores), "sync_offset": float(best.offset)}
    if dialect.face in ("mean", "each"):
        offset = float(np.mean([score.offset for score in scores]))
        return {
            "lse_c": float(np.mean([score.lse_c for score in scores])),
            "lse_d": float(np.mean([score.lse_d for score in scores])),
            "sync_offset": float(int(offset)) if dialect.face == "mean" else offset,
        }
    tracked = [piece.track for piece in pieces if piece.track is not None]
    chosen = scores[largest(tracked) if tracked else 0]
    return {"lse_c": chosen.lse_c, "lse_d": chosen.lse_d, "sync_offset": float(chosen.offset)}
