"""docs/library.md is executed: five questions, each answered in at most five lines, with true answers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.places import ROOT

PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
#: (question, code, what it shows) of every section that has code.
BLOCKS = re.findall(r"^## ([^\n]+)\n\n```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
WIDTH = 110  # characters of a printed table


def shown(code: str, names: dict[str, Any]) -> Any:
    """Run a block as a notebook does; the value of its last line, where that is an expression."""
    tree = ast.parse(code)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(code, names)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), "page", "exec"), names)
    return eval(compile(ast.Expression(last.value), "page", "eval"), names)


def same(told: str, true: str) -> bool:
    """Whether two words of the page are equal: numbers within 2 %, and what ends in … as far as it goes."""
    try:
        return float(true) == pytest.approx(float(told), rel=0.02)
    except ValueError:
        return true.startswith(told.removesuffix("…")) if told.endswith("…") else told == true


def test_five_questions_are_answered_in_five_lines_each() -> None:
    assert len(BLOCKS) == 5
    assert all(len([line for line in code.splitlines() if line.strip()]) <= 5 for _, code, _ in BLOCKS)
    assert PAGE.count("```python") == 5, "no block is left unexecuted"


@pytest.mark.slow
def test_the_page_shows_what_its_code_shows(at_home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for question, code, told in BLOCKS:
        with pd.option_context("display.width", WIDTH, "display.max_columns", None):
            value = shown(code, names)
            text = capsys.readouterr().out if value is None else str(value)
        words = told.split(), text.split()
        assert len(words[0]) == len(words[1]), f"{question}\n{text}"
        assert all(map(same, *words)), f"{question}\n{text}"
