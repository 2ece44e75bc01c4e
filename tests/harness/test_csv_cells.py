"""A csv file's texts run nowhere, its numbers stay numbers, and our own readers see the texts that were meant."""

from __future__ import annotations

import csv
import io

import pytest

from harness import csv_cells

HOSTILE = ("=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "'=1", "''-x", "=cmd|' /C calc'!A0")
HARMLESS = ("", "a", "a=b", "'", "'a'", "´=1", "M003_happy", " =1", "a\n=b", 'c,"d"')


@pytest.mark.parametrize("text", HOSTILE)
def test_a_formula_becomes_a_text_and_comes_back(text: str) -> None:
    assert csv_cells.cell(text) == f"'{text}"
    assert csv_cells.text(csv_cells.cell(text)) == text


@pytest.mark.parametrize("value", [*HARMLESS, -1, -0.5, 1e-9, None, True])
def test_numbers_and_plain_texts_stay(value: object) -> None:
    assert csv_cells.cell(value) == value
    assert type(csv_cells.cell(value)) is type(value)
    if isinstance(value, str):
        assert csv_cells.text(value) == value


def test_a_file_is_read_back_as_it_was_meant() -> None:
    rows = [{"clip": text, "value": -0.25, "more": "left out"} for text in (*HOSTILE, *HARMLESS)]
    stream = io.StringIO(newline="")
    csv_cells.write(stream, ("clip", "value"), rows)
    found = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert [csv_cells.text(row["clip"]) for row in found] == [row["clip"] for row in rows]
    assert csv_cells.cell("a\rb\r\nc") == "a\nb\nc"
    assert {row["value"] for row in found} == {"-0.25"}
    assert not any(row["clip"].startswith(("=", "+", "-", "@", "\t", "\r")) for row in found)
