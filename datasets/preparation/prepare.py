"""`prepare` writes a corpus as the official tools and our training read it: cropped, 25 fps, 16 kHz mono, with
features.

Resumable: every file appears whole, so a run that was killed goes on where it stopped and ends with the same files.
A clip that fails costs only itself; it is listed in cmet-bench/failures.csv and not tried again until its file changes.
"""

from __future__ import annotations

import csv
import fcntl
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from datasets.preparation.jobs import FAILURES, OWN, Job, fingerprint, read_failures
from datasets.preparation.sources import jobs_of, source_of
from datasets.preparation.stages import SEARCH_EVERY, SIZE, STAGES, PreparationPlan, Stage, StageResult, needed, work
from harness import csv_cells, registry
from harness.atomic import cannot_write, replacing, sweep
from harness.errors import EXIT_FINE, EXIT_MISSING, MissingError, UsageError, unknown_name
from harness.guard import Crash
from harness.parallel import each

SETTINGS = f"{OWN}/settings.json"
PACKED = f"{OWN}/features.safetensors"
LOCK = f"{OWN}/lock"
_SCHEMA = 1


@dataclass(frozen=True)
class Prepared:
    """Holds the counts and failures of one run."""

    out: Path
    clips: int
    made: int  # clips that something was made for
    failures: tuple[tuple[str, str, str], ...]  # (clip, stage, reason), old ones too

    @property
    def exit_code(self) -> int:
        """Returns 0 unless not a single clip could be prepared."""
        return EXIT_MISSING if len(self.failures) == self.clips else EXIT_FINE

    def text(self) -> str:
        """Returns the counts and failures for the terminal."""
        ready = self.clips - len(self.failures)
        lines = [f"{self.out}: {ready} of {self.clips} clips ready, {self.made} worked on now."]
        lines += [f"  {clip}: {stage}: {reason}" for clip, stage, reason in self.failures[:5]]
        if len(self.failures) > 5:
            lines.append(f"  … and {len(self.failures) - 5} more in {self.out / FAILURES}")
        return "\n".join(lines)


