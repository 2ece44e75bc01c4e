"""A clip's id is a function of its own path: of no neighbour, locale, or way of writing an accent."""

from __future__ import annotations

import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from datasets.clip_ids import clip_id, unique_ids
from tests.places import ROOT

PLAIN = {"a.mp4": "a", "A.mp4": "A", "M003_happy-3.v2.mp4": "M003_happy-3.v2", "sub/deep/a.mp4": "sub__deep__a"}
ENDINGS = {"a.mov": "a.mov", "a.MP4": "a.MP4", "sub/a.AVI": "sub__a.AVI", "b.wav": "b", "a/b.mp4": "a__b"}
OTHER = ("演示.mp4", "测试.mp4", "b ü.mp4", "b_ü.mp4", "é.mp4", "-x.mp4", ".mp4", "folder é/a.mp4", "a" * 300 + ".mp4")
ALIKE = (
    "a__b.mp4",
    "sub/a__b.mp4",
    "a_/b.mp4",
    "a/_b.mp4",
    "a___b.mp4",
    "a.mov.mp4",
    "a.mp4.mp4",
    "a.MP4.wav",
    "a.wmv",
    "a.b.wmv",
)


def test_plain_names_are_their_own_ids() -> None:
    assert {name: clip_id(Path(name)) for name in PLAIN | ENDINGS} == PLAIN | ENDINGS


def test_a_name_from_which_another_path_would_be_read_has_a_mark_also_alone() -> None:
    for name in ALIKE:
        assert (len(clip_id(Path(name)).rpartition("-")[2]) == 12) == (name != "a/_b.mp4"), name


@pytest.mark.parametrize("name", [*PLAIN, *ENDINGS, *OTHER, *ALIKE])
def test_other_clips_do_not_change_an_id(name: str) -> None:
    everything = [Path(one) for one in (*PLAIN, *ENDINGS, *OTHER, *ALIKE)]
    alone, company = clip_id(Path(name)), unique_ids(everything)
    assert unique_ids([Path(name)]) == [alone]
    assert company[everything.index(Path(name))] == alone
    assert len(set(company)) == len(company)
    assert all(one.isascii() and len(one) < 200 for one in company)


def test_composed_and_decomposed_accents_are_one_name() -> None:
    composed, decomposed = (Path(unicodedata.normalize(form, "Zoé/Ünï.mp4")) for form in ("NFC", "NFD"))
    assert composed != decomposed
    assert clip_id(composed) == clip_id(decomposed)
    both = unique_ids([decomposed, composed])  # a disk that has both
    assert both[1] == clip_id(composed)
    assert both[0] != both[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems' file names have one encoding")
def test_ids_are_the_same_in_every_locale(tmp_path: Path) -> None:
    for name in ("演示.mp4", "Zoé.mp4"):
        (tmp_path / name).touch()
    (tmp_path / os.fsdecode(b"b\xffd.mp4")).touch()
    code = "from pathlib import Path; from datasets.clip_ids import unique_ids; import sys; "
    code += "root = Path(sys.argv[1]); print(sorted(unique_ids([p.relative_to(root) for p in root.iterdir()])))"
    found = set()
    for settings in ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}):
        run = [sys.executable, "-c", code, str(tmp_path)]
        found.add(subprocess.run(run, cwd=ROOT, env=settings, capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1
