"""Series along a clip: small, kept beside the rows, gone with the clip that they describe, absent in older runs."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.records import Clip, Scored
from harness.series import packed, unpacked
from harness.store import RunStore
from tests.face_samples import sample


def test_a_series_is_small_and_comes_back() -> None:
    frames = np.arange(2, 302)
    curve = np.sin(frames / 9)
    curve[7] = np.nan
    data = packed(frames, {"a name, é": curve, "second": 10 * curve})
    assert len(data) < 2 * 2 * 300 + 1500
    back = unpacked(data)
    assert back.names == ("a name, é", "second")
    assert (back.frames == frames).all()
    np.testing.assert_allclose(back.curves[1], 10 * curve, rtol=1e-3)
    assert np.isnan(back.curves[0][7])
    assert packed([], {"a": []}) == packed([1], {}) == b""
    with pytest.raises(ValueError, match="2 frames"):
        packed([1, 2], {"a": [1.0]})


def test_the_store_keeps_them_with_their_clip_and_opens_runs_without(tmp_path: Path) -> None:
    asked = [replace(sample("happy"), id=name) for name in ("s0", "s1")]
    row = Scored("lse_c", 1.0, "lse_c|v:2", series=packed([3], {"distance": [0.5]}))
    clip = Clip(tmp_path / "a.mp4", 1, 8, 8, "label")
    with RunStore(tmp_path) as store:
        store.add_samples(asked)
        for one in asked:
            store.put(one.dataset, "cmet", one.id, clip, "mark")
            store.put_rows(one.dataset, "cmet", one.id, [row, replace(row, metric="lse_d", series=b"")])
        kept = [(asked[0].dataset, name, "cmet", "lse_c", "lse_c|v:2", row.series) for name in ("s0", "s1")]
        assert list(store.series()) == kept
        store.put(asked[0].dataset, "cmet", "s0", clip, "made anew")
        assert list(store.series()) == kept[1:]
        store.add_samples([replace(asked[1], frames=asked[1].frames + 1)])
        assert list(store.series()) == []
        assert [record["id"] for record in store.sample_records().values()] == ["s1", "s0"][::-1]
    with sqlite3.connect(tmp_path / "run.sqlite") as older:
        older.execute("DROP TABLE series")
    with RunStore(tmp_path, create=False) as store:
        assert list(store.series()) == []
