"""This module reads the sound of a clip or a sound file as 16 kHz mono float32, and writes wav files.

The rule: channels are averaged first, then 16 kHz sound is left untouched (16-bit samples are value / 32768, bit
for bit) and other rates go through harness.media.resample. Time zero is the first picture where there is one: sound
that starts later is preceded by silence, sound before it is cut.
"""

from __future__ import annotations

import math
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness.atomic import replacing
from harness.errors import MediaError
from harness.media.container import check_complete, make_decodable, open_media
from harness.media.limits import check_lateness, check_rate, check_span, limits
from harness.media.resample import Resampler
from harness.records import SAMPLE_RATE_HZ

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import InputContainer

Samples = npt.NDArray[np.float32]
_BELOW_ONE = float(np.nextafter(np.float32(1), np.float32(0)))
_WITH_SOUND = "Give a file with sound in it."
_LATE_SECONDS = 0.01  # a later start than this is worth a note
_CANCELS = 0.1  # mono level below this part of the channels' level: the down-mix cancels
_AUDIBLE = 1e-3  # root mean square of the channels, full scale = 1
_DEAD = 0.01  # a channel below this part of the loudest one's level says nothing, and makes their mean quieter
QUIET_DB = -40  # root mean square of the whole sound, full scale = 0
#: Notes about the sound of a clip, as `read_audio` gives them.
SOUND_NOTES = ("audio_offset", "downmix_cancels", "audio_upsampled", "audio_quiet", "channel_silent")


@dataclass(frozen=True)
class AudioTrack:
    """Holds float32 (n,) 16 kHz mono sound in [-1, 1), and the rate and channels that it had before."""

    samples: Samples
    notes: tuple[str, ...]  # reason codes, of SOUND_NOTES
    channels: int
    rate: int  # Hz


def _scaled(frame: AudioFrame) -> Samples:
    """The frame as float32 (channels, n); integers are divided by their full scale."""
    values: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128) / np.float32(128)
    if np.issubdtype(values.dtype, np.integer):
        values = values / float(-int(np.iinfo(values.dtype).min))
    return values.astype(np.float32)


class _Mixer:
    """Averages channels, resamples, and watches whether the average cancels."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.channels = 0
        self._resampler = Resampler(rate, SAMPLE_RATE_HZ)
        self._energy = np.zeros(2)  # of the mono sound; of the channels' mean
        self._powers = np.zeros(0)  # of each channel
        self._count = 0
        self._out: list[Samples] = []

    def silence(self, samples: int) -> None:
        self._out.append(self._resampler.feed(np.zeros(samples, dtype=np.float32)))

    def add(self, block: Samples) -> None:
        self.channels = len(block)
        mono = block[0] if len(block) == 1 else block.mean(axis=0, dtype=np.float32)
        powers = np.einsum("cn,cn->c", block, block)
        self._energy += float(np.dot(mono, mono)), float(np.mean(powers))
        self._powers = powers + (self._powers if len(powers) == len(self._powers) else 0.0)
        self._count += len(mono)
        self._out.append(self._resampler.feed(mono))

    @property
    def seconds(self) -> float:
        """How long the sound is so far."""
        return self._count / self.rate

    @property
    def cancels(self) -> bool:
        mono, mean = np.sqrt(self._energy / max(1, self._count))
        return bool(mean > _AUDIBLE and mono < _CANCELS * mean)

    @property
    def lacks_channel(self) -> bool:
        levels = np.sqrt(self._powers / max(1, self._count))
        return bool(levels.max() > _AUDIBLE and levels.min() < _DEAD * levels.max())

    def finish(self) -> Samples:
        samples = np.concatenate([*self._out, self._resampler.finish()])
        return np.clip(samples, -1.0, _BELOW_ONE, out=samples)


def _picture_start(container: InputContainer) -> float | None:
    for stream in container.streams.video:
        if stream.start_time is not None and stream.time_base is not None:
            return float(stream.start_time * stream.time_base)
    return None


def _blocks(container: InputContainer, path: Path) -> Iterator[tuple[Samples, int, float | None]]:
    """(channels, n) blocks with their rate and time stamp in seconds."""
    stream = container.streams.audio[0]
    make_decodable(path, stream)
    check_complete(path, stream)
    for frame in container.decode(stream):
        if frame.samples:
            stamp, base = frame.pts, frame.time_base
            yield _scaled(frame), frame.sample_rate, None if stamp is None or base is None else float(stamp * base)


def read_audio(path: Path | str) -> AudioTrack:
    """Returns the first sound stream of any media file. Raises MediaError (reason `no_audio` where there is none)."""
    path = Path(path)
    mixer: _Mixer | None = None
    start = 0.0
    cut = 0
    most_seconds = limits().clip_seconds
    with open_media(path) as container:
        if not container.streams.audio:
            raise MediaError(f"{path} has no sound stream.", _WITH_SOUND, reason="no_audio")
        zero = _picture_start(container)
        for block, rate, seconds in _blocks(container, path):
            if mixer is None:
                check_rate(path, rate)
                start = 0.0 if zero is None or seconds is None else seconds - zero
                check_lateness(path, start)
                mixer = _Mixer(rate)
                late = round(start * rate)
                mixer.silence(max(0, late))
                cut = max(0, -late)
            if rate != mixer.rate:
                why = f"{path} changes its sample rate inside the clip."
                raise MediaError(why, "Encode it again at one rate.", reason="unreadable")
            if mixer.seconds > most_seconds:
                check_span(path, mixer.seconds, 0.0)
            drop = min(cut, block.shape[1])
            cut -= drop
            mixer.add(block[:, drop:])
    if mixer is None:
        raise MediaError(f"{path} has a sound stream without sound.", _WITH_SOUND, reason="no_audio")
    samples = mixer.finish()
    found = (
        start > _LATE_SECONDS,
        mixer.cancels,
        mixer.rate < SAMPLE_RATE_HZ,
        level_db(samples) < QUIET_DB and not mixer.cancels,
        mixer.lacks_channel,
    )
    notes = tuple(note for note, there in zip(SOUND_NOTES, found, strict=True) if there)
    return AudioTrack(samples, notes, mixer.channels, mixer.rate)


def level_db(samples: Samples) -> float:
    """Returns the root mean square of a sound in dB of full scale; -inf for digital silence and no sound."""
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    return 10 * math.log10(power) if power > 0 else -math.inf


def to_pcm16(samples: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """Returns floats in [-1, 1) as 16-bit samples: round(value * 32768), limited to the range; inverse of
    `read_audio`.
    """
    scaled = np.rint(np.asarray(samples, dtype=np.float64) * 32768.0)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def write_wav(path: Path | str, samples: npt.ArrayLike, rate: int = SAMPLE_RATE_HZ) -> None:
    """Write float (n,) in [-1, 1) as 16-bit mono PCM, in one step (atomic rename). Raises MediaError."""
    path = Path(path)
    data = to_pcm16(samples).astype("<i2").tobytes()
    with replacing(path) as partial, partial.open("wb") as raw, wave.open(raw, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(rate)
        stream.writeframes(data)
