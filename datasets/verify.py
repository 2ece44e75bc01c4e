"""This module says whether a corpus on disk is complete and whole, and which lists it can serve."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import DATASETS
from datasets.health import PROBLEMS, CorpusFinding, Health, Task, examine, known_bad
from datasets.listed import Listed, Part, Share
from datasets.mead import Mead
from datasets.numbering import shifts
from datasets.strays import strays
from harness import csv_cells, registry
from harness.atomic import replacing
from harness.errors import EXIT_FINE, EXIT_MISSING, UsageError
from harness.guard import Crash
from harness.parallel import each

_MISMATCH_SECONDS = 0.5
_SHOWN = 5
_SYNONYMS = {"meld": "meld_extended"}  # what `prepare` calls its speech
_KNOWN_AS = {"mead": ("mead",), "crema_d": ("crema_d",), "meld_extended": ("meld", "mead")}


@dataclass(frozen=True)
class Report:
    """Holds the findings in one corpus. `shares` counts only rows whose files are all whole."""

    corpus: str
    root: Path
    list_name: str  # the list that decides the exit code
    part: bool  # whether a part of it is enough
    findings: tuple[CorpusFinding, ...]
    shares: tuple[Share, ...]
    references: tuple[int, int]  # speech references here and expected
    training: tuple[str, ...]  # what there is of the lists that are trained on
    files: int  # decoded

    @property
    def exit_code(self) -> int:
        """Returns 0 if the list can be served whole (any of it, where a part was asked for), 5 if it cannot."""
        share = next(share for share in self.shares if share.list_name == self.list_name)
        return EXIT_FINE if share.complete or (self.part and share.served) else EXIT_MISSING

    def counts(self) -> Counter[str]:
        """Returns the number of findings by problem."""
        return Counter(finding.problem for finding in self.findings)

    def text(self) -> str:
        """Returns the report for the terminal: shares, then each problem with its first files and its cure."""
        lines = [f"{self.corpus} in {self.root}: {self.files} files decoded"]
        for share in self.shares:
            mark = "complete" if share.complete else f"{100 * share.served / share.expected:.1f} %"
            lines.append(f"  {share} ({mark})")
        here, expected = self.references
        if expected:
            lines.append(f"  speech references: {here} of {expected}")
        lines += [f"  {line}" for line in self.training]
        counts = self.counts()
        for problem, about in PROBLEMS.items():
            if counts[problem]:
                lines += [f"{problem} ({about.weight}): {counts[problem]}. {about.about}. {about.cure}"]
                lines += [f"  {line}" for line in self._examples(problem)]
        return "\n".join(lines)

    def _examples(self, problem: str) -> list[str]:
        examples = [finding for finding in self.findings if finding.problem == problem]
        lines = [f"{finding.path or finding.name}  {finding.detail}".rstrip() for finding in examples[:_SHOWN]]
        return lines + ([f"… and {len(examples) - _SHOWN} more"] if len(examples) > _SHOWN else [])

    def write_csv(self, path: Path) -> None:
        """Writes all findings: problem, weight, clip, file, detail, cure. Raises MediaError if it cannot be written."""
        with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["problem", "weight", "clip", "file", "detail", "cure"])
            for finding in self.findings:
                about = PROBLEMS[finding.problem]
                row = [finding.problem, about.weight, finding.name, finding.path, finding.detail, about.cure]
                writer.writerow([csv_cells.cell(value) for value in row])


def verify(
    corpus: str,
    root: Path | str,
    list_name: str | None = None,
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
    **options: Any,
) -> Report:
    """Checks every file that a list of `corpus` needs by decoding it whole, and every name under `root`.

    All lists of the corpus are reported; `list_name` (default: the corpus' first) decides the exit code; with
    `NAME@part` any row is enough. `options` are those of the dataset. Raises UsageError for a corpus without lists,
    MissingError if `root` is no folder.
    """
    corpus = _SYNONYMS.get(corpus, corpus)
    kind = registry.load(registry.resolve("dataset", corpus, DATASETS))
    if not issubclass(kind, Listed):
        raise UsageError(f"'{corpus}' has no lists to verify.", "Corpora: mead, crema_d, meld_extended.")
    views = [kind(root=root, list_name=name, **options) for name in kind.lists]
    asked = kind(root=root, list_name=list_name, **options)
    return _Verification(corpus, views, asked, jobs, progress).report()


class _Verification:
    def __init__(
        self, corpus: str, views: list[Listed], asked: Listed, jobs: int, progress: Callable[[int, int], None] | None
    ) -> None:
        self._corpus, self._views, self._asked = corpus, views, asked
        self._jobs, self._progress = jobs, progress
        self._root = views[0].root

    def report(self) -> Report:
        parts = {view.list_name: [view.parts(row) for row in view.rows()] for view in self._views}
        wanted = list(dict.fromkeys(part for rows in parts.values() for row in rows for part in row))
        references = list(dict.fromkeys(self._views[0].references()))
        health = self._examine([*wanted, *references])
        findings = list(dict.fromkeys(self._all(wanted, references, health)))
        blocked = {(finding.name, finding.path) for finding in findings if finding.blocks}
        return Report(
            corpus=self._corpus,
            root=self._root,
            list_name=self._asked.list_name,
            part=self._asked.part,
            findings=tuple(sorted(findings, key=lambda f: (list(PROBLEMS).index(f.problem), f.name, f.path))),
            shares=tuple(self._share(name, rows, blocked) for name, rows in parts.items()),
            references=(sum(not self._bad(part, blocked) for part in references), len(references)),
            training=self._asked.training(),
            files=len(health),
        )

    def _examine(self, parts: list[Part]) -> dict[tuple[str, Path], Health]:
        tasks = {(part.role, part.path): Task(part.name, part.role, part.path) for part in parts if part.path}
        health: dict[tuple[str, Path], Health] = {}
        for done in each(examine, list(tasks.values()), self._jobs):
            task, result = done.item, done.result
            if isinstance(result, Crash):
                result = Health(task, (("corrupt", result.reason),))
            health[task.role, task.path] = result
            if self._progress is not None:
                self._progress(len(health), len(tasks))
        return health

    def _all(
        self, wanted: list[Part], references: list[Part], health: dict[tuple[str, Path], Health]
    ) -> Iterator[CorpusFinding]:
        view = self._views[0]
        for part in [*wanted, *references]:
            if part.path is None:
                if part in wanted:
                    yield CorpusFinding("missing", part.name, "", f"{part.role} of a list's row")
                continue
            for problem, detail in health[part.role, part.path].problems:
                yield CorpusFinding(problem, part.name, self._shown(part.path), detail)
            known = known_bad(_KNOWN_AS[self._corpus], view.known_name(part))
            if known:
                yield CorpusFinding("known_bad", part.name, self._shown(part.path), known)
        yield from self._mismatches(wanted, health)
        yield from self._duplicates(health)
        yield from strays(self._corpus, self._root)
        if isinstance(view, Mead):
            order = "public" if self._asked.list_name == "eat-100" else "cmet"
            yield from shifts(view.tree.canonical_clips(), order)

    def _shown(self, path: Path) -> str:
        return str(path.relative_to(self._root)) if path.is_relative_to(self._root) else str(path)

    def _mismatches(self, wanted: list[Part], health: dict[tuple[str, Path], Health]) -> Iterator[CorpusFinding]:
        seconds: dict[str, dict[str, float]] = {}
        paths: dict[str, Path] = {}
        for part in wanted:
            if part.path is not None and health[part.role, part.path].seconds:
                seconds.setdefault(part.name, {})[part.role] = health[part.role, part.path].seconds
                paths[part.name] = part.path
        for name, both in seconds.items():
            if len(both) == 2 and abs(both["picture"] - both["sound"]) > _MISMATCH_SECONDS:
                detail = f"picture {both['picture']:.2f} s, sound {both['sound']:.2f} s"
                yield CorpusFinding("length_mismatch", name, self._shown(paths[name]), detail)

    def _duplicates(self, health: dict[tuple[str, Path], Health]) -> Iterator[CorpusFinding]:
        first: dict[str, Path] = {}
        for (_, path), result in sorted(health.items(), key=lambda entry: str(entry[0][1])):
            blocked = any(PROBLEMS[code].weight == "blocks" for code, _ in result.problems)
            if blocked or not result.digest:
                continue
            twin = first.setdefault(result.digest, path)
            if twin != path:
                yield CorpusFinding(
                    "duplicate", result.task.name, self._shown(path), f"same bytes as {self._shown(twin)}"
                )

    def _bad(self, part: Part, blocked: set[tuple[str, str]]) -> bool:
        return part.path is None or (part.name, self._shown(part.path)) in blocked

    def _share(self, name: str, rows: list[tuple[Part, ...]], blocked: set[tuple[str, str]]) -> Share:
        lacking = [[part.name for part in row if self._bad(part, blocked)] for row in rows]
        names = tuple(dict.fromkeys(gap for gaps in lacking for gap in gaps))
        return Share(name, sum(not gaps for gaps in lacking), len(rows), names)
