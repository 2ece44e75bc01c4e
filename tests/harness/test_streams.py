"""What is printed never drives the terminal, and a full disk behind stdout is told once, after the work."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from harness.progress import Progress
from harness.streams import control, harmless, printable
from tests.places import ROOT

HOSTILE = "a\x1b[31m\x1b]0;title\x07\x9b2J\rb\x00\u202etxt\ud800"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_control_characters_are_question_marks() -> None:
    assert printable(HOSTILE) == "a?[31m?]0;title??2J?b??txt?"
    assert printable("é ☃ 演示\tx\n\u3000") == "é ☃ 演示\tx\n\u3000"


def test_nothing_that_is_printed_drives_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with harmless():
        print(HOSTILE)
        control(sys.stdout, "\x1b[32m")  # one of our own
    assert terminal.getvalue() == f"{printable(HOSTILE)}\n\x1b[32m"
    assert sys.stdout is terminal
    log = io.StringIO()
    control(log, "\x1b[32m")
    assert log.getvalue() == ""


def test_progress_rewrites_its_line_and_shows_no_control_character_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with harmless():
        Progress("clips", 1).step("run\x1b[2J")
    shown = terminal.getvalue()
    assert "run?[2J" in shown
    assert "\x1b" not in shown


def test_a_foreign_run_names_itself_in_vain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "scores.json"
    path.write_text('{"schema_version": "\x7f\\u001b[31m\\u009b"}', encoding="utf-8")
    assert bench.main(["compare", str(path), str(path)]) == 4
    assert bench.main(["compare", f"{tmp_path}/\x1b[31m", str(path)]) == 2
    told = capsys.readouterr()
    assert all(character.isprintable() or character == "\n" for character in told.out + told.err)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a system without /dev/full")
def test_a_full_disk_behind_the_output_is_one_sentence_after_the_work() -> None:
    with open("/dev/full", "w") as full:
        plain = [sys.executable, "bench.py", "list"]
        out = subprocess.run(plain, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
        assert out.returncode == 5
        assert out.stderr.startswith("bench.py: the output could not be written: No space left on device.")
        assert "Traceback" not in out.stderr
        slip = subprocess.run([*plain, "--nope"], cwd=ROOT, stderr=full, stdout=full, check=False)
        assert slip.returncode == 2
        log = subprocess.run(plain, cwd=ROOT, stderr=full, stdout=subprocess.PIPE, text=True, check=False)
        assert (log.returncode, log.stdout.splitlines()[0]) == (0, "methods")
