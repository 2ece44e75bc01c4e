"""A study is balanced and blind, simulated raters' preferences are recovered, and hostile files are one sentence."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bench
from harness.errors import CannotCompareError, UsageError
from harness.media import probe, read_audio
from reports.study import correlation, design, publish
from reports.study import key as keys
from reports.study.answers import read, sort_out
from reports.study.key import Key
from reports.study.material import Metric, gather
from reports.study.results import results
from reports.study.text import markdown
from tests.reports.study.study_samples import HEAD, METHODS, STRENGTH, honest, make_key, small_film, write_csv
from tests.synthetic_runs import EMOTIONS, make_run


@pytest.fixture(scope="module")
def key() -> Key:
    return make_key()


# --- the design ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("raters", "items", "methods"), [(24, 24, 3), (7, 11, 4), (5, 3, 5), (40, 30, 2), (1, 48, 3)])
def test_pairs_sides_and_samples_are_balanced(raters: int, items: int, methods: int) -> None:
    rng, names = np.random.default_rng(2), [f"m{k}" for k in range(methods)]
    asked = design.cells(names, design.QUESTIONS)
    fewest, best = design.samples_needed(len(asked), raters, items)
    emotions = {("d", f"s{k}"): EMOTIONS[k % len(EMOTIONS)] for k in range(60)}
    shown = {sample: emotions[sample] for sample in design.in_turn(emotions, rng)[:best]}
    dealt = design.plan(asked, shown, raters, items, rng)
    assert [len(own) for own in dealt] == [items] * raters

    def cell(item: design.Item) -> tuple[str, ...]:
        return item.question, *sorted(item.methods)

    every = [item for own in dealt for item in own]
    assert_even(Counter(map(cell, every)), len(asked))
    for own in dealt:
        assert_even(Counter(map(cell, own)), len(asked))
        assert len(set(own)) == len({(cell(item), item.sample) for item in own}) == items  # no two clips twice
        kinds = [item.question == design.IDENTIFY for item in own]
        assert kinds == sorted(kinds, reverse=True)  # emotions are named before any question tells one
    for one in {cell(item) for item in every if item.right}:
        sides = Counter(item.left for item in every if cell(item) == one)
        assert abs(sides[one[1]] - sides[one[2]]) <= 1
        assert_even(Counter(item.sample for item in every if cell(item) == one), len(shown))
    assert_even(Counter(emotions[sample] for sample in shown), len(EMOTIONS))
    assert fewest <= best


def assert_even(counts: Counter, kinds: int) -> None:
    found = [*counts.values(), *[0] * (kinds - len(counts))]
    assert max(found) - min(found) <= 1


def test_a_clip_of_a_cell_is_on_both_sides_as_often_in_every_pass() -> None:
    """An odd or even number of samples must not tie a sample to a side."""
    for count in (3, 4):
        emotions = {("d", str(k)): "happy" for k in range(count)}
        asked = design.cells(["a", "b"], ["sync"])
        dealt = design.plan(asked, emotions, 4 * count, 1, np.random.default_rng(0))
        sides = Counter((item.sample, item.left) for own in dealt for item in own)
        assert set(sides.values()) == {2}


def test_checks_have_a_known_answer_and_lie_among_the_rest(key: Key) -> None:
    for names in key.order.values():
        own = [key.items[name] for name in names]
        checks = [item for item in own if item.truth]
        assert len(checks) == 4
        assert len(own) == 28
        assert {{"left": item.left, "right": item.right}[item.truth] for item in checks} == {"ground_truth"}
        assert {*checks[0].methods} == {"ground_truth", "still_face"}
        places = [k for k, item in enumerate(own) if item.truth]
        alone = sum(item.question == design.IDENTIFY for item in own)
        assert places[0] >= alone
        assert all(b - a < 15 for a, b in itertools.pairwise(places))
    sides = Counter(item.truth for item in key.items.values() if item.truth)
    assert min(sides.values()) > 30  # of 96
    assert [design.most_wrong(n) for n in (0, 1, 3, 4, 6, 7, 10)] == [0, 0, 0, 0, 0, 1, 2]


def test_too_few_samples_and_unknown_methods_are_one_sentence() -> None:
    run = make_run(clips=6)
    with pytest.raises(UsageError, match="needs clips of two methods"):
        gather([run])  # without a folder there are no files
    material = gather([make_run(clips=6, folder=Path("r"))])
    assert material.methods == METHODS
    with pytest.raises(UsageError, match=r"200 items a rater need 17 samples .* there are 6.*--items 72 or less"):
        publish.designed(material, publish.Settings(3, 200, 0, design.QUESTIONS, 0))
    with pytest.raises(UsageError, match="Did you mean 'edtalk'"):
        gather([make_run(clips=6, folder=Path("r"))], ("edtalc", "cmet"))
    lanes = [make_run(clips=6, folder=Path("r")), make_run(clips=6, folder=Path("s"), lane="label")]
    with pytest.raises(CannotCompareError, match="several lanes"):
        gather(lanes)


def test_methods_of_two_runs_have_names_of_their_own() -> None:
    runs = [make_run("a", clips=6, folder=Path("a")), make_run("b", 1, clips=6, folder=Path("b"), methods=("cmet",))]
    material = gather(runs)
    assert material.methods == ("cmet (a)", "edtalk", "label", "cmet (b)")
    sample = next(iter(material.emotions))
    assert {str(material.files[name, sample].parents[2].name) for name in ("cmet (a)", "cmet (b)")} == {"a", "b"}
    lse = next(one for one in material.metrics if one.name == "lse_c")
    assert set(lse.values) == set(material.methods)


# --- the published folder --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_is_published_tells_no_method(tmp_path: Path) -> None:
    film = small_film(tmp_path / "film.mp4")
    run = make_run(clips=8, folder=tmp_path / "run")
    for (method, sample), path in run.clips.items():
        place = tmp_path / "run" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(film + f"{method} {sample}".encode())
    material = gather([run], METHODS)
    key = publish.designed(material, publish.Settings(3, 6, 2, design.QUESTIONS, 9))
    page, kept = publish.publish(key, material.files, tmp_path / "out")
    assert keys.read(kept) == key
    assert kept.parent not in (page.parent, *[path.parent for path in page.parent.rglob("*")])
    text = page.read_text(encoding="utf-8")
    secrets = {*run.anchors, *METHODS, *(sample for _, sample in run.clips), "bench", "truth"}
    clips = list((page.parent / "clips").iterdir())
    assert {path.stem for path in clips} == set(key.clips)
    for secret in secrets - {"label"}:  # a word of HTML
        assert secret not in text
        assert not any(secret.encode() in path.read_bytes() for path in clips)
    asked = json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])["raters"]  # type: ignore[index]
    emotions = {row[1]: row[3] for own in asked.values() for row in own}
    assert emotions[design.IDENTIFY] == ""  # the answer is not in the page, nor by the clip's name in another question
    alone = {row[2][0] for own in asked.values() for row in own if len(row[2]) == 1}
    assert alone.isdisjoint(name for own in asked.values() for row in own if len(row[2]) == 2 for name in row[2])
    assert {len(row) for own in asked.values() for row in own} == {4}  # checks look like all others
    first = clips[0]
    assert (probe(first).frames, probe(first).fps) == (6, 25.0)
    assert np.abs(read_audio(first).samples).max() > 0.05
    with pytest.raises(UsageError, match="holds something already"):
        publish.publish(key, material.files, tmp_path / "out")


def test_blind_names_follow_from_the_seed_alone() -> None:
    assert make_key(3, 12) == make_key(3, 12)
    one, other = make_key(3, 12), make_key(3, 12, seed=6)
    assert set(one.items).isdisjoint(other.items)
    assert set(one.clips).isdisjoint(other.clips)
    assert all(re.fullmatch("[b-z]{9}", name) for name in (*one.items, *one.clips))


# --- raters with known preferences -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answered(key: Key, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 raters who follow STRENGTH; then rater 3 fails the checks, 4 guesses left, 5 leaves early, 6 has a clip that
    does not play.
    """
    folder = tmp_path_factory.mktemp("answers")
    lines = honest(key, np.random.default_rng(8))
    swap = {"left": "right", "right": "left"}
    checks = {name for name, item in key.items.items() if item.truth}

    def cells(line: str) -> list[str]:
        return line.split(",")

    lines[3] = [line.replace(c[2], swap[c[2]]) if (c := cells(line))[1] in checks else line for line in lines[3]]
    lines[4] = [line.replace("right", "left") for line in lines[4]]
    lines[5] = lines[5][:8]
    lines[6][-1] = ",".join([*cells(lines[6][-1])[:2], "broken", "1.0", "28"])
    for rater, own in lines.items():
        write_csv(folder / f"answers-{rater:03d}.csv", own)
    return folder


