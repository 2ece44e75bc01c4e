r"""This module writes a paper's table as LaTeX that fits its page: booktabs alone, no overfull box.

A table that is too wide for a column of a two-column article is set smaller, then loses its last default columns (the
appendix has all of them), or spans both columns (table*) where the author named its columns or there are several
datasets; wider ones become several tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from reports.model import RunData
from reports.paper import notes, sizing
from reports.paper.arrangement import arranged
from reports.paper.characters import breakable, escape
from reports.paper.options import DEFAULT, TableOptions
from reports.paper.table import Head, PaperCell, PaperRow, PaperTable

HEADER = r"% Needs \usepackage{booktabs}. Written by cmet-bench; \input this file."
_TITLES = {"contestant": "", "reported": "As reported by others", "ceiling": "", "floor": ""}
_LEAST_COLUMNS = 3
_LINE = r"\\"


def table_tex(runs: Sequence[RunData], options: TableOptions = DEFAULT) -> str:
    """Returns table.tex: a table for each lane, and those of others' numbers that fit none of ours.

    options: as `TableOptions.for_runs` gives them.
    """
    label = options.label or "tab:cmet-bench"
    parts = [
        written(table, replace(options, label=f"{label}{f'-part{k}' * (k > 1)}"))
        for k, table in enumerate(arranged(runs, options), 1)
    ]
    return "\n".join([HEADER, "", *parts])


def written(table: PaperTable, options: TableOptions) -> str:
    """Returns one table environment, or several where its columns do not fit one."""
    kept = [] if options.wide else _first(table, options, sizing.COLUMN_PT)
    if kept:
        return _environment(table, kept, options, sizing.COLUMN_PT)
    kept = _first(table, options, sizing.PAGE_PT) if table.shrinks else []
    blocks = [kept] if kept else _blocks(table, options)
    return "\n".join(_environment(table, places, options, sizing.PAGE_PT, k) for k, places in enumerate(blocks))


def _first(table: PaperTable, options: TableOptions, room_pt: float) -> list[int]:
    """The columns that stand in that room: all of them, or the first ones of a table that may lose some; else none."""
    every = list(range(len(table.heads)))
    least = min(_LEAST_COLUMNS, len(every)) if table.shrinks else len(every)
    counts = range(len(every), max(0, least - 1), -1)
    return next((every[:n] for n in counts if sizing.fits(table, every[:n], options.spread, room_pt)), [])


def _blocks(table: PaperTable, options: TableOptions) -> list[list[int]]:
    """The columns in as many parts as pages have room for; a dataset is parted only if it has no room alone."""
    blocks: list[list[int]] = [[]]
    at = 0
    for group in table.groups:
        places = list(range(at, at := at + len(group.heads)))
        whole = sizing.fits(table, places, options.spread, sizing.PAGE_PT)
        for one in [places] if whole else [[place] for place in places]:
            if blocks[-1] and not sizing.fits(table, [*blocks[-1], *one], options.spread, sizing.PAGE_PT):
                blocks.append([])
            blocks[-1] += one
    return blocks


def _environment(whole: PaperTable, places: Sequence[int], options: TableOptions, room_pt: float, part: int = 0) -> str:
    table = whole.part(places)
    if places and places[-1] + 1 < len(whole.heads) and room_pt == sizing.PAGE_PT:
        table = replace(table, closing=())
    star = "*" if room_pt == sizing.PAGE_PT else ""
    font = sizing.size(table, options.spread, room_pt)
    label = f"{options.label or 'tab:cmet-bench'}{f'-{part + 1}' * bool(part)}"
    caption = _own(table.caption, options.latex and table.own_caption) + " (Continued.)" * bool(part)
    heads = [_head(head, options, font) for head in table.heads]
    return "\n".join(
        [
            rf"\begin{{table{star}}}[t]",
            rf"\centering{font}\setlength{{\tabcolsep}}{{{sizing.SEPARATION_PT[font]:g}pt}}\setlength{{\belowcaptionskip}}{{4pt}}",
            rf"\caption{{{caption}}}\label{{{label}}}",
            rf"\begin{{tabular}}{{@{{}}l{'r' * len(heads)}}}",
            r"\toprule",
            *_titles(table, options),
            f"{' & '.join(['Method', *heads])} {_LINE}",
            *_body(table, options, font),
            r"\bottomrule",
            r"\end{tabular}",
            *_below(table, options),
            rf"\end{{table{star}}}",
            "",
        ]
    )


def _own(text: str, latex: bool) -> str:
    return text if latex else escape(text)


def _titles(table: PaperTable, options: TableOptions) -> Iterator[str]:
    """The datasets above their columns, where there are several."""
    if not table.titled:
        return
    names = [_own(g.title, options.latex and g.title in options.names.values()) for g in table.groups]
    counts = [len(group.heads) for group in table.groups]
    titles = [rf"\multicolumn{{{count}}}{{c}}{{{name}}}" for count, name in zip(counts, names, strict=True)]
    yield f"{' & '.join(['', *titles])} {_LINE}"
    firsts = [2 + sum(counts[:k]) for k in range(len(counts))]
    yield "".join(rf"\cmidrule(lr){{{a}-{a + n - 1}}}" for a, n in zip(firsts, counts, strict=True))


def _head(head: Head, options: TableOptions, font: str) -> str:
    """A column's head, short lines over one another: side by side they would make the table wider than a page."""
    word, sub, below = sizing.head_lines(head, font)
    lines = [head.word] if head.own and options.latex else [escape(line) for line in word]
    lines[-1] += rf"\textsubscript{{{escape(sub)}}}" if sub else ""
    lines += [escape(line) for line in below]
    lines[-1] += rf"\textsuperscript{{{head.mark}}}" if head.mark else ""
    return lines[0] if len(lines) == 1 else rf"\begin{{tabular}}[b]{{@{{}}r@{{}}}}{_LINE.join(lines)}\end{{tabular}}"


