"""The lip-sync judge turns a clip's frames and sound into embeddings here, each distinct input once.

Everything that dialects share is kept on the clip's context by its inputs: frames by kind, faces by
detector, sound by path, lip embeddings by crop, audio embeddings by cut.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from evaluators.faces.crops import jpeg95
from evaluators.sync import align68, aligned, curve
from evaluators.sync import crop as sync_crop
from evaluators.sync.audio import cut, probe_rate, whole_sound
from evaluators.sync.detections import FaceLog
from evaluators.sync.dialect import Dialect
from evaluators.sync.ffmpeg.pipeline import crop_file_frames
from evaluators.sync.frames import FrameStore, WholeReader, own_frames
from evaluators.sync.syncnet import WINDOW_FRAMES, SyncNet
from evaluators.sync.syncnet_stream import LipRunner, LipStream, Rows, audio_rows
from evaluators.sync.tracks import Track
from harness.errors import MediaError
from harness.evaluator import Chunk, ClipContext, Refusal
from harness.media import VideoReader

Frames = npt.NDArray[np.uint8]
_CROPS_PER_CHUNK = 32


@dataclass(frozen=True)
class SyncNetworks:
    """Holds the loaded networks: SyncNet (`key` names its weights) and S3FD where the dialect wants it."""

    net: SyncNet
    runner: LipRunner
    key: str
    device: str
    faces: object | None = None  # evaluators.faces.s3fd.S3FD


@dataclass(frozen=True)
class Piece:
    """Holds one scored stretch of a clip: its track (None for the whole picture), windows, and both curves (31,).

    distances: (windows, 31) of each window at each shift, NaN where there is no partner.
    """

    track: Track | None
    first: int
    last: int
    windows: int
    zero: Rows
    valid: Rows
    distances: Rows


@dataclass
class Inputs:
    """Gives the shared inputs of one clip as one dialect needs them."""

    dialect: Dialect
    networks: SyncNetworks
    context: ClipContext
    frames: int = 0
    store: FrameStore = field(init=False)
    log: FaceLog = field(init=False)

    def __post_init__(self) -> None:
        d, context, networks = self.dialect, self.context, self.networks
        rate = probe_rate(context.sound) if d.frames == "pipeline" and context.sound is not None else None
        self._seen, self._own = own_frames(context, d.rate, rate)
        fed = context.reader
        self.store = context.once(f"lse:frames:{self._seen}", lambda: FrameStore(context.path, self._own, fed=fed))
        self._whole: FrameStore | None = None
        if d.crop == "whole":
            name = f"lse:{self._whole_name()}:{networks.runner.input_px}"
            self._whole = context.once(name, lambda: FrameStore(context.path, self._whole_reader, fed=fed))
        searched = self._seen if d.tracked else "decoded"
        net = networks.faces if d.detector == "s3fd" else None
        kind = f"lse:faces:{searched}:{d.detector}:{d.every}"
        self.log = context.once(kind, lambda: FaceLog(d.every, networks.device, net))  # type: ignore[arg-type]
        if d.crop == "lower-face":
            self._lower: LipStream = context.once(f"lse:lower:{networks.key}", lambda: LipStream(networks.runner))

    def feed(self, chunk: Chunk) -> None:
        """Take the next decoded frames: search faces, keep the frames that a later crop needs."""
        d = self.dialect
        self.frames = chunk.first + len(chunk.frames)
        if self._own is None and not d.whole:
            self.store.add(chunk)
        own = self.store.follow(chunk)
        for one in own if self._own is not None and d.tracked else [chunk]:
            self.log.feed(one)
        if self._whole is not None:
            self._whole.follow(chunk)
        if d.crop == "lower-face":
            self._feed_lower(chunk)

    def _feed_lower(self, chunk: Chunk) -> None:
        def feed() -> bool:
            self._lower.feed(sync_crop.lower_face(chunk.frames, self.networks.runner.input_px))
            return True

        chunk.once(f"lse:lower:{self.networks.key}", feed)

    def search(self) -> None:
        """Finish the search for faces where frames of another kind than those fed are searched."""
        if self._own is not None and self.dialect.tracked:
            for chunk in self.store.finish():
                self.log.feed(chunk)

    def lip(self, track: Track | None, count: int) -> Rows:
        """Returns the first `count` lip embeddings of a track, or of the whole picture."""
        if self.dialect.crop == "lower-face":
            return self._lower.rows()[:count]
        name = self._whole_name() if track is None else self._track_name(track)
        return self.context.once(f"lse:lip:{self.networks.key}:{name}:{count}", lambda: self._lip(track, count))

    def _lip(self, track: Track | None, count: int) -> Rows:
        stream = LipStream(self.networks.runner)
        seen = 0
        for frames in self._pictures() if track is None else self._filed(self._single_crops(track)):
            stream.feed(frames[: count + WINDOW_FRAMES - 1 - seen])
            seen += len(frames)
            if seen >= count + WINDOW_FRAMES - 1:  # the rest has no sound
                break
        return stream.rows()

    def _whole_name(self) -> str:
        if self.dialect.crop == "align68":
            return f"align68:{self._seen}:{self.dialect.file}:{self.dialect.image}"
        info, side = (self.context.reader or VideoReader(self.context.path)).info, self.networks.runner.input_px
        fits = (info.width, info.height) == (side, side)
        return f"whole:{self._seen}:{'' if fits else self.dialect.resize}"

    def _pictures(self) -> Iterator[Frames]:
        side = self.networks.runner.input_px
        if self.dialect.crop == "align68":
            yield from (sync_crop.stretched(frames, side) for frames in self._filed(self._aligned()))
        elif self._whole is not None:
            yield from (chunk.frames for chunk in self._whole.read())

    def _whole_reader(self) -> WholeReader:
        counts = self._own().counts if self._own else None
        scaled = self.dialect.resize == "sws-bicubic"
        return WholeReader(self.context.path, self.networks.runner.input_px, scaled, counts, self.context.reader)

    def _track_name(self, track: Track) -> str:
        d = self.dialect
        boxes = hashlib.sha256(np.ascontiguousarray(track.boxes).tobytes()).hexdigest()
        return f"{self._seen}:{self.context.sound or ''}:{d.ends}:{d.file}:{d.image}:{track.first}:{boxes}"

    def _filed(self, crops: Iterator[Frames]) -> Iterator[Frames]:
        """Crops as the dialect's crop file gives them back, in chunks."""
        file = self.dialect.file
        if file == "-":
            return _chunked(crops)
        side = align68.SIZE_PX if self.dialect.crop == "align68" else self.networks.runner.input_px
        return crop_file_frames(crops, file, side)

    def _aligned(self) -> Iterator[Frames]:
        """EAT's crops of the decoded frames; JPEGs of quality 95 before, as in its script."""
        transforms = aligned.transforms(self.context)
        assert not isinstance(transforms, Refusal), "start() has refused it"
        for chunk in self.store.read():
            for index, frame in enumerate(chunk.frames, chunk.first):
                yield align68.aligned(jpeg95(frame), transforms[index])

    def _single_crops(self, track: Track) -> Iterator[Frames]:
        smooth = sync_crop.path(track, self.dialect.ends)
        for chunk in self.store.chunks():
            cropped = sync_crop.crops(chunk.frames, chunk.first, track, smooth, self.networks.runner.input_px)
            yield from (crop for _, crop in cropped)

    def piece(self, track: Track | None) -> Piece | None:
        """Returns both curves of a track (or the whole picture); None where no window has sound."""
        frames = self._own().frames if self._own else self.frames
        first, last = (0, frames - 1) if track is None else (track.first, track.last)
        sound = cut(whole_sound(self.context, self.dialect.sound), first, last, self.dialect.sound)
        count = curve.windows(last - first + 1, len(sound))
        if count < 1:
            return None
        lip = self.lip(track, count)
        sound_key = f"{self.dialect.sound}:{self.context.sound or ''}"
        key = f"lse:audio:{self.networks.key}:{sound_key}:{first}:{last}:{count}"
        device = self.networks.device
        audio = self.context.once(key, lambda: audio_rows(self.networks.net, curve.mfcc(sound), count, device))
        if not (np.isfinite(lip).all() and np.isfinite(audio).all()):
            raise MediaError(f"an embedding of {self.context.path.name} is not finite", reason="not_finite")
        zero = curve.mean_curve(curve.distances(lip, audio, pad="zero"))
        distances = curve.distances(lip, audio, pad="valid")
        return Piece(track, first, last, count, zero, curve.mean_curve(distances), distances)


def _chunked(crops: Iterator[Frames]) -> Iterator[Frames]:
    held: list[Frames] = []
    for crop in crops:
        held.append(crop)
        if len(held) == _CROPS_PER_CHUNK:
            yield np.stack(held)
            held = []
    if held:
        yield np.stack(held)
