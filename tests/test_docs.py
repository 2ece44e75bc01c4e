"""What docstrings and pages point at is there: pages, headings, links; and the pages say what the code says."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import errors, reasons

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
_QUOTED = r"""(?:'[^']+'|"[^"]+")"""
#: Matches docs/reference/runs.md, alone or with headings: docs/reference/runs.md, 'Run folder' and 'Exit codes'.
_CITATION = re.compile(rf"\bdocs/[\w./-]+\.md(?:, {_QUOTED}(?: and {_QUOTED})*)?")
#: How documents were cited that this repository does not hold.
_ABSENT = re.compile(
    r"\bspecs/|\bspecs?,? (?:§|section)|\b(?:metrics|datasets|baselines|cmet|edtalk|emotion2vec|meld_extended) spec\b"
    r"|[Aa]dapter contract §|\bmeld_extended\.md|\bDESIGN\b|\bHOUSE\b"
)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _sources() -> Iterator[Path]:
    yield from ROOT.glob("*.py")
    for folder in sorted(ROOT.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and any(folder.glob("*.py")):
            yield from sorted((*folder.rglob("*.py"), *folder.rglob("*.toml")))


def _joined(lines: str) -> str:
    """Text whose lines are one, without the marks of comments."""
    return " ".join(re.sub(r"^\s*#:? ?", "", line).strip() for line in lines.split("\n"))


def _prose(path: Path) -> str:
    """Docstrings and comments of a source file, each as one line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".toml":
        return _joined("\n".join(line for line in text.split("\n") if line.startswith("#")))
    told = [
        _joined(node.value.value)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = "\n".join(token.string for token in tokens if token.type == tokenize.COMMENT)
    return "\n".join([*told, _joined(comments)])


def _headings(page: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"^#+ (.+)$", text, re.MULTILINE)


def _slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _dangling(citation: str) -> bool:
    name, _, quoted = citation.partition(", ")
    page = ROOT / name
    wanted = [heading[1:-1] for heading in re.findall(_QUOTED, quoted)]
    return not page.is_file() or not set(wanted) <= set(_headings(page))


@pytest.mark.slow
def test_pages_and_headings_that_sources_cite_exist() -> None:
    cited = {
        (path.relative_to(ROOT), citation)
        for path in _sources()
        if "docs/" in path.read_text(encoding="utf-8")
        for citation in _CITATION.findall(_prose(path))
    }
    assert len({path for path, _ in cited}) > 30, "sources cite their facts"
    assert not sorted(f"{path}: {citation}" for path, citation in cited if _dangling(citation))


@pytest.mark.slow
def test_no_source_cites_a_document_that_is_not_here() -> None:
    suspects = (path for path in _sources() if _ABSENT.search(_joined(path.read_text(encoding="utf-8"))))
    found = [f"{path.relative_to(ROOT)}: {text}" for path in suspects for text in _ABSENT.findall(_prose(path))]
    assert not found


def test_relative_links_of_every_page_resolve() -> None:
    broken = []
    for page in PAGES:
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            if re.match(r"\w+:", target):
                continue
            name, _, anchor = target.partition("#")
            goal = (page.parent / name).resolve() if name else page
            if not goal.exists() or (anchor and anchor not in map(_slug, _headings(goal))):
                broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert not broken


def test_the_index_names_every_reference_page_and_headings_can_be_cited() -> None:
    index = (REFERENCE / "README.md").read_text(encoding="utf-8")
    for page in REFERENCE.glob("*.md"):
        headings = _headings(page)
        assert page.name == "README.md" or f"({page.name})" in index, f"{page.name} is not in the index"
        assert len(set(headings)) == len(headings), f"{page.name} has a heading twice"
        assert not [heading for heading in headings if re.search("['\"]", heading)], f"{page.name}: quotes in a heading"


def test_the_page_of_runs_lists_the_exit_codes_of_the_code() -> None:
    text = (REFERENCE / "runs.md").read_text(encoding="utf-8")
    section = text.partition("## Exit codes\n")[2].partition("\n## ")[0]
    known = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert set(map(int, re.findall(r"^\| (\d+) \|", section, re.MULTILINE))) == known


def test_pages_name_every_lip_sync_dialect_and_only_known_reasons() -> None:
    text = (REFERENCE / "metrics.md").read_text(encoding="utf-8")
    (table,) = ROOT.glob("evaluators/**/*dialects.toml")
    dialects = set(re.findall(r"^\[([\w-]+)\]$", table.read_text(encoding="utf-8"), re.MULTILINE))
    section = text.partition("### Sync dialects\n")[2].partition("\n### ")[0]
    assert set(re.findall(r"^\| `([\w-]+)`", section, re.MULTILINE)) == dialects
    section = text.partition("### Sync refusals\n")[2].partition("\n## ")[0]
    told = {code for line in section.split("\n") for code in re.findall(r"`([a-z_]+)`", line.rpartition(" | ")[2])}
    assert "no_face" in told
    assert told <= set(reasons.REASONS), "codes of this table are reason codes"
