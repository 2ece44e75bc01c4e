"""This module reads C-MET's speech as it ships with its code: audios/MEAD/<emotion>/ID_level_3_NNN.wav, audios/gemini,
audios/MELD.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

POOL_SIZE = 10  # utterances that C-MET averages
_PREFIXES = ("audios", "emotion_speech", "")


def speech_folder(root: Path, corpus: str) -> Path | None:
    """Returns the folder of shipped speech of `corpus` (MEAD, gemini, MELD) under `root`, or None."""
    if root.name == corpus:
        return root
    return next((root / prefix / corpus for prefix in _PREFIXES if (root / prefix / corpus).is_dir()), None)


@lru_cache(maxsize=256)
def shipped_pool(root: Path, emotion: str, without: str) -> tuple[Path, ...]:
    """Returns ten utterances of an emotion from C-MET's shipped MEAD speech, none by the identity `without`.

    The pool is the speech of MEAD's four test identities. The draw is fixed: by number, then identity, evenly spread.
    """
    folder = speech_folder(root, "MEAD")
    if folder is None:
        return ()
    own = f"{without}_"
    wavs = [path for path in (folder / emotion).glob("*.wav") if not path.name.startswith(own)]
    wavs.sort(key=lambda path: (path.stem[-3:], path.stem))
    step = max(1, len(wavs) // POOL_SIZE)
    return tuple(wavs[::step][:POOL_SIZE])
