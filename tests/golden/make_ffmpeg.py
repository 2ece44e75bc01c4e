"""Asks ffmpeg 5.1 what the sync references read of the puppets' clips: pictures, counts and sound (sync/ffmpeg.npz).

Usage: python -m tests.golden.make_ffmpeg FFMPEG, after make_clips. The commands are those of syncnet_python's pipeline,
Wav2Lip's and EAT's evaluation; the crop file of the pipeline is written by OpenCV from a box that moves by formula.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from scipy.io import wavfile
from scipy.signal import medfilt

from tests.golden import jpeg_parts
from tests.places import CLIPS, GOLDEN

SOUND = ["-ac", "1", "-vn", "-acodec", "pcm_s16le", "-ar", "16000"]


class Answers:
    """What one ffmpeg says, asked in a folder of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.arrays: dict[str, np.ndarray] = {}

    def ask(self, *arguments: object) -> None:
        subprocess.run([self.program, "-y", "-loglevel", "error", *map(str, arguments)], check=True)

    def pictures(self, clip: Path, *how: object) -> list[bytes]:
        """The JPEG files that `-f image2` makes of a film."""
        for old in self.folder.glob("*.jpg"):
            old.unlink()
        self.ask("-i", clip, *how, "-f", "image2", self.folder / "%06d.jpg")
        return [path.read_bytes() for path in sorted(self.folder.glob("*.jpg"))]

    def sound(self, clip: Path) -> np.ndarray:
        self.ask("-i", clip, "-async", "1", *SOUND, self.folder / "audio.wav")
        return np.asarray(wavfile.read(self.folder / "audio.wav")[1])

    def converted(self, clip: Path) -> Path:
        """The pipeline's first file: MPEG-4 and MP3 in an AVI at 25 fps."""
        self.ask("-i", clip, "-qscale:v", "2", "-async", "1", "-r", "25", self.folder / "video.avi")
        return self.folder / "video.avi"

    def keep_jpegs(self, name: str, files: list[bytes], places: range) -> None:
        self.arrays |= jpeg_parts.stored(name, [files[index] for index in places], list(places))


def moving_box(count: int) -> np.ndarray:
    """A face box (count, 4) in px that wanders and breathes."""
    time = np.arange(count)
    x, y, half = 128 + 9 * np.sin(time / 17), 130 + 5 * np.cos(time / 11), 68 + 3 * np.sin(time / 23)
    return np.stack([x - half, y - half, x + half, y + half], axis=1)


def official_crops(frames: list[np.ndarray], boxes: np.ndarray) -> list[np.ndarray]:
    """syncnet_python's rule in its own terms: median-filtered square, gray border, 224 px."""
    half = medfilt(np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]) / 2, 13)
    x, y = (medfilt((boxes[:, k] + boxes[:, k + 2]) / 2, 13) for k in (0, 1))
    found = []
    for frame, h, cx, cy in zip(frames, half, x, y, strict=False):
        pad = int(h * (1 + 2 * 0.4))
        wide = np.pad(frame, ((pad, pad), (pad, pad), (0, 0)), "constant", constant_values=(110, 110))
        rows = slice(int(cy + pad - h), int(cy + pad + h * (1 + 2 * 0.4)))
        columns = slice(int(cx + pad - h * 1.4), int(cx + pad + h * 1.4))
        found.append(cv2.resize(wide[rows, columns], (224, 224)))
    return found


def hashes(pictures: list[np.ndarray]) -> np.ndarray:
    return np.array([hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest()[:16] for one in pictures])


def pipeline(answers: Answers) -> None:
    converted = answers.converted(CLIPS / "talking.mp4")
    files = answers.pictures(converted, "-qscale:v", "2")
    answers.keep_jpegs("pipeline", files, range(0, 125, 40))
    answers.arrays["pipeline_sound"] = answers.sound(converted)
    boxes = moving_box(125)
    crops = official_crops(jpeg_parts.decoded(files), boxes)
    answers.arrays["boxes"], answers.arrays["crop_sha"] = boxes, hashes(crops)
    writer = cv2.VideoWriter(str(answers.folder / "crop.avi"), cv2.VideoWriter.fourcc(*"XVID"), 25, (224, 224))
    for one in crops:
        writer.write(one)
    writer.release()
    files = answers.pictures(answers.folder / "crop.avi")
    answers.arrays["crop_file_sha"] = hashes(jpeg_parts.decoded(files))  # of every frame: each has its own quality
    full = answers.pictures(answers.converted(CLIPS / "full_range.mp4"), "-qscale:v", "2")
    answers.keep_jpegs("full_range", full, range(2))


def main(program: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        answers = Answers(program, Path(folder))
        for name in ("talking", "second"):
            files = answers.pictures(CLIPS / f"{name}.mp4")
            answers.arrays[f"{name}_sha"] = hashes(jpeg_parts.decoded(files))
        scaled = answers.pictures(CLIPS / "large.mp4", "-s", "224x224")
        answers.keep_jpegs("scaled", scaled, range(0, 40, 3))
        for name in ("talking", "second", "large", "hard_audio_starts_late"):
            answers.arrays[f"{name}_sound"] = answers.sound(CLIPS / f"{name}.mp4")
        answers.arrays["hard_audio_starts_late_mp3"] = answers.sound(
            answers.converted(CLIPS / "hard_audio_starts_late.mp4")
        )
        names = sorted(path.stem for path in CLIPS.glob("*.mp4"))
        counts = [len(answers.pictures(answers.converted(CLIPS / f"{name}.mp4"), "-qscale:v", "2")) for name in names]
        answers.arrays["clips"], answers.arrays["counts"] = np.array(names), np.array(counts)
        pipeline(answers)
    for name, values in answers.arrays.items():
        if name.endswith(("_sound", "_mp3")):
            answers.arrays[name] = np.concatenate([[len(values)], values[::8]]).astype(np.int32)
    (GOLDEN / "sync").mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN / "sync" / "ffmpeg.npz", **answers.arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
