"""How clips make a number is declared by the judge, kept with the run, and told in scores.json."""

from __future__ import annotations

import json
from pathlib import Path

from evaluators import protocol
from reports import scores
from reports.aggregation import undeclared
from reports.scores_file import read_scores
from tests.synthetic_runs import SIGNATURES, make_run


def declared(folder: Path, text: str) -> dict[str, str]:
    """Metric → aggregation of the one judge of a protocol."""
    (folder / "mine.toml").write_text(f"[[metric]]\n{text}\n")
    (judge,) = protocol.build(protocol.read(str(folder / "mine.toml")), "cpu")
    return {facts.name: facts.aggregation for facts in judge.metrics}


def test_judges_declare_it_by_their_settings(tmp_path: Path) -> None:
    assert declared(tmp_path, "evaluator = 'pixels'") == {"psnr": "mean", "ssim": "mean"}
    assert declared(tmp_path, "evaluator = 'pixels'\nagg = 'frame'") == {"psnr": "weighted", "ssim": "weighted"}
    assert declared(tmp_path, "evaluator = 'lpips'\nagg = 'frame'") == {"lpips": "weighted"}
    assert declared(tmp_path, "evaluator = 'identity'\nagg = 'frame-mean'") == {"identity_sim": "weighted"}
    assert declared(tmp_path, "evaluator = 'fid'") == {"fid": "pooled"}
    assert declared(tmp_path, "evaluator = 'fid_pair'") == {"fid_pair": "mean"}
    assert set(declared(tmp_path, "evaluator = 'extended'").values()) == {"pooled"}


def test_a_scores_file_says_what_is_no_mean(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(scores.to_json([make_run()]), encoding="utf-8")
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["aggregation"] == {SIGNATURES["fid"]: "pooled"}
    content["aggregation"][SIGNATURES["lse_c"]] = "weighted"
    path.write_text(json.dumps(content), encoding="utf-8")
    found = read_scores(path)
    told = {metric: found.fact(metric, line).aggregation for metric, line in SIGNATURES.items()}
    assert told == {metric: {"fid": "pooled", "lse_c": "weighted"}.get(metric, "mean") for metric in SIGNATURES}


def test_a_file_of_before_is_read_by_its_signatures(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    content = json.loads(scores.to_json([make_run()]))
    del content["aggregation"]
    path.write_text(json.dumps(content), encoding="utf-8")
    found = read_scores(path)
    assert found.fact("fid", SIGNATURES["fid"]).pooled
    assert found.fact("lse_c", SIGNATURES["lse_c"]).aggregation == "mean"
    assert undeclared("psnr|data:uint8|agg:frame|v:1", False) == "weighted"
    assert undeclared("lse_c|net:syncnet_v2|agg:track|v:1", False) == "weighted"
    assert undeclared("psnr|data:uint8|agg:clip|v:1", False) == "mean"
