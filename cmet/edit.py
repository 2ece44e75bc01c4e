"""This module edits: a neutral face, a sound, a head movement and emotional speech become an emotional talking face.

The released inference: docs/reference/cmet.md, 'C-MET inference'. Its faults are put right here by default, and
`official=True` gives its behaviour for comparison: 20 frames trimmed and the tail of the roll-out dropped, the clip's
own darkest and brightest value stretched to 0 and 255, the pose clip's coded frames taken as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cmet import emotion_pools
from cmet.emotion_pools import Pool
from cmet.rollout import emotion_difference, official_least, pick_samples, roll_out, whole_windows
from harness.errors import UsageError
from harness.media import read_audio, read_image
from harness.records import FPS, PICTURE_SUFFIXES
from networks.edtalk.generator import Codes
from networks.edtalk.lips import lips_from_audio
from networks.edtalk.mel import frame_count
from networks.edtalk.talker import Pixels, Talker, held
from networks.edtalk.tracks import OFFICIAL_TRIM, fit_track

FADE_FRAMES = 8
"""Frames in which a schedule passes from one emotion to the next: faces take about a third of a second."""

Floats = npt.NDArray[np.float32]


class TooShortError(UsageError):
    """Is raised for a clip so short that the released program, asked to edit it, never ends."""


@dataclass(frozen=True)
class Tracks:
    """Holds everything of an edit that does not depend on the emotion: encoded once, edited many times."""

    picture: Pixels
    lip: Tensor  # (F, 20)
    pose: Tensor  # (n, 6)
    expression: Tensor  # (m, exp) before the edit
    frames: int


class Editor:
    """Edits with one set of networks; `bench.py edit` and the contestants `cmet` and `no_edit` drive it.

    `official`: the released program's behaviour, bug for bug where it finishes. Without a connector among the networks
    only `unedited` gives expressions.
    """

    def __init__(self, talker: Talker, official: bool = False) -> None:
        self.talker = talker
        self.official = official

    def tracks(
        self,
        picture: Pixels,
        sound: Path,
        pose: Path,
        lips: Path | None = None,
        expression: Path | None = None,
        frames: int | None = None,
    ) -> Tracks:
        """Encodes all that edits share: lips from the sound (or the clip `lips`), pose and expression from `pose`.

        expression: another clip, or a picture, whose expression is edited. frames: length of the result; without it
        that of the sound, in the released program that of the clip `lips` where there is one. Frames of longer clips
        that could not be seen in the result are not encoded. Raises TooShortError where the released program would
        never end.
        """
        lip = self._lips(sound, lips)
        frames = len(lip) if frames is None else frames
        window = self._window
        codes = self._codes(expression or pose, whole_windows(frames, window))
        if self.official and len(codes.exp) < (least := official_least(window)):
            raise TooShortError(
                f"'{expression or pose}' is too short: {len(codes.exp)} frames; below {least} the released program "
                "never ends.",
                "Leave --compat official out, or give a longer clip.",
            )
        same = expression is None or expression == pose
        moved = (codes if same else self._codes(pose, frames)).pose
        if not self.official:  # there the last pose of a short clip is held
            moved = fit_track(moved, frames, trim=0)
        return Tracks(picture, lip, moved, codes.exp, frames)

    def _codes(self, path: Path, frames: int) -> Codes:
        """Codes of a clip's first `frames` frames, in the released program of all; of a picture, one row."""
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return self.talker.picture_codes(read_image(path))
        return self.talker.clip_codes(path, self._fps, self._needed(frames))

    @property
    def _window(self) -> int:
        """Frames that the connector edits at a time; 1 where there is none."""
        connector = self.talker.networks.connector
        return 1 if connector is None else int(connector.window)

    def _needed(self, frames: int) -> int | None:
        """How many frames of a clip are encoded; None: all, as the released program does."""
        return None if self.official else frames

    @property
    def _fps(self) -> float | None:
        """Frames of clips at 25 fps; the released program takes the coded frames, whatever their rate."""
        return None if self.official else float(FPS)

    def _lips(self, sound: Path, clip: Path | None) -> Tensor:
        if clip is not None and self.official:
            return self.talker.clip_codes(clip, None).lip
        samples = read_audio(sound).samples
        frames = frame_count(len(samples))
        if not frames:
            raise UsageError(f"'{sound}' is shorter than one frame (40 ms).", "Give a longer sound.")
        if not np.isfinite(samples).all():
            raise UsageError(f"'{sound}' holds values that are no numbers.", "Export the sound again.")
        if clip is None:
            return lips_from_audio(self.talker.networks.audio2lip, samples)
        return held(self.talker.clip_codes(clip, limit=frames).lip, frames)

    def difference(self, pool: Pool, neutral: Pool | None, num_samples: int = 10, seed: int = 42) -> Floats:
        """Returns the difference (D,) of `pool`'s speech from neutral speech, from `num_samples` sorted, seeded picks
        of each.
        """
        speech = self.talker.networks.speech
        if pool.kept is not None:
            width = self.talker.networks.connector.speaker_encoder.proj.in_features
            return emotion_pools.recall(pool, width)
        if neutral is None:
            raise UsageError("No neutral speech was given.", "Add --neutral-speech FOLDER.")
        chosen = pick_samples(neutral.entries(), pool.entries(), num_samples, seed)
        vectors = [part.vectors(names, speech) for part, names in zip((neutral, pool), chosen, strict=True)]
        return emotion_difference(*vectors)

    def expressions(self, tracks: Tracks, differences: Sequence[Floats], intensity: float = 1.0) -> list[Tensor]:
        """Returns the edited expression tracks (F, exp), one per difference, all rolled out together."""
        codes = tracks.expression
        speech = torch.from_numpy(np.stack(differences))[:, None].to(codes.device) * intensity
        directions = roll_out(self.talker.networks.connector, speech, codes, pad_last=not self.official)
        edited = codes[: directions.shape[1]] + directions
        if not bool(torch.isfinite(edited).all()):
            raise UsageError("The edited expression is not finite.", "Lower --intensity, or the shares of --blend.")
        return [self._fitted(track, tracks) for track in edited]

    def unedited(self, tracks: Tracks) -> Tensor:
        """Returns the expression track (F, exp) of the clip itself, as long as an edited one."""
        rolled = len(tracks.expression)
        if self.official:  # both go back and forth over the same frames
            rolled -= rolled % self._window
        return self._fitted(tracks.expression[:rolled], tracks)

    def _fitted(self, track: Tensor, tracks: Tracks) -> Tensor:
        """(F, exp) of a track (n, exp) as long as the result; in the released program without its last 20 rows."""
        return fit_track(track, tracks.frames, OFFICIAL_TRIM if self.official else 0)

    def scheduled(
        self, tracks: Tracks, schedule: Sequence[tuple[float, str]], by_name: Mapping[str, Floats], intensity: float
    ) -> Tensor:
        """Returns one expression track (F, exp) whose emotion changes at the given seconds; `neutral` is the source's
        own.

        At each moment it is the plain edit with the emotion of that moment, faded over a third of a second. (One
        roll-out with changing speech would not do: the network goes on with the direction that it came from.)
        """
        own = self.unedited(tracks)
        edited = self.expressions(tracks, list(by_name.values()), intensity)
        shares = schedule_shares(schedule, [emotion_pools.NEUTRAL, *by_name], tracks.frames)
        return torch.einsum("fk,kfe->fe", torch.from_numpy(shares).to(own), torch.stack([own, *edited]))

    def render(self, tracks: Tracks, expression: Tensor, least: int = 1) -> Iterator[Pixels]:
        """Yields the frames (h, w, 3) uint8 of one edit, as they are made; smaller ones are enlarged to `least` px."""
        return self.talker.frames(
            tracks.picture, tracks.lip, tracks.pose, expression, tracks.frames, self.official, least
        )


