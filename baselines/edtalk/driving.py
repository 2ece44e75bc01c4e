"""A request's sound and clips become tracks of codes here, as long as the result.

By default clips are read at 25 fps and a short pose or expression clip plays back and forth. `official` is the
published demos' way: coded frames at whatever rate, the last 20 frames of an expression clip dropped, the last head
pose held, the result as long as a lip clip and at the rate of the clip that the demo read last.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from baselines.edtalk.options import Options
from harness.media import probe
from harness.records import FPS, Request
from networks.edtalk.generator import Codes
from networks.edtalk.lips import smooth
from networks.edtalk.talker import Pixels, Talker, held
from networks.edtalk.tracks import OFFICIAL_TRIM, fit_track


class Driving:
    """Encodes what drives the face of one request: each clip once, and no further than the result shows.

    with_expression: False for the lip-and-pose model, whose demos mirror a short pose clip and time the result
    otherwise. Raises MediaError for files that cannot be read.
    """

    def __init__(self, talker: Talker, request: Request, options: Options, with_expression: bool = True) -> None:
        self._talker, self._request, self._options = talker, request, options
        self._with_expression = with_expression
        self._seen: dict[tuple[Path, int], Codes] = {}
        self.lip_clip = lip_clip(request, options)
        deciding = self.lip_clip if options.official else None
        self.frames = request.frames if deciding is None else probe(deciding).frames

    @property
    def fps(self) -> int:
        """Says the frames a second of the result: 25; in the published demos, of the clip that decides it there."""
        if not self._options.official:
            return self._request.fps
        pose = None if self._options.fixed_pose else self._request.pose_video
        order = (self.lip_clip, pose) if self._with_expression else (pose, self.lip_clip)
        clip = next((clip for clip in order if clip is not None), None)
        return FPS if clip is None else max(1, round(probe(clip).fps))

    def lips(self) -> Tensor:
        """Returns smoothed lip codes (n, 20) from the sound, or from a clip, after whose end its last ones stay."""
        if self.lip_clip is None:
            return self._talker.lips(self._request.driving_audio)
        return smooth(self._codes(self.lip_clip, self.frames).lip)

    def pose(self, picture: Pixels) -> Tensor:
        """Returns pose codes (frames, 6) of the pose clip, or (1, 6) of the picture where the head is to stay."""
        if self._options.fixed_pose or self._request.pose_video is None:
            return self._talker.picture_codes(picture).pose
        track = self._codes(self._request.pose_video, self.frames).pose
        if self._options.official and (self._with_expression or self.lip_clip is not None):
            return held(track, self.frames)
        return fit_track(track, self.frames, trim=0)

    def expression(self, clip: Path) -> Tensor:
        """Returns expression codes (frames, exp) of a clip that is played back and forth."""
        shown = released_frames(clip) if self._options.official else self.frames
        return fit_track(self._codes(clip, min(self.frames, shown)).exp[:shown], self.frames, trim=0)

    def _codes(self, clip: Path, frames: int) -> Codes:
        """Codes of the first frames of a clip, and of one more: smoothing looks that far."""
        if (clip, frames) not in self._seen:
            fps = None if self._options.official else float(FPS)
            self._seen[clip, frames] = self._talker.clip_codes(clip, fps, frames + 1)
        return self._seen[clip, frames]


def released_frames(clip: Path) -> int:
    """Returns how many frames of an expression clip the published demos use: all but the last 20, of up to 20 all."""
    frames = probe(clip).frames
    return frames - OFFICIAL_TRIM if frames > OFFICIAL_TRIM else frames


def lip_clip(request: Request, options: Options) -> Path | None:
    """Returns the clip that lips come from; None where they come from the sound."""
    if isinstance(options.lips, Path):
        return options.lips
    return request.source_video if options.lips == "source" else None