def test_simulated_raters_are_recovered(key: Key, answered: Path) -> None:
    found = results(sort_out(read([answered], key), key), key)
    assert found.sorted.failed == (3, 4)
    assert found.sorted.unfinished == (5,)
    assert len(found.sorted.kept) == 21
    assert found.sorted.broken == 1
    for question in design.PREFERENCES:
        own = {one.method: one for one in found.strengths if one.question == question}
        assert sorted(own, key=lambda m: -(own[m].value or 0)) == list(METHODS)
    held = [one.interval[0] <= STRENGTH[one.method] <= one.interval[1] for one in found.strengths if one.interval]
    assert len(held) == 9
    assert sum(held) >= 8
    for one in found.preferences:
        truth = 100 / (1 + np.exp(STRENGTH[one.second] - STRENGTH[one.first]))
        assert one.share.wilson[0] - 6 < truth < one.share.wilson[1] + 6
        assert one.share.by_rater is not None
    clear = [one for one in found.preferences if {one.first, one.second} == {"cmet", "label"}]
    assert all(one.p_holm < 0.05 for one in clear)
    for named in found.named:
        assert named.share.wilson[0] < 60 < named.share.wilson[1]
    assert found.chance == pytest.approx(10.0)
    assert all(one.alpha is not None and 0 < one.alpha < 0.6 for one in found.agreement)
    assert {one.units for one in found.agreement} == {48}