def blended(differences: Sequence[Floats], shares: Sequence[float]) -> Floats:
    """Returns the weighted sum (D,) of differences: 0.5 happy + 0.5 angry. ValueError unless there is one share for
    each.
    """
    return np.sum([share * part for share, part in zip(shares, differences, strict=True)], axis=0, dtype=np.float32)


def schedule_shares(schedule: Sequence[tuple[float, str]], names: Sequence[str], frames: int) -> Floats:
    """Returns the share (frames, names) of each emotion in each frame, rows of sum 1: a straight fade begins at every
    step.
    """
    shares = np.zeros((frames, len(names)), np.float32)
    current = np.eye(len(names), dtype=np.float32)[names.index(schedule[0][1])]
    shares[:] = current
    for seconds, name in schedule[1:]:
        first = round(seconds * FPS)
        if first >= frames:
            break
        current = shares[first]
        target = np.eye(len(names), dtype=np.float32)[names.index(name)]
        passed = np.minimum(np.arange(1, frames - first + 1, dtype=np.float32) / FADE_FRAMES, 1)[:, None]
        shares[first:] = (1 - passed) * current + passed * target
    return shares


def read_schedule(text: str, names: Sequence[str]) -> list[tuple[float, str]]:
    """Returns `0:neutral,2.0:happy` as [(0.0, "neutral"), (2.0, "happy")], from second 0 on. UsageError if it is not
    one.
    """
    known = [emotion_pools.NEUTRAL, *names]
    steps: list[tuple[float, str]] = []
    for part in text.split(","):
        seconds, colon, name = part.strip().partition(":")
        try:
            step = (float(seconds), name.strip())
        except ValueError:
            colon = ""
        if not colon or step[1] not in known or not 0 <= step[0] < math.inf:
            cure = f"Write SECONDS:NAME,… with names among {', '.join(known)}."
            raise UsageError(f"--schedule '{part.strip()}' is not SECONDS:NAME.", cure)
        steps.append(step)
    steps.sort(key=lambda step: step[0])
    return steps if steps[0][0] == 0 else [(0.0, emotion_pools.NEUTRAL), *steps]
