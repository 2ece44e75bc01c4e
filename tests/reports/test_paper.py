"""A paper's table: what it shows by default and on request, published numbers apart, macros, and that LaTeX sets it."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import bench
import reports
from harness.errors import UsageError
from reports.model import RunData
from reports.paper import options
from reports.paper.appendix import appendix_tex
from reports.paper.characters import breakable, escape, filled
from reports.paper.macros import numbers
from reports.paper.main_table import table_tex
from reports.paper.options import TableOptions
from tests.synthetic_runs import HOSTILE, make_run, renamed, with_published_names


@pytest.fixture(scope="module")
def ours() -> RunData:
    return with_published_names(make_run(lose={"lse_c": 3}))


@pytest.fixture(scope="module")
def as_the_paper() -> RunData:
    return with_published_names(make_run(dataset="mead", lane="as-published"), "cmet-paper")


def tex(run: RunData, **asked: object) -> str:
    return table_tex([run], TableOptions(**asked).for_runs([run]))  # type: ignore[arg-type]


def row(text: str, label: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(label))
    return [cell.strip() for cell in line.removesuffix(r"\\").split("&")]


def test_headline_metrics_stand_in_one_column_of_a_page(ours: RunData) -> None:
    text = tex(ours)
    assert text.count(r"\begin{table}[t]") == 1
    mark = r"\rlap{\textsuperscript{$\ddagger$}}"
    accuracy, lse_c, identity, fid = row(text, "C-MET")[1:]
    assert (accuracy, identity) == (r"\textbf{78.3}", rf"\textbf{{0.900}}{mark}")  # 78.3: p 0.007 among 45
    assert (lse_c, fid) == (r"\underline{5.965}", r"\textbf{21.00}")
    assert row(text, "EDTalk &")[4] == r"\underline{24.00}"
    assert "textbf" not in " ".join(row(text, "Ground truth"))
    assert "LPIPS" not in text
    assert r"p $\leq$ 0.05 after Holm's correction for 45 comparisons" in text
    assert "LSE-C: clips scored: 57/60." in text  # once: all methods lost the same
    assert "60/60" not in text


def test_significance_is_against_the_second_after_correction(ours: RunData) -> None:
    shown = [c for c in ours.comparisons if (c.metric, c.first) == ("identity_sim", "cmet")]
    second = next(c for c in shown if c.second == "label")
    gone = tuple(replace(c, p_holm=0.2) if c is second else c for c in ours.comparisons)
    assert r"\textbf{0.900}" in row(tex(replace(ours, comparisons=gone)), "C-MET")


def test_what_an_author_asks_for_is_what_the_table_has(ours: RunData) -> None:
    text = tex(
        ours,
        columns=("fid", "Sync-C", "CSIM"),
        rows=("edtalk", "cmet", "ground_truth"),
        names={"cmet": "C-MET (ours) & co"},
        decimals={"": 2, "fid": 0},
        label="tab:main",
        caption="50 % of_all.",
        wide=True,
        spread="pm",
    )
    assert r"\begin{table*}[t]" in text
    assert r"\caption{50 \% of\_all.}\label{tab:main}" in text
    assert re.findall(r"^(EDTalk|C-MET \(ours\) \\& co|Ground truth|Still) &", text, re.M) == [
        "EDTalk", r"C-MET (ours) \& co", "Ground truth"
    ]  # fmt: skip
    assert row(text, "EDTalk")[1] == r"\underline{24}{\tiny$\,\pm\,$2}"
    below = tex(ours, columns=("fid",), spread="intervals")
    assert r"{\tiny {[}19.50, 22.50]}" in below
    assert r"\pm" not in below


def test_a_file_kept_with_the_paper_says_the_same(ours: RunData, tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text(
        'columns = ["sync_c", "fid"]\nrows = "edtalk, cmet"\nwide = true\nspread = "pm"\nlabel = "tab:x"\n'
        'caption = "Mine."\nwith_reported = ["cmet"]\n'
        '[names]\ncmet = "Ours"\n[metrics.Sync_C]\nhead = "Sync"\ndecimals = 1\n'
    )
    asked = options.read(path).for_runs([ours])
    assert asked == TableOptions(
        columns=("lse_c", "fid"), rows=("edtalk", "cmet"), names={"cmet": "Ours"}, wide=True, spread="pm",
        decimals={"lse_c": 1}, heads={"lse_c": "Sync"}, label="tab:x", caption="Mine.", with_reported=("cmet",),
    )  # fmt: skip
    assert row(table_tex([ours], asked), "Ours")[1].startswith(r"6.0{\tiny")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("=", "not valid toml"),
        ("colums = []", "no entry .in 'table.toml'. 'colums'"),
        ("wide = 1", "'wide' in"),
        ("columns = [1]", "'columns' in"),
        ('spread = "sd"', "no spread 'sd'"),
        ('[metrics.fid]\ndecimals = "x"', "'x' is no number of decimals"),
        ("[metrics.fid]\nplaces = 1", r"\[metrics.fid\]"),
        ('columns = ["synk_c"]', "no metric 'synk_c'"),
        ('rows = ["cmett"]', "no method in these runs 'cmett'"),
        ('with_reported = ["cmett"]', "no paper 'cmett'"),
        ('with_reported = ["others"]', "which paper"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(ours: RunData, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "table.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        table_tex([ours], options.read(path).for_runs([ours]))


def test_two_datasets_are_groups_of_columns(ours: RunData) -> None:
    other = with_published_names(make_run("two", 1, dataset="mead"))
    text = table_tex([ours, other])
    assert r" & \multicolumn{4}{c}{puppets} & \multicolumn{4}{c}{MEAD} \\" in text
    assert r"\cmidrule(lr){2-5}\cmidrule(lr){6-9}" in text
    assert len(row(text, "C-MET")) == 9
    assert "LSE-C on puppets: clips scored: 57/60." in text
    both = table_tex([ours, other], TableOptions(spread="pm").for_runs([ours, other]))  # no page is so wide
    assert both.count(r"\begin{table*}") == 2
    assert all(rf"\multicolumn{{4}}{{c}}{{{name}}}" in both for name in ("puppets", "MEAD"))


def test_a_dataset_without_the_wanted_number_is_no_empty_group(ours: RunData) -> None:
    other = with_published_names(make_run("two", 1, dataset="mead"))
    bare = replace(other, summary=tuple(r for r in other.summary if r.metric == "identity_sim"))
    text = table_tex([ours, bare], TableOptions(columns=("fid",)).for_runs([ours, bare]))
    assert "multicolumn" not in text
    assert "LPIPS: no number: there is no reference for this clip." in tex(ours, columns=("lpips",))


def test_published_numbers_stand_in_a_column_measured_their_way(as_the_paper: RunData) -> None:
    text = tex(as_the_paper, with_reported=("cmet",))
    main, apart = text.split(r"\end{table", 1)
    assert r"{\emph{As reported by others}} \\" in main
    cells = row(main, r"EAMM~\cite{choi2026cmet}")
    assert cells[1:3] == [r"\emph{18.81}", r"\emph{6.0609}"]
    assert row(main, "C-MET &")[1].startswith(r"\textbf")  # the better one of the paper does not take its rank
    assert "not comparable with ours" in apart
    assert r"\emph{161.602}" in apart  # FID per pair; ours is pooled


def test_published_numbers_measured_otherwise_have_a_table_of_their_own(ours: RunData, tmp_path: Path) -> None:
    main, apart = tex(ours, with_reported=("cmet", "float")).split(r"\end{table", 1)
    assert "cite" not in main
    assert r"\cite{choi2026cmet}" in apart
    paths = reports.write(ours, tmp_path, TableOptions(with_reported=("float",)))
    bibliography = next(path for path in paths if path.suffix == ".bib").read_text()
    assert bibliography.count("@inproceedings") == 1
    assert "{ki2025float," in bibliography
    assert "(reported: ki2025float)" in (tmp_path / "table.md").read_text()


def test_the_appendix_has_every_metric_interval_and_signature(ours: RunData) -> None:
    text = appendix_tex([ours])
    for one in ours.summary:
        assert breakable(one.signature) in text or one.value is None
    assert r"{[}19.50, 22.50]" in text
    assert "LPIPS: no number: there is no reference for this clip." in text
    assert r"\begin{table*}" in text


def test_escape_leaves_nothing_that_latex_reads() -> None:
    assert escape("a_b & 50% #1 $x$ {y} ~ ^ \\") == (
        r"a\_b \& 50\% \#1 \$x\$ \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}"
    )
    assert escape("é ☃ ½\x1b") == "é {[}U+2603] 12 "
    assert escape("[a] *") == "{[}a] {*}"
    assert "<script>" not in escape(HOSTILE)
    for title in ("Within − between cosine (fer) ↑", "Pseudo-label agreement (%) ↑", "a - b", "--x", "x--y-"):
        assert "".join(filled(title, 12)).replace(" ", "") == title.replace(" ", "")


def test_macros_are_letters_only_and_unique(ours: RunData) -> None:
    text = numbers([ours, make_run("other", 1), make_run("l", lane="label"), make_run("8 & 9", 2)])
    names = re.findall(r"\\newcommand\{\\([^}]*)\}", text)
    assert len(names) == len(set(names)) > 100
    assert all(re.fullmatch("[A-Za-z]+", name) for name in names)
    alike = {**ours.metric_facts, "identity_sim": replace(ours.fact("identity_sim"), title="FID: low")}
    names = re.findall(r"\\newcommand\{\\([^}]*)\}", numbers([replace(ours, metric_facts=alike)]))
    assert len(names) == len(set(names))


def test_macros_have_values_differences_and_emotions(ours: RunData) -> None:
    found = dict(re.findall(r"\\newcommand\{\\cmbPuppets([^}]*)\}\{\\ensuremath\{(.*)\}\}", numbers([ours])))
    assert found["CmetFID"] == "21.00"
    assert (found["CmetFIDLow"], found["CmetFIDInterval"], found["CmetFIDScored"]) == ("19.50", "[19.50, 22.50]", "60")
    one = next(c for c in ours.comparisons if (c.first, c.second, c.metric) == ("cmet", "edtalk", "emotion_acc"))
    assert found["CmetMinusEdtalkEmotionAccuracy"] == rf"+{one.difference:.1f}\mbox{{ points}}"
    assert found["EdtalkMinusCmetEmotionAccuracyHigh"] == f"{-one.low:.1f}"
    assert re.fullmatch(r"p [=<] [\d.]+", found["CmetMinusEdtalkEmotionAccuracyP"])
    happy = [r.value or 0 for r in ours.rows if (r.method, r.metric, r.emotion) == ("cmet", "emotion_acc", "happy")]
    assert found["CmetEmotionAccuracyHappy"] == f"{sum(happy) / len(happy):.1f}"


def test_report_takes_these_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["report", "--help"]) == 0
    told = capsys.readouterr().out
    for name in ("--columns", "--names", "--rows", "--wide", "--pm", "--intervals", "--decimals", "--with-reported"):
        assert name in told


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed: LaTeX is not compiled here")
@pytest.mark.parametrize("form", ["", "twocolumn"])
def test_no_box_is_overfull(ours: RunData, as_the_paper: RunData, form: str, tmp_path: Path) -> None:
    """Default table, hostile names, several datasets, intervals and published numbers, in both forms of an article."""
    named = ours
    for old, new in (("label", HOSTILE), ("edtalk", "[mine] 2"), ("no_edit", "方法"), ("still_face", "*")):
        named = renamed(named, old, new)
    mead = with_published_names(make_run("naïve & co", 1, dataset="mead"))
    bodies = [
        tex(ours),
        tex(named, spread="intervals"),
        table_tex([named, mead], TableOptions(spread="pm", names={"cmet": "A" * 90}).for_runs([named, mead])),
        tex(as_the_paper, with_reported=("cmet", "float", "edtalk")),
        tex(ours, columns=("all",), wide=True),
        appendix_tex([named, mead]),
    ]
    text = (
        f"\\documentclass[{form}]{{article}}\\usepackage[utf8]{{inputenc}}\\usepackage[T1]{{fontenc}}"
        f"\\usepackage{{booktabs}}\n{numbers([ours])}\\begin{{document}}We reach \\cmbPuppetsCmetFID{{}} "
        "(\\cmbPuppetsCmetMinusEdtalkEmotionAccuracyP).\n" + "\\clearpage\n".join(bodies) + "\\end{document}\n"
    )
    (tmp_path / "paper.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-draftmode", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull.*\n.*|Float too large.*", done.stdout)