def test_a_metric_that_orders_as_people_do_is_told_from_one_that_does_not(key: Key, answered: Path) -> None:
    """`like` gives clips the strengths that raters follow, with noise; `distance` is its opposite, `blind` noise."""
    rng, shown = np.random.default_rng(4), {(method, sample) for method, sample, _ in key.clips.values()}
    like = {one: STRENGTH[one[0]] + rng.normal(0, 0.4) for one in sorted(shown) if one[0] in STRENGTH}
    blind = {one: float(rng.normal()) for one in like}
    named = {"like": (like, True), "distance": (like, False), "blind": (blind, True)}
    metrics = tuple(Metric(n, n, n, up, STRENGTH, values) for n, (values, up) in named.items())
    found = results(sort_out(read([answered], key), key), replace(key, metrics=metrics))
    over = {(one.metric, one.question): one for one in found.metrics}
    for question in design.PREFERENCES:
        right, wrong, noise = (over[name, question] for name in named)
        assert right.methods == correlation.Correlation(pytest.approx(1.0), -1.0, 1.0, 3)  # three show nothing
        assert wrong.methods is not None
        assert wrong.methods.value == pytest.approx(-1.0)
        assert right.comparisons is not None
        assert right.comparisons.low > 0
        assert wrong.comparisons is not None
        assert wrong.comparisons.value == pytest.approx(-right.comparisons.value)
        assert noise.comparisons is not None
        assert noise.comparisons.low < 0 < noise.comparisons.high
    assert over["like", design.IDENTIFY].comparisons is None


def test_a_rater_whose_checks_did_not_play_is_not_trusted(key: Key, tmp_path: Path) -> None:
    """One of four that did not play is no matter; with none played nothing is known of the rater."""
    own = honest(key, np.random.default_rng(2))[1]
    checks = [k for k, name in enumerate(key.order[1]) if key.items[name].truth]
    for broken, kept in ((checks[:1], True), (checks, False)):
        lines = [re.sub("left|right", "broken", line) if k in broken else line for k, line in enumerate(own)]
        answers = read([write_csv(tmp_path / "a.csv", lines)], key)
        if kept:
            assert sort_out(answers, key).kept == (1,)
        else:
            with pytest.raises(CannotCompareError, match="1 failed the attention checks"):
                sort_out(answers, key)


def test_the_results_say_who_is_preferred_and_who_is_left_out(key: Key, answered: Path) -> None:
    text = markdown(results(sort_out(read([answered], key), key), key))
    assert "21 raters counted" in text
    assert "2 raters left out: failed the attention checks (3, 4)." in text
    assert "1 rater left out: left before the last check (5)." in text
    assert re.search(r"Raters prefer cmet to label by lip sync \(\d+\.\d % of \d+ answers, 21 raters, p", text)
    assert "Nothing can be said of FID: fewer than 4 methods" in text


def test_one_winner_of_everything_has_no_strength_but_a_sentence(key: Key, tmp_path: Path) -> None:
    lines = honest(key, np.random.default_rng(1))
    for own in lines.values():
        for k, line in enumerate(own):
            rater, name, _, seconds, order = line.split(",")
            item = key.items[name]
            if "cmet" in item.methods and item.right:
                own[k] = ",".join([rater, name, "left" if item.left == "cmet" else "right", seconds, order])
    path = write_csv(tmp_path / "a.csv", [line for own in lines.values() for line in own])
    found = results(sort_out(read([path], key), key), key)
    best = [one for one in found.strengths if one.method == "cmet"]
    assert all(one.value is None and one.won == one.answers > 0 for one in best)
    assert all(one.value is not None for one in found.strengths if one.method != "cmet")
    assert "cmet (realism), cmet (lip sync), cmet (emotion) won or lost every comparison" in markdown(found)


