"""Bad input and odd surroundings, seen from outside: one sentence, the right exit code, no traceback. Without torch."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import bench
from datasets.mead_layout import read_remap
from harness import digest, readiness, streams
from harness.errors import MissingError, UsageError
from harness.progress import Progress
from harness.records import SummaryRow, Unscored
from harness.store import RunStore
from reports.scores_file import read_scores
from tests.places import ROOT

pytestmark = pytest.mark.slow

ROW = SummaryRow("puppets", "cmet", "lse_c", 5.0, "", True, 4.0, 6.0, 2, 2, "lse_c|v:1")


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    code = bench.main([str(argument) for argument in arguments])
    err = capsys.readouterr().err
    assert "Traceback" not in err
    return code, err


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with RunStore(tmp_path / "run") as store:
        store.set_summary([ROW])
        for k in range(100):
            store.put_rows("puppets", "cmet", str(k), [Unscored("lse_c", "lse_c|v:1", "crashed", "x" * 2000)])
    return tmp_path / "run"


def sql(run: Path, line: str) -> None:
    db = sqlite3.connect(run / "run.sqlite")
    with db:
        db.execute(line)
    db.close()


def torn(run: Path) -> None:
    """The last pages are not what sqlite wrote; the first ones are."""
    path = run / "run.sqlite"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + b"\xa5" * (len(data) - len(data) // 2))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda run: (run / "run.json").write_text("[1]"), "it is no object"),
        (lambda run: sql(run, "DROP TABLE rows"), "lacks the table rows"),
        (lambda run: sql(run, "UPDATE meta SET value = 'x' WHERE key = 'schema_version'"), "not a run store"),
        (lambda run: sql(run, """UPDATE summary SET record = '{"new": 1}'"""), "this version cannot read"),
        (torn, "damaged|malformed"),
    ],
)
def test_a_damaged_run_is_one_sentence(
    capsys: pytest.CaptureFixture[str], run: Path, tmp_path: Path, damage: Callable[[Path], Any], says: str
) -> None:
    damage(run)
    for arguments in (("report", run, "--out", tmp_path / "out"), ("compare", run, run)):
        code, err = call(capsys, *arguments)
        assert code == 2, err
        assert re.search(says, err)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": "much"}, "'much' is no number"),
        ({"n_scored": "2 of 3"}, "'2 of 3' is no number"),
    ],
)
def test_words_for_numbers_are_refused(tmp_path: Path, change: dict[str, str], says: str) -> None:
    scores = {"schema_version": 1, "run": "a", "protocol": "b", "summary": [{**ROW.__dict__, **change}], "rows": []}
    (tmp_path / "scores.json").write_text(json.dumps(scores))
    with pytest.raises(UsageError, match=says):
        read_scores(tmp_path / "scores.json")


def test_scores_with_a_byte_order_mark_and_json_without_end(tmp_path: Path) -> None:
    scores = {"schema_version": 1, "run": "a", "protocol": "b", "summary": [ROW.__dict__], "rows": []}
    path = tmp_path / "scores.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(scores).replace("5.0", "NaN").encode())
    assert read_scores(path).summary[0].value is None
    path.write_text("[" * 100_000)
    with pytest.raises(UsageError, match="is not JSON"):
        read_scores(path)


def test_a_reason_with_a_name_that_is_no_utf8_is_kept(tmp_path: Path) -> None:
    with RunStore(tmp_path) as store:
        store.put_rows("folder", "mine", "a", [Unscored("lse_c", "lse_c|v:1", "unreadable", "b\udcff.mp4 is no film")])
        (row,) = store.rows()
    assert row.detail == "b\\udcff.mp4 is no film"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "mead", ""], "after 'mead' is empty"),
        (["report", "somewhere", "--out", ""], "after '--out' is empty"),
        (["run", "--method", "cmet", "--protocol", ""], "after '--protocol' is empty"),
        ([""], "after 'bench.py' is empty"),
        (["calibrate", "--seconds", "nan"], "--seconds nan"),
        (["verify", "mead", ".", "--set", "remap"], "--set 'remap' is not KEY=VALUE"),
    ],
)
def test_nothing_is_no_place_and_no_number(capsys: pytest.CaptureFixture[str], arguments: list[str], says: str) -> None:
    code, err = call(capsys, *arguments)
    assert code == 2
    assert says in err


def test_a_remap_table_that_is_a_folder_says_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="with the columns"):
        read_remap(tmp_path)


@pytest.mark.parametrize("verb", list(bench.VERBS))
def test_every_option_of_every_verb_says_what_it_is(verb: str) -> None:
    command = importlib.import_module(bench.VERBS[verb][0]).command
    below = list(getattr(command, "commands", {}).values())
    options = [option for one in (command, *below) for option in one.params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []
    assert not any(one.get_short_help_str(60).endswith("...") for one in below)  # the list of `weights --help`


def test_an_anchor_takes_no_options() -> None:
    from baselines.anchors import StillFace

    with pytest.raises(UsageError, match="still_face"):
        StillFace({"size": "2"}, "cpu")


def program(*arguments: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings}
    command = [sys.executable, str(ROOT / "bench.py"), *arguments]
    return subprocess.run(command, text=True, check=False, encoding="utf-8", **given)


def test_a_reader_that_leaves_does_not_change_the_exit_code() -> None:
    for arguments, code in ((("list",), 0), (("report", "nowhere"), 2)):
        gone, pipe = os.pipe()
        os.close(gone)
        assert program(*arguments, stdout=pipe, stderr=pipe).returncode == code
        os.close(pipe)


def test_a_narrow_encoding_loses_signs_not_the_work() -> None:
    done = program("list", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")


def test_streams_that_were_never_open_are_written_to_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    streams.make_patient()
    print("nothing")
    Progress("clips", 1).step()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_stays_on_one_line_of_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = _Terminal()
    progress = Progress("damaged clips", 3, terminal)
    progress.step("ground_truth " + "x" * 200)
    progress.close()
    shown = terminal.getvalue()
    assert "damaged clips" in shown
    assert max(map(len, re.split(r"[\r\n]", shown))) < 40


def test_the_doctor_tells_of_a_cache_that_cannot_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "new" / "cache"))
    assert readiness._cache().status == "ok"
    assert not (tmp_path / "new").exists()
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path / "file" / "cache"))
    found = readiness._cache()
    assert found.status == "bad"
    assert "is a file" in found.what
    assert "CMET_BENCH_CACHE" in found.cure


def test_a_user_without_a_home_is_told_where_to_put_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("CMET_BENCH_CACHE", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    with pytest.raises(MissingError, match="CMET_BENCH_CACHE"):
        digest.cache_dir()
