"""This module draws batches for C-MET's training: clips, frames, and the arrays made of them, all rows at once.

A batch is a pure function of (seed, step, rank), so a run that goes on after a crash sees the same data. The
distribution is that of the released sampler; `official_order` draws in its order too. It differs where the released
code fails: clips that are not there are never drawn (it loops), and `single` cuts both tracks to the shorter one and
knows which neutral sentence belongs to which (it raises).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from cmet.training.corpus import LEVELS, NEUTRAL, Floats, Ints, TrainingCorpus, level_of
from cmet.training.packing import EMOTIONS
from harness.errors import UsageError, unknown_name

Mode = Literal["mean", "single"]
Direction = Literal["first", "max", "average", "random", "raw", "all"]
MAX_TRIES = 1000


@dataclass(frozen=True)
class SampleOptions:
    """Holds released options, under their names; `level_balance` is ours. UsageError for an emotion that is none."""

    window: int = 5
    mode: Mode = "mean"
    num_feats: int = 10
    direction: Direction = "average"
    same_identity: bool = True
    except_emotions: tuple[str, ...] = ()
    scale_intensity: bool = False
    level_balance: bool = False  # draw emotion 2's level where emotion 1 is neutral (released: always level 1)

    def __post_init__(self) -> None:
        for name in self.except_emotions:
            if name not in EMOTIONS:
                raise unknown_name("emotion", name, EMOTIONS)
        if len(self.except_emotions) >= len(EMOTIONS):
            raise UsageError("--except-emotions leaves no pair of emotions.")
        if self.direction not in get_args(Direction) or self.mode not in get_args(Mode):
            raise UsageError(f"There is no direction '{self.direction}' in mode '{self.mode}'.")

    @property
    def draws(self) -> int:
        """Returns the number of tracks that are averaged per emotion."""
        return self.num_feats if self.mode == "mean" else 1


@dataclass(frozen=True)
class Choices:
    """Holds the random choices of B samples.

    index: list position for speech (B,); emotion, level (B, 2) of emotions 1 and 2; tracks (2, B, K): clips of the
    packed corpus; rows (B, 2): frames of emotions 1 and 2 for direction `random`; start (B,): the window's first frame.
    """

    index: Ints
    emotion: Ints
    level: Ints
    tracks: Ints
    rows: Ints
    start: Ints

    def rows_of(self, which: slice) -> Choices:
        """Returns the choices of some of the samples."""
        parts = (self.index, self.emotion, self.level, self.tracks, self.rows, self.start)
        return Choices(*(part[:, which] if part is self.tracks else part[which] for part in parts))


@dataclass(frozen=True)
class Arrays:
    """Holds float32 reference, first, second, direction (B, T, 10), speech (B, 1, 1024); int64 label (B,) of
    emotion 2.
    """

    reference: Floats
    speech: Floats
    first: Floats
    second: Floats
    direction: Floats
    label: Ints


def epoch_of(corpus: TrainingCorpus, step: int, batch: int) -> tuple[int, int]:
    """Returns the epoch and the step in it; incomplete batches are dropped. An epoch has at least one step."""
    return divmod(step, max(1, len(corpus.clips) // batch))


def positions(corpus: TrainingCorpus, seed: int, step: int, batch: int) -> Ints:
    """Returns the list positions (batch,) of this step: every epoch is a new permutation of the list."""
    epoch, inner = epoch_of(corpus, step, batch)
    order = np.random.default_rng([seed, 0, epoch]).permutation(len(corpus.clips))
    return np.take(order, np.arange(inner * batch, (inner + 1) * batch), mode="wrap")


def draw_batch(
    corpus: TrainingCorpus,
    options: SampleOptions,
    seed: int,
    step: int,
    batch: int,
    rank: int = 0,
    ranks: int = 1,
) -> Arrays:
    """Returns the rows of process `rank` in one step: its share of the `ranks * batch` rows that all draw alike.

    So the data do not depend on how many processes share them. UsageError if nothing in the corpus fits the options.
    """
    random = np.random.default_rng([seed, 1, step])
    choices = draw(corpus, options, random, positions(corpus, seed, step, batch * ranks))
    return assemble(corpus, options, choices.rows_of(slice(rank * batch, (rank + 1) * batch)))


def draw(corpus: TrainingCorpus, options: SampleOptions, random: np.random.Generator, index: Ints) -> Choices:
    """Returns random choices for len(index) samples; rows that cannot be served are drawn anew, at most 1000 times."""
    size = len(index)
    emotion, level = np.zeros((size, 2), dtype=np.int64), np.ones((size, 2), dtype=np.int64)
    tracks = np.zeros((2, size, options.draws), dtype=np.int64)
    open_rows: Ints = np.arange(size)
    for _ in range(MAX_TRIES):
        some, levels, drawn, fine = _attempt(corpus, options, random, len(open_rows))
        done = open_rows[fine]
        emotion[done], level[done], tracks[:, done] = some[fine], levels[fine], drawn[:, fine]
        open_rows = open_rows[~fine]
        if not len(open_rows):
            break
    else:
        raise UsageError(
            f"{corpus.packed.path} has no two emotions of one person with {options.window} frames.",
            "Add clips, or shorten --window.",
        )
    length = corpus.frames[tracks].max(axis=2).min(axis=0)
    rows = (random.random((size, 2)) * length[:, None]).astype(np.int64)
    start = (random.random(size) * (length - options.window + 1)).astype(np.int64)
    return Choices(index, emotion, level, tracks, rows, start)


def _attempt(
    corpus: TrainingCorpus, options: SampleOptions, random: np.random.Generator, size: int
) -> tuple[Ints, Ints, Ints, npt.NDArray[np.bool_]]:
    """Emotions (n, 2), levels (n, 2), tracks (2, n, K), and which rows can be served."""
    clip = corpus.clips[random.integers(len(corpus.clips), size=size)]
    second = (clip[:, 1] + 1 + random.integers(len(EMOTIONS) - 1, size=size)) % len(EMOTIONS)
    emotion = np.stack((clip[:, 1], second), axis=1)
    who = clip[:, 0] if options.same_identity else random.integers(len(corpus.identities), size=size)
    wanted = np.stack((clip[:, 2], clip[:, 2]), axis=1)
    if options.level_balance:
        wanted[:, 1] = np.where(emotion[:, 0] == NEUTRAL, random.integers(1, LEVELS + 1, size=size), wanted[:, 1])
    level = level_of(emotion, wanted)
    if options.mode == "single":
        tracks = _same_sentence(corpus, who, emotion, level, clip[:, 3])
    else:
        count = corpus.track_count[who[:, None], emotion, level]
        pick = (random.random((size, 2, options.draws)) * count[:, :, None]).astype(np.int64)
        tracks = corpus.tracks[who[:, None, None], emotion[:, :, None], level[:, :, None], pick].transpose(1, 0, 2)
    refused = np.array([name in options.except_emotions for name in EMOTIONS])
    length = corpus.frames[np.maximum(tracks, 0)].max(axis=2).min(axis=0)
    fine = (tracks >= 0).all(axis=(0, 2)) & (length >= options.window) & ~refused[emotion].all(axis=1)
    return emotion, level, tracks, fine


def _same_sentence(corpus: TrainingCorpus, who: Ints, emotion: Ints, level: Ints, number: Ints) -> Ints:
    """(2, n, 1) clips of one sentence: emotional 21-30 are neutral 31-40."""
    sentence = np.where((emotion[:, 0] == NEUTRAL) & (number > 30), number - 10, number)[:, None]
    spoken = np.where((emotion == NEUTRAL) & (sentence > 20), sentence + 10, sentence)
    return np.asarray(corpus.by_number[who[:, None], emotion, level, spoken].T[:, :, None])


def assemble(corpus: TrainingCorpus, options: SampleOptions, choices: Choices) -> Arrays:
    """Returns the arrays that the choices pick from the corpus."""
    window = choices.start[:, None] + np.arange(options.window)
    first, second = (_mean_rows(corpus, tracks, window) for tracks in choices.tracks)
    before = window - options.window
    known = (before >= 0)[:, :, None]
    if options.direction in ("raw", "all"):
        earlier = np.maximum(before, 0)
        was, now = (_mean_rows(corpus, tracks, earlier) for tracks in choices.tracks)
        direction, reference = second - first, now - was
    else:
        direction = np.repeat(_constant(corpus, options, choices)[:, None], options.window, axis=1)
        reference = direction
    return Arrays(
        reference=np.where(known, reference, np.float32(0)),
        speech=_speech(corpus, options, choices)[:, None],
        first=first,
        second=second,
        direction=direction,
        label=choices.emotion[:, 1],
    )


def _mean_rows(corpus: TrainingCorpus, tracks: Ints, frames: Ints) -> Floats:
    """(B, M, 10) mean over the K tracks (B, K) at frames (B, M); short tracks begin again."""
    row = corpus.offset[tracks][:, :, None] + frames[:, None, :] % corpus.frames[tracks][:, :, None]
    return np.asarray(corpus.codes[row].mean(axis=1), dtype=np.float32)


def _constant(corpus: TrainingCorpus, options: SampleOptions, choices: Choices) -> Floats:
    """(B, 10) direction that all frames share."""
    length = corpus.frames[choices.tracks].max(axis=2).min(axis=0)
    if options.direction == "average":
        means = [_mean_of_start(corpus, tracks, length) for tracks in choices.tracks]
        return np.asarray(means[1] - means[0], dtype=np.float32)
    if options.direction == "max":
        frame = _largest(corpus, choices.tracks, length)
        rows = np.stack((frame, frame), axis=1)
    else:
        rows = choices.rows if options.direction == "random" else np.zeros_like(choices.rows)
    first, second = (_mean_rows(corpus, choices.tracks[i], rows[:, i : i + 1])[:, 0] for i in (0, 1))
    return second - first


def _mean_of_start(corpus: TrainingCorpus, tracks: Ints, length: Ints) -> npt.NDArray[np.float64]:
    """(B, 10) mean over tracks and over the first `length` frames, from running sums: whole turns and the rest."""
    total, begin, frames = corpus.running_sum, corpus.offset[tracks], corpus.frames[tracks]
    turns, rest = np.divmod(length[:, None], frames)
    whole = total[begin + frames] - total[begin]
    part = total[begin + rest] - total[begin]
    return np.asarray((turns[:, :, None] * whole + part).mean(axis=1) / length[:, None])


def _largest(corpus: TrainingCorpus, tracks: Ints, length: Ints) -> Ints:
    """(B,) frame in which the mean of the direction's ten numbers is largest."""
    frame = np.arange(length.max())
    level = []
    for some in tracks:
        row = corpus.offset[some][:, :, None] + frame % corpus.frames[some][:, :, None]
        level.append(corpus.row_means[row].mean(axis=1))
    rise = np.where(frame < length[:, None], level[1] - level[0], -np.inf)
    return np.asarray(rise.argmax(axis=1))


def _speech(corpus: TrainingCorpus, options: SampleOptions, choices: Choices) -> Floats:
    """(B, 1024) mean speech of emotion 2 minus that of emotion 1."""
    emotion, level, scaled = choices.emotion, choices.level, options.scale_intensity
    means = [corpus.speech_mean(k, emotion[:, k], level[:, k], choices.index, scaled) for k in (0, 1)]
    difference = means[1] - means[0]
    if not options.scale_intensity:
        return difference
    strength = choices.level.max(axis=1).astype(np.float32)
    return np.asarray(difference / np.linalg.norm(difference, axis=1, keepdims=True) * strength[:, None])
