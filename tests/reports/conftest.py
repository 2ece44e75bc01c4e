"""The run that most tests of reports read."""

from __future__ import annotations

import pytest

from reports.model import RunData
from tests.synthetic_runs import make_run


@pytest.fixture(scope="module")
def run() -> RunData:
    return make_run(lose={"lse_c": 3})
