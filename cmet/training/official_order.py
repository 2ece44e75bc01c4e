"""Repeats the released sampler's random calls one by one: the same seed of Python's `random` gives the same sample."""

from __future__ import annotations

import random

import numpy as np

from cmet.training.corpus import NEUTRAL, TrainingCorpus, track_numbers
from cmet.training.packing import EMOTIONS
from cmet.training.sampler import MAX_TRIES, Choices, SampleOptions
from harness.errors import UsageError


def official_choices(
    corpus: TrainingCorpus, options: SampleOptions, source: random.Random, index: int
) -> tuple[Choices, tuple[int, ...]]:
    """Returns the choices of one sample (B = 1), and the clip drawn first: identity, emotion, level, number.

    index: the one that the data loader asked for. Tries are limited, where the released code loops. UsageError for
    `single` mode, which the released code cannot run, and if nothing fits.
    """
    if options.mode != "mean":
        raise UsageError("The released sampler's order exists for --mode mean only.")
    for _ in range(MAX_TRIES):
        clip, second = _emotions(corpus, options, source)
        who = clip[0] if options.same_identity else source.choice(range(len(corpus.identities)))
        emotions = (clip[1], second)
        levels = tuple(1 if emotion == NEUTRAL else clip[2] for emotion in emotions)
        pairs = [_pair(corpus, source, who, emotions, levels) for _ in range(options.num_feats)]
        tracks = np.array(pairs, dtype=np.int64).T[:, None]
        length = int(corpus.frames[tracks].max(axis=2).min())
        rows = [0, 0]
        if options.direction == "random":
            rows = [source.choice(range(length)), source.choice(range(length))]
        if length >= options.window:
            start = source.randint(0, length - options.window)
            parts = ([index], [emotions], [levels], tracks, [rows], [start])
            return Choices(*(np.asarray(part, dtype=np.int64) for part in parts)), clip
    raise UsageError(f"{corpus.packed.path} has no clips of {options.window} frames.", "Shorten --window.")


def _emotions(corpus: TrainingCorpus, options: SampleOptions, source: random.Random) -> tuple[tuple[int, ...], int]:
    for _ in range(MAX_TRIES):
        clip = tuple(int(value) for value in corpus.clips[source.randint(0, len(corpus.clips) - 1)])
        second = clip[1]
        while second == clip[1]:
            second = source.choice(range(len(EMOTIONS)))
        if not all(EMOTIONS[emotion] in options.except_emotions for emotion in (clip[1], second)):
            return clip, second
    raise UsageError("--except-emotions leaves no pair of emotions that this corpus has.")


def _pair(
    corpus: TrainingCorpus, source: random.Random, who: int, emotions: tuple[int, int], levels: tuple[int, ...]
) -> list[int]:
    """Clips of emotions 1 and 2; both numbers are drawn anew where either does not exist."""
    for _ in range(MAX_TRIES):
        numbers = [source.choice(track_numbers(emotion)) for emotion in emotions]
        clips = [int(corpus.by_number[who, e, k, n]) for e, k, n in zip(emotions, levels, numbers, strict=True)]
        if min(clips) >= 0:
            return clips
    names = " or ".join(EMOTIONS[emotion] for emotion in emotions)
    raise UsageError(f"{corpus.identities[who]} has no expression codes of {names}.", "Prepare them.")
