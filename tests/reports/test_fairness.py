"""Each sentence on fairness appears where the facts of a class or the records of clips call for it, and only there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.method import facts_of
from reports import layout, markdown, page, scores, sentences, terminal, tidy
from reports.fairness import fairness
from reports.model import Making, RunData
from reports.paper.appendix import appendix_tex
from reports.paper.macros import numbers
from reports.scores_file import read_scores
from tests.synthetic_runs import EMOTIONS, make_run

PLAIN: dict[str, Any] = {"emotion_sources": ["speech"], "pose": "clip"}
SEVEN = ["angry", "disgusted", "fear", "happy", "neutral", "sad", "surprised"]


def told(run: RunData) -> str:
    (section,) = layout.sections([run])
    return "\n".join(note.text for note in fairness(section, [run]))


def with_makings(run: RunData, facts: Mapping[str, Mapping[str, Any]], **changes: Any) -> RunData:
    """The run with facts of methods, and one record a clip: the emotion as utterances, unless `changes` say."""
    samples = {(row.method, row.sample): row.emotion for row in run.rows if row.method in facts}
    makings = tuple(
        Making("puppets", method, sample, emotion, **{"used": "speech", **changes})
        for (method, sample), emotion in samples.items()
    )
    kept = {name: {"spec": "", "facts": one} for name, one in facts.items()}
    return replace(run, makings=makings, facts={**run.facts, "methods": kept})


def test_clips_of_which_nothing_is_known_have_no_sentence() -> None:
    assert told(make_run(clips=10)) == ""
    assert told(with_makings(make_run(clips=10), {"cmet": {}})) == ""


def test_what_all_were_given_and_what_each_used_is_counted_from_the_clips() -> None:
    run = with_makings(make_run(methods=("cmet", "still_face"), clips=10), {"cmet": PLAIN, "still_face": PLAIN})
    labelled = replace(run.makings[0], used="label", notes=("seed: 12", "crop: none"))
    heard = replace(run.makings[1], notes=("seed: 13", "crop: mtcnn", "compat: official"))
    text = told(replace(run, makings=(labelled, heard, *run.makings[2:])))
    assert "the same identity picture, driving sound and pose track" in text
    assert "lane speech gives utterances" in text
    assert "cmet took the emotion from emotional utterances (9 clips), a label (1 clip)." in text
    assert "seed: 2 different ones; crop: mtcnn (1 clip), none (1 clip); compat: official (1 clip)." in text
    for absent in ("§", "ceiling", "no class", "made no clip", "only by", "still_face"):
        assert absent not in text


def test_a_class_that_is_missing_and_samples_that_were_refused() -> None:
    run = with_makings(make_run(methods=("cmet",), clips=20), {"cmet": {**PLAIN, "labels": SEVEN}})
    refused = replace(run.makings[1], used="", refused="cmet does not know the label 'contempt'")
    text = told(replace(run, makings=(run.makings[0], refused, *run.makings[2:])))
    assert "cmet has no class for contempt, which 2 clips ask for." in text
    assert "cmet made no clip of 1 of 20 samples: cmet does not know the label 'contempt'." in text
    one = with_makings(make_run(methods=("cmet",), clips=10), {"cmet": {**PLAIN, "labels": SEVEN}})
    assert "cmet has no class for contempt, which 1 clip asks for." in told(one)
    eight = with_makings(make_run(methods=("cmet",), clips=20), {"cmet": {**PLAIN, "labels": [*SEVEN, "contempt"]}})
    assert "no class" not in told(eight)


def test_the_ceiling_of_labels_is_the_best_guess_from_them() -> None:
    """Two extended emotions, 6 clips each; sarcastic is seen as happy, desire as happy four times of six."""
    run = with_makings(make_run(methods=("cmet",), clips=60), {"cmet": PLAIN}, used="label", label="happy")
    extended = [one for one in run.makings if one.emotion in EMOTIONS[8:]]
    desire = [one for one in extended if one.emotion == "desire"]
    for one in desire[:2]:
        extended[extended.index(one)] = replace(one, label="sad")
    text = told(replace(run, makings=tuple(extended)))
    assert "cmet saw 2 extended emotions as basic labels: happy (10 clips), sad (2 clips)." in text
    assert "at most 66.7 % of the 12 clips" in text  # happy: 6 of 10 are sarcastic; sad: both desire
    assert "ceiling" not in told(with_makings(run, {"cmet": PLAIN}))


def test_what_it_would_take_to_reach_extended_emotions() -> None:
    facts = {"cmet": {**PLAIN, "extended_only_by": "training on each sentence, which is not done here"}}
    text = "cmet reaches extended emotions only by training on each sentence, which is not done here."
    assert text in told(with_makings(make_run(methods=("cmet",), clips=10), facts))
    assert text not in told(with_makings(make_run(methods=("cmet",), clips=8), facts))


def own_motion() -> RunData:
    run = make_run(methods=("cmet", "edtalk", "label"), clips=20)
    run = with_makings(run, {"cmet": PLAIN, "edtalk": PLAIN, "label": {**PLAIN, "pose": "own"}})
    return replace(run, unaligned=frozenset({("label", "lse_c")}))


def test_numbers_of_frames_that_do_not_correspond_are_marked_everywhere_and_never_ranked(tmp_path: Path) -> None:
    run = own_motion()
    assert "label does not move the head along the pose track: LSE-C (§) compare" in told(run)
    (section,) = layout.sections([run])
    place = next(k for k, column in enumerate(section.columns) if column.fact.name == "lse_c")
    cells = {line.method: line.cells[place] for line in section.lines}
    assert {name: (cell.unaligned, cell.rank) for name, cell in cells.items() if cell is not None} == {
        "cmet": (False, "second"), "edtalk": (False, "best"), "label": (True, "")
    }  # fmt: skip
    for text in (terminal.table(run), markdown.table([run]), page.render([run], tmp_path)):
        assert text.count("§") >= 2
    assert r"\S" in appendix_tex([run])
    marked = [line for line in numbers([run]).splitlines() if r"\S" in line]
    assert [line.partition("}{")[0] for line in marked] == [r"\newcommand{\cmbPuppetsLabelLSEC"]
    noted = {(row["method"], row["metric"]) for row in tidy.numbers([run]) if "§" in row["note"]}
    assert noted == {("label", "lse_c")}
    plain = make_run(methods=("cmet", "edtalk"), clips=20)
    for text in (terminal.table(plain), markdown.table([plain]), page.render([plain], tmp_path), appendix_tex([plain])):
        assert "§" not in text
        assert r"\S" not in text


def test_a_comparison_of_frames_that_do_not_correspond_is_no_verdict() -> None:
    found = [one.text for one in sentences.sentences([own_motion()]) if one.metric == "lse_c"]
    concerned = [text for text in found if "label" in text]
    assert concerned
    for text in found:
        assert ("The head of label does not follow the pose track" in text) == (text in concerned)
    assert not any(word in text for text in concerned for word in ("better", "worse"))


def test_scores_json_says_which_numbers_they_are(tmp_path: Path) -> None:
    (tmp_path / "scores.json").write_text(scores.to_json([own_motion()]), encoding="utf-8")
    assert read_scores(tmp_path / "scores.json").unaligned == {("label", "lse_c")}
    assert '"unaligned"' not in scores.to_json([make_run(methods=("cmet",), clips=4)])


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_the_sentences_are_literal_latex(tmp_path: Path) -> None:
    body = appendix_tex([own_motion()])
    text = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}" + body + "\\end{document}"
    (tmp_path / "a.tex").write_text(text, encoding="utf-8")
    call = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"]
    done = subprocess.run(call, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-800:]


def test_facts_are_those_of_the_class_and_none_of_clips_that_exist() -> None:
    from baselines.edtalk.method import EDTalk
    from baselines.existing import Existing
    from baselines.float.method import Float

    assert facts_of(Float)["pose"] == "own"
    assert facts_of(EDTalk({"pose": "fixed"}, "cpu"))["pose"] == "source"
    assert "contempt" not in facts_of(Float)["labels"]
    assert facts_of(Existing) == {}


def test_the_metrics_that_need_the_pose_of_the_ground_truth() -> None:
    from evaluators import EVALUATORS
    from harness import registry

    aligned = {
        facts.name
        for spec in EVALUATORS.values()
        for facts in getattr(registry.load(spec), "metrics", ())
        if facts.frame_aligned
    }
    assert aligned == {"fid_pair", "psnr", "ssim", "lpips", "m_lmd", "f_lmd", "m_lvd", "f_lvd"}
