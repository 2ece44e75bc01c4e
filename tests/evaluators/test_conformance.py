"""A metric of one's own: the README's one in a protocol, its signature, and what the contract test says of slips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators import conformance
from evaluators.conformance import Seen
from evaluators.judge import Judge
from harness.errors import UsageError
from harness.media import VideoReader
from harness.records import Clip, Emotion, Sample, Scored, Unscored
from tests.media_samples import film, voice, write_film
from tests.places import shown_in_readme


@pytest.fixture
def clips(tmp_path: Path) -> list[Seen]:
    """Two films with sound, each its own reference."""
    found = []
    for k, frames in enumerate((film(10), film(16)[::2])):
        path = write_film(tmp_path / f"{k}.mp4", frames, audio=voice(0.4, k))
        facts = {"reference_video": path, "reference_aligned": True}
        found.append(Seen(Sample(str(k), "set", f"p{k}", Emotion("happy"), path, path, len(frames), **facts), path))
    return found


def mine(folder: Path, old: str = "", new: str = "") -> Path:
    """The README's metric in a file, with a slip put in."""
    code = shown_in_readme("class Flicker")
    assert old in code
    path = folder / "my.py"
    path.write_text(code.replace(old, new) if old else code, encoding="utf-8")
    return path


def failing(path: Path, clips: list[Seen], folder: Path) -> list[str]:
    return [check.name for check in conformance.checks(f"{path}:Flicker", clips, folder) if check.ok is False]


def line_of(protocol: Path) -> str:
    ((_, _, line),) = Judge(str(protocol), "cpu").columns()
    return line


def asking(path: Path) -> Path:
    """A protocol that asks for the metric in `path` alone."""
    protocol = path.with_name("mine.toml")
    protocol.write_text(f"[[metric]]\nevaluator = '{path}:Flicker'\n")
    return protocol


def test_the_readme_shows_a_metric_in_under_40_lines_that_passes(tmp_path: Path, clips: list[Seen]) -> None:
    path = mine(tmp_path)
    assert len(path.read_text(encoding="utf-8").splitlines()) < 40
    assert failing(path, clips, tmp_path) == []


def test_a_protocol_names_a_file_by_its_path_from_there(
    tmp_path: Path, clips: list[Seen], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    mine(tmp_path)
    (tmp_path / "mine.toml").write_text("[[metric]]\nevaluator = 'my.py:Flicker'\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    judge = Judge("../mine.toml", "cpu")
    ((_, metric, line),) = judge.columns()
    seen = clips[0]
    (row,) = judge.rows(seen.sample, Clip(seen.path, 10, 64, 64, "none"))
    frames = np.concatenate(list(VideoReader(seen.path))).astype(np.float32)
    assert isinstance(row, Scored)
    assert row.value == pytest.approx(float(np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3)).mean()), rel=1e-5)
    assert (row.metric, row.signature) == (metric, line)
    assert metric == "flicker"


def test_a_signature_follows_the_code_and_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    helper = tmp_path / "scale_of_mine.py"
    helper.write_text("SCALE = 1\n")
    importing = "import numpy as np\nfrom scale_of_mine import SCALE"

    def line(new: str, old: str = "import numpy as np") -> str:
        return line_of(asking(mine(tmp_path, old, new)))

    plain = line(importing)
    assert "|code:" in plain
    assert line(f"{importing}  # a remark") == plain
    helper.write_text("SCALE = 2\n")
    assert line(importing) != plain
    assert line(".max()", ".mean()") != line(".min()", ".mean()")


def test_a_judge_of_ours_has_a_version_and_no_digest_of_its_code(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[[metric]]\nevaluator = 'pixels'\n")
    lines = [line for _, _, line in Judge(str(tmp_path / "mine.toml"), "cpu").columns()]
    assert all("|code:" not in line and line.endswith("|v:2") for line in lines)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("(Evaluator):", ":", "does not derive from harness.evaluator.Evaluator"),
        ("def start(", "def begin(", "abstract"),
        ('MetricFacts("flicker", ', "MetricFacts(", "missing 1 required positional argument"),
        ('("diff", "abs-mean")', '("diff|x", "abs-mean")', "signature key"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(tmp_path: Path, old: str, new: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        line_of(asking(mine(tmp_path, old, new)))
    assert says in caught.value.what
    assert caught.value.cure


_LAX = "    def __init__(self, settings, device): ...\n\n    def fields("
_NINE = "    def combine(self, metric, rows):\n        return 9.0\n\n    def start("


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        ('"flicker", "Flicker"', '"psnr", "Flicker"', "no name is that of a metric of ours"),
        ("high=255", "high=0.001", "flicker: the value is a number of its range"),
        ("    def start(", _NINE, "flicker: the score is the mean of the clips' values"),
        ("return Refusal(", "raise ValueError(", "survives a clip of one frame"),
        ('scored("flicker"', 'scored("flick"', "judges a clip"),
        ("in chunk.frames.astype", "in chunk.frames[:5].astype", "chunks of another size change nothing"),
        ("    def fields(", _LAX, "refuses a setting that it does not know"),
    ],
)
def test_the_contract_test_names_what_is_wrong(
    tmp_path: Path, clips: list[Seen], old: str, new: str, failed: str
) -> None:
    assert failed in failing(mine(tmp_path, old, new), clips, tmp_path)


def test_a_metric_without_a_row_is_a_row_that_says_so(tmp_path: Path, clips: list[Seen]) -> None:
    other = '), MetricFacts("other", "Other", "", True, 0, 1),)'
    judge = Judge(str(asking(mine(tmp_path, "high=255),)", f"high=255{other}"))), "cpu")
    rows = {row.metric: row for row in judge.rows(clips[0].sample, Clip(clips[0].path, 10, 64, 64, "none"))}
    assert isinstance(rows["flicker"], Scored)
    assert isinstance(rows["other"], Unscored)
    assert (rows["other"].reason, rows["other"].detail) == ("crashed", "Flicker gave no row of this metric")


def test_measure_takes_a_file_and_sees_that_it_changed(tmp_path: Path, clips: list[Seen]) -> None:
    from cmet_bench import measure

    first = measure(clips[0].path, f"{mine(tmp_path)}:Flicker")["flicker"]
    second = measure(clips[0].path, f"{mine(tmp_path, '.mean()', '.max()')}:Flicker")["flicker"]
    assert first.value is not None
    assert second.value is not None
    assert second.value > first.value
    assert second.signature != first.signature
