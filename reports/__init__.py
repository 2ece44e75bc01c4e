"""Makes tables, page, gate and the reproduction of published tables: plain records in, text out, no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reports.model import RunData

__all__ = ["RunData", "write"]


def write(run: RunData | Sequence[RunData], folder: Path) -> list[Path]:
    """Write the page (index.html), table.md, table.tex, numbers.tex, scores.csv, clips.csv and scores.json.

    Each appears whole or not at all. Several runs share a column only where their signatures agree. Returns the paths,
    the page first. Raises MediaError when the folder cannot be written.
    """
    from harness.atomic import replacing
    from reports import latex, macros, markdown, page, scores

    runs = [run] if isinstance(run, RunData) else list(run)
    texts = {
        "index.html": page.render(runs, folder),
        "table.md": markdown.table(runs),
        "table.tex": latex.table(runs),
        "numbers.tex": macros.numbers(runs),
        "scores.csv": scores.to_csv(runs),
        "clips.csv": scores.clips_csv(runs),
        "scores.json": scores.to_json(runs),
    }
    for name, text in texts.items():
        with replacing(folder / name) as partial:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
    return [folder / name for name in texts]
