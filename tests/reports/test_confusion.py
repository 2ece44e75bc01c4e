"""Who was taken for whom: every clip that was asked about is counted once, from the store to the page and back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.emotion.labels import EAT_FAN
from evaluators.extended.decisions import decided
from evaluators.packing import pack
from harness import registry
from harness.records import Row, Scored, SummaryRow, Unscored
from harness.store import RunStore
from harness.summary import summarise
from reports import page, scores
from reports.confusion import boards, counted
from reports.load import load_run
from reports.model import RunData
from reports.scores_file import read_scores
from tests.face_samples import sample
from tests.reports.test_page import HOSTILE, Page
from tests.synthetic_runs import make_run

#: label, answer: a name, "" where the judge could not decide, a reason code in brackets where there is no row's value.
CLIPS = (
    *(("happy", "happy"), ("happy", "sad"), ("happy", "(no_face)"), ("sad", "sad"), ("sad", "(generation_failed)")),
    *(("fear", ""), ("surprised", "(no_face)")),
)


def _row(line: str, label: str, answer: str) -> Row:
    if answer.startswith("("):
        return Unscored("emotion_acc", answer.strip("()"), line)
    value, shares = 100.0 * (label == answer), np.full(8, 0.125)
    kept = pack(value=value, label=label, predicted=answer, classes=np.array(EAT_FAN), probabilities=shares)
    return Scored("emotion_acc", value, line, kept, () if answer else ("undecided", "no_face"))


def stored_run(folder: Path, clips: Sequence[tuple[str, str]] = CLIPS) -> RunData:
    """A run folder of one method whose emotion judge answered so, loaded as the reports load it."""
    judge = EmotionAccuracy({"net": "demo"}, "cpu")
    line = str(judge.signature("emotion_acc"))
    asked = [replace(sample(label), id=f"{k:02d}") for k, (label, _) in enumerate(clips)]
    with RunStore(folder) as store:
        store.set_meta("asked", {"methods": ["cmet"]})
        store.add_samples(asked)
        for one, (label, answer) in zip(asked, clips, strict=True):
            store.put_rows(one.dataset, "cmet", one.id, [_row(line, label, answer)])
        store.set_summary(*summarise(store, [(judge, "emotion_acc", line)]))
    return load_run(folder)


def test_every_clip_is_counted_once_undecided_and_faceless_ones_too(tmp_path: Path) -> None:
    (one,) = stored_run(tmp_path).confusions
    assert one.classes == tuple(sorted(EAT_FAN))
    assert one.others == ("no_face", "generation_failed")
    assert one.counts == {
        "fear": {"no_face": 1},
        "happy": {"happy": 1, "sad": 1, "no_face": 1},
        "sad": {"sad": 1, "generation_failed": 1},
        "surprised": {"no_face": 1},
    }
    assert sum(sum(row.values()) for row in one.counts.values()) == len(CLIPS)


def test_recall_is_the_accuracy_of_each_label_over_the_scored_clips(tmp_path: Path) -> None:
    run = stored_run(tmp_path)
    (one,), (cell,) = run.confusions, run.summary
    # `fear` was undecided under miss:wrong and counts; no clip of `surprised` was scored, so it has no recall, not 0.
    assert one.recall == {"fear": 0.0, "happy": 50.0, "sad": 100.0}
    weights = {"fear": 1, "happy": 2, "sad": 1}
    assert cell.value == pytest.approx(sum(one.recall[name] * n for name, n in weights.items()) / 4)


def test_the_numbers_go_to_json_and_csv_and_come_back(tmp_path: Path) -> None:
    run = stored_run(tmp_path / "run")
    text = scores.to_json([run])
    (told,) = json.loads(text)["confusion"]
    assert told["counts"]["happy"] == {"happy": 1, "sad": 1, "no_face": 1}
    assert (told["method"], told["metric"], told["signature"]) == ("cmet", "emotion_acc", run.summary[0].signature)
    path = tmp_path / "scores.json"
    path.write_text(text, encoding="utf-8")
    assert scores.to_json([read_scores(path)]) == text
    (line,) = csv.DictReader(io.StringIO(scores.to_csv([run])))
    assert json.loads(line["recall"]) == told["recall"]
    assert json.loads(line["confusion"]) == told["counts"]
    assert "confusion" not in json.loads(scores.to_json([make_run()]))  # no answers by name, no key


def test_the_page_shows_a_table_with_headers_and_escapes_names(tmp_path: Path) -> None:
    run = stored_run(tmp_path)
    (one,) = run.confusions
    evil = replace(one, method=HOSTILE, counts={HOSTILE: {HOSTILE: 1}}, answers=(*one.answers, HOSTILE), recall={})
    text = page.render([replace(run, confusions=(one, evil))], tmp_path)
    seen = Page(text)
    assert HOSTILE not in text
    assert "Who is taken for whom" in seen.words
    table = re.search(r'<table class="confusion".*?</table>', text, re.S)
    assert table
    part = Page(table[0])
    heads = [attributes.get("scope") for attributes in part.all("th")]
    assert heads.count("col") == 2 + len(one.answers)
    assert heads.count("row") == len(one.counts)
    cells = [attributes["class"] for attributes in part.all("td")]
    assert sum("right" in name for name in cells) == len(one.counts)
    assert "no face was found" in {attributes["title"] for attributes in part.all("abbr")}


def test_a_run_without_answers_has_no_empty_section(tmp_path: Path) -> None:
    assert "taken for whom" not in page.render([make_run()], tmp_path)
    assert counted(("d", "m", "emotion_acc", "s"), ("happy",), [], [("00", "happy", "weights_missing")]) is None
    assert stored_run(tmp_path / "run", [("happy", "(weights_missing)")]).confusions == ()


def test_contestants_come_before_anchors(tmp_path: Path) -> None:
    run = stored_run(tmp_path)
    (one,) = run.confusions
    found = boards(replace(run, confusions=(replace(one, method="ground_truth"), one)))
    assert [table.method for table in found[0].tables] == ["cmet", "ground_truth"]


@pytest.mark.parametrize("metric", ["ext_acc", "ext_identifiability"])
def test_extended_emotions_are_counted_as_their_score_counts_them(metric: str) -> None:
    rng = np.random.default_rng(0)
    centres = {name: rng.normal(size=6) for name in ("sarcastic", "envious", "happy")}
    rows = [
        {
            "direction": centre + 0.7 * rng.normal(size=6),
            "truth": centre + 0.1 * rng.normal(size=6),
            "label": np.array(name),
            "identity": np.array(f"p{k}"),
            "extended": np.array(name != "happy"),
            "pseudo": np.array("happy"),
        }
        for name, centre in centres.items()
        for k in range(6)
    ]
    judge = registry.load("evaluators.extended.extended_emotion:ExtendedEmotion")({"net": "demo"}, "cpu")
    found = decided(metric, str(judge.signature(metric)), rows)
    assert [pair is None for pair in found.pairs] == [not bool(row["extended"]) for row in rows]
    pairs = [pair for pair in found.pairs if pair is not None]
    recalls = [np.mean([a == b for a, b in pairs if a == name]) for name in ("sarcastic", "envious")]
    assert judge.combine(metric, rows) == pytest.approx(100 * np.mean(recalls))
    assert set(found.classes) == (set(centres) if metric == "ext_acc" else {"sarcastic", "envious"})
    assert 0 < np.mean(recalls) < 1  # some are taken for others, or this test could not fail


def test_old_scores_without_it_are_read(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(scores.to_json([make_run()]), encoding="utf-8")
    assert read_scores(path).confusions == ()
    assert all(isinstance(row, SummaryRow) for row in read_scores(path).summary)
