"""This module writes the verdict as JUnit XML that the strict schema of Ant's reports takes as well.

That schema wants a host, a time stamp without a zone, seconds, `properties` first and `system-out`, `system-err` last
in each suite, and a `type` with each failure; a case that passed has no text of its own.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from xml.etree import ElementTree

from harness.streams import printable
from reports.gate.text import conclusion, ordered, plain, words
from reports.gate.verdict import CellVerdict, Verdict

_TAGS = {"worse": "failure", "cannot compare": "error"}


@dataclass(frozen=True)
class Circumstances:
    """Says when, where and how long a comparison was made."""

    at: datetime
    host: str
    seconds: float

    @classmethod
    def since(cls, started: datetime) -> Circumstances:
        """Returns those of a comparison on this machine that began at `started` (with a time zone) and ends now."""
        seconds = (datetime.now(timezone.utc) - started).total_seconds()
        return cls(started, platform.node() or "unknown", seconds)


def junit(verdict: Verdict, made: Circumstances) -> str:
    """Returns JUnit XML: one test case a number; `worse` is a failure, `cannot compare` an error."""
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", _attributes(verdict, made))
    ElementTree.SubElement(suite, "properties")
    if verdict.fatal:
        _case(suite, "compare", "comparable", "error", conclusion(verdict))
    for cell in ordered(verdict.cells):
        what = f"{cell.state}: {words(cell)}"
        _case(suite, f"{cell.dataset}.{cell.method}", cell.title, _TAGS.get(cell.state, ""), what)
    ElementTree.SubElement(suite, "system-out").text = plain(verdict)
    ElementTree.SubElement(suite, "system-err")
    text: str = ElementTree.tostring(root, encoding="unicode", xml_declaration=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _attributes(verdict: Verdict, made: Circumstances) -> dict[str, str]:
    return {
        "id": "0",
        "package": "cmet-bench",
        "name": "compare",
        "timestamp": made.at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"),
        "hostname": printable(made.host),
        "tests": str(len(verdict.cells) + bool(verdict.fatal)),
        "failures": str(_count(verdict.cells, "worse")),
        "errors": str(_count(verdict.cells, "cannot compare") + bool(verdict.fatal)),
        "time": f"{made.seconds:.3f}",
    }


def _count(cells: Sequence[CellVerdict], state: str) -> int:
    return sum(cell.state == state for cell in cells)


def _case(suite: ElementTree.Element, group: str, name: str, tag: str, what: str) -> None:
    names = {"classname": printable(group), "name": printable(name), "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", names)
    if tag:
        ElementTree.SubElement(case, tag, {"type": tag, "message": printable(what)})