def prepare(
    corpus: str,
    root: Path | str,
    out: Path | str,
    plan: PreparationPlan,
    jobs: int = 1,
    remap: Path | None = None,
    split: str | None = None,
    retry: bool = False,
    pack: str | None = None,
    ready: Callable[[], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Does every stage of `plan` for every clip of `corpus` under `root`.

    corpus: a name of datasets.preparation.SOURCES, or path/to/file.py:Class. `out` becomes C-MET's FPS25 tree. `pack`
    names a function ("module:function", called as (tree, file)) that packs the features of a corpus that training
    reads into one file. `retry` tries failed clips again. `ready` is called before the first clip, if there is one to
    do, and raises what is missing. Raises MissingError where nothing is to be found, a network is missing or the disk
    is full, UsageError where the settings differ from those of `out`.
    """
    root, out = Path(root).expanduser().resolve(), Path(out).expanduser().resolve()
    _check(plan)
    source = source_of(corpus, remap, split)
    every = jobs_of(source, root, out)
    failed = {} if retry else _known_failures(out, every)
    todo = [job for job in every if job.name not in failed and needed(job, plan.stages)]
    if todo and ready is not None:
        ready()
    with _alone(out):
        _settle(out, source.name, plan, remap)
        outcomes = _run(out, todo, plan, jobs, progress)
        _write_failures(out, every, {**failed, **_failures(outcomes)})
        if pack is not None and source.packs and not (out / PACKED).exists():
            registry.load(pack)(out, out / PACKED)
    failures = tuple((row["clip"], row["stage"], row["reason"]) for row in read_failures(out).values())
    return Prepared(out, len(every), sum(bool(o.made) for o in outcomes.values()), failures)


def _check(plan: PreparationPlan) -> None:
    for stage in plan.stages:
        if stage not in STAGES:
            raise unknown_name("stage", stage, STAGES)
    for stage, network in (("speech", plan.speech), ("codes", plan.codes)):
        if stage in plan.stages and network is None:
            raise MissingError(f"Stage '{stage}' needs its network.", "Name its weights, or leave the stage out.")
    if "codes" in plan.stages and "crop" not in plan.stages:
        raise UsageError("Stage 'codes' reads what stage 'crop' makes.", "Add --stage crop.")
    if "speech" in plan.stages and "sound" not in plan.stages:
        raise UsageError("Stage 'speech' reads what stage 'sound' makes.", "Add --stage sound.")


def _run(
    out: Path, todo: Sequence[Job], plan: PreparationPlan, jobs: int, progress: Callable[[int, int], None] | None
) -> dict[str, StageResult]:
    if todo:
        sweep(out)
        (out / PACKED).unlink(missing_ok=True)  # a run that is killed must not leave one that lacks clips
    outcomes: dict[str, StageResult] = {}
    try:
        for done in each(partial(work, plan=plan), todo, jobs):
            result = done.result
            outcomes[done.item.name] = StageResult((), "worker", result.reason) if isinstance(result, Crash) else result
            if progress is not None:
                progress(len(outcomes), len(todo))
    finally:
        if todo:
            sweep(out)  # a worker that is ended beside a dying one, or by Ctrl-C, may leave half a file
    return outcomes


def _failures(outcomes: dict[str, StageResult]) -> dict[str, tuple[str, str]]:
    return {name: (outcome.stage, outcome.reason) for name, outcome in outcomes.items() if outcome.stage}


def _known_failures(out: Path, jobs: Sequence[Job]) -> dict[str, tuple[str, str]]:
    """Clips that failed before and whose files nobody touched since."""
    before = read_failures(out)
    again = (job for job in jobs if job.name in before)
    same = (job for job in again if before[job.name]["source"] == fingerprint(job))
    return {job.name: (before[job.name]["stage"], before[job.name]["reason"]) for job in same}


def _write_failures(out: Path, jobs: Sequence[Job], failures: dict[str, tuple[str, str]]) -> None:
    rows = [(job.name, *failures[job.name], fingerprint(job)) for job in jobs if job.name in failures]
    old = read_failures(out)
    if (out / FAILURES).exists() and [tuple(row.values()) for row in old.values()] == rows:
        return
    with replacing(out / FAILURES) as partial_file, partial_file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["clip", "stage", "reason", "source"])
        writer.writerows([csv_cells.cell(value) for value in row] for row in rows)


def _settle(out: Path, corpus: str, plan: PreparationPlan, remap: Path | None) -> None:
    """Record what `out` is made with; refuse to mix settings in one folder. A stage may be added later."""
    networks = {name: asdict(network) for name in ("faces", "speech", "codes") if (network := getattr(plan, name))}
    now = {
        "schema": _SCHEMA,
        "corpus": corpus,
        "size": SIZE,
        "search_every": SEARCH_EVERY,
        "remap": remap.read_text(encoding="utf-8") if remap else "",
        **{f"network_{name}": json.loads(json.dumps(network, default=str)) for name, network in networks.items()},
    }
    path = out / SETTINGS
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    differing = [key for key, value in now.items() if key in before and before[key] != value]
    if differing:
        raise UsageError(
            f"{out} was prepared with other settings ({', '.join(differing)}).", "Give another OUT, or delete it."
        )
    if {**before, **now} != before:
        with replacing(path) as partial_file:
            partial_file.write_text(json.dumps({**before, **now}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Make and hold the folder: two runs into one OUT would sweep each other's files."""
    try:
        (out / OWN / "front").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(f"Another prepare is writing into {out}.", "Wait for it, or give another OUT.") from None
        yield


__all__ = ["PACKED", "STAGES", "PreparationPlan", "Prepared", "Stage", "prepare"]
