"""Makes tables, page, gate and the reproduction of published tables: plain records in, text out, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports.model import RunData

if TYPE_CHECKING:
    from reports.paper.options import TableOptions

__all__ = ["RunData", "write"]


def write(run: RunData | Sequence[RunData], folder: Path, paper: TableOptions | None = None) -> list[Path]:
    """Write the page (index.html), table.md, table.tex, appendix.tex, numbers.tex, scores.csv, clips.csv, scores.json,
    and series/, which the page's cards load when they are seen.

    paper: how the table of a paper should look; reported.bib is written where it has numbers of others. Several runs
    have leaderboard.html too, and share a column only where their signatures agree. Each file appears whole or not at
    all. Returns the paths, the page first. Raises UsageError for options that name what is not there, MediaError when
    the folder cannot be written.
    """
    from harness.atomic import replacing
    from reports import markdown, page, parts, scores
    from reports.catalogue import catalogue
    from reports.leaderboard.render import render
    from reports.paper import appendix, macros, main_table, options, reported

    runs = [run] if isinstance(run, RunData) else list(run)
    asked = (paper or options.DEFAULT).for_runs(runs)
    known = catalogue(runs)
    kept = parts.write_parts(runs, folder, known)
    texts = {
        "index.html": page.render(runs, folder, known, kept),
        **({"leaderboard.html": render(runs, folder)} if len(runs) > 1 else {}),
        "table.md": markdown.table(runs, asked),
        "table.tex": main_table.table_tex(runs, asked),
        "appendix.tex": appendix.appendix_tex(runs, asked),
        "numbers.tex": macros.numbers(runs, asked),
        "scores.csv": scores.to_csv(runs),
        "clips.csv": scores.clips_csv(runs),
        "scores.json": scores.to_json(runs),
    }
    if asked.with_reported:
        texts["reported.bib"] = reported.bibliography(reported.asked(asked))
    for name, text in texts.items():
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    return [folder / name for name in texts]
