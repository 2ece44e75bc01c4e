"""This module is `report --study`: it makes a human study of runs, and reads the raters' answers back."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.atomic import replacing
from harness.errors import UsageError, unknown_name

if TYPE_CHECKING:
    from reports.study.key import Key

F = TypeVar("F", bound=Callable[..., Any])
PATH = click.Path(path_type=Path)
_DEFAULTS: Mapping[str, Any] = {
    "raters": 24,
    "items": 30,
    "checks": 4,
    "questions": "realism,sync,emotion,identify",
    "between": "",
}
#: The options of a study, as typed.
STUDY = ("study", "study-answers", "raters", "items", "checks", "questions", "between", "seed")
_OPTIONS = (
    click.option("--study", type=PATH, default=None, metavar="OUT", help="Make a human study of RUNS in this folder."),
    click.option(
        "--study-answers",
        multiple=True,
        type=PATH,
        metavar="CSV...",
        help="Read the answers to --study OUT back: csv files, or folders of them.",
    ),
    click.option("--raters", type=click.IntRange(1, 2000), help="Of the study. [default: 24]"),
    click.option("--items", type=click.IntRange(1, 200), help="A rater answers, checks not counted. [default: 30]"),
    click.option("--checks", type=click.IntRange(0, 50), help="Attention checks a rater. [default: 4]"),
    click.option("--questions", help="With commas. [default: realism,sync,emotion,identify]"),
    click.option("--between", help="Methods to compare, with commas. [default: the contestants]"),
    click.option("--seed", type=click.IntRange(0), help="Of blind names and plan. [default: drawn, kept in the key]"),
)


def study_options(function: F) -> F:
    """Returns the decorator of the options of a human study."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def work(runs: tuple[Path, ...], out: Path | None, given: Mapping[str, Any]) -> bool:
    """Does what the study's options ask for and says whether there were any. Raises UsageError where they do not fit
    each other, and for no run at all.
    """
    asked = {name: value for name, value in given.items() if value not in (None, ())}
    if given["study"] is None:
        if asked:
            raise UsageError(f"--{next(iter(asked)).replace('_', '-')} is about a study.", "Add --study OUT.")
        if not runs:
            raise UsageError("No run is named.", "Type a run's folder.")
        return False
    if given["study_answers"]:
        _read_back(given["study"], [*given["study_answers"], *runs], out)
    elif runs:
        _make(runs, given["study"], dict(_DEFAULTS, **asked))
    else:
        raise UsageError("No run is named to make a study of.", "Type a run's folder, or --study-answers CSV.")
    return True


def _make(runs: tuple[Path, ...], folder: Path, given: Mapping[str, Any]) -> None:
    from reports import tidy
    from reports.load import load_run
    from reports.study.design import QUESTIONS
    from reports.study.material import gather
    from reports.study.publish import Settings, designed, publish

    questions = _names(given["questions"])
    for name in questions:
        if name not in QUESTIONS:
            raise unknown_name("question", name, QUESTIONS)
    data = [load_run(run) for run in runs]
    material = gather(data, _names(given["between"]))
    seed = given["seed"] if given.get("seed") is not None else secrets.randbits(32)
    settings = Settings(given["raters"], given["items"], given["checks"], tuple(questions), seed)
    key = designed(material, settings, tidy.run_names(data))
    page, kept = publish(key, material.files, folder)
    _tell(key, settings.checks, questions)
    click.echo(f"Publish: {page.parent} (any static host). A rater opens index.html?rater=1, another rater=2, …")
    click.echo(f"Keep:    {kept}: it says which method made which clip.")
    click.echo(f"Then:    python bench.py report --study {folder} --study-answers FOLDER_OF_CSV")


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _tell(key: Key, checks: int, questions: list[str]) -> None:
    """Prints who is compared how often, and what is not asked."""
    plain = [item for item in key.items.values() if not item.truth]
    often = Counter((item.question, *sorted(item.methods)) for item in plain)
    each = (
        f"{min(often.values())}" if len(set(often.values())) == 1 else f"{min(often.values())} or {max(often.values())}"
    )
    clips = len({(method, sample) for method, sample, _ in key.clips.values()})
    raters, given = len(key.order), len(next(iter(key.order.values())))
    click.echo(
        f"{', '.join(key.methods)}: {raters} raters, {given} items each, {clips} clips; each question about each"
    )
    click.echo(f"pair of methods (or method) is answered {each} times.")
    gone = [name for name in questions if name not in {item.question for item in plain}]
    if gone:
        click.echo(f"note: not asked: {', '.join(gone)}; no emotion of these clips is known.", err=True)
    if checks and len(plain) == len(key.items):
        why = "no sample has the ground truth with still_face or wrong_audio"
        click.echo(f"note: no attention checks: {why}. A run without --no-anchors has them.", err=True)


def _read_back(folder: Path, answers: list[Path], out: Path | None) -> None:
    from reports.study import key as keys
    from reports.study.answers import read, sort_out
    from reports.study.publish import KEY
    from reports.study.results import results
    from reports.study.text import markdown, to_json

    key = keys.read(folder / KEY)
    found = results(sort_out(read(answers, key), key), key)
    text = markdown(found)
    place = out or folder / "results"
    for name, content in (("study.md", text), ("study.json", to_json(found))):
        with replacing(place / name) as partial:
            partial.write_text(content, encoding="utf-8", newline="\n")
    click.echo(text)
    click.echo(f"{place / 'study.md'}\n{place / 'study.json'}")
