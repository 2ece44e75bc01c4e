"""This module makes `--help` of a verb: options in groups, known names listed and completed by the shell, examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from click.shell_completion import CompletionItem

from harness.provenance import ROOT

Groups = Mapping[str, Sequence[str]]


class Verb(click.Command):
    """Is a click command whose help has its options in groups (title → options as typed, the rest last) and examples
    (arguments after `python bench.py`, or after `#` a remark).
    """

    def __init__(self, *args: Any, groups: Groups | None = None, examples: Sequence[str] = (), **options: Any) -> None:
        super().__init__(*args, **options)
        self.groups, self.examples = dict(groups or {}), tuple(examples)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the groups of options."""
        records = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                records[max(parameter.opts, key=len)] = record
        for title, names in self.groups.items():
            with formatter.section(title):
                formatter.write_dl([records.pop(name) for name in names])
        if records:
            with formatter.section("Others" if self.groups else "Options"):
                formatter.write_dl(list(records.values()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}python bench.py {example}\n")


class Known(click.ParamType):
    """Is the type of an option that takes a known name, and often more (a file of one's own, NAME@part): the verb says
    what is wrong with others. A short list of names stands in the help.
    """

    name = "name"

    def __init__(self, names: Iterable[str], shown: bool = True) -> None:
        self.names, self.shown = tuple(names), shown

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Returns the names as a choice."""
        return f"[{'|'.join(self.names)}]" if self.shown else "NAME"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Returns the names that begin so, and files."""
        begun = [CompletionItem(name) for name in self.names if name.startswith(incomplete)]
        return begun or [CompletionItem(incomplete, type="file")]


def protocols() -> list[str]:
    """Returns the names of the protocols that ship."""
    return sorted(path.stem for path in (ROOT / "evaluators" / "protocols").glob("*.toml"))
