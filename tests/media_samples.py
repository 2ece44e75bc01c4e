"""Small films and sounds for the tests, in any container that libavformat writes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from harness.media import VideoWriter


def film(count: int, size: tuple[int, int] = (64, 64)) -> npt.NDArray[np.uint8]:
    """(count, height, width, 3): a bright coloured bar that moves over a gradient; every frame differs."""
    height, width = size
    ground = np.linspace(20, 120, width)[None, :, None] * np.array([1.0, 0.6, 0.3])
    frames = np.broadcast_to(ground, (count, height, width, 3)).astype(np.uint8).copy()
    for k in range(count):
        left = (3 * k) % (width - 4)
        frames[k, :, left : left + 4] = 60, 230, 250 - 5 * (k % 30)
    return frames


def click_track(samples: int, clicks: list[int]) -> npt.NDArray[np.float32]:
    """Silence (samples,) with single full-scale clicks."""
    sound = np.zeros(samples, dtype=np.float32)
    sound[clicks] = 0.9
    return sound


def voice(seconds: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """A buzz with slow loudness changes, 16 kHz: something that is neither silent nor constant."""
    time = np.arange(round(seconds * 16000)) / 16000
    pitch = 110 + 10 * (seed % 7)
    buzz = sum(np.sin(2 * np.pi * pitch * k * time + seed) / k for k in range(1, 8))
    return (0.2 * buzz * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time + seed))).astype(np.float32)


def write_film(
    path: Path,
    frames: npt.NDArray[np.uint8],
    fps: int | Fraction = 25,
    audio: npt.NDArray[np.float32] | None = None,
    codec: str = "libx264",
    container: str | None = None,
    transfer: int = 2,
) -> Path:
    """Write frames to `path`; mp4 by our writer, any other extension (flv, mkv, avi) by PyAV with `codec` and AAC."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".mp4":
        with VideoWriter(path, frames.shape[2], frames.shape[1], fps=fps, audio=audio) as writer:
            for frame in frames:
                writer.write(frame)
        return path
    with av.open(str(path), "w", format=container) as output:
        speed = {"preset": "ultrafast"} if codec == "libx264" else {}
        video = output.add_stream(codec, rate=Fraction(fps), options={"threads": "1", **speed})
        video.height, video.width, video.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        video.codec_context.color_trc = transfer
        sound = None if audio is None else output.add_stream("aac", rate=16000, layout="mono")
        for frame in frames:
            output.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(video.encode(None))
        if sound is not None and audio is not None:
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio[None]), format="fltp", layout="mono")
            block.sample_rate = 16000
            output.mux(sound.encode(block))
            output.mux(sound.encode(None))
    return path


def write_encoded(
    path: Path,
    channels: npt.NDArray[np.float32],
    rate: int,
    layout: str,
    frames: npt.NDArray[np.uint8] | None = None,
) -> Path:
    """AAC sound (channels, n) at `rate`, e.g. layout "5.1", as .m4a or .mp4; with `frames` also a 25 fps picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        video = None if frames is None else container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        sound = container.add_stream("aac", rate=rate, layout=layout)
        if video is not None and frames is not None:
            video.height, video.width, video.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
            for frame in frames:
                container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(video.encode(None))
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=layout)
        block.sample_rate = rate
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path


def write_sines(path: Path, rate: int, channels: int) -> Path:
    """A wav of a second: chords of three sines, another one in each channel, 16 bits."""
    time = np.arange(rate) / rate
    chords = [sum(np.sin(2 * np.pi * f * (k + 2) * time) for f in (97, 411, 1903)) for k in range(channels)]
    samples = np.round(np.stack(chords) * 6000).astype(np.int16)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate)
        stream.codec_context.layout = {1: "mono", 6: "5.1"}[channels]
        frame = av.AudioFrame.from_ndarray(
            samples.T.reshape(1, -1), format="s16", layout=stream.codec_context.layout.name
        )
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_b_frames(path: Path, frames: npt.NDArray[np.uint8], codec: str, rate: int = 25) -> Path:
    """Write frames with pictures between others (B-frames), whose packets come in another order than they are shown."""
    with av.open(str(path), "w") as container:
        options = {"threads": "1", **({"b_strategy": "0", "x264-params": "b-pyramid=strict"} if "264" in codec else {})}
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        stream.codec_context.max_b_frames = 2
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def copied(source: Path, target: Path, without: frozenset[int] = frozenset()) -> Path:
    """Copy the packets of the pictures into another container, but for those in the places `without`."""
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        pictures = container.streams.video[0]
        stream = output.add_stream_from_template(pictures)
        for place, packet in enumerate(container.demux(pictures)):
            if packet.size and place not in without:
                packet.stream = stream
                output.mux(packet)
    return target


def write_planes(
    path: Path, frames: npt.NDArray[np.uint8], fmt: str, codec: str, aspect: Fraction | None = None
) -> Path:
    """Write frames without loss in a pixel format of libav, e.g. "nv12"; `aspect`: width : height of a stored pixel."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"threads": "1", "qp": "0"})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], fmt
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            container.mux(stream.encode(picture.reformat(format=fmt, interpolation=2 | 0x40000 | 0x2000)))
        container.mux(stream.encode(None))
    return path


def write_stamped(path: Path, frames: npt.NDArray[np.uint8], milliseconds: list[int]) -> Path:
    """Write frames into Matroska, each shown from a time of its own."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for frame, pts in zip(frames, milliseconds, strict=True):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = pts, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def write_late(path: Path, frames: npt.NDArray[np.uint8], audio: npt.NDArray[np.float32], seconds: float) -> Path:
    """Write a film into Matroska whose sound (n,) 16 kHz begins so many seconds after its picture."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
        samples = np.round(audio * 32767).astype(np.int16)[None]
        block = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = 16000, round(seconds * 16000), Fraction(1, 16000)
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return path
