"""This module is shared by corpora with frozen lists: it finds the rows that a folder can serve, and their samples.

A list is served whole or not at all, so that a score never stands for a part by accident. A part has its own name:
`cmet-1143@part` gives exactly the rows that the folder holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from datasets import frozen
from datasets.derived import Length, Lengths, Workshop, make
from datasets.frozen import Row
from datasets.planning import Planned, Planner, SharedEmotion
from harness.dataset import Dataset
from harness.errors import MissingError, UsageError, unknown_name
from harness.records import Sample

PART = "@part"
_SHOWN = 3


@dataclass(frozen=True)
class Part:
    """Names one corpus file that a row needs."""

    name: str  # by the corpus' own grammar, without extension
    role: Literal["picture", "sound"]
    path: Path | None  # None: not there


@dataclass(frozen=True)
class Share:
    """Says how much of a list a folder can serve."""

    list_name: str
    served: int
    expected: int
    lacking: tuple[str, ...]  # files that the other rows need, by name, each once

    @property
    def complete(self) -> bool:
        """Says whether every row can be served."""
        return self.served == self.expected

    def wanted(self) -> str:
        """Says which files the other rows need, in words: how many, and the first of them."""
        return f"lacking {len(self.lacking)} files: {_some(self.lacking)}"

    def __str__(self) -> str:
        return f"{self.list_name}: {self.served} of {self.expected} rows"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def first_of(paths: Iterable[Path | None]) -> Path | None:
    """Returns the first path that is not None."""
    return next((path for path in paths if path is not None), None)


class Listed(Dataset):
    """Reads a corpus on disk through one frozen list. Subclasses say what a row needs and how it becomes a sample."""

    lists: ClassVar[Mapping[str, tuple[str, ...]]]  # user's name → list files; the first is the default
    wanted: ClassVar[str]  # what --root must be, in words
    speech_cure: ClassVar[str] = ""  # what to type where the references are not there

    def __init__(self, root: Path | str | None = None, list_name: str | None = None, **options: Any) -> None:
        for option in options:
            if option not in self.options:
                raise unknown_name(f"option of dataset {self.name}", option, self.options or ("root", "list_name"))
        asked = list_name or next(iter(self.lists))
        self.part = asked.endswith(PART)
        self.list_name = asked.removesuffix(PART) or next(iter(self.lists))
        if self.list_name not in self.lists:
            raise unknown_name(f"list of dataset {self.name}", self.list_name, self.lists)
        if root is None:
            raise MissingError(
                f"Dataset '{self.name}' needs a folder with {self.wanted}.",
                f"Give --root DIR; `python bench.py verify {self.name} DIR` says what a folder can serve.",
            )
        self.root = Path(root).expanduser().resolve()
        if not self.root.is_dir():
            raise UsageError(f"{self.root} is not a folder.", f"Name the folder with {self.wanted}.")
        self.planner = Planner(Workshop(self.name, self.root))
        self.lengths = Lengths(self.name)
        self._by_id: dict[str, Row] | None = None
        self._asked: dict[tuple[str, ...], SharedEmotion] = {}

    # A subclass must define these.

    def row_id(self, row: Row) -> str:
        """Returns the sample id of a row: unique in the list, file-name safe."""
        raise NotImplementedError

    def parts(self, row: Row) -> tuple[Part, ...]:
        """Returns the corpus files that the row needs, present or not."""
        raise NotImplementedError

    def references(self) -> tuple[Part, ...]:
        """Returns the speech that lane `speech` draws on, present or not; no row is refused for the lack of it."""
        return ()

    def training(self) -> tuple[str, ...]:
        """Returns how much the folder holds of the lists that are trained on, one line for each."""
        return ()

    def known_name(self, part: Part) -> str:
        """Returns the part's name as the table of known bad files writes it."""
        return part.name

    def sound_source(self, row: Row) -> Path:
        """Returns the file whose sound drives the sample. Called only for rows that lack nothing."""
        raise NotImplementedError

    def plan(self, row: Row, frames: int) -> Planned:
        """Returns the sample of a row that lacks nothing."""
        raise NotImplementedError

    def hint(self) -> str:
        """Returns advice for a folder that serves nothing, in one sentence; "" if there is none."""
        return ""

    # These follow from them.

    def once(self, key: tuple[str, ...], ask: Callable[[], SharedEmotion]) -> SharedEmotion:
        """Returns the emotion that rows with this key share, made by `ask` for the first of them."""
        if key not in self._asked:
            self._asked[key] = ask()
        return self._asked[key]

    def lacking(self, row: Row) -> list[str]:
        """Returns the names of the files that the row needs and the folder lacks."""
        return [part.name for part in self.parts(row) if part.path is None]

    @property
    def label(self) -> str:
        """Returns the text of the dataset column: the list is named unless it is the default one, served whole."""
        default = next(iter(self.lists))
        if self.list_name == default and not self.part:
            return self.name
        return f"{self.name}:{self.list_name}{PART if self.part else ''}"

    def rows(self) -> tuple[Row, ...]:
        """Returns every row of the list, whether or not the folder holds it."""
        return tuple(row for file in self.lists[self.list_name] for row in frozen.read(file))

    def share(self) -> Share:
        """Says how much of the list the folder can serve, by the presence of files (see `verify` for their health)."""
        gaps = [self.lacking(row) for row in self.rows()]
        names = tuple(dict.fromkeys(name for gap in gaps for name in gap))
        return Share(self.list_name, sum(not gap for gap in gaps), len(gaps), names)

    def samples(self) -> tuple[Sample, ...]:
        """Returns the samples in the order of the list. Raises MissingError when the folder does not hold the list."""
        rows = self.rows()
        here = [row for row in rows if not self.lacking(row)]
        if len(here) < len(rows) and not (self.part and here):
            raise self._incomplete()
        self.lengths.measure(Length("sound", self.sound_source(row)) for row in here)
        planned = [self.plan(row, self.lengths.sound_frames(self.sound_source(row))) for row in here]
        return tuple(plan.sample for plan in planned)

    def _incomplete(self) -> MissingError:
        share = self.share()
        cure = f"`python bench.py verify {self.name} {self.root}` lists all."
        if share.served:
            cure = f"Add --list {self.list_name}{PART} to use exactly these {share.served}. {cure}"
        elif self.hint():
            cure = f"{self.hint()} {cure}"
        return MissingError(f"{self.root} serves {share}; {share.wanted()}.", cure)

    def notices(self) -> tuple[str, ...]:
        """Returns remarks to read before the samples are used: on the rest of a part, and on speech that is not
        there.
        """
        share = self.share() if self.part else None
        remarks = [f"Only a part: {share}. For the rest: {share.wanted()}."] if share and not share.complete else []
        references = self.references()
        absent = [part.name for part in references if part.path is None]
        if absent:
            so = "methods are told the emotion by the others"
            if len(absent) == len(references):
                so = "methods that are told the emotion by speech cannot run"
            remarks.append(
                f"{len(absent)} of the {len(references)} emotional utterances of lane `speech` are not there "
                f"({_some(absent)}): {so}. {self.speech_cure}".rstrip()
            )
        return tuple(remarks)

    def materialise(self, sample: Sample) -> None:
        """Makes the files that the sample needs, unless they are there. Raises MediaError, UsageError."""
        if self._by_id is None:
            self._by_id = {self.row_id(row): row for row in self.rows()}
        if sample.id not in self._by_id:
            raise UsageError(f"'{sample.id}' is not a sample of list {self.list_name} of dataset {self.name}.")
        for recipe in self.plan(self._by_id[sample.id], sample.frames).recipes:
            make(recipe)
