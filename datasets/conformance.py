"""The contract test on a dataset of one's own: `bench.py list --check my.py:Class --root DIR`.

It reads the list, has the first sample's files made, and tests in words what methods and judges rely on
(harness/dataset.py).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.checks import Check
from harness.dataset import Dataset
from harness.emotions import BASIC_EMOTIONS, named
from harness.guard import Crash, attempt
from harness.media import VideoReader, read_audio, read_image
from harness.records import SAMPLES_PER_FRAME, Sample

_NAME = re.compile(r"[a-z0-9_-]+")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SHOWN = 3  # examples in a line


def checks(dataset: Dataset) -> Iterator[Check]:
    """Yields one check after another, until one fails that the others need."""
    yield Check(f"name is {_NAME.pattern}", _NAME.fullmatch(dataset.name) is not None, repr(dataset.name))
    samples = attempt(dataset.samples)
    if isinstance(samples, Crash):
        yield Check("has samples", False, samples.reason)
        return
    yield Check("has samples", len(samples) > 0, str(len(samples)))
    if samples:
        yield Check("lists them in the same order again", attempt(dataset.samples) == samples)
        yield from _listed(dataset, samples)
        yield from _made(dataset, samples[0])


def _listed(dataset: Dataset, samples: tuple[Sample, ...]) -> Iterator[Check]:
    """The checks that hold for every sample, without its files."""
    twice = [name for name, count in Counter(one.id.lower() for one in samples).items() if count > 1]
    yield _none("ids differ, capitals or not", twice)
    yield _none(f"ids are file names: {_ID.pattern}", [one.id for one in samples if not _ID.fullmatch(one.id)])
    alien = [one.dataset for one in samples if one.dataset.partition(":")[0] != dataset.name]
    yield _none(f"each says its dataset: {dataset.name}, or {dataset.name}:LIST", alien)
    yield _none("each says whose face it is", [one.id for one in samples if not one.identity])
    yield _none("each is at least a frame long", [one.id for one in samples if one.frames < 1])
    relative = [str(path) for one in samples for path in _paths(one) if not path.is_absolute()]
    yield _none("paths are absolute", relative)
    told = [one.id for one in samples if one.driving_audio in one.emotion.speech]
    yield _none("no emotional utterance is the driving sound", told)
    names = dict.fromkeys(one.emotion.name for one in samples)
    slips = [name for name in names if name and not named(name, dataset.extended)]
    yield _none("emotions are basic, or declared in `extended`", slips)
    asked = Counter(one.emotion.name for one in samples)
    words = [f"{count} {name or 'without'}{'' if name in BASIC_EMOTIONS else '*'}" for name, count in asked.items()]
    yield Check("emotions (*: none of the basic eight)", True, ", ".join(words))


def _none(title: str, wrong: list[str]) -> Check:
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    return Check(title, not wrong, ", ".join(wrong[:_SHOWN]) + more)


def _paths(sample: Sample) -> list[Path]:
    emotion = sample.emotion
    given = (sample.source_image, sample.driving_audio, sample.source_video, sample.pose_video, sample.reference_video)
    every = (*given, *emotion.speech, *emotion.neutral_speech, emotion.image, emotion.clip)
    return [path for path in every if path is not None]


def _made(dataset: Dataset, sample: Sample) -> Iterator[Check]:
    """The checks of one sample's files, once they are made."""
    made = attempt(lambda: dataset.materialise(sample))
    if isinstance(made, Crash):
        yield Check(f"makes the files of {sample.id}", False, made.reason)
        return
    gone = [str(path) for path in _paths(sample) if not path.is_file()]
    yield _none(f"makes the files of {sample.id}", gone)
    if gone:
        return
    before = [path.stat().st_mtime_ns for path in _paths(sample)]
    again = attempt(lambda: dataset.materialise(sample))
    yield Check("makes none of them twice", again is None and before == [p.stat().st_mtime_ns for p in _paths(sample)])
    yield _read("the picture", lambda: f"{read_image(sample.source_image).shape[1::-1]} px")
    yield _sound(sample)
    for title, path in (("source", sample.source_video), ("pose", sample.pose_video), ("true", sample.reference_video)):
        if path is not None:
            yield _read(f"the {title} clip", lambda path=path: f"{VideoReader(path).frames} frames")  # type: ignore[misc]
    if sample.reference_aligned:
        yield _aligned(sample)


def _read(title: str, read: Callable[[], str]) -> Check:
    found = attempt(read)
    crashed = isinstance(found, Crash)
    return Check(f"{title} can be read", not crashed, found.reason if isinstance(found, Crash) else found)


def _sound(sample: Sample) -> Check:
    """The driving sound must last as long as the sample's frames."""
    title = "the driving sound lasts for all frames"
    sound = attempt(lambda: read_audio(sample.driving_audio).samples)
    if isinstance(sound, Crash):
        return Check(title, False, sound.reason)
    covered = len(sound) / SAMPLES_PER_FRAME
    return Check(title, covered > sample.frames - 1, f"{covered:.1f} of {sample.frames} frames")


def _aligned(sample: Sample) -> Check:
    title = "an aligned truth has as many frames"
    if sample.reference_video is None:
        return Check(title, False, "reference_aligned is set, and there is no reference_video")
    count = attempt(lambda: VideoReader(sample.reference_video).frames)  # type: ignore[arg-type]
    if isinstance(count, Crash):
        return Check(title, False, count.reason)
    return Check(title, count == sample.frames, f"{count} and {sample.frames}")
