"""`list --check` finds out what kind of class it was given, and runs the contract test of that kind on puppets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from baselines import METHODS
from datasets import DATASETS
from evaluators import EVALUATORS
from harness import registry
from harness.checks import verdict
from harness.dataset import Dataset
from harness.errors import UsageError
from harness.evaluator import Evaluator
from harness.guard import Crash, attempt

if TYPE_CHECKING:
    from evaluators.conformance import Seen

Kind = Literal["method", "metric", "dataset"]
_CLIPS = 3


def check(spec: str, say: Callable[[str], None], root: Path | None = None) -> int:
    """Print one line per check; exit code 0 if all hold, 4 if one does not. `root`: where a dataset lies on disk."""
    kind = kind_of(spec)
    if kind == "method":
        from baselines.conformance import check_method

        return check_method(spec, say)
    if kind == "dataset":
        from datasets.conformance import checks

        return verdict(checks(_dataset(spec, root)), say)
    from evaluators import conformance

    with tempfile.TemporaryDirectory() as folder:
        return verdict(conformance.checks(spec, _puppets(), Path(folder)), say)


def kind_of(spec: str) -> Kind:
    """Returns the kind of a registry's name, or of the class of a file. UsageError where it is neither."""
    if not registry.is_file_spec(spec):
        registry.resolve("method, metric or dataset", spec, {**METHODS, **EVALUATORS, **DATASETS})
        return "metric" if spec in EVALUATORS else "dataset" if spec in DATASETS else "method"
    kind = registry.load(spec)
    if isinstance(kind, type) and issubclass(kind, Evaluator):
        return "metric"
    if isinstance(kind, type) and issubclass(kind, Dataset):
        return "dataset"
    if hasattr(kind, "generate"):
        return "method"
    raise UsageError(
        f"{spec} is no method, metric or dataset.",
        "A method has `generate`; others derive from harness.evaluator.Evaluator or harness.dataset.Dataset (README).",
    )


def _dataset(spec: str, root: Path | None) -> Dataset:
    """The dataset, opened. UsageError where its __init__ fails, MissingError where its files are not there."""
    kind = registry.load(registry.resolve("dataset", spec, DATASETS))
    made = attempt(lambda: kind() if root is None else kind(root=root))
    if isinstance(made, Crash):
        cure = made.cure or ("Add --root DIR, if it needs a folder." if root is None else "Mend its __init__.")
        raise UsageError(made.reason if made.expected else f"{spec} cannot be built: {made.reason}.", cure)
    opened: Dataset = made
    return opened


def _puppets() -> list[Seen]:
    """True clips of puppets, each its own frame-aligned reference."""
    from datasets.puppets.dataset import Puppets
    from evaluators.conformance import Seen

    dataset = Puppets()
    found = []
    for sample in dataset.samples()[:_CLIPS]:
        dataset.materialise(sample)
        assert sample.reference_video is not None
        found.append(Seen(sample, sample.reference_video))
    return found
