"""A protocol is a small toml file that names its metrics and every setting (docs/reference/runs.md, 'Protocols')."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluators import EVALUATORS
from evaluators.unnamed import Unnamed
from harness import metric_names, registry
from harness.errors import UsageError, unknown_name
from harness.evaluator import Evaluator
from harness.guard import Crash, attempt
from harness.sources import code_digest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "protocols"
UNNAMED = "unnamed"  # stands in place of a judge that is bound to other datasets
_KEYS = ("name", "description", "metric")
_MOST = 10**18  # no setting needs a larger number, and Python prints none of 5000 digits


@dataclass(frozen=True)
class ProtocolEntry:
    """Holds one judge of a protocol: its name in the registry, its settings, and the datasets that it is for."""

    evaluator: str  # or the user's own, /path/to/my.py:Class
    settings: Mapping[str, str]
    datasets: tuple[str, ...] = ()  # (): all

    def code(self) -> str:
        """Tells one state of the user's file from another; "" for a judge of ours."""
        path = Path(self.evaluator.rpartition(":")[0])
        return code_digest(path) if registry.is_file_spec(self.evaluator) and path.is_file() else ""


@dataclass(frozen=True)
class EvaluationProtocol:
    """Holds a named list of judges with every setting."""

    name: str
    description: str
    entries: tuple[ProtocolEntry, ...]


def names() -> list[str]:
    """Returns the protocols that ship with the project."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> EvaluationProtocol:
    """Returns the protocol of that name, or the one in the file `name` (path/to/mine.toml)."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not name.endswith(".toml") and name not in names():
        raise unknown_name("protocol", name, names())
    if not path.is_file():
        raise UsageError(f"There is no protocol file '{path}'.", "Give --protocol NAME or a path to a .toml file.")
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # also of 5000 digits, or nested 10 000 deep
        why = "it nests too deep" if isinstance(error, RecursionError) else str(error)[:200].rstrip(".")
        raise UsageError(f"'{path}' is not valid toml: {why}.", "Mend the file.") from error
    for key in data:
        if key not in _KEYS:
            raise unknown_name(f"entry (in '{path.name}')", key, _KEYS)
    items = data.get("metric", ())
    if not items or not all(isinstance(item, dict) for item in items):
        raise UsageError(f"'{path}' names no [[metric]].", "See evaluators/protocols/ for examples.")
    entries: list[ProtocolEntry] = []
    for item in items:
        entry = _entry(path.parent, f" (in '{path.name}')", item)
        if entry.evaluator == item["evaluator"] or entry.evaluator not in EVALUATORS or entry not in entries:
            entries.append(entry)  # but sync_c and sync_d, which one judge gives, are one judge
    return EvaluationProtocol(str(data.get("name", path.stem)), str(data.get("description", "")), tuple(entries))


def single(evaluator: str, settings: Mapping[str, Any]) -> EvaluationProtocol:
    """Returns the protocol of one judge, a name (its metric's too) or my.py:Class, with these settings."""
    judge = judge_of(evaluator)
    return EvaluationProtocol(judge, "", (_entry(Path(), "", {"evaluator": judge, **settings}),))


def judge_of(name: str) -> str:
    """Returns the judge of that name, or the one whose metric is called so (`sync_c`); the name itself if neither is
    known.
    """
    if name in EVALUATORS or registry.is_file_spec(name):
        return name
    judges = {facts.name: judge for judge, spec in EVALUATORS.items() for facts in registry.load(spec).metrics}
    try:
        return judges[metric_names.metric(name, judges)]
    except UsageError:
        return name


