"""This module decodes the sound as each sync protocol does, to 16 kHz mono int16.

`direct`: libswresample straight from the file. `mp3`: the same after the MP3 of an AVI file, which delays it by 1105
samples of its own rate (401 at 16 kHz if that is 44.1 kHz). `aac`: after one AAC pass, as EAT's crops; `aac2`: after
two, as LatentSync's evaluation. In all of these late sound is padded as ``-async 1`` did in ffmpeg 5.1. `clean`: the
harness's own reading, nothing added; `level`: the same at one loudness.
Measured against ffmpeg 8.0: `mp3` equal, from MP3 and from AAC. Against 5.1.9: `direct` and `mp3` from MP3 equal;
`direct` from AAC within one level, `mp3` from AAC within 85: AAC is decoded up to 1.5e-8 otherwise, which LAME makes
more of.
Facts: docs/reference/metrics.md, 'Sound in published pipelines' and 'Pipeline conversion'.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream

from evaluators.sync.dialect import LEVEL_DB
from harness.evaluator import ClipContext
from harness.media import read_audio, to_pcm16
from harness.media.container import open_media
from harness.media.sound import SOUND_NOTES, level_db
from harness.records import SAMPLE_RATE_HZ

AudioPath = Literal["clean", "level", "direct", "mp3", "aac", "aac2"]
Samples = npt.NDArray[np.int16]
_LAYOUTS = {1: "mono", 2: "stereo"}
_CODECS = {"mp3": ("libmp3lame", "avi"), "aac": ("aac", "mp4"), "aac2": ("aac", "mp4")}


def _frames(container: Any) -> Iterator[AudioFrame]:
    for frame in container.decode(container.streams.audio[0]):
        frame.pts = None  # the resampler must not fill or cut by time stamps
        yield frame


def _late_samples(container: Any, rate: int = SAMPLE_RATE_HZ) -> int:
    """Silence that ``-async 1`` puts before sound that starts after the file does, in samples."""
    stream = container.streams.audio[0]
    seconds = float((stream.start_time or 0) * stream.time_base) - (container.start_time or 0) / 1e6
    return max(0, round(seconds * rate))


def _mono(container: Any) -> Samples:
    resampler = AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
    parts: list[npt.NDArray[Any]] = [np.zeros((1, _late_samples(container)), np.int16)]
    for frame in [*_frames(container), None]:
        parts += [part.to_ndarray() for part in resampler.resample(frame)]
    return np.concatenate(parts, axis=1)[0].astype(np.int16)


def _recoded(container: Any, codec: str, kind: str) -> io.BytesIO:
    """The sound of a file in a new file: its rate and layout where the codec has them, the codec's default bit rate."""
    source = container.streams.audio[0]
    layout = _LAYOUTS.get(source.channels, source.layout.name)  # raw sound does not say which channels it has
    if codec == "libmp3lame":
        layout = layout if layout in _LAYOUTS.values() else "stereo"
    rates = av.Codec(codec, "w").audio_rates or [source.rate]
    rate = min(rates, key=lambda known: abs(known - source.rate))
    target = io.BytesIO()
    with av.open(target, "w", format=kind) as output:
        stream = cast(AudioStream, output.add_stream(codec, rate=rate))
        stream.codec_context.layout = layout
        stream.codec_context.format = "fltp"
        count = 0
        for part in _parts(container, layout, rate):
            part.pts, part.time_base = count, Fraction(1, rate)  # AAC's priming is cut by time stamps
            count += part.samples
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    target.seek(0)
    return target


def _parts(container: Any, layout: str, rate: int) -> Iterator[AudioFrame]:
    """The sound of a file as an encoder wants it, after the silence that it is late by."""
    if late := _late_samples(container, rate):
        silence = np.zeros((len(AudioLayout(layout).channels), late), np.float32)
        frame = AudioFrame.from_ndarray(silence, format="fltp", layout=layout)
        frame.sample_rate = rate
        yield frame
    resampler = AudioResampler("fltp", layout, rate)
    for decoded in [*_frames(container), None]:
        yield from resampler.resample(decoded)


def _wav(samples: Samples) -> io.BytesIO:
    target = io.BytesIO()
    with av.open(target, "w", format="wav") as output:
        stream = output.add_stream("pcm_s16le", rate=SAMPLE_RATE_HZ)
        stream.codec_context.layout = "mono"
        frame = AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    target.seek(0)
    return target


def _through(file: io.BytesIO, codec: str = "", kind: str = "") -> Samples:
    with av.open(file) as container:
        if not codec:
            return _mono(container)
        recoded = _recoded(container, codec, kind)
    return _through(recoded)


def probe_rate(path: Path) -> int:
    """Returns the rate of a file's sound in Hz."""
    with open_media(path) as container:
        return int(container.streams.audio[0].rate or 0)


def whole_sound(context: ClipContext, how: AudioPath) -> Samples:
    """Returns the clip's whole sound as the protocol `how` decodes it before any cut. The clip must have sound."""
    return context.once(f"lse:sound:{how}:{context.sound or ''}", lambda: _whole_sound(context, how))


def of_driving(context: ClipContext) -> ClipContext:
    """Returns the same clip with its sample's driving sound in place of its own; frames and faces stay shared.

    Raises MediaError where that sound cannot be read.
    """
    track = read_audio(context.sample.driving_audio)
    notes = tuple(note for note in context.notes if note not in SOUND_NOTES)
    return replace(context, audio=track.samples, notes=(*notes, *track.notes), sound=context.sample.driving_audio)


def levelled(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Returns sound (n,) brought to LEVEL_DB, or as near to it as its peak allows: the same whatever its gain was."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not peak:
        return np.asarray(samples, np.float64)
    gain = 10 ** ((LEVEL_DB - level_db(samples)) / 20)
    return np.asarray(samples, np.float64) * min(gain, 1 / peak)


def _whole_sound(context: ClipContext, how: AudioPath) -> Samples:
    if how in ("clean", "level"):
        assert context.audio is not None
        return to_pcm16(context.audio if how == "clean" else levelled(context.audio))
    with open_media(Path(context.sound or context.path)) as container:
        if how == "direct":
            return _mono(container)
        recoded = _recoded(container, *_CODECS[how])
    return _through(recoded)


def cut(samples: Samples, first_frame: int, last_frame: int, how: AudioPath) -> Samples:
    """Returns the sound of frames first … last at 25 fps; `aac2` encodes the piece once more."""
    piece = samples[first_frame * 640 : (last_frame + 1) * 640]
    if how != "aac2" or not len(piece):
        return piece
    return _through(_wav(piece), *_CODECS[how])
