"""What a run ends with on the terminal: clips that could not be made have their reason and their cure there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import registry
from harness.records import Emotion, Failed, Lane, Sample
from harness.store import RunStore
from harness.worker import unsupported
from tests.places import ROOT, shown_in_readme
from verbs.outcome import not_made


def sample(name: str, label: str = "happy") -> Sample:
    heard = Emotion(label, label, speech=(Path("a.wav"),))
    return Sample(name, "set", "p", heard, Path("a.png"), Path("a.wav"), 9)


def test_the_commonest_reasons_come_first_and_the_rest_is_counted(tmp_path: Path) -> None:
    ends = [*["no voice."] * 3, *["no face"] * 2, *(f"frame {k} is odd" for k in range(5))]
    with RunStore(tmp_path) as store:
        store.add_samples(sample(str(k)) for k in range(len(ends)))
        for k, reason in enumerate(ends):
            cure = "Type more." if reason == "no face" else ""
            store.put("set", "mine", str(k), Failed("crashed", reason, cure), "x")
    told = not_made(tmp_path)
    assert told[:2] == ["mine, 3 clips: no voice.", "mine, 2 clips: no face. Type more."]
    assert told[2] == "mine, 1 clip: frame 0 is odd."
    assert told[-1] == "2 clips more; see the page."
    assert len(told) == 6
    with RunStore(tmp_path) as store:  # the list has one sample now: what became of the others is shown nowhere
        store.add_samples([sample("3")], complete=True)
    assert not_made(tmp_path) == ["mine, 1 clip: no face. Type more."]


def test_a_run_in_which_all_went_well_says_nothing(tmp_path: Path) -> None:
    with RunStore(tmp_path) as store:
        store.add_samples([sample("a")])
    assert not_made(tmp_path) == []


@pytest.mark.parametrize(
    ("sources", "lane", "cure"),
    [
        (("label",), "speech", "--lane label, or --lane as-published"),
        (("image", "clip"), "speech", "--lane reference, or"),
        (("label", "image"), "speech", "--lane label or --lane reference, or"),
        (("label",), "label", ""),  # the lane is right, the sample has no label
        (("image",), "as-published", ""),
        (("tarot",), "speech", ""),
    ],
)
def test_a_refusal_names_the_lane_that_would_do(sources: tuple[str, ...], lane: Lane, cure: str) -> None:
    method = type("Mine", (), {"name": "mine", "emotion_sources": sources})()
    found = unsupported(method, Sample("s", "set", "p", Emotion(""), Path("a"), Path("b"), 9), lane)
    assert found is not None
    assert cure in found.cure
    assert bool(found.cure) == bool(cure)


def test_the_lane_that_the_readme_types_takes_the_method_that_it_shows(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (tmp_path / "my.py").write_text(shown_in_readme("class Mine"), encoding="utf-8")
    method = registry.load(f"{tmp_path / 'my.py'}:Mine")({}, "cpu")
    typed = re.search(r"run --method my\.py:Mine.*--lane (\S+)", text)
    assert typed is not None
    assert unsupported(method, sample("s"), typed[1]) is None  # type: ignore[arg-type]
    assert unsupported(method, sample("s"), "speech") is not None
