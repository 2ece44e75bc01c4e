"""`--methods all` is each contestant that can run here, and somebody must be asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from baselines import ANCHORS
from harness.errors import MissingError, UsageError
from verbs.contestants import all_here, contestants
from verbs.run import command


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))


def test_on_puppets_everything_that_ships_runs() -> None:
    here = all_here("puppets", {}, "cpu")
    assert set(here) == {"cmet", "eat", "edtalk", "float", "label"}
    official = {name: {"weights": "official"} for name in ("float", "eat")}
    assert all_here("puppets", official, "cpu") == ("cmet", "edtalk", "label")


def test_elsewhere_weights_are_needed_and_wrong_options_are_told() -> None:
    with pytest.raises(MissingError, match="No contestant"):
        all_here("mead", {}, "cpu")
    with pytest.raises(UsageError, match="has no option 'what'"):
        all_here("puppets", {"cmet": {"what": "1"}}, "cpu")


def test_anchors_do_not_compete_unless_they_are_alone() -> None:
    assert contestants(["cmet", ANCHORS[0]]) == ["cmet"]
    assert contestants(ANCHORS) == list(ANCHORS)


def test_a_run_without_methods_is_refused() -> None:
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 2
    assert "Missing option '--method'" in done.output
