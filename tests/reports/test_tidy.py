"""scores.csv and clips.csv: what shares a `column` may be averaged, and nothing is left out."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from reports import scores, tidy
from reports.model import RunData, distinctions
from reports.scores_file import read_scores
from tests.synthetic_runs import FACTS, SIGNATURES, make_run

OTHER = SIGNATURES["lse_c"].replace("net:small", "net:large")


@pytest.fixture(scope="module")
def run() -> RunData:
    return make_run(methods=("cmet", "edtalk"), clips=12, lose={"lse_c": 2})


@pytest.fixture(scope="module")
def two_nets(run: RunData) -> RunData:
    """The run with LSE-C by a second network, 10 higher."""
    summary = [replace(r, value=r.value + 10, signature=OTHER) for r in run.summary if r.metric == "lse_c" and r.value]
    rows = [replace(r, signature=OTHER) for r in run.rows if r.metric == "lse_c"]
    return replace(run, summary=(*run.summary, *summary), rows=(*run.rows, *rows))


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


def test_a_pivot_of_scores_csv_never_averages_two_signatures(two_nets: RunData) -> None:
    table = read(scores.to_csv([two_nets]))
    pivot = table.pivot(index="method", columns="column", values="value")  # raises where a cell has two numbers
    assert set(pivot) == {*FACTS, "lse_c (small@sha1a2b)", "lse_c (large@sha1a2b)"} - {"lse_c"}
    gap = pivot["lse_c (large@sha1a2b)"] - pivot["lse_c (small@sha1a2b)"]
    assert gap.tolist() == pytest.approx([10, 10])
    averaged = table.pivot_table(index="method", columns="metric", values="value")["lse_c"]
    assert averaged["cmet"] == pytest.approx(pivot["lse_c (small@sha1a2b)"]["cmet"] + 5), (
        "what `metric` alone would give"
    )


def test_two_runs_share_a_column_only_where_signatures_agree(run: RunData) -> None:
    line = SIGNATURES["identity"].replace("fps:25", "fps:30")
    summary = tuple(replace(r, signature=line) if r.metric == "identity" else r for r in run.summary)
    rows = tuple(replace(r, signature=line) if r.metric == "identity" else r for r in run.rows)
    other = replace(run, summary=summary, rows=rows)
    table = read(scores.to_csv([run, other]))
    assert set(table["run"]) == {"bench #1", "bench #2"}, "runs that are called alike are told apart"
    columns = table.groupby("run")["column"].agg(set)
    assert columns["bench #1"] - columns["bench #2"] == {"identity (25)"}
    assert columns["bench #2"] - columns["bench #1"] == {"identity (30)"}
    assert table.groupby("column")["signature"].nunique().max() == 1
    clips = read(scores.clips_csv([run, other]))
    assert set(clips["column"]) == set(table["column"])


def test_clips_csv_has_every_clip_with_its_value_or_its_reason(run: RunData) -> None:
    rows = list(csv.DictReader(io.StringIO(scores.clips_csv([run]))))
    assert len(rows) == len(run.rows)
    for line, row in zip(rows, run.rows, strict=True):
        assert (line["method"], line["sample"], line["metric"]) == (row.method, row.sample, row.metric)
        assert (line["emotion"], line["identity"]) == (row.emotion, row.identity)
        assert (float(line["value"]) if line["value"] else None) == row.value
        assert line["reason"] == (row.reason or "")
        assert line["value"] or line["reason"]
    lost = [line for line in rows if line["reason"] == "no_face"]
    assert len(lost) == 4, "two lost clips of two methods"


def test_clips_csv_leaves_out_what_was_never_asked(run: RunData) -> None:
    first = replace(run.rows[0], value=None, reason="not_applicable")
    found = scores.clips_csv([replace(run, rows=(first, *run.rows[1:]))])
    assert len(found.splitlines()) == len(run.rows)  # one less, and the head


def test_the_mean_of_clips_csv_is_the_number_of_scores_csv(run: RunData) -> None:
    clips, table = read(scores.clips_csv([run])), read(scores.to_csv([run]))
    means = clips.groupby(["method", "column"])["value"].mean()
    for row in table[table["metric"] != "fid"].dropna(subset="value").itertuples():
        assert means[row.method, row.column] == pytest.approx(row.value)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["m|a:1|v:1"], [""]),
        (["m|a:1|b:2", "m|a:1|b:3"], ["2", "3"]),
        (["m|a:1|b:1", "m|a:1|b:2", "m|a:2|b:1"], ["1, 1", "1, 2", "2, 1"]),
        (["m|a:x", "m|a:y", "m|a:y|b:z"], ["x", "y", "y, z"]),
        (["m|a:x|gate:off", "m|a:x"], ["off", ""]),
        (["m|x", "m|y"], ["signature 1", "signature 2"]),
    ],
)
def test_signatures_are_told_apart_by_as_few_fields_as_do_it(lines: list[str], words: list[str]) -> None:
    assert distinctions(lines) == dict(zip(lines, words, strict=True))


def test_a_bare_scores_json_gives_the_same_numbers(two_nets: RunData, tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(scores.to_json([two_nets]), encoding="utf-8")
    bare = read_scores(path)
    wanted = [(row["column"], row["value"]) for row in tidy.numbers([two_nets])]
    assert [(row["column"], row["value"]) for row in tidy.numbers([bare])] == wanted
    assert [row["value"] for row in tidy.clips([bare])] == [row["value"] for row in tidy.clips([two_nets])]
    assert {row["emotion"] for row in tidy.clips([bare])} == {None}, "a bare scores.json does not know it"
