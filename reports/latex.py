"""This module writes the tables as LaTeX: booktabs and nothing else to load."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from harness.reasons import sentence
from reports.fairness import fairness
from reports.footnotes import footnotes
from reports.layout import ROLE_TITLES, ROLES, Column, Section, TableCell, TableLine, has_unaligned, sections
from reports.legend import INTERVALS, RANKED, UNALIGNED
from reports.model import RunData
from reports.numbers import coverage, interval, number

_SPECIAL = {
    "\\": r"\textbackslash{}",
    '"': "''",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "−": r"$-$",
    "–": "--",
    "—": "---",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\to$",
    "∞": r"$\infty$",
    "§": r"\S{}",
    "[": "{[}",  # at the start of a row it would be an option of the \\ or \midrule before, and so would a star
    "*": "{*}",
} | {c: f"\\{c}" for c in "&%$#_{}"}
_COLUMNS_A_TABLE = 5
_HEAD_CHARACTERS = 12


def escape(text: str) -> str:
    """Returns `text` as literal LaTeX for pdflatex and its standard fonts: accents stay, other scripts become code
    points.
    """
    return "".join(_SPECIAL.get(c) or _plain(c) for c in unicodedata.normalize("NFC", text))


def _plain(character: str) -> str:
    if character.isspace() or not character.isprintable():
        return " "
    if ord(character) < 128 or (0xC0 <= ord(character) < 0x180 and character not in "×÷ĸŉſ"):
        return character
    bare = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return "".join(_SPECIAL.get(c, c) for c in bare) or f"{{[}}U+{ord(character):04X}]"


def table(runs: Sequence[RunData]) -> str:
    r"""Returns the whole of table.tex: one or more table environments to \input; the preamble needs booktabs alone."""
    parts = ["% Needs \\usepackage{booktabs}. Written by cmet-bench; \\input this file.", ""]
    for section in sections(runs):
        for start in range(0, max(1, len(section.columns)), _COLUMNS_A_TABLE):
            parts += _table(section, slice(start, start + _COLUMNS_A_TABLE), runs)
    return "\n".join(parts).rstrip() + "\n"


def _table(section: Section, part: slice, runs: Sequence[RunData]) -> list[str]:
    last = part.stop >= len(section.columns)
    columns = section.columns[part]
    common = {footnote.column.mark: footnote.common for footnote in footnotes(section)}
    head = " & ".join(["Method", *(_head(column) for column in columns)])
    body: list[str] = []
    for role in ROLES:
        lines = section.of(role)
        if lines and ROLE_TITLES[role]:
            body += [r"\midrule", rf"\multicolumn{{{len(columns) + 1}}}{{l}}{{\emph{{{ROLE_TITLES[role]}}}}} \\"]
        for line in lines:
            body += _line(line, part)
    return [
        r"\begin{table}[t]",
        r"\centering\small\setlength{\tabcolsep}{3pt}\setlength{\belowcaptionskip}{4pt}",
        rf"\caption{{{_caption(section, part)}}}",
        rf"\begin{{tabular}}{{l{'r' * len(columns)}}}",
        r"\toprule",
        rf"{head} \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\smallskip\raggedright\tiny",
        *(_footnote(column, common.get(column.mark, "")) for column in columns),
        *(_absent(column, why) for column, why in section.empty if last),
        *(rf"{escape(note.text)}\par" for note in fairness(section, runs) if last),
        r"\end{table}",
        "",
    ]


def _head(column: Column) -> str:
    """The title in short lines: whole words side by side would make the table wider than a page."""
    stacked = r"\\".join(escape(line) for line in _lines(column.title))
    return rf"\shortstack[r]{{{stacked}\textsuperscript{{{column.mark}}}}}"


def _lines(title: str) -> list[str]:
    """Words of a title (hyphens divide them too) filled into lines of at most _HEAD_CHARACTERS, if words allow."""
    lines: list[str] = []
    for word in re.findall(r"(?:[^\s-]+-*|-+)(?: [↑↓])?", title):
        glue = "" if lines and lines[-1].endswith("-") else " "
        if lines and len(lines[-1]) + len(glue) + len(word) <= _HEAD_CHARACTERS:
            lines[-1] += glue + word
        else:
            lines.append(word)
    return lines or [""]


def _line(line: TableLine, part: slice) -> list[str]:
    """Two rows per method: value with coverage, and below it the interval."""
    cells = line.cells[part]
    values = " & ".join([escape(line.label), *(_value(cell) for cell in cells)])
    below = [_interval(cell) for cell in cells]
    rows = [rf"{values} \\"]
    if any(below):
        rows.append(rf"{' & '.join(['', *below])} \\[2pt]")
    return rows


def _value(cell: TableCell | None) -> str:
    if cell is None:
        return ""
    value = escape(number(cell.row.value, cell.places))
    value = {"best": rf"\textbf{{{value}}}", "second": rf"\underline{{{value}}}", "": value}[cell.rank]
    mark = r"$^\dagger$" * cell.partial + r"\textsuperscript{\S}" * cell.unaligned
    return rf"{value}{mark} {{\tiny {coverage(cell.row)}}}"


def _interval(cell: TableCell | None) -> str:
    text = interval(cell.row.low, cell.row.high, cell.places) if cell else ""
    return rf"{{\tiny {escape(text)}}}" if text else ""


def _caption(section: Section, part: slice) -> str:
    more = " (continued)" if part.start else ""
    return (
        f"{escape(section.heading)}{more}. Small: clips scored / expected, and {escape(INTERVALS)}. "
        f"Bold: best, underlined: second among contestants, {RANKED}. $\\dagger$: too few clips scored to be ranked."
        + rf" \S: {escape(UNALIGNED)}."
        * has_unaligned(section)
    )


def _absent(column: Column, why: str) -> str:
    return f"{escape(column.fact.title)}: no number{': ' + escape(sentence(why)) if why else ''}.\\par"


def _footnote(column: Column, common: str) -> str:
    # Breakable after each field, or a signature would run out of the page.
    signature = escape(column.signature).replace(r"\textbar{}", r"\textbar{}\allowbreak ")
    told = f" {escape(common)}" if common else ""
    return rf"\textsuperscript{{{column.mark}}}\,{escape(column.fact.title)}: \texttt{{{signature}}}{told}\par"
