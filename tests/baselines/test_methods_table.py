"""README's table of the methods says what their classes say, and its one command runs all of them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from baselines import ANCHORS, METHODS
from harness import registry, weights
from tests.places import ROOT

CONTESTANTS = [name for name in METHODS if name not in ANCHORS]
SOURCES = {
    "speech": "utterances",
    "label": "a label",
    "image": "a picture",
    "clip": "a clip",
    "driving-speech": "the driving sound",
}
POSES = {"clip": "a clip", "own": "itself", "source": "the source"}
LIPS = {"sound": "sound", "clip": "a clip"}


def section() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.partition("## The methods\n")[2].partition("\n## ")[0]


def rows() -> dict[str, list[str]]:
    lines = [line.strip("|").split("|") for line in section().splitlines() if line.startswith("| `")]
    return {cells[0].strip(" `"): [cell.strip() for cell in cells[1:]] for cells in lines}


def facts(kind: Any) -> list[str]:
    """The cells that follow from a class: emotion, lips, head pose, size, licence."""
    emotion = ", ".join(SOURCES[source] for source in kind.emotion_sources) or "–"
    lips = ", ".join(LIPS[source] for source in getattr(kind, "lips", ("sound",)))
    return [emotion, lips, POSES[kind.pose], str(kind.size), kind.licence]


def test_every_contestant_has_a_row_and_no_other_method() -> None:
    assert sorted(rows()) == sorted(CONTESTANTS)


@pytest.mark.parametrize("name", CONTESTANTS)
def test_a_row_says_what_the_class_says(name: str) -> None:
    assert rows()[name][:5] == facts(registry.load(METHODS[name]))


@pytest.mark.parametrize("name", CONTESTANTS)
def test_what_is_fetched_exists(name: str) -> None:
    for group in re.findall(r"`weights fetch ([\w-]+)`", rows()[name][5]):
        assert weights.select([group])
    for file in re.findall(r"`([\w.-]+)` by hand", rows()[name][5]):
        assert [entry for entry in weights.select() if entry.file == file and not entry.url]


def test_one_command_names_all_of_them() -> None:
    command = section().partition("    python bench.py run ")[2].partition("\n\n")[0]
    assert re.findall(r"--method (\w+)", command) == list(rows())


def test_by_hand_means_page_size_and_what_it_is() -> None:
    (entry,) = [entry for entry in weights.select(["float"]) if not entry.url]
    cure = weights.cure(entry)
    for part in (entry.file, entry.about, entry.source, entry.licence, "autoencoder", "put it at"):
        assert part in cure
