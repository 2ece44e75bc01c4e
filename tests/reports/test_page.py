"""The page: one file, offline, escaped, accessible; tests/reports/test_page_browser.py shows it to a browser."""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

import reports
from reports import chart, players
from reports.breakdown import breakdowns
from reports.model import RunData
from tests.synthetic_runs import make_run

HOSTILE = "<script>document.title='HACKED'</script><img src=x onerror=\"document.title='HACKED'\">'\"&é☃</style>"
VOID = {"meta", "link", "br", "img", "input", "hr", "col", "circle", "rect", "line", "polygon"}


class Page(HTMLParser):
    """Tags, ids, attributes and text of a page; complains about tags that are not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


def hostile(run: RunData) -> RunData:
    """`run` with hostile text in every name and note that a user's files can bring in."""

    def method(name: str) -> str:
        return HOSTILE if name == "cmet" else name

    rows = tuple(
        replace(r, method=method(r.method), sample=HOSTILE + r.sample, emotion=HOSTILE + r.emotion, identity=HOSTILE,
                detail=HOSTILE, signature=HOSTILE + r.signature)
        for r in run.rows
    )  # fmt: skip
    summary = tuple(
        replace(r, method=method(r.method), dataset=r.dataset, signature=HOSTILE + r.signature) for r in run.summary
    )
    comparisons = tuple(replace(c, first=method(c.first), second=method(c.second)) for c in run.comparisons)
    clips = {(method(m), HOSTILE + s): f"clips/{HOSTILE}/{s}.mp4" for m, s in run.clips}
    facts = {"asked": {HOSTILE: [HOSTILE, 1]}, "note": HOSTILE, "nothing": None}
    long = {HOSTILE + r.signature: {HOSTILE: HOSTILE} for r in run.summary}
    return replace(
        run,
        name=HOSTILE,
        rows=rows,
        summary=summary,
        comparisons=comparisons,
        clips=clips,
        facts=facts,
        long_signatures=long,
    )


def page_of(run: RunData | list[RunData], folder: Path) -> str:
    return reports.write(run, folder)[0].read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page_of(make_run(lose={"lse_c": 3}), tmp_path_factory.mktemp("page"))


