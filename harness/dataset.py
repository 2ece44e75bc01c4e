"""A dataset's contract is a corpus, or any set of clips, as Samples in a fixed order.

`samples` is cheap: it names files and reads none of them more than it must. A sample's files need not exist
before `materialise` has been asked for it, in any process, once or several times. The README shows one of thirty lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from harness.emotions import BASIC_EMOTIONS, EXTENDED_EMOTIONS, WORDS, named
from harness.errors import UsageError, nearest
from harness.records import Emotion, Sample

MOST_SLIPS = 8  # labels that name no emotion and are told of, each in a line


class Dataset(ABC):
    """Is the base of every dataset. Its __init__ takes `root` (--root), `list_name` (--list) and its own `options`
    (--set NAME.KEY=VALUE).

    An __init__ raises MissingError where the files are not there, UsageError for an option or a list that it does not
    know. Relative paths become absolute: a run may go on in another folder.
    """

    name: ClassVar[str]  # [a-z0-9_-]+: of the default run folder, of --set NAME.KEY=VALUE, and of Sample.dataset
    options: ClassVar[tuple[str, ...]] = ()  # further keywords of __init__, all texts
    extended: tuple[str, ...] = EXTENDED_EMOTIONS  # of labels, every other word that is not basic counts as a slip

    def __init__(self, root: Path | str | None = None, list_name: str | None = None) -> None:
        if list_name is not None:
            raise UsageError(f"Dataset '{self.name}' has no lists.", "Leave --list out.")

    @abstractmethod
    def samples(self) -> tuple[Sample, ...]:
        """Returns every sample, always in the same order: ids unique and safe as file names, paths absolute.

        `Sample.dataset` is `name`, or begins with it where the list is named too. Never give an utterance of the
        driving sound as emotional speech, nor the identity that speaks it. Raises MissingError where files are absent.
        """

    def materialise(self, sample: Sample) -> None:
        """Make the files that `sample` points to and that are not there yet, each written whole or not at all.

        Several processes may do it at once (harness.atomic.replacing). Raises MediaError for a file that cannot be
        read.
        """
        return  # all files are there

    def notices(self) -> tuple[str, ...]:
        """Returns notices for the user before the work, one sentence each: that it is a part, the needs of the rest."""
        return ()

    def clip(self, sample: Sample) -> Path | None:
        """Returns the clip itself, where the samples are clips that exist and not something to be made; else None."""
        return None

    @staticmethod
    def version() -> str:
        """Returns the version of data that code draws, so that clips made from others are made again; "" for recorded
        ones.
        """
        return ""


def recognised(samples: Iterable[Sample], extended: Iterable[str]) -> tuple[Sample, ...]:
    """Returns the samples with canonical names of emotions; one that is neither basic nor extended is
    `Emotion.unrecognised`.
    """
    return tuple(replace(sample, emotion=_recognised(sample.emotion, extended)) for sample in samples)


def _recognised(emotion: Emotion, extended: Iterable[str]) -> Emotion:
    known = named(emotion.name, extended)
    if known == emotion.name:
        return emotion
    if not known:
        return replace(emotion, name="", unrecognised=emotion.name)
    return replace(emotion, name=known, label=known if emotion.label == emotion.name else emotion.label)


def slips(samples: Iterable[Sample], dataset: Dataset) -> Iterator[str]:
    """Yields one sentence and its cure for every label that names no emotion of the dataset, at most MOST_SLIPS."""
    count = Counter(filter(None, (sample.emotion.unrecognised for sample in samples)))
    for word, clips in count.most_common(MOST_SLIPS):
        near = nearest(word, (*WORDS, *BASIC_EMOTIONS, *dataset.extended))
        cure = f"Did you mean '{near}'?" if near else f"Basic ones: {', '.join(BASIC_EMOTIONS)}."
        own = f"--set {dataset.name}.extended='{word}'" if "extended" in dataset.options else "its class's `extended`"
        yield (
            f"'{word}' ({clips} clip{'s' if clips > 1 else ''}) is no emotion of dataset '{dataset.name}': no emotion "
            f"accuracy there. {cure} An extended emotion of your own is declared by {own}."
        )
    if len(count) > MOST_SLIPS:
        yield f"{len(count) - MOST_SLIPS} more labels name no emotion; scores.json has every row."
