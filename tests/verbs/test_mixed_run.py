"""A run of good and bad contestants from the command line: a full table, the dead named, the right exit code."""

from __future__ import annotations

from pathlib import Path

import pytest

import bench
from harness.records import Clip, Failed
from harness.store import RunStore
from reports.load import load_run
from tests.places import shown_in_readme

pytestmark = pytest.mark.slow

CONTESTANTS = """
import os, time
from pathlib import Path
from harness.errors import Missing
from tests.fakes import FakeDataset, Painter

class Few(FakeDataset):
    name = "few"

class Fine(Painter):
    name = "fine"

class Aborting(Painter):
    name = "aborting"
    def load(self):
        os.abort()

class Leaving(Painter):
    name = "leaving"
    def generate(self, request, out):
        if request.id == "s1" and not (Path(__file__).parent / "mended").exists():
            os._exit(3)
        return super().generate(request, out)

class Hanging(Painter):
    name = "hanging"
    def generate(self, request, out):
        if request.id == "s2" and not (Path(__file__).parent / "mended").exists():
            time.sleep(600)
        return super().generate(request, out)

class Absent(Painter):
    name = "absent"
    def missing(self):
        return [Missing("its big file", "Type: fetch it.")]
"""
NAMES = ("Fine", "Aborting", "Leaving", "Hanging", "Absent")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "their.py").write_text(CONTESTANTS, encoding="utf-8")
    (tmp_path / "my.py").write_text(shown_in_readme("class Flicker"), encoding="utf-8")
    (tmp_path / "flicker.toml").write_text("[[metric]]\nevaluator = 'my.py:Flicker'\n", encoding="utf-8")
    return tmp_path


def go(place: Path, names: tuple[str, ...], *more: str) -> int:
    theirs = place / "their.py"
    methods = [part for name in names for part in ("--method", f"{theirs}:{name}")]
    data = ["--dataset", f"{theirs}:Few", "--root", str(place / "data"), "--protocol", str(place / "flicker.toml")]
    where = ["--no-anchors", "--jobs", "1", "--out", str(place / "run")]
    return bench.main(["run", *methods, *data, *where, *more])


def test_two_die_one_hangs_one_is_absent_and_the_table_is_full(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert go(place, NAMES, "--set", "hanging.timeout=3") == 0
    told = capsys.readouterr()
    assert "note: method 'absent' cannot run here: it needs its big file. Type: fetch it." in told.err
    for words in (
        "aborting, 2 clips: the worker process died (SIGABRT)",
        "leaving, 1 clip: the worker process died (exit code 3)",
        "hanging, 1 clip: hanging gave no sign of life for 3 s and was ended. If that is how long it takes: --resume "
        "--set hanging.timeout=SECONDS.",
        "absent, 4 clips: Method 'absent' needs its big file. Type: fetch it.",
    ):
        assert words in told.out
    table = load_run(place / "run").summary
    coverage = {row.method: (row.n_scored, row.n_expected) for row in table}
    assert coverage == {"fine": (4, 4), "aborting": (0, 4), "leaving": (3, 4), "hanging": (3, 4), "absent": (0, 4)}
    with RunStore(place / "run", create=False) as store:
        made = {key: end.path.stat().st_mtime_ns for key, (end, _) in store.clips().items() if isinstance(end, Clip)}
    (place / "mended").touch()
    assert go(place, ("Fine", "Leaving", "Hanging"), "--resume", "--set", "hanging.timeout=300") == 0
    assert "2 clips made, 0 failed, 10 already there" in capsys.readouterr().out
    with RunStore(place / "run", create=False) as store:
        ends = {key: end for key, (end, _) in store.clips().items()}
    assert all(ends[key].path.stat().st_mtime_ns == then for key, then in made.items())
    assert {key[1] for key, end in ends.items() if isinstance(end, Failed)} == {"aborting", "absent"}


@pytest.mark.parametrize(
    ("names", "words"), [(("Absent",), "needs its big file"), (("Aborting", "Absent"), "asked for")]
)
def test_a_run_without_any_contestant_that_could_run_ends_with_5(
    place: Path, capsys: pytest.CaptureFixture[str], names: tuple[str, ...], words: str
) -> None:
    assert go(place, names) == 5
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_a_timeout_is_a_number_of_seconds(place: Path, capsys: pytest.CaptureFixture[str], value: str) -> None:
    assert go(place, ("Hanging",), "--set", f"hanging.timeout={value}") == 2
    assert "timeout" in capsys.readouterr().err