def data_of(text: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


@pytest.mark.slow
def test_the_page_is_well_formed_and_loads_nothing(text: str) -> None:
    page = Page(text)
    assert not page.all("link")
    assert not page.all("img")
    assert not any("src" in a for a in page.all("script"))
    links = [a["href"] for a in page.all("a")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "http" not in re.sub(r"http-equiv|http://www.w3.org/2000/svg", "", text)


def test_anchors_lead_somewhere_and_ids_are_unique(text: str) -> None:
    page = Page(text)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for a in page.all("a")} <= set(ids)
    assert {ref for _, a in page.tags for ref in a.get("aria-labelledby", "").split()} <= set(ids)


@pytest.mark.slow
def test_headings_captions_and_labels_are_there(text: str) -> None:
    page = Page(text)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert page.all("html")[0]["lang"] == "en"
    assert page.all("caption")
    assert all(a.get("scope") for a in page.all("th"))
    assert all(a.get("role") == "img" for a in page.all("svg") if a.get("class") == "chart")
    labelled = re.findall(r"<label[^>]*>[^<]*<(?:select|input)", text)
    assert len(labelled) == len(page.all("select")) + len(page.all("input"))


def test_numbers_intervals_and_coverage_are_in_the_table(text: str) -> None:
    assert '<span class="value best">21.00' in text
    assert "[19.50, 22.50]" in text
    assert '<span class="coverage short" title="clips scored / expected">57/60</span>' in text
    assert "no face was found" in text
    assert "there is no reference for this clip" in text


@pytest.mark.slow
def test_what_judges_want_read_beside_their_numbers_is_on_the_page(tmp_path: Path) -> None:
    run = make_run(clips=20)
    told = {"fid": "chance <b>8 %</b>", "lse_c": "p of "}
    summary = tuple(
        replace(r, note=told[r.metric] + r.method * (r.metric == "lse_c")) if r.metric in told else r
        for r in run.summary
    )
    text = page_of(replace(run, summary=summary), tmp_path)
    Page(text)
    assert text.count("chance &lt;b&gt;8 %&lt;/b&gt;") == 1
    assert "cmet: p of cmet" in text
    assert "And of each method" in text


@pytest.mark.slow
def test_hostile_names_are_text_everywhere(tmp_path: Path) -> None:
    text = page_of(hostile(make_run(lose={"lse_c": 3})), tmp_path)
    page = Page(text)
    assert len(page.all("script")) == 2
    assert not page.all("img")
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    body = text.split("<body>")[1]
    assert HOSTILE not in body
    assert "&lt;script&gt;document.title" in body
    assert HOSTILE in data_of(text)["methods"]
    addresses = [url for clips in data_of(text)["clips"] for url in (clips["from"], *clips["but"].values())]
    assert addresses
    assert all("<" not in url and '"' not in url for url in addresses)


def test_scripts_are_pinned_by_hash(text: str) -> None:
    policy = next(a["content"] for a in Page(text).all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/]{43}='", policy)


def test_players_find_the_clips_from_wherever_the_page_lies(tmp_path: Path) -> None:
    run = make_run(folder=tmp_path / "run", clips=10)
    beside, apart = tmp_path / "run" / "report", tmp_path / "elsewhere" / "deep"
    clip = run.clips["cmet", run.rows[0].sample]
    assert players.links(run, beside)(clip) == f"../{clip}"
    assert players.links(run, apart)(clip) == f"../../run/{clip}"
    assert players.links(run, beside)(str(tmp_path / "mine" / "a.mp4")) == "../../mine/a.mp4"
    assert players.links(replace(run, folder=None), apart)(clip) == f"../{clip}"
    assert players.links(run, beside)("clips/a b#?%é.mp4") == "../clips/a%20b%23%3F%25%C3%A9.mp4"


def unpacked(text: str) -> list[str]:
    groups = [group.partition("*") for group in text.split(",")]
    return [token for token, _, times in groups for _ in range(int(times or 1))]


def test_packed_columns_are_short_and_whole() -> None:
    assert players.packed(["", "", "12", "r0", "r0", "r0"]) == "*2,12,r0*3"
    assert unpacked("*2,12,r0*3") == ["", "", "12", "r0", "r0", "r0"]


def test_player_data_has_every_sample_value_and_reason(text: str) -> None:
    data = data_of(text)
    assert len(data["ids"]) == 60
    assert data["methods"][:3] == ["ground_truth", "cmet", "edtalk"]
    assert data["roles"] == ["ceiling", *["contestant"] * 3, "floor", "floor"]
    run = make_run(lose={"lse_c": 3})
    place = next(k for k, metric in enumerate(data["metrics"]) if metric["key"] == "lse_c")
    column = unpacked(data["values"][place][1])
    reasons = dict(data["reasons"])
    assert reasons["no_face"] == "no face was found"
    for row in (row for row in run.rows if (row.method, row.metric) == ("cmet", "lse_c")):
        token = column[data["ids"].index(row.sample)]
        if row.value is None:
            assert data["reasons"][int(token[1:])][0] == row.reason
        else:
            assert int(token) == round(row.value * 10 ** data["metrics"][place]["places"])
    pooled = next(k for k, metric in enumerate(data["metrics"]) if metric["key"] == "fid")
    assert not data["metrics"][pooled]["numbers"]
    assert set(unpacked(data["values"][pooled][0])) == {""}


def test_a_method_in_two_lanes_is_two_players(tmp_path: Path) -> None:
    both = [
        make_run(clips=10, methods=("cmet",)),
        make_run("l", 1, clips=10, methods=("cmet",), lane="label", folder=tmp_path),
    ]
    data = data_of(page_of(both, tmp_path))
    assert data["methods"] == ["cmet (bench, lane speech, run 1)", "cmet (l, lane label, run 2)"]
    assert data["roles"] == ["contestant", "contestant"]
    assert [clips["but"] for clips in data["clips"]] == [{}, {}]


@pytest.mark.slow
def test_a_run_without_clips_or_facts_still_has_a_page(tmp_path: Path) -> None:
    run = make_run(clips=20)
    text = page_of(replace(run, clips={}, facts={}, comparisons=()), tmp_path)
    Page(text)
    assert 'id="clips"' not in text
    assert "nothing is known about how the run was made" in text


@pytest.mark.slow
def test_several_runs_share_one_page(tmp_path: Path) -> None:
    text = page_of([make_run("one"), make_run("two", 1, methods=("cmet",)), make_run("l", lane="label")], tmp_path)
    Page(text)
    assert "cmet (one)" in text
    assert "cmet (two)" in text
    assert "lane label" in text


def test_the_axis_holds_every_mark() -> None:
    for one in breakdowns(make_run()):
        scale = chart.axis(one)
        values = [v for c in one.cells.values() for v in (c.value, c.low, c.high) if v is not None]
        assert scale.low <= min(values) <= max(values) <= scale.high
        assert 3 <= len(scale.ticks()) <= 12
        assert len({label for _, label in scale.ticks()}) == len(scale.ticks())


def test_a_loss_in_per_cent_is_on_its_chart() -> None:
    one = breakdowns(make_run(methods=("cmet",)))[0]
    assert one.fact.unit == "%"
    assert (chart.axis(one).low, chart.axis(one).high) == (0.0, 100.0)
    lost = replace(one, cells={key: replace(c, value=-30.0, low=-42.0, high=-20.0) for key, c in one.cells.items()})
    assert chart.axis(lost).low <= -42.0 < 100.0 == chart.axis(lost).high


def test_a_flat_chart_has_an_axis_too() -> None:
    one = breakdowns(make_run(methods=("cmet",)))[1]
    flat = replace(one, cells={key: replace(c, value=3.0, low=3.0, high=3.0) for key, c in one.cells.items()})
    assert "nan" not in chart.dots(flat, frozenset(), "x")