def _entry(folder: Path, where: str, item: Mapping[str, Any]) -> ProtocolEntry:
    """One judge as a protocol asks for it; `folder` is where the file of a judge of one's own is looked for."""
    name = judge_of(str(item.get("evaluator", "")))
    registry.resolve(f"evaluator{where}", name, EVALUATORS)  # or UsageError
    if registry.is_file_spec(name):
        file, _, kind = name.rpartition(":")
        name = f"{(folder / Path(file).expanduser()).resolve()}:{kind}"
    settings = {key: value for key, value in item.items() if key not in ("evaluator", "datasets")}
    for key, value in settings.items():
        if not isinstance(value, (str, int, float, Path)) or isinstance(value, bool) or value == "":
            raise UsageError(f"'{key}' of '{name}'{where} is {value!r:.80}.", "A setting is a text or a number.")
        if isinstance(value, int) and abs(value) >= _MOST:
            raise UsageError(f"'{key}' of '{name}'{where} has more than 18 digits.", "Give a smaller number.")
    return ProtocolEntry(name, {key: str(value) for key, value in settings.items()}, _datasets(item, where))


def _datasets(item: Mapping[str, Any], where: str) -> tuple[str, ...]:
    names = item.get("datasets", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"'datasets'{where} is {names!r:.80}.", 'It is a list of names: datasets = ["mead"].')
    return tuple(names)


def for_dataset(protocol: EvaluationProtocol, dataset: str) -> EvaluationProtocol:
    """Returns the protocol with the judges that are for this dataset.

    A kind of judge that is bound to other datasets only keeps a place, whose rows say that the judge must be named
    (evaluators.unnamed): one corpus is never judged by another one's judge in silence.
    """
    bound = {entry.evaluator for entry in protocol.entries if entry.datasets}
    fitting = {entry.evaluator for entry in protocol.entries if not entry.datasets or dataset in entry.datasets}
    kept: list[ProtocolEntry] = []
    for entry in protocol.entries:
        if not entry.datasets or dataset in entry.datasets:
            kept.append(entry)
        elif entry.evaluator in bound - fitting:
            bound.discard(entry.evaluator)
            kept.append(ProtocolEntry(UNNAMED, {"judge": entry.evaluator, "protocol": protocol.name}))
    return replace(protocol, entries=tuple(kept))


def build(protocol: EvaluationProtocol, device: str) -> list[Evaluator]:
    """Returns the judges of a protocol, nothing loaded yet. UsageError for one whose every number another one gives
    already.
    """
    judges: list[Evaluator] = []
    named: set[str] = set()
    for entry in protocol.entries:
        judge = _built(entry, device)
        lines = {str(judge.signature(facts.name)) for facts in judge.metrics}
        if lines <= named:
            raise UsageError(
                f"The protocol '{protocol.name}' asks '{entry.evaluator}' twice for the same.",
                f"Leave one of them out, or change a setting: {min(lines)}",
            )
        named |= lines
        judges.append(judge)
    return judges


def _built(entry: ProtocolEntry, device: str) -> Evaluator:
    """One judge. UsageError, with the way to its contract test, where one of the user's own does not fulfil it."""
    if entry.evaluator == UNNAMED:
        return Unnamed(entry.settings, device)
    if not registry.is_file_spec(entry.evaluator):
        ours: Evaluator = registry.load(EVALUATORS[entry.evaluator])(entry.settings, device)
        return ours
    kind, cure = registry.load(entry.evaluator), f"Type: python bench.py list --check {entry.evaluator}"
    if not (isinstance(kind, type) and issubclass(kind, Evaluator)):
        raise UsageError(f"{entry.evaluator} does not derive from harness.evaluator.Evaluator.", cure)
    made = attempt(lambda: _asked(kind, entry, device))
    if isinstance(made, Crash):
        what = made.reason if made.expected else f"{entry.evaluator} fails: {made.reason}."
        raise UsageError(what, made.cure or cure)
    return made


def _asked(kind: type[Evaluator], entry: ProtocolEntry, device: str) -> Evaluator:
    """The judge, once it has said its metrics and their signatures."""
    judge = kind(entry.settings, device)
    for facts in judge.metrics:
        judge.signature(facts.name)
    return judge
