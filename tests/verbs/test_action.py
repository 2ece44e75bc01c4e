"""The composite action and the workflow of docs/ci.md: their steps are run as a job runs them, at a small limit."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.places import ROOT

pytestmark = pytest.mark.slow

METHOD = """
import numpy as np


class Mine:
    name = "mine"
    emotion_sources = ("label",)

    def __init__(self, options, device): ...

    def load(self): ...

    def generate(self, request, out):
        picture = out.image(request.source_image, 256)
        for k in range(request.frames):
            out.frame(np.roll(picture, k % 5, axis=0))
        return out.clip(used="label")
"""
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]


def workflow() -> dict[str, Any]:
    """The workflow that docs/ci.md shows."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def given() -> dict[str, str]:
    """The inputs of the workflow's step over the action's defaults, at a smaller limit."""
    step = next(step for step in workflow()["jobs"]["gate"]["steps"] if "cmet-bench" in step["uses"])
    assert set(step["with"]) <= set(ACTION["inputs"])
    values = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | step["with"]
    assert "--limit 22" in values["options"]
    return values | {"options": values["options"].replace("--limit 22", "--limit 8 --jobs 1 --protocol pictures.toml")}


def run(step: dict[str, Any], where: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """What a runner does with a step of the action: inputs in its environment, and bash."""
    inputs = given()

    def filled(text: str) -> str:
        return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)

    own = {key: filled(text) for key, text in step.get("env", {}).items()}
    files = {"GITHUB_OUTPUT": str(where / "output"), "GITHUB_STEP_SUMMARY": str(where / "summary.md")}
    environment = {**os.environ, "GITHUB_ACTION_PATH": str(ROOT), **files, **own, **more}
    assert step["shell"] == "bash"
    assert "${{" not in step["run"]
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_the_steps_of_the_workflow_guard_a_method(tmp_path: Path) -> None:
    (tmp_path / "my_method.py").write_text(METHOD, encoding="utf-8")
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline" / "gate.toml").write_text('ignore = ["SSIM"]\n', encoding="utf-8")
    (tmp_path / "pictures.toml").write_text('[[metric]]\nevaluator = "pixels"\n', encoding="utf-8")
    keys, ready, made, compared = [step for step in STEPS if "run" in step]
    assert run(keys, tmp_path).returncode == 0
    written = dict(line.split("=") for line in (tmp_path / "output").read_text(encoding="utf-8").splitlines())
    assert {name: len(digest) for name, digest in written.items()} == {"lock": 16, "puppets": 16}
    assert run(ready, tmp_path, MAKEFLAGS="n").returncode == 0  # named and not made: it may install
    first = run(made, tmp_path)
    assert first.returncode == 0, first.stderr
    lacking = run(compared, tmp_path)
    assert lacking.returncode == 2
    accept = ["compare", "baseline/", "runs/gate", "--accept"]
    subprocess.run([ROOT / ".venv/bin/python", ROOT / "bench.py", *accept], cwd=tmp_path, check=True, timeout=60)
    same = run(compared, tmp_path)
    assert same.returncode == 0, same.stdout + same.stderr
    assert "## Same: gate against baseline gate" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    kept = tmp_path / "baseline" / "scores.json"
    content = json.loads(kept.read_text(encoding="utf-8"))
    for row in content["rows"]:
        row["value"] = row["value"] + 3 if row["metric"] == "psnr" and row["value"] is not None else row["value"]
    kept.write_text(json.dumps(content), encoding="utf-8")
    assert run(compared, tmp_path).returncode == 3
    assert {"gate.xml", "gate.md", "report", "clips"} <= {path.name for path in (tmp_path / "runs" / "gate").iterdir()}


def test_every_key_of_a_cache_is_one_that_a_step_writes() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    asked = set(re.findall(r"steps\.keys\.outputs\.(\w+)", text))
    assert asked == set(re.findall(r'echo "(\w+)=', text)) == {"lock", "puppets"}
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    tokens = workflow()["jobs"]["gate"]["steps"]
    assert [step["uses"].partition("@")[0] for step in tokens] == ["actions/checkout", "OWNER/cmet-bench"]
