"""Addresses that users' scripts rely on keep answering, in any order, as `import a.b` and as `from a.b import c`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.places import ROOT

pytestmark = pytest.mark.slow

ADDRESSES = (
    "cmet.connector:Connector",
    "cmet.edtalk:Generator",
    "cmet.edtalk:Audio2Lip",
    "cmet.emotion2vec:Emotion2Vec",
    "cmet.rollout:roll_out",
    "cmet.rollout:fit_track",
    "cmet.losses:focal_mse",
    "evaluators.syncnet:SyncNet",
    "evaluators.sync:score",
    "evaluators.sync:mfcc",
    "evaluators.fid:Inception",
    "evaluators.fid:frechet",
    "evaluators.emotion:EmotionFAN",
    "harness.records:Sample",
    "harness.contract:Method",
    "evaluators.contract:MetricFacts",
)
#: Every family's modules are imported between, so that no submodule takes the place of a function.
ALSO = "import evaluators.sync.lse, evaluators.fid.fid, evaluators.emotion.accuracy"


@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_addresses_answer_in_any_order(order: int) -> None:
    lines = []
    for address in ADDRESSES[::order]:
        module, name = address.split(":")
        lines += [f"import {module}", f"assert callable({module}.{name}), {address!r}"]
        lines += [f"from {module} import {name} as found", "assert callable(found)"]
    check = "\n".join([*lines, ALSO, *lines])
    done = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
