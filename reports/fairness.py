"""This module says how fair a table is, in sentences below it: what every method was given, and what each really used.

The sentences follow from the facts of the methods' classes, which a run keeps, and from the records of its clips; no
method is named here, and a sentence appears only where it applies.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.emotions import BASIC_EMOTIONS
from reports.layout import Section
from reports.model import Making, RunData

_GIVEN = {
    "label": "the name of the emotion and nothing else of it",
    "reference": "a picture or clip of another face that shows the emotion",
    "speech": "utterances that carry the emotion, never its name",
    "as-published": "what each method's authors gave it, so not the same for all",
}
_SOURCES = {
    "label": "a label",
    "image": "a picture of a face",
    "clip": "a clip of a face",
    "speech": "emotional utterances",
    "driving-speech": "the driving sound itself",
    "none": "nothing",
    "truth": "the ground truth",
}
_MOST = 8  # different values of one remark that are spelled out


@dataclass(frozen=True)
class Note:
    """Holds one sentence. `limit`: it says what a method could not do, so that its numbers are not misread."""

    text: str
    limit: bool = False


@dataclass(frozen=True)
class _Method:
    """Holds one line of the table: the facts of its class, and the records of its clips."""

    label: str
    contestant: bool
    facts: Mapping[str, Any]
    makings: tuple[Making, ...]

    @property
    def made(self) -> tuple[Making, ...]:
        return tuple(making for making in self.makings if making.used)


def fairness(section: Section, runs: Sequence[RunData]) -> list[Note]:
    """Returns the sentences of one section; [] where nothing is known of how its clips were made (`score`)."""
    methods = [_method(section, line.label, line.method, runs[line.run], line.role) for line in section.lines]
    known = [method for method in methods if method.facts and method.makings]
    contestants = [method for method in known if method.contestant]
    if not contestants:
        return []
    notes = [Note(_common(section.lane))]
    notes += [Note(text) for method in contestants for text in _used(method)]
    limits = [text for method in contestants for text in (*_refused(method), *_without_class(method))]
    limits += [text for method in contestants for text in (*_labels_only(method), *_extended_by(method))]
    limits += [text for method in known if not method.contestant for text in _remarks(method, values=False)]
    return [*notes, *(Note(text, limit=True) for text in [*limits, *_own_motion(section)])]


def _method(section: Section, label: str, method: str, run: RunData, role: str) -> _Method:
    makings = tuple(one for one in run.makings if (one.dataset, one.method) == (section.dataset, method))
    return _Method(label, role == "contestant", run.method_facts(method), makings)


def _common(lane: str) -> str:
    told = f" Of the emotion, lane {lane} gives {_GIVEN[lane]}." if lane in _GIVEN else ""
    return (
        "Every method was given the same identity picture, driving sound and pose track of a sample; one encoder wrote "
        f"all clips.{told}"
    )


def _used(method: _Method) -> list[str]:
    """Where the emotion of the clips came from, and the remarks on them."""
    sources = Counter(making.used for making in method.made)
    if not sources:
        return []
    told = _counted({_SOURCES.get(source, source): n for source, n in sources.items()})
    return [f"{method.label} took the emotion from {told}.", *_remarks(method)]


def _counted(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} ({_clips(n)})" for name, n in ordered)


def _clips(count: int) -> str:
    return f"{count} clip{'' if count == 1 else 's'}"


def _remarks(method: _Method, values: bool = True) -> list[str]:
    """The remarks in the records of the clips, each counted; `key: value` remarks by key, if `values` are wanted."""
    plain: Counter[str] = Counter()
    by_key: dict[str, Counter[str]] = defaultdict(Counter)
    for note in (note for making in method.made for note in making.notes):
        key, colon, value = note.partition(": ")
        if colon:
            by_key[key][value] += 1
        else:
            plain[note] += 1
    found = [f"{note} ({_clips(n)})" for note, n in plain.items()]
    if values:
        found += [f"{key}: {_values(counts)}" for key, counts in by_key.items()]
    return [f"{method.label}: {'; '.join(found)}."] if found else []


def _values(counts: Counter[str]) -> str:
    numbers = len(counts) > 1 and all(value.isdigit() for value in counts)  # seeds
    return f"{len(counts)} different ones" if numbers or len(counts) > _MOST else _counted(counts)


def _refused(method: _Method) -> list[str]:
    counts = Counter(making.refused for making in method.makings if making.refused)
    return [f"{method.label} made no clip of {n} of {len(method.makings)} samples: {why}." for why, n in counts.items()]


def _without_class(method: _Method) -> list[str]:
    """The basic emotions that are asked for and that a method with a list of labels does not have."""
    labels = tuple(method.facts.get("labels") or ())
    asked = Counter(making.emotion for making in method.makings)
    absent = {name: n for name, n in asked.items() if name in BASIC_EMOTIONS and name not in labels} if labels else {}
    return [
        f"{method.label} has no class for {name}, which {_clips(n)} ask{'s' if n == 1 else ''} for."
        for name, n in absent.items()
    ]


def _extended(method: _Method) -> list[Making]:
    return [one for one in method.made if one.emotion and one.emotion not in BASIC_EMOTIONS]


def _labels_only(method: _Method) -> list[str]:
    """The ceiling of a method that sees extended emotions as basic labels: the best guess from the label alone."""
    seen = [one for one in _extended(method) if one.label]
    if not seen:
        return []
    by_label: dict[str, Counter[str]] = defaultdict(Counter)
    for one in seen:
        by_label[one.label][one.emotion] += 1
    ceiling = 100 * sum(max(counts.values()) for counts in by_label.values()) / len(seen)
    shown = _counted({label: sum(counts.values()) for label, counts in by_label.items()})
    asked = len({one.emotion for one in seen})
    emotions = f"{asked} extended emotion{'' if asked == 1 else 's'}"
    return [
        f"{method.label} saw {emotions} as basic labels: {shown}. Its ceiling: who knows these labels alone names at "
        f"most {ceiling:.1f} % of the {_clips(len(seen))} rightly."
    ]


def _extended_by(method: _Method) -> list[str]:
    how = method.facts.get("extended_only_by")
    if not how or all(one.emotion in BASIC_EMOTIONS for one in method.makings):
        return []
    return [f"{method.label} reaches extended emotions only by {how}."]


def _own_motion(section: Section) -> list[str]:
    found = []
    for line in section.lines:
        cells = zip(section.columns, line.cells, strict=True)
        marked = dict.fromkeys(column.fact.title for column, cell in cells if cell is not None and cell.unaligned)
        if marked:
            found.append(
                f"{line.label} does not move the head along the pose track: {', '.join(marked)} (§) "
                "compare frames that do not correspond, and are not ranked."
            )
    return found
