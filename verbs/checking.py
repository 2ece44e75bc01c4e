"""`list --check` finds out what kind of class it was given, and runs the contract test of that kind on puppets."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from baselines import METHODS
from evaluators import EVALUATORS
from harness import registry
from harness.checks import verdict
from harness.errors import UsageError
from harness.evaluator import Evaluator

if TYPE_CHECKING:
    from evaluators.conformance import Seen

Kind = Literal["method", "metric"]
_CLIPS = 3


def check(spec: str, say: Callable[[str], None]) -> int:
    """Print one line per check; exit code 0 if all hold, 4 if one does not. UsageError for what is no contestant."""
    if kind_of(spec) == "method":
        from baselines.conformance import check_method

        return check_method(spec, say)
    from evaluators import conformance

    with tempfile.TemporaryDirectory() as folder:
        return verdict(conformance.checks(spec, _puppets(), Path(folder)), say)


def kind_of(spec: str) -> Kind:
    """What a name of a registry, or the class of a file, is. UsageError where it is neither."""
    if not registry.is_file_spec(spec):
        registry.resolve("method or metric", spec, {**METHODS, **EVALUATORS})
        return "metric" if spec in EVALUATORS else "method"
    kind = registry.load(spec)
    if isinstance(kind, type) and issubclass(kind, Evaluator):
        return "metric"
    if hasattr(kind, "generate"):
        return "method"
    raise UsageError(
        f"{spec} is neither a method nor a metric.",
        "A method has `generate`; a metric derives from harness.evaluator.Evaluator. See the README.",
    )


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
