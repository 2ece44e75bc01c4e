"""What most tests of reports read: a run, and for those of the page a browser and a page with clips that play."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import reports
from harness.media import VideoWriter
from harness.records import Emotion, Sample, Scored
from harness.series import packed
from harness.store import RunStore
from reports.model import RunData
from tests.chromium import Chromium
from tests.media_samples import film
from tests.reports.test_page import HOSTILE
from tests.synthetic_runs import make_run


@pytest.fixture(scope="module")
def run() -> RunData:
    return make_run(lose={"lse_c": 3})


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


FRAMES = 250


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with ten seconds of film, what its methods were given, and curves with a name that would break it."""
    folder = tmp_path_factory.mktemp("played")
    run = make_run(folder=folder, clips=3, identities=3, methods=("cmet", "ground_truth", "edtalk"))
    sound = 0.1 * np.sin(np.arange(FRAMES * 640) / 20).astype(np.float32)
    with VideoWriter(folder / "film.mp4", 64, 64, audio=sound) as writer:
        for frame in film(FRAMES):
            writer.write(frame)
    Image.new("RGB", (32, 32), "red").save(folder / "face.png")
    face = Path(folder / "face.png")
    with RunStore(folder) as store:
        for row in (row for row in run.rows if row.metric == "lse_c"):
            clip = folder / run.clips[row.method, row.sample]
            clip.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "film.mp4", clip)
        asked = dict.fromkeys((row.dataset, row.sample, row.identity, row.emotion) for row in run.rows)
        store.add_samples(
            Sample(sample, dataset, who, Emotion(emotion, label=HOSTILE), face, face, FRAMES)
            for dataset, sample, who, emotion in asked
        )
        curves = {HOSTILE: np.linspace(0, 1, 50), "happy": np.linspace(1, 0, 50)}
        for row in (row for row in run.rows if row.metric == "lse_c" and row.value is not None):
            scored = Scored("lse_c", row.value, row.signature, series=packed(range(0, FRAMES, 5), curves))
            store.put_rows(row.dataset, row.method, row.sample, [scored])
    return reports.write(replace(run, lane="label"), folder / "report")[0].as_uri()