def _body(table: PaperTable, options: TableOptions, font: str) -> Iterator[str]:
    role = ""
    for row in table.rows:
        if row.role != role and {row.role, role} != {"ceiling", "floor"}:
            yield r"\midrule"
            if _TITLES[row.role] and row is not table.rows[0]:
                yield rf"\multicolumn{{{len(row.cells) + 1}}}{{@{{}}l}}{{\emph{{{_TITLES[row.role]}}}}} {_LINE}"
        role = row.role
        label = _label(row, options, font) + (rf"~\cite{{{row.cite}}}" if row.cite else "")
        cells = (_cell(cell, row.role == "reported", options) for cell in row.cells)
        yield f"{' & '.join([label, *cells])} {_LINE}"
        below = [
            rf"{{\tiny {escape(cell.interval)}}}" if cell is not None and cell.interval else "" for cell in row.cells
        ]
        if options.spread == "intervals" and any(below):
            yield f"{' & '.join(['', *below])} {_LINE}[2pt]"


def _label(row: PaperRow, options: TableOptions, font: str) -> str:
    if options.latex and row.label in options.names.values():
        return row.label
    lines = [escape(line) for line in sizing.label_lines(row, font)]
    if len(lines) == 1:
        return lines[0]
    return rf"\begin{{tabular}}[t]{{@{{}}l@{{}}}}{_LINE.join(lines)}\end{{tabular}}"


def _cell(cell: PaperCell | None, reported: bool, options: TableOptions) -> str:
    """A number with its rank, half interval and marks; one mark hangs over the gap, so that digits stay in line."""
    if cell is None:
        return ""
    value = escape(cell.value)
    value = {"best": rf"\textbf{{{value}}}", "second": rf"\underline{{{value}}}"}.get(cell.rank, value)
    value = rf"\emph{{{value}}}" if reported else value
    half = rf"{{\tiny$\,\pm\,${escape(cell.half)}}}" if options.spread == "pm" and cell.half else ""
    marks = "".join(rf"\textsuperscript{{{escape(mark)}}}" for mark in cell.marks)
    return f"{value}{half}" + (rf"\rlap{{{marks}}}" if len(cell.marks) == 1 else marks)


def _below(table: PaperTable, options: TableOptions) -> Iterator[str]:
    told = [escape(note) for note in notes.below(table, options.spread)]
    if told:
        yield rf"\par\smallskip\raggedright\scriptsize {' '.join(told)}\par"
    for head in table.heads:
        if head.foot:
            name = rf"\textsuperscript{{{head.mark}}}\,{escape(head.title)}"
            yield rf"{{\tiny {name}: \texttt{{{breakable(head.foot)}}}{escape(head.also)}\par}}"
    yield from (rf"{{\tiny {escape(note)}\par}}" for note in table.closing)
