"""Tables in every ink: the same numbers, coverage and signature beside each, nothing mixed that does not belong."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from reports import layout, markdown, sentences
from reports.breakdown import breakdowns
from reports.failures import failures, notes
from reports.model import RunData
from reports.numbers import decimals, interval, number, probability
from reports.paper.appendix import appendix_tex
from tests.synthetic_runs import make_run, with_signature

# --- numbers ---------------------------------------------------------------------------------------------------


def test_numbers_are_printed_with_one_precision_a_column() -> None:
    assert decimals("%", [3.0]) == 1
    assert decimals("", [0.1, 9.9]) == 3
    assert decimals("", [0.1, 99.0]) == 2
    assert decimals("", [1000.0, None]) == 1
    assert number(-0.0004, 3) == "0.000"
    assert number(-1.25, 2) == "−1.25"
    assert number(1.5, 1, sign=True) == "+1.5"
    assert number(None, 1) == number(math.nan, 1) == number(math.inf, 1) == "–"
    assert interval(None, 1.0, 1) == interval(1.0, math.nan, 1) == ""
    assert [probability(p) for p in (0.00001, 0.0005, 0.0123, 0.5)] == [
        "p < 0.0001",
        "p = 0.0005",
        "p = 0.012",
        "p = 0.50",
    ]


# --- layout ----------------------------------------------------------------------------------------------------


def test_best_and_second_are_found_among_contestants_only(run: RunData) -> None:
    (section,) = layout.sections([run])
    column = next(k for k, c in enumerate(section.columns) if c.fact.name == "fid")
    ranks = {line.method: line.cells[column].rank for line in section.lines if line.cells[column]}
    assert ranks == {
        "cmet": "best",
        "edtalk": "second",
        "label": "",
        "ground_truth": "",
        "no_edit": "",
        "still_face": "",
    }
    assert [line.role for line in section.lines] == ["contestant"] * 3 + ["ceiling"] + ["floor"] * 2


def test_descriptive_metrics_are_never_ranked(run: RunData) -> None:
    (section,) = layout.sections([run])
    column = next(k for k, c in enumerate(section.columns) if c.fact.name == "offset")
    assert {line.cells[column].rank for line in section.lines if line.cells[column]} == {""}
    assert section.columns[column].arrow == ""


def test_one_contestant_is_not_the_best_of_one() -> None:
    (section,) = layout.sections([make_run(methods=("cmet", "no_edit"), clips=20)])
    assert {cell.rank for line in section.lines for cell in line.cells if cell} == {""}


def test_a_method_that_failed_on_many_clips_is_not_ranked(run: RunData) -> None:
    def fail(row: object) -> object:
        hit = (row.method, row.metric) == ("cmet", "identity")  # type: ignore[attr-defined]
        return replace(row, value=0.99, n_scored=10) if hit else row  # type: ignore[type-var]

    (section,) = layout.sections([replace(run, summary=tuple(map(fail, run.summary)))])  # type: ignore[arg-type]
    column = next(k for k, c in enumerate(section.columns) if c.fact.name == "identity")
    ranks = {line.method: line.cells[column] for line in section.lines}
    assert ranks["cmet"].partial
    assert ranks["cmet"].rank == ""
    assert ranks["label"].rank == "best"


def ranks_of(runs: list[RunData], metric: str) -> dict[str, tuple[str, bool]]:
    """Label → (rank, partial) of the contestants in the column of a metric."""
    (section,) = layout.sections(runs)
    place = next(k for k, c in enumerate(section.columns) if c.fact.name == metric)
    cells = {line.label: line.cells[place] for line in section.of("contestant")}
    return {label: (cell.rank, cell.partial) for label, cell in cells.items() if cell is not None}


def lose(run: RunData, method: str, metric: str, samples: set[str]) -> RunData:
    """`run` without the numbers of these samples, and the mean of the others in the table."""
    rows = tuple(
        replace(r, value=None, reason="no_face")
        if (r.method, r.metric) == (method, metric) and r.sample in samples
        else r
        for r in run.rows
    )
    left = [r.value for r in rows if (r.method, r.metric) == (method, metric) and r.value is not None]
    mean = sum(left) / len(left)
    summary = tuple(
        replace(r, value=mean, n_scored=len(left)) if (r.method, r.metric) == (method, metric) else r
        for r in run.summary
    )
    return replace(run, rows=rows, summary=summary)


def test_nobody_becomes_the_best_by_failing_on_hard_clips() -> None:
    run = make_run(methods=("cmet", "edtalk", "label"))
    values = {r.sample: r.value or 0.0 for r in run.rows if (r.method, r.metric) == ("label", "identity")}
    hard = set(sorted(values, key=lambda sample: values[sample])[:6])
    easy = lose(run, "label", "identity", hard)
    level = {r.method: r.value or 0.0 for r in easy.summary if r.metric == "identity"}
    shift = level["cmet"] - level["label"] + 0.002  # now it stands above cmet in the table, on its own clips
    rows = tuple(
        replace(r, value=r.value + shift) if (r.method, r.metric) == ("label", "identity") and r.value else r
        for r in easy.rows
    )
    summary = tuple(
        replace(r, value=(r.value or 0) + shift) if (r.method, r.metric) == ("label", "identity") else r
        for r in easy.summary
    )
    ranks = ranks_of([replace(easy, rows=rows, summary=summary)], "identity")
    assert ranks == {"cmet": ("best", False), "edtalk": ("", False), "label": ("second", False)}


def test_a_shorter_run_is_not_ranked_against_a_longer_one() -> None:
    ranks = ranks_of([make_run("long", clips=60), make_run("short", 1, clips=22, methods=("cmet",))], "identity")
    assert ranks["cmet (short)"] == ("", True)
    assert ranks["cmet (long)"] == ("best", False)


def test_methods_that_share_too_few_clips_are_not_ranked() -> None:
    run, other = make_run("a", methods=("cmet",)), make_run("b", 1, methods=("edtalk",))
    apart = replace(other, rows=tuple(replace(r, sample="other " + r.sample) for r in other.rows))
    assert {rank for rank, _ in ranks_of([run, apart], "identity").values()} == {""}
    assert ranks_of([run, other], "identity")["cmet"] == ("best", False)


def test_ties_at_printed_precision_share_the_best() -> None:
    run = make_run(methods=("cmet", "edtalk", "label"), clips=20)
    level = {"cmet": 21.001, "edtalk": 21.004, "label": 30.0}
    summary = tuple(replace(r, value=level[r.method]) if r.metric == "fid" else r for r in run.summary)
    (section,) = layout.sections([replace(run, summary=summary)])
    column = next(k for k, c in enumerate(section.columns) if c.fact.name == "fid")
    assert [line.cells[column].rank for line in section.lines if line.cells[column]] == ["best", "best", ""]


def test_numbers_with_different_signatures_never_share_a_column(run: RunData) -> None:
    other = with_signature(make_run("other", 1), "lse_c", "lse_c|net:big@ffff|fps:25|codec:h264crf18|v:1")
    (section,) = layout.sections([run, other])
    columns = [c for c in section.columns if c.fact.name == "lse_c"]
    assert len(columns) == 2
    assert len({c.signature for c in columns}) == len({c.mark for c in columns}) == 2
    place = section.columns.index(columns[0])
    filled = {line.run for line in section.lines if line.cells[place] is not None}
    assert filled == {0}
    assert sum(c.fact.name == "identity" for c in section.columns) == 1


def test_lanes_and_datasets_have_their_own_sections(run: RunData) -> None:
    found = layout.sections([run, make_run("l", lane="label"), make_run("d", dataset="mead")])
    assert [(s.dataset, s.lane) for s in found] == [("puppets", "speech"), ("puppets", "label"), ("mead", "speech")]


def test_data_drawn_by_other_code_is_other_data() -> None:
    old, new, same = (replace(make_run(v, clips=20), facts={"dataset_version": v[1:]}) for v in ("a1", "b2", "c2"))
    assert [section.heading.split(",")[0] for section in layout.sections([old, new, same])] == [
        "puppets (version 1)",
        "puppets (version 2)",
    ]
    assert layout.sections([new, same])[0].heading == "puppets, lane speech, protocol demo"


def test_runs_with_the_same_method_are_told_apart(run: RunData) -> None:
    (section,) = layout.sections([run, make_run("other", 1, methods=("cmet",))])
    labels = [line.label for line in section.lines]
    assert "cmet (bench)" in labels
    assert "cmet (other)" in labels
    assert "edtalk" in labels
    (same,) = layout.sections([run, make_run("bench", 1, methods=("cmet",))])
    assert len({line.label for line in same.lines}) == len(same.lines)


def test_a_metric_under_two_signatures_says_which_is_which(run: RunData) -> None:
    twin = replace(run, summary=run.summary + with_signature(run, "lse_c", "lse_c|net:big@f|fps:25|v:1").summary)
    titles = {c.fact.title for s in layout.sections([twin]) for c in s.columns if c.fact.name == "lse_c"}
    assert titles == {"LSE-C (small@sha1a2b)", "LSE-C (big@f)"}


def test_columns_without_any_number_stand_apart(run: RunData) -> None:
    (section,) = layout.sections([run])
    assert [(c.fact.name, why) for c, why in section.empty] == [("lpips", "no_reference")]
    assert "lpips" not in {c.fact.name for c in section.columns}


def test_letters_go_on_after_z() -> None:
    assert [layout.letters(k) for k in (0, 25, 26, 51, 52, 701, 702)] == ["a", "z", "aa", "az", "ba", "zz", "aaa"]


def remarked(run: RunData) -> RunData:
    """`run` with what judges want read beside FID (all methods alike) and identity (each its own)."""
    told = {"fid": "N 110/110: biased upwards", "identity": "chance 8.3 %; p 0.02 of "}
    return replace(
        run,
        summary=tuple(
            replace(r, note=told[r.metric] + (r.method if r.metric == "identity" else "")) if r.metric in told else r
            for r in run.summary
        ),
    )


def test_what_judges_want_read_beside_their_numbers_is_there(run: RunData) -> None:
    text, tex = markdown.table([remarked(run)]), appendix_tex([remarked(run)])
    assert "- FID <sup>c</sup>: N 110/110: biased upwards\n" in text
    assert "- Identity similarity <sup>d</sup>: chance 8.3 % · cmet: p 0.02 of cmet · edtalk: p 0.02 of edtalk" in text
    assert "biased upwards" in tex
    assert r"chance 8.3 \%.\par" in tex
    assert "Read beside" not in markdown.table([run])


def test_the_table_says_whom_its_intervals_are_about(run: RunData) -> None:
    assert "Intervals over people are about people like these 20, those over clips about these." in markdown.table(
        [run]
    )
    assert "All clips are of one person" in markdown.table([make_run(identities=1, methods=("cmet",))])


# --- sentences -------------------------------------------------------------------------------------------------


def test_sentences_say_better_worse_or_not_measurable(run: RunData) -> None:
    told = {s.text.split(" (")[0] for s in sentences.sentences([run])}
    assert "cmet is better than no_edit in Emotion accuracy on puppets" in told
    assert "cmet is worse than ground_truth in LSE-C on puppets" in told
    assert "edtalk and label do not differ measurably in LSE-C on puppets" in told
    assert not any("ground_truth and still_face" in text for text in told)


def test_too_few_people_for_any_p_value_are_never_called_no_difference() -> None:
    """45 comparisons need 11 people: with 10 even a difference that all of them show is no proof."""
    texts = [s.text for s in sentences.sentences([make_run(identities=10)])]
    assert not any("do not differ" in text for text in texts)
    assert not any(" better " in text or " worse " in text for text in texts)
    (one,) = [text for text in texts if text.startswith("cmet and no_edit in Emotion accuracy")]
    assert "nothing can be shown (" in one
    assert "10 people in 60 clips that both have, and in 45 comparisons no p-value of fewer than 11 people" in one
    assert any(s.different for s in sentences.sentences([make_run(identities=11)]))


def test_clips_of_nobody_known_are_compared_as_clips(run: RunData) -> None:
    one = replace(run.comparisons[0], n_people=0, test="t over clips", p_holm=1.0, n_pairs=5)
    assert "5 clips that both have, and in a comparison no p-value of fewer than 6 clips" in sentences.in_words(
        one, run.fact(one.metric)
    )


def test_lower_is_better_turns_the_sentence_round(run: RunData) -> None:
    one = replace(run.comparisons[0], metric="fid", difference=-3.0, low=-4.0, high=-2.0, p_holm=0.001, signature="")
    assert "is better than" in sentences.in_words(one, run.fact("fid"))
    assert "is worse than" in sentences.in_words(replace(one, difference=3.0), run.fact("fid"))


# --- breakdown, failures ---------------------------------------------------------------------------------------


def test_per_emotion_means_add_up_to_the_table(run: RunData) -> None:
    one = next(b for b in breakdowns(run) if b.fact.name == "lse_c")
    cells = [one.cells["cmet", emotion] for emotion in one.emotions]
    total = sum(c.value * c.n_scored for c in cells if c.value is not None) / sum(c.n_scored for c in cells)
    table = next(r for r in run.summary if (r.method, r.metric) == ("cmet", "lse_c"))
    assert table.value == pytest.approx(total)
    assert sum(c.n_scored for c in cells) == table.n_scored
    assert sum(c.n_expected for c in cells) == table.n_expected
    assert one.emotions[:2] == ("angry", "contempt")
    assert one.emotions[-2:] == ("desire", "sarcastic")


def test_pooled_metrics_have_no_emotions(run: RunData) -> None:
    assert "fid" not in {b.fact.name for b in breakdowns(run)}


def test_all_right_or_all_wrong_still_has_an_interval(run: RunData) -> None:
    one = next(b for b in breakdowns(run) if b.fact.name == "emotion_accuracy")
    sure = [c for c in one.cells.values() if c.value in (0.0, 100.0)]
    assert sure
    assert all(c.low is not None and c.high is not None and c.high - c.low > 20 for c in sure)


def test_every_row_without_a_number_is_in_the_failures(run: RunData) -> None:
    listed = sum(len(f.clips) for f in failures(run))
    assert listed == sum(row.value is None and row.reason != "pooled" for row in run.rows)


def test_rows_never_asked_for_are_no_failures(run: RunData) -> None:
    rows = tuple(replace(r, reason="not_applicable") if r.metric == "lpips" else r for r in run.rows)
    assert "lpips" not in {f.metric for f in failures(replace(run, rows=rows))}


def test_remarks_count_clips_not_rows(run: RunData) -> None:
    first = run.rows[0].sample
    rows = tuple(
        replace(r, notes=("fps_resampled",)) if r.sample == first and r.method == "cmet" else r for r in run.rows
    )
    assert notes(replace(run, rows=rows)) == {"fps_resampled": 1}


# --- outputs ---------------------------------------------------------------------------------------------------


# --- LaTeX -----------------------------------------------------------------------------------------------------
