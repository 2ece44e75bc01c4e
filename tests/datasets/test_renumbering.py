"""Shifted numberings of MEAD: every planted shift is found, an unshifted folder is left alone, doubt is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import lfilter, resample_poly

import bench
from datasets.mead_layout import MeadClip, read_remap
from datasets.puppets.voice import speak
from datasets.renumbering import Suggestion, compared
from datasets.utterance_match import Cepstra, cepstra, distances
from harness.media import read_audio, write_wav
from tests.corpus_samples import mead_tree, seed_clip

FOLDER = ("M003", "happy", 2)
COUNT = 9
SPEAKERS = (1, 2, 3)
CASES = {  # name → (the first number that is shifted, by how much)
    "none": (99, 0),
    "a recording is lost": (4, 1),
    "two are lost": (3, 2),
    "numbers begin one too low": (1, 1),
}


def sentences(shift_from: int, by: int) -> dict[int, int]:
    """Number in the name → sentence that is said."""
    return {k: k + by * (k >= shift_from) for k in range(1, COUNT + 1)}


def moves(case: str) -> tuple[tuple[int, int], ...]:
    return tuple((k, said) for k, said in sentences(*CASES[case]).items() if k != said)


@lru_cache(maxsize=64)
def puppet(who: int, sentence: int) -> Cepstra:
    frames = 30 + (sentence * 7) % 9
    return cepstra(speak(who, np.zeros(5), frames, (5, sentence)).sound)


def told(own: Mapping[int, Cepstra], others: Sequence[Mapping[int, Cepstra]]) -> Suggestion:
    return compared(FOLDER, own, others)


@pytest.mark.parametrize("case", CASES)
def test_planted_shifts_of_puppets_are_found_and_no_other(case: str) -> None:
    others = [{k: puppet(who, k) for k in range(1, COUNT + 2)} for who in SPEAKERS]
    found = told({k: puppet(7, said) for k, said in sentences(*CASES[case]).items()}, others)
    assert (found.sure, found.moves) == (True, moves(case))
    assert found.confidence > 0.9


def test_another_speaker_who_is_shifted_himself_decides_nothing() -> None:
    others = [{k: puppet(who, k) for k in range(1, COUNT + 2)} for who in SPEAKERS]
    others[0] = {k: puppet(SPEAKERS[0], k + 1) for k in range(1, COUNT + 2)}
    found = told({k: puppet(7, k) for k in range(1, COUNT + 1)}, others)
    assert (found.sure, found.moves) == (True, ())


def test_what_nobody_could_know_is_unsure() -> None:
    own = {k: puppet(7, k) for k in range(1, COUNT + 1)}
    others = [{k: puppet(who, 40 + k) for k in own} for who in SPEAKERS]  # they say something else
    assert not told(own, others).sure
    alone = told(own, [{k: puppet(1, k) for k in own}])
    assert not alone.sure
    assert "1 other speakers say these sentences (2 are needed)" in str(alone)
    twice = {**own, 5: own[4]} | {k: own[k - 1] for k in range(6, COUNT + 1)}  # one recording under two numbers
    assert not told(twice, [{k: puppet(who, k) for k in range(1, COUNT + 2)} for who in SPEAKERS]).sure


def test_the_same_words_are_nearer_in_another_voice_and_tempo() -> None:
    found = distances(puppet(1, 1), [puppet(2, 1), puppet(2, 2), np.zeros((0, 12), np.float32)])
    assert found[0] < 0.8 * found[1]
    assert np.isinf(found[2])
    assert distances(puppet(1, 1), [puppet(1, 1)])[0] == 0.0


def other_voice(wave: np.ndarray, speaker: int) -> np.ndarray:
    """The sentence at another tempo and pitch, with another tilt of the spectrum and a little noise."""
    rng = np.random.default_rng(speaker)
    faster = resample_poly(wave, 100, (90, 95, 105, 110)[speaker % 4])
    tilted = lfilter([1.0, rng.uniform(-0.4, 0.4)], [1.0], faster)
    return tilted + rng.normal(size=len(tilted)) * 0.01 * np.abs(wave).max()


@pytest.mark.parametrize("case", CASES)
def test_planted_shifts_of_real_speech_are_found_and_no_other(shared: Path, case: str) -> None:
    """Sentences that people said, in four voices made from each."""
    files = sorted((shared / "real" / "emotion_speech").rglob("*.wav"))[: COUNT + 2]
    waves = [read_audio(path).samples[:40_000] for path in files]
    voices = [{k + 1: cepstra(other_voice(wave, who)) for k, wave in enumerate(waves)} for who in range(4)]
    found = told({k: voices[3][said] for k, said in sentences(*CASES[case]).items()}, voices[:3])
    assert (found.sure, found.moves) == (True, moves(case))


@pytest.mark.slow
def test_the_verb_writes_a_table_that_remap_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identities = ("M003", "M009", "W011", "W014")
    clips = [MeadClip(who, "happy", 2, k) for who in identities for k in range(1, 7)]
    root = mead_tree(tmp_path / "mead", clips, seed_clip(tmp_path), "official")
    for clip in clips:
        path = root / clip.identity / "audio" / "happy" / "level_2" / f"{clip.number:03d}.wav"
        path.unlink()
        said = clip.number + (clip.identity == "M003" and clip.number >= 3)
        write_wav(path, speak(identities.index(clip.identity) + 1, np.zeros(5), 32, (5, said)).sound)
    out = tmp_path / "remap.csv"
    assert bench.main(["verify", "mead", str(root), "--suggest-remap", str(out)]) == 0
    assert "M003/happy/level_2: 003-006 should be 004-007" in capsys.readouterr().out
    assert read_remap(out)[MeadClip("M003", "happy", 2, 5)] == MeadClip("M003", "happy", 2, 4)
    assert bench.main(["verify", "crema_d", str(root), "--suggest-remap", str(out)]) == 2