# --- files as people send them ---------------------------------------------------------------------------------


#: Name → lines below the head (or the whole file), and what is said of them. {p}: an item of rater 2 about two clips,
#: {e}: one about an emotion, {f}: an item of rater 1.
UNREADABLE = {
    "empty": (b"", "does not begin with the line rater,item"),
    "binary": (b"\x89PNG\r\n\x1a\n\xff\xfe\x00", "cannot be read as a csv file"),
    "semicolons": (HEAD.replace(",", ";").encode(), "does not begin with"),
    "a cell too many": ("2,{p},left,1.0,1,9", "Line 2 of .* has 6 cells, not 5"),
    "a quote": ('2,"{p},left,1.0,1', "cannot be read as a csv file"),
    "no such rater": ("99,{p},left,1.0,1", "there is no rater 99; the study has 24"),
    "a rater in words": ("two,{p},left,1.0,1", "rater 'two' is no such number"),
    "a formula": ("=1+1,{p},left,1.0,1", "is no such number"),
    "another study": ("2,<script>,left,1.0,1", "item '<script>' is not of this study"),
    "another's item": ("2,{f},left,1.0,1", "item {f} was not given to rater 2"),
    "an emotion for a pair": ("2,{p},happy,1.0,1", "'happy' is none of left, right"),
    "a side for an emotion": ("2,{e},left,1.0,1", "'left' is none of angry, "),
    "twice": ("2,{p},left,1.0,1\n2,{p},right,1.0,2", "Line 3 .* again"),
    "no time": ("2,{p},left,nan,1", "seconds 'nan' is no such number"),
    "endless": ("2,{p},left,1.0,1e400", "order '1e400' is no such number"),
    "half a place": ("2,{p},left,1.0,1.5", "order '1.5' is no such number"),
}


@pytest.mark.parametrize(("content", "says"), UNREADABLE.values(), ids=list(UNREADABLE))
def test_a_hostile_file_is_one_sentence(key: Key, tmp_path: Path, content: str | bytes, says: str) -> None:
    own = {bool(key.items[name].right): name for name in key.order[2]}
    names = {"p": own[True], "e": own[False], "f": key.order[1][0]}
    made = content if isinstance(content, bytes) else f"{HEAD}\n{content.format(**names)}\n".encode()
    (tmp_path / "a.csv").write_bytes(made)
    with pytest.raises(UsageError, match=says.format(**names)) as caught:
        read([tmp_path / "a.csv"], key)
    assert "\n" not in str(caught.value)


def test_files_that_spreadsheets_saved_again_are_read(key: Key, tmp_path: Path) -> None:
    own = honest(key, np.random.default_rng(0))[1]
    text = "\ufeff" + "\r\n".join([HEAD, *own, "", ""])
    (tmp_path / "a.csv").write_bytes(text.encode())
    assert len(read([tmp_path], key)) == len(own)


def test_the_command_says_what_is_wrong(
    key: Key, tmp_path: Path, answered: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = bench.main(["report", *map(str, arguments)])
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        return code, told.out, told.err

    study, alone = tmp_path / "study", tmp_path / "alone"
    keys.write(key, study / "key.json")
    code, out, _ = call("--study", study, "--study-answers", *sorted(answered.iterdir()))  # as a shell writes *.csv
    assert code == 0
    assert "21 raters counted" in out
    kept = json.loads((study / "results" / "study.json").read_text(encoding="utf-8"))
    assert len(kept["preferences"]) == 9
    write_csv(alone / "a.csv", honest(key, np.random.default_rng(0))[1][:3])
    code, _, err = call("--study", study, "--study-answers", alone)
    assert (code, "No rater is left of 1" in err) == (4, True)
    for arguments, says in {
        ("--study", tmp_path / "none", "--study-answers", answered): "There is no study's key",
        ("--study", study, "--study-answers", tmp_path / "none.csv"): "cannot be read: No such file",
        ("--study", study, "--study-answers", study / "results"): "There is no csv file in",
        ("--study", study): "No run is named",
        ("--raters", 3): "--raters is about a study",
        (): "No run is named",
    }.items():
        code, _, err = call(*arguments)
        assert (code, says in err) == (2, True), err
    for text in ("[]", "{", '{"schema_version": 1}', '{"schema_version": 9}'):
        (study / "key.json").write_text(text, encoding="utf-8")
        assert call("--study", study, "--study-answers", answered)[0] == 2
