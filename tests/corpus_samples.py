"""Small trees in the official grammar of MEAD, CREMA-D, MELD and C-MET's audios/, made of links to a few clips."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from datasets import frozen
from datasets.mead_layout import MeadClip
from harness.media import write_wav
from tests.media_samples import film, voice, write_film


def seed_clip(folder: Path, frames: int = 8, fps: int = 25, suffix: str = ".mp4", seconds: float | None = None) -> Path:
    """A talking-size clip (32 x 32) with a buzz, made once per folder."""
    path = folder / f"seed-{frames}-{fps}{suffix}"
    if not path.exists():
        write_film(path, film(frames, size=(32, 32)), fps=fps, audio=voice(seconds or frames / fps))
    return path


def link(source: Path, target: Path) -> Path:
    """The same file under another name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
    return target


def mead_clips() -> set[MeadClip]:
    """Every clip that C-MET's list of 1143 names."""
    clips = set()
    for row in frozen.read("mead-cmet-1143"):
        clips.add(MeadClip(row["identity"], row["emotion"], int(row["level"]), int(row["target_number"])))
        clips.add(MeadClip(row["identity"], "neutral", 1, int(row["source_number"])))
    return clips


def reference_clips() -> set[MeadClip]:
    """Every clip of the frozen speech references."""
    rows = frozen.read("mead-speech-references")
    return {MeadClip(row["identity"], row["emotion"], int(row["level"]), int(row["number"])) for row in rows}


def eat_clips() -> set[MeadClip]:
    """Every clip that EAT's list of 100 names, and the four neutral stills' clips."""
    rows = frozen.read("mead-eat-100")
    clips = {MeadClip(row["identity"], row["emotion"], int(row["level"]), int(row["number"])) for row in rows}
    return clips | {MeadClip(row["identity"], "neutral", 1, 1) for row in rows}


def mead_tree(root: Path, clips: Iterable[MeadClip], seed: Path, layout: str = "fps25") -> Path:
    """A MEAD tree whose clips are all links to `seed`; the official layout gets separate sound files."""
    sound = seed.with_suffix(".wav")
    if layout != "fps25" and not sound.exists():
        write_wav(sound, voice(0.32))
    for clip in clips:
        if layout == "eat":
            link(seed, root / "clips" / f"{clip.flat}.mp4")
            link(sound, root / "wav" / f"{clip.flat.replace('_', '-')}.wav")
            continue
        place = f"{clip.emotion}/level_{clip.level}/{clip.number:03d}"
        if layout == "fps25":
            link(seed, root / "FPS25" / clip.identity / "front" / f"{place}.mp4")
        else:
            link(seed, root / clip.identity / "video" / "front" / f"{place}.mp4")
            link(sound, root / clip.identity / "audio" / f"{place}.wav")
    return root


def crema_names() -> set[str]:
    """Every clip that C-MET's list of 1546 names, with its neutral sources."""
    names = set()
    for row in frozen.read("crema_d-cmet-1546"):
        names.add(f"{row['actor']}_{row['sentence']}_{row['emotion']}_{row['level']}")
        names.add(f"{row['actor']}_{row['sentence']}_NEU_XX")
    return names
