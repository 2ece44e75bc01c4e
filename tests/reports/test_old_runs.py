"""Runs that hold columns whose judges are gone still open: their numbers are in the file, whoever counted them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluators.packing import pack
from harness.records import Scored, SummaryRow
from harness.store import RunStore
from reports.load import load_any
from tests.face_samples import sample
from verbs import compare, report

_SPACE = "ext_identifiability|space:{}|fps:25|samp:every5|base:neutral-clip|dec:centroid-cosine-loio|v:1"
_CLIP = "fer|net:clip|align:mtcnn-box-224|det:mtcnn-fn2.6.0|samp:even16|form:mean-logits|model:clip-vit-base-patch32"
#: Signature → value, as written by versions that had the spaces geo, au and ed, and CLIP's zero-shot score.
OLD = {
    _SPACE.format("geo5|det:mtcnn-fn2.6.0"): 50.0,
    _SPACE.format("au14|det:sidecar"): 100.0,
    _SPACE.format("ed|net:edtalk-demo|align:frame") + "|w:e573f24c": 25.0,
    f"ext_zero_shot|space:{_CLIP}|prompts:p1|valid:auc0.65-1a2b3c4d|w:5e6f7a8b|base:neutral-clip|agg:clip|v:1": 12.5,
}
_FACTS = {"unit": "%", "higher_is_better": True, "low": 0.0, "high": 100.0, "needs_reference": False, "ranked": True}
_PROTOCOL = 'name = "mine"\n[[metric]]\nevaluator = "extended"\nspace = "geo"\n[[metric]]\nevaluator = "cost"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small run of one method and ten clips, with a protocol file that names one of the spaces."""
    (tmp_path / "mine.toml").write_text(_PROTOCOL)
    run = tmp_path / "run"
    asked = [replace(sample(("envious", "sarcastic")[k % 2], f"p{k // 2}"), id=f"{k:02d}") for k in range(10)]
    run.mkdir()
    with RunStore(run) as store:
        store.set_meta("asked", {"methods": ["cmet"], "protocol": str(tmp_path / "mine.toml"), "lane": "speech"})
        titles = {"ext_identifiability": ("Identifiability", True), "ext_zero_shot": ("Zero-shot gain", False)}
        store.set_meta("metrics", {name: {"title": t, "pooled": p, **_FACTS} for name, (t, p) in titles.items()})
        store.set_meta("signatures", {})
        store.add_samples(asked)
        for k, one in enumerate(asked):
            store.put_rows(one.dataset, "cmet", one.id, [_row(line, value, k) for line, value in OLD.items()])
        cells = [(line.split("|")[0], value, line) for line, value in OLD.items()]
        counts = (None, None, 10, 10)
        store.set_summary([SummaryRow(asked[0].dataset, "cmet", m, v, "%", True, *counts, s) for m, v, s in cells])
    return run


def _row(line: str, value: float, k: int) -> Scored:
    metric = line.split("|")[0]
    if metric == "ext_zero_shot":
        return Scored(metric, value, line, pack(value=value))
    kept = {"direction": np.eye(4)[k % 2], "truth": np.zeros(0), "label": ("envious", "sarcastic")[k % 2]}
    return Scored(metric, None, line, pack(**kept, identity=f"p{k // 2}", extended=True, pseudo="happy"))


def test_a_run_with_columns_of_removed_judges_is_reported(folder: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(report.command, [str(folder), "--out", str(tmp_path / "out"), "--columns", "all"])
    assert result.exit_code == 0, result.output
    assert "Zero-shot gain" in result.output
    again = load_any(tmp_path / "out" / "scores.json")
    assert {row.signature: row.value for row in again.summary} == OLD
    assert "Zero-shot gain" in (tmp_path / "out" / "index.html").read_text()


def test_and_compared_with_itself_from_folder_and_file(folder: Path, tmp_path: Path) -> None:
    CliRunner().invoke(report.command, [str(folder), "--out", str(tmp_path / "out"), "--columns", "all"])
    for baseline in (folder, tmp_path / "out" / "scores.json"):
        result = CliRunner().invoke(compare.command, [str(baseline), str(folder)])
        assert result.exit_code == 0, result.output
        assert "(4 same)" in result.output
