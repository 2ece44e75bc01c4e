"""`measure` judges files in one call: no run folder, no command line, and networks that stay loaded between calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cmet_bench.files import DATASET, Files, Given, described, listed, samples
from cmet_bench.measured import Measured, Measures
from evaluators import protocol as protocols
from evaluators.judge import Judge
from harness.errors import UsageError
from harness.reasons import reason
from harness.records import Clip, Row, Sample, Unscored
from harness.runner import summed_up
from harness.signature import Signature
from harness.store import RunStore
from reports.load import load_run
from reports.model import RunData
from reports.tidy import column_names, named

_LANE = "as-published"  # no emotion was given to a method: the clips exist
_judges: dict[tuple[Any, ...], Judge] = {}


def measure(
    files: Files,
    metric: str = "",
    *,
    protocol: str | Path = "",
    emotion: Any = None,
    identity: Any = None,
    reference: Any = None,
    aligned: Any = None,
    image: Any = None,
    audio: Any = None,
    source: Any = None,
    name: str = "clips",
    device: str = "cpu",
    **settings: Any,
) -> Measures:
    """Measure clips by one judge with its settings, or by every judge of a protocol; the numbers by column name.

    files: a path, a folder, a csv (harness/labels_csv.py), a list of these, or mappings with `clip` and what is known
    of it. metric: a judge of `python bench.py list`, its settings as keywords; or protocol: a name, or a toml file.
    emotion, identity, reference (the ground truth), aligned (True: its frame k is frame k of the clip), image (of the
    identity), audio (the driving sound), source (the clip before the edit): one for all clips, a list in their order,
    or a mapping by file name; `reference` may be a folder with files of the clips' names. name: the method's, in
    tables. A clip that cannot be measured says why in `reasons`; UsageError for a slip.
    """
    facts = {"emotion": emotion, "identity": identity, "reference": reference, "aligned": aligned}
    clips = described(listed(files), {**facts, "image": image, "audio": audio, "source": source})
    judge = _judge(_asked(metric, protocol, settings), device)
    with _as_in_runs(), TemporaryDirectory(prefix="cmet-bench-") as folder:
        asked = samples(clips, Path(folder))
        rows = [judge.rows(sample, _clip(one)) for one, sample in zip(clips, asked, strict=True)]
        run = _summed_up(judge, clips, asked, rows, name, Path(folder))
    # Files that this machine lacks may be here at the next call: the weights are fetched, the tool is installed.
    if any(isinstance(row, Unscored) and reason(row.reason).fault == "machine" for found in rows for row in found):
        _let_go(judge)
    return Measures(run, _columns(judge, run, rows))


def forget() -> None:
    """Let go of all networks that earlier calls loaded."""
    _judges.clear()


def _let_go(judge: Judge) -> None:
    for key in [key for key, kept in _judges.items() if kept is judge]:
        del _judges[key]


def _asked(metric: str, protocol: str | Path, settings: Mapping[str, Any]) -> protocols.EvaluationProtocol:
    if bool(metric) == bool(protocol):
        raise UsageError("measure needs a metric or a protocol.", "measure(files, 'lse'), or protocol='standard'.")
    if metric:
        return protocols.single(metric, settings)
    if settings:
        raise UsageError(
            f"A protocol brings its settings: '{next(iter(settings))}'.", "Leave it out, or name a metric."
        )
    return protocols.read(str(protocol))


def _judge(asked: protocols.EvaluationProtocol, device: str) -> Judge:
    """The judge of these settings, of an earlier call where there was one."""
    entries = tuple((entry.evaluator, entry.code(), *sorted(entry.settings.items())) for entry in asked.entries)
    key = (asked.name, device, entries)
    if key not in _judges:
        _judges[key] = Judge(asked, device, DATASET)
    return _judges[key]


@contextmanager
def _as_in_runs() -> Iterator[None]:
    """Torch computes as in a run, with one thread and whole float32, so that a number is the same in both."""
    import torch

    cudnn = torch.backends.cudnn
    threads, tf32, precision = torch.get_num_threads(), cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")
    cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
        cudnn.allow_tf32 = tf32


def _clip(one: Given) -> Clip:
    return Clip(one.path, 0, 0, 0, used="unknown", codec="own")


def _summed_up(
    judge: Judge,
    clips: Sequence[Given],
    asked: Sequence[Sample],
    rows: Sequence[Sequence[Row]],
    name: str,
    folder: Path,
) -> RunData:
    """The rows as a finished run, summed up as every run is."""
    with RunStore(folder) as store:
        store.set_meta("asked", {"methods": [name], "protocol": judge.protocol.name, "lane": _LANE})
        store.add_samples(asked)
        for one, sample, found in zip(clips, asked, rows, strict=True):
            store.put(DATASET, name, sample.id, _clip(one), "")
            store.put_rows(DATASET, name, sample.id, found)
        summed_up(store, judge)
    return replace(load_run(folder), name=name, folder=None)


def _columns(judge: Judge, run: RunData, rows: Sequence[Sequence[Row]]) -> dict[str, Measured]:
    """Column name → its numbers, in the protocol's order."""
    summary = {(row.metric, str(Signature.parse(row.signature).settings())): row for row in run.summary}
    by_line = [{row.signature: row for row in found} for found in rows]
    lines = {(metric, line): summary.get((metric, line)) for _, metric, line in judge.columns()}
    signed = {key: row.signature if row else key[1] for key, row in lines.items()}
    names = {**named((metric, signature) for (metric, _), signature in signed.items()), **column_names([run])}
    return {
        (column := names[metric, signature]): Measured(
            column,
            run.fact(metric, signature),
            signature,
            lines[metric, line],
            tuple(own.get(line) or Unscored(metric, "crashed", line, "the judge gave no row") for own in by_line),
        )
        for (metric, line), signature in signed.items()
    }
