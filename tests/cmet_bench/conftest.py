"""Three talking puppets on disk, edited and not, and two finished runs that judged them with the shipped networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bench
from datasets.puppets import files
from datasets.puppets.affect import affect_point
from datasets.puppets.voice import speak

FRAMES = 50
#: Puppets that no recipe has seen, and what they shall show.
PUPPETS = {"anna": (64, "happy"), "bob": (69, "sad"), "cleo": (74, "angry")}
PROTOCOL = """
name = "small"
[[metric]]
evaluator = "emotion"
net = "demo"
[[metric]]
evaluator = "identity"
net = "demo"
[[metric]]
evaluator = "fid"
net = "demo"
"""


def _labels(folder: Path) -> None:
    """Who and what the clips show; the identity picture is one of the puppet that keeps still."""
    rows = [f"{name}.mp4,{emotion},{name},{name}.png" for name, (_, emotion) in PUPPETS.items()]
    (folder / "labels.csv").write_text("\n".join(["clip,emotion,identity,image", *rows]), encoding="utf-8")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with true/ (the emotion is shown), made/ (it is shown faintly), clip.mp4 and runs/{mine,true}.

    A run judges one of the folders against true/, by emotion, identity and FID.
    """
    home = tmp_path_factory.mktemp("library")
    for name, (who, emotion) in PUPPETS.items():
        said = speak(who, affect_point("neutral"), FRAMES, (31, who))
        shown = affect_point(emotion, 3)
        files.ground_truth(home / "true" / f"{name}.mp4", who, shown, said)
        files.ground_truth(home / "made" / f"{name}.mp4", who, 0.3 * shown, said)
        for folder in ("true", "made"):
            files.portrait(home / folder / f"{name}.png", who, np.zeros_like(shown))
    (home / "clip.mp4").write_bytes((home / "true" / "anna.mp4").read_bytes())
    (home / "small.toml").write_text(PROTOCOL, encoding="utf-8")
    for folder, run in (("made", "mine"), ("true", "true")):
        _labels(home / folder)
        where = ["--clips", str(home / folder), "--reference", str(home / "true"), "--out", str(home / "runs" / run)]
        assert bench.main(["score", *where, "--protocol", str(home / "small.toml"), "--jobs", "1"]) == 0
    return home


@pytest.fixture
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder is `home`."""
    monkeypatch.chdir(home)
    return home
