"""`measure` gives what a run gives, from Python: values, signatures, notes and reasons of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cmet_bench import clips, forget, frame, measure
from harness.errors import UsageError
from reports.load import load_run

pytestmark = pytest.mark.slow

NAMES = ("anna", "bob", "cleo")
EMOTIONS = {"anna": "happy", "bob": "sad", "cleo": "angry"}


def test_one_file_gives_values_with_their_signatures(home: Path) -> None:
    found = measure(home / "clip.mp4", "lse", dialect="demo")
    assert list(found) == ["lse_c", "lse_d", "sync_offset"]
    assert found["sync_offset"].value == 0.0, "sound and lips of a puppet are in step"
    assert found["lse_d"].value is not None
    assert found["lse_d"].values == (found["lse_d"].value,)
    assert found["lse_d"].reasons == ("",)
    assert all(one.signature.startswith(f"{name}|net:demo-sync|") for name, one in found.items())
    assert "lse_c" in repr(found)
    assert found["lse_c"].signature in repr(found)


def test_the_numbers_are_those_of_a_run_on_the_same_clips(home: Path) -> None:
    run = load_run(home / "runs" / "mine")
    found = measure(home / "made", protocol=home / "small.toml", reference=home / "true", name="made")
    told = {(row.metric, row.signature): row for row in run.summary if row.value is not None}
    assert {"emotion_acc", "identity_sim", "fid"} <= {metric for metric, _ in told}
    for (metric, signature), row in told.items():
        one = found[metric]
        assert one.signature == signature
        assert one.value == pytest.approx(row.value, rel=1e-6), metric
        own = [r.value for r in run.rows if r.metric == metric]
        assert np.array(one.values, float) == pytest.approx(np.array(own, float), rel=1e-6, nan_ok=True), metric
        assert one.interval == pytest.approx((row.low, row.high), rel=1e-6), metric


def test_facts_come_as_one_for_all_as_lists_as_mappings_or_with_each_clip(home: Path) -> None:
    files = [home / "true" / f"{name}.mp4" for name in NAMES]
    settings = {"net": "demo"}
    by_order = measure(files, "emotion", emotion=list(EMOTIONS.values()), **settings)["emotion_acc"]
    by_name = measure(files[1:], "emotion", emotion={"cleo": "angry", files[1]: "sad"}, **settings)["emotion_acc"]
    table = pd.DataFrame({"clip": files, "emotion": [*list(EMOTIONS.values())[:2], None]})
    with_each = measure(table.to_dict("records"), "emotion", **settings)["emotion_acc"]
    for_all = measure(files[:2], "emotion", emotion=" Joy ", **settings)["emotion_acc"]
    assert by_order.values == (100.0, 100.0, 100.0)
    assert by_name.values == (100.0, 100.0)
    assert with_each.values == (100.0, 100.0, None)
    assert with_each.reasons == ("", "", "the clip has no emotion label"), "an empty cell of a table tells nothing"
    assert for_all.values == (100.0, 0.0)
    assert for_all.value == pytest.approx(50.0)


def test_a_csv_of_labels_is_read_as_score_reads_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "one.mp4").write_bytes((home / "clip.mp4").read_bytes())
    (tmp_path / "two.mp4").write_bytes((home / "clip.mp4").read_bytes())
    table = tmp_path / "labels.csv"
    table.write_text("clip,emotion,reference,aligned,speech\ntwo.mp4,joy,one.mp4,yes,\n", encoding="utf-8")
    found = measure(table, "pixels")["ssim"]
    assert found.values == measure(tmp_path, "pixels")["ssim"].values == (1.0,), "the clip that it names, and no other"
    assert set(clips(measure(tmp_path, "faces"))["emotion"]) == {"happy"}
    table.write_text("clip,aligned\ntwo.mp4,perhaps\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"Line 2 of .*neither 1 nor 0"):
        measure(tmp_path, "pixels")


def test_a_pooled_metric_has_one_number_for_the_set(home: Path) -> None:
    same = measure(home / "true", "fid", net="demo", reference=home / "true")["fid"]
    assert same.value == pytest.approx(0.0, abs=1e-4), "FID(x, x) = 0"
    assert same.values == (None, None, None)
    assert "|n1:15|n2:15|" in same.signature, "five frames of each clip, counted in the number's signature"
    reference = [home / "true" / f"{name}.mp4" for name in NAMES]
    other = measure([home / "made" / f"{name}.mp4" for name in NAMES], "fid", net="demo", reference=reference)["fid"]
    assert other.value is not None
    assert other.value > 0.01
    assert "15/15 frames of 3 clips" in other.note


def test_networks_are_kept_until_they_are_let_go(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluators.identity.similarity import IdentitySimilarity

    loaded: list[str] = []
    load = IdentitySimilarity.load

    def counting(self: IdentitySimilarity) -> None:
        loaded.append(self.reference)
        load(self)

    monkeypatch.setattr(IdentitySimilarity, "load", counting)
    forget()
    first = measure(home / "clip.mp4", "identity", net="demo", ref="first")
    again = measure(home / "clip.mp4", "identity", net="demo", ref="first")
    assert loaded == ["first"]
    measure(home / "clip.mp4", "identity", net="demo", ref="image")
    assert loaded == ["first", "image"], "other settings are another judge"
    forget()
    anew = measure(home / "clip.mp4", "identity", net="demo", ref="first")
    assert loaded == ["first", "image", "first"]
    assert first["identity_sim"] == again["identity_sim"] == anew["identity_sim"]


def test_what_cannot_be_measured_says_why_and_costs_no_other_clip(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no film")
    found = measure([home / "clip.mp4", broken], "identity", net="demo", ref="first")["identity_sim"]
    assert found.values[0] is not None
    assert found.values[1] is None
    assert found.value == found.values[0]
    assert found.reasons[0] == ""
    assert found.reasons[1].startswith("the file cannot be decoded")


def test_weights_that_are_not_here_are_a_reason_with_its_cure(home: Path) -> None:
    found = measure(home / "clip.mp4", "lse")["lse_c"]
    assert found.value is None
    assert "bench.py weights fetch syncnet" in found.reasons[0]
    assert "weights fetch syncnet" in str(found)


def test_the_caller_keeps_its_threads_and_its_precision(home: Path) -> None:
    import torch

    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(2)
    torch.set_float32_matmul_precision("high")
    try:
        measure(home / "clip.mp4", "faces")
        assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == (2, "high")
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metric": "lsee"}, "Did you mean 'lse'"),
        ({"metric": "identity", "nett": "demo"}, "Did you mean 'net'"),
        ({"metric": "identity", "net": True}, "A setting is a text or a number"),
        ({"metric": ""}, "needs a metric or a protocol"),
        ({"metric": "lse", "protocol": "demo"}, "needs a metric or a protocol"),
        ({"protocol": "demo", "net": "demo"}, "A protocol brings its settings"),
        ({"protocol": "dmeo"}, "Did you mean 'demo'"),
        ({"metric": "fid", "files": "nowhere.mp4"}, "There is no"),
        ({"metric": "fid", "files": []}, "no clips to measure"),
        ({"metric": "fid", "files": ["clip.mp4", "./clip.mp4"]}, "given twice"),
        ({"metric": "fid", "files": [{"clipp": "clip.mp4"}]}, "Did you mean 'clip'"),
        ({"metric": "fid", "files": [{"emotion": "sad"}]}, "names no clip"),
        ({"metric": "fid", "reference": "nowhere.mp4"}, "There is no"),
        ({"metric": "fid", "reference": "runs"}, "is called like one of the clips"),
        ({"metric": "fid", "reference": ["clip.mp4", "clip.mp4"]}, "lists 2 for 1 clips"),
        ({"metric": "emotion", "emotion": {"clop": "sad"}}, "Known: clip.mp4"),
        ({"metric": "pixels", "aligned": "yes"}, "frame k"),
    ],
)
def test_a_slip_is_one_sentence_with_its_cure(at_home: Path, arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        measure(**{"files": "clip.mp4", **arguments})  # type: ignore[arg-type]


def test_what_was_measured_is_a_table_too(home: Path) -> None:
    found = measure(home / "made", "identity", net="demo", ref="first", name="mine")
    (row,) = frame(found).to_dict("records")
    assert (row["method"], row["column"], row["n_scored"]) == ("mine", "identity_sim", 3)
    assert row["value"] == found["identity_sim"].value
    table = clips([found, measure(home / "true", "identity", net="demo", ref="first", name="true")])
    assert table.groupby("method")["sample"].agg(tuple).to_dict() == {"mine": NAMES, "true": NAMES}
    assert np.isfinite(table["value"]).all()
