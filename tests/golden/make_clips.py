"""Makes the clips of tests/golden/clips again: talking puppets, one failure mode each, by ffmpeg 5.1.

Usage: python -m tests.golden.make_clips FFMPEG. The clips are drawn and spoken by datasets.puppets, so they may be
published; ffmpeg 5.1.9 encoded those that are committed. Another version makes other bytes,
and sync/ffmpeg.npz holds that ffmpeg's answers to exactly these.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from datasets.puppets.affect import affect_point
from datasets.puppets.face import render
from datasets.puppets.motion import pose_track
from datasets.puppets.voice import speak
from harness.media import write_wav

HERE = Path(__file__).resolve().parent / "clips"
X264 = "-c:v libx264 -preset veryslow -crf 21"
AAC = "-c:a aac -ar 44100 -ac 2 -b:a 64k"
#: Clip -> (puppet, emotion, frames, side in px, fps, how ffmpeg encodes it). The first is cut into the hard ones.
FILMED = {
    "talking": (61, "neutral", 125, 256, 25, f"{X264} -pix_fmt yuv420p -c:a libmp3lame -ar 44100 -ac 2 -b:a 64k"),
    "second": (12, "happy", 60, 256, 25, f"{X264} -pix_fmt yuv420p -c:a aac -ar 16000 -ac 1"),
    "large": (33, "neutral", 40, 512, 25, f"{X264} -pix_fmt yuv420p {AAC}"),
    "full_range": (25, "neutral", 60, 256, 25, f"{X264} -pix_fmt yuvj444p -c:a aac -ar 16000 -ac 1"),
    "silent_30fps": (47, "surprised", 45, 256, 30, f"{X264} -pix_fmt yuv420p -an"),
}
#: Clip -> ffmpeg's arguments after those of its inputs; `talking` is input 0, `second` input 1.
HARD = {
    "hard_4frames": f"-frames:v 4 -t 0.16 {X264} {AAC}",
    "hard_5frames": f"-frames:v 5 -t 0.2 {X264} {AAC}",
    "hard_6frames": f"-frames:v 6 -t 0.24 {X264} {AAC}",
    "hard_100frames": f"-frames:v 100 -t 4 {X264} {AAC}",
    "hard_audio_shorter": f"-filter_complex [0:a]atrim=0:1[a] -map 0:v -map [a] {X264} {AAC}",
    "hard_audio_longer": f"-filter_complex [0:v]trim=0:1[v];[0:a]atrim=0:2[a] -map [v] -map [a] {X264} {AAC}",
    "hard_30fps": f"-t 2 -r 30 {X264} {AAC}",
    "hard_vfr": f"-t 2 -vf select='not(between(mod(n\\,3)\\,2\\,2))' -vsync vfr {X264} {AAC}",
    "hard_antiphase_stereo": f"-t 2 -af pan=stereo|c0=c0|c1=-1*c0 {X264} -c:a aac -ar 44100 -b:a 128k",
    "hard_silent_track": f"-filter_complex anullsrc=r=16000:cl=mono,atrim=0:2[a] -map 0:v -map [a] {X264} -c:a aac",
    "hard_gray": f"-t 2 -vf format=gray,format=yuvj420p {X264} {AAC}",
    "hard_twofaces": f"-t 2 -filter_complex [0:v][1:v]hstack[v] -map [v] -map 0:a {X264} {AAC}",
    "hard_noface": f"-filter_complex testsrc=size=256x256:rate=25:duration=1.2,format=yuv420p[v];"
    f"sine=frequency=440:sample_rate=16000:duration=1.2[a] -map [v] -map [a] {X264} -c:a aac -ac 1",
}


def ffmpeg(program: str, *arguments: object) -> None:
    subprocess.run([program, "-y", "-loglevel", "error", *map(str, arguments)], check=True)


def film(program: str, name: str, folder: Path) -> None:
    who, emotion, frames, side, fps, how = FILMED[name]
    felt = affect_point(emotion)
    said, pose = speak(who, felt, frames, (35, who)), pose_track(frames, (36, who))
    raw = folder / f"{name}.rgb"
    raw.write_bytes(b"".join(render(who, *two, felt, side).tobytes() for two in zip(pose, said.lips(), strict=True)))
    write_wav(folder / f"{name}.wav", np.asarray(said.sound, np.float32))
    given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{side}x{side}", "-r", fps, "-i", raw]
    ffmpeg(program, *given, "-i", folder / f"{name}.wav", *how.split(), "-shortest", HERE / f"{name}.mp4")


def main(program: str) -> None:
    HERE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in FILMED:
            film(program, name, Path(folder))
    talking, second = HERE / "talking.mp4", HERE / "second.mp4"
    for name, how in HARD.items():
        ffmpeg(program, "-i", talking, "-i", second, *how.split(), HERE / f"{name}.mp4")
    ffmpeg(
        program, "-t", 2, "-i", talking, "-itsoffset", 0.176, "-t", 1.824, "-i", talking, "-map", "0:v", "-map", "1:a",
        *X264.split(), *AAC.split(), HERE / "hard_audio_starts_late.mp4",
    )  # fmt: skip
    upright = HERE / "upright.mp4"
    ffmpeg(program, "-t", 1, "-i", talking, *X264.split(), *AAC.split(), upright)
    ffmpeg(program, "-i", upright, "-c", "copy", "-metadata:s:v", "rotate=90", HERE / "hard_rotated.mp4")
    upright.unlink()


if __name__ == "__main__":
    main(sys.argv[1])
