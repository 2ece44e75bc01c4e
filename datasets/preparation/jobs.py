"""A job is the work of `prepare` on one clip, named by the place of its results; what failed before is remembered."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from harness import csv_cells

FEATURES = "emotion2vec+large_features"
#: Where `prepare` keeps its own files. C-MET's scripts take every entry of the tree for an identity and list its
#: front view: ours is a folder with an empty one, so that they pass over it.
OWN = "cmet-bench"
FAILURES = f"{OWN}/failures.csv"


@dataclass(frozen=True)
class Job:
    """Describes the work on one clip: where it is, and the path of its results without extension. `video` is None for
    speech only.
    """

    name: str
    video: Path | None
    sound: Path
    target: Path

    @property
    def clip(self) -> Path:
        """Returns the path of the cropped clip, 25 fps."""
        return self.target.with_name(self.target.name + ".mp4")

    @property
    def wav(self) -> Path:
        """Returns the path of the clip's sound, 16 kHz mono."""
        return self.target.with_name(self.target.name + ".wav")

    @property
    def speech(self) -> Path:
        """Returns the path of the clip's speech feature, (1024,) float32."""
        return self.target.parent / FEATURES / f"{self.target.name}.npy"

    def codes(self, kind: str) -> Path:
        """Returns the path of the clip's EDTalk codes of a kind (exp, pose, lip), (frames, n) float32."""
        return self.target.with_name(f"{self.target.name}_ED_{kind}.npy")


def read_failures(out: Path) -> dict[str, dict[str, str]]:
    """Returns the clips that failed before, by name; their source's size and time tell whether it changed since."""
    try:
        with (out / FAILURES).open(encoding="utf-8", newline="") as stream:
            rows = [{key: csv_cells.text(value) for key, value in row.items()} for row in csv.DictReader(stream)]
            return {row["clip"]: row for row in rows}
    except (OSError, KeyError, TypeError, AttributeError, UnicodeDecodeError, csv.Error):
        return {}


def fingerprint(job: Job) -> str:
    """Returns the size and time of a job's sources: equal while nobody touched them. A source that is gone has none."""
    marks = []
    for path in (job.video, job.sound):
        if path is not None:
            try:
                stat = path.stat()
            except OSError:
                marks.append("gone")
            else:
                marks.append(f"{stat.st_size}-{stat.st_mtime_ns}")
    return "|".join(marks)
