"""A judge may be bound to datasets: each dataset gets its own, and one without any says that it must be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluators import protocol
from evaluators.judge import Judge
from harness.errors import UsageError
from harness.records import Clip, Emotion, Sample, Unscored
from tests.media_samples import film, write_film


def _networks(dataset: str) -> list[str]:
    columns = Judge("cmet-paper", "cpu", dataset).columns()
    return [dict(judge.signature(metric).fields)["net"] for judge, metric, _ in columns if metric == "emotion_acc"]


def test_each_corpus_has_its_own_judge_and_no_other() -> None:
    assert _networks("mead") == ["cmet7"]
    assert _networks("crema_d") == ["cmet7-crema-d"]
    assert _networks("puppets") == ["unnamed"]
    assert _networks("") == ["cmet7", "cmet7-crema-d"]


def test_the_order_of_classes_that_is_assumed_says_so() -> None:
    lines = {net: Judge("cmet-paper", "cpu", net).columns()[0][2] for net in ("mead", "crema_d")}
    assert _classes(lines["crema_d"]) == f"{_classes(lines['mead'])}-as-mead"


def _classes(line: str) -> str:
    return next(field for field in line.split("|") if field.startswith("classes:")).removeprefix("classes:")


def test_a_clip_of_another_dataset_is_a_row_with_that_reason(tmp_path: Path) -> None:
    path = write_film(tmp_path / "clip.mp4", film(6))
    sample = Sample("s", "folder", "who", Emotion("happy"), tmp_path / "no.png", tmp_path / "no.wav", 6)
    rows = Judge("cmet-paper", "cpu", "folder").rows(sample, Clip(path, 6, 64, 64, "none"))
    row = next(row for row in rows if row.metric == "emotion_acc")
    assert isinstance(row, Unscored)
    assert row.reason == "judge_unnamed"
    assert "for other datasets than 'folder'; name one" in row.detail


def test_a_protocol_without_the_binding_names_the_judge(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[metric]]\nevaluator = "emotion"\nnet = "cmet7"\n')
    line = Judge(str(file), "cpu", "folder").columns()[0][2]
    assert line.startswith("emotion_acc|net:cmet7|")


@pytest.mark.parametrize("text", ['"mead"', "[1]", '[""]'])
def test_datasets_are_a_list_of_names(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(f'[[metric]]\nevaluator = "emotion"\ndatasets = {text}\n')
    with pytest.raises(UsageError, match="list of names"):
        protocol.read(str(file))
