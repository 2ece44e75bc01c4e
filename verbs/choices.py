"""This module holds the options that several verbs share, and their defaults."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from baselines.options import number
from datasets import DATASETS
from harness import registry
from harness.dataset import Dataset
from harness.devices import AUTO
from harness.errors import UsageError, unknown_name
from harness.records import LANES
from verbs.help import Known, Verb, protocols

F = TypeVar("F", bound=Callable[..., Any])

RUNS = Path("runs")

#: Which protocol a dataset is judged by when none is named: the small networks fit only the puppets.
DEFAULT_PROTOCOL = {"puppets": "demo"}


def protocol_for(dataset: str, asked: str | None) -> str:
    """Returns the protocol named, or the dataset's default."""
    return asked or DEFAULT_PROTOCOL.get(dataset, "standard")


def dataset_name(asked: str) -> str:
    """Returns the name of a dataset: as typed, or the class's own for path/to/my.py:Class."""
    return own_name("dataset", asked) if registry.is_file_spec(asked) else asked


def own_name(what: str, spec: str) -> str:
    """Returns the name of a method or dataset of the user's, which is also a folder's. UsageError where it has no such
    name.
    """
    kind = registry.load(spec)
    if what == "dataset" and not (isinstance(kind, type) and issubclass(kind, Dataset)):
        raise UsageError(f"{spec} does not derive from harness.dataset.Dataset.", "See the README.")
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_-]+", name):
        told = "no attribute `name`" if name is None else f"the name {name!r}"
        raise UsageError(
            f"The {what} {spec} has {told}.", "Give its class a name of a-z, 0-9, _ and -, as in the README."
        )
    return name


def settings(pairs: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Returns `--set NAME.KEY=VALUE` pairs as {name: {key: value}}."""
    pairs_by_name: dict[str, dict[str, str]] = {}
    for pair in pairs:
        left, equals, value = pair.partition("=")
        name, dot, key = left.partition(".")
        if not (equals and dot and name and key):
            raise UsageError(f"--set '{pair}' is not NAME.KEY=VALUE.", "Example: --set cmet.num_samples=5")
        pairs_by_name.setdefault(name, {})[key] = value
    return pairs_by_name


def split_timeouts(
    options: Mapping[str, Mapping[str, str]],
) -> tuple[dict[str, dict[str, str]], dict[str, float]]:
    """Returns the options of methods without `timeout`, and the timeouts in seconds by method: they are the harness's,
    move no result, and may differ when a run goes on.
    """
    own = {name: {key: value for key, value in given.items() if key != "timeout"} for name, given in options.items()}
    timeouts = {}
    for name, given in options.items():
        if "timeout" in given:
            timeouts[name] = number(given, name, "timeout", 0.0)
            if timeouts[name] <= 0:
                raise UsageError(
                    f"--set {name}.timeout={given['timeout']} leaves no time.", f"Example: --set {name}.timeout=1200"
                )
    return {name: given for name, given in own.items() if given or name not in timeouts}, timeouts


def dataset_settings(dataset: str, pairs: tuple[str, ...]) -> dict[str, str]:
    """Returns `--set KEY=VALUE` pairs, DATASET.KEY=VALUE too, of a verb that knows only one dataset."""
    own = f"{dataset}."
    for pair in pairs:
        if "=" not in pair[1:]:
            raise UsageError(f"--set '{pair}' is not KEY=VALUE.", "Example: --set remap=mine.csv")
    return settings(tuple(pair if pair.startswith(own) else own + pair for pair in pairs)).get(dataset, {})


def check_lane(lane: str) -> str:
    """Returns the lane, or a UsageError with a suggestion."""
    if lane not in LANES:
        raise unknown_name("lane", lane, LANES)
    return lane


class SpeechCommand(Verb):
    """Is a verb whose speech options take several values in a row, as a shell writes `happy/*.wav`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse with the options repeated before each further value."""
        return super().parse_args(ctx, in_a_row(in_a_row(args, "--emotion-speech"), "--neutral-speech"))


def in_a_row(args: Sequence[str], option: str) -> list[str]:
    """Returns `--x a b` as `--x a --x b`; values after any other option are left as they are."""
    given: list[str] = []
    values = -1  # so many of the option's values came by now; -1: another option's turn
    for arg in args:
        if arg.startswith("-"):
            values = 0 if arg == option else -1
        elif values >= 0:
            given += [option] if values else []
            values += 1
        given.append(arg)
    return given


def device_option(function: F) -> F:
    """Returns the decorator of the option --device."""
    known = Known((AUTO, "cpu", "cuda", "cuda:1", "mps"))
    told = "Where networks run; auto: a GPU that computes as the CPU does, else the CPU."
    return click.option("--device", type=known, default=AUTO, show_default=True, help=told)(function)


def typed(context: click.Context) -> list[str]:
    """Returns the names of the options that stand on the command line."""
    there = click.core.ParameterSource.COMMANDLINE
    return [name for name in context.params if context.get_parameter_source(name) == there]


def protocol_option(default: str) -> Callable[[F], F]:
    """Returns the decorator of the option --protocol."""
    told = f"How clips are judged (`list`), or a toml file of yours. [default: {default}]"
    return click.option("--protocol", type=Known(protocols()), default=None, help=told)


def dataset_options(default: str, told: str) -> Callable[[F], F]:
    """Returns the decorator of the options --dataset, --root and --list; told: what the dataset is for."""

    def decorate(function: F) -> F:
        part = "A frozen test list of the dataset (see `list`); NAME@part: what is there of it."
        root = click.Path(path_type=Path)
        function = click.option("--list", "list_name", metavar="NAME", default=None, help=part)(function)
        function = click.option("--root", type=root, default=None, help="Where the dataset lies on disk.")(function)
        return click.option("--dataset", type=Known(DATASETS), default=default, show_default=True, help=told)(function)

    return decorate


def jobs_option(function: F) -> F:
    """Returns the decorator of the option --jobs."""
    told = "Worker processes. [default: as many as cores and free memory allow; one a GPU]"
    return click.option("--jobs", type=click.IntRange(1), default=None, help=told)(function)


def out_option(default: str) -> Callable[[F], F]:
    """Returns the decorator of the option --out, a folder."""
    return click.option(
        "--out", type=click.Path(path_type=Path), default=None, help=f"Output folder. [default: {default}]"
    )


def columns_option(function: F) -> F:
    """Returns the decorator of the option --columns."""
    told = "Metrics printed (report: in table.tex too): headline, all, or names with commas. [default: headline]"
    return click.option("--columns", default="headline", help=told)(function)


@contextmanager
def device_said(device: str) -> Iterator[None]:
    """Turn what Apple's MPS device refuses into one sentence: parts of torch are not made for it."""
    try:
        yield
    except (NotImplementedError, TypeError, RuntimeError) as error:
        if not device.startswith("mps"):
            raise
        first = str(error).partition("\n")[0].rstrip(".")
        raise UsageError(
            f"This Mac's MPS device cannot do a part of the work: {first}.",
            "Use --device cpu, or set PYTORCH_ENABLE_MPS_FALLBACK=1: that part then runs on the CPU.",
        ) from error
