"""A dataset of one's own: the README's one passes its contract test and runs, and slips are named in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.dataset import Dataset
from harness.errors import MissingError, UsageError
from harness.records import Emotion, Sample
from reports.load import load_run
from tests.media_samples import film, voice, write_film
from tests.places import shown_in_readme
from verbs.checking import check, kind_of
from verbs.choices import dataset_name
from verbs.session import Session

pytestmark = pytest.mark.slow


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four clips of two people."""
    for name in ("ann_neutral", "ann_happy", "bob_neutral", "bob_sad"):
        write_film(tmp_path / "data" / f"{name}.mp4", film(10), audio=voice(0.4))
    return tmp_path / "data"


def mine(folder: Path, old: str = "", new: str = "") -> str:
    """The README's dataset as path/to/pairs.py:Pairs, with a slip put in."""
    code = shown_in_readme("class Pairs")
    assert old in code
    (folder / "pairs.py").write_text(code.replace(old, new) if old else code, encoding="utf-8")
    return f"{folder / 'pairs.py'}:Pairs"


def session(spec: str, root: Path, protocol: str = "demo") -> Session:
    """A run of a still face on the dataset."""
    options = {"root": str(root)}
    return Session.for_run(["still_face"], False, spec, options, protocol, "label", 0, None, {}, "cpu")


def test_the_readme_shows_a_dataset_in_under_40_lines_that_passes_and_runs(tmp_path: Path, root: Path) -> None:
    spec, said = mine(tmp_path), list[str]()
    assert len(Path(spec.rpartition(":")[0]).read_text(encoding="utf-8").splitlines()) < 40
    assert (kind_of(spec), dataset_name(spec)) == ("dataset", "pairs")
    assert check(spec, said.append, root) == 0, said
    (tmp_path / "mine.toml").write_text("[[metric]]\nevaluator = 'pixels'\npair = 'stretch'\nsize = 'area'\n")
    outcome = session(spec, root, str(tmp_path / "mine.toml")).work(tmp_path / "run", False, 1, "local")
    assert (outcome.made, outcome.failed) == (2, 0)
    rows = load_run(tmp_path / "run").rows
    assert [(row.dataset, row.sample, row.metric) for row in rows if row.metric == "psnr"] == [
        ("pairs", "ann_happy", "psnr"),
        ("pairs", "bob_sad", "psnr"),
    ]
    assert all(row.value is not None for row in rows)


@pytest.mark.parametrize(
    ("old", "new", "failed"),
    [
        ('name = "pairs"', 'name = "My pairs"', "name is"),
        ("truth.stem, self.name", '"same", self.name', "ids differ"),
        ("truth.stem, self.name", "truth.stem, 'others'", "each says its dataset"),
        ("Path(root).resolve()", "Path(root)", "paths are absolute"),
        ("if not sample.driving_audio.is_file():", "if False:", "makes the files of ann_happy"),
        ("if not sample.source_image.is_file():", "if True:", "makes none of them twice"),
        (", frames)", ", 99)", "the driving sound lasts for all frames"),
        ("reference_video=truth)", "reference_aligned=True)", "an aligned truth has as many frames"),
        ('"*_[!n]*.mp4"', '"*.mkv"', "has samples"),
    ],
)
def test_the_contract_test_names_what_is_wrong(tmp_path: Path, root: Path, old: str, new: str, failed: str) -> None:
    said = list[str]()
    relative = root.relative_to(tmp_path) if failed == "paths are absolute" else root
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert check(mine(tmp_path, old, new), said.append, relative) == 4
    assert [line for line in said if line.startswith(f"FAIL {failed}")], said


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("class Pairs(Dataset):", "class Pairs:", "does not derive from harness.dataset.Dataset"),
        ("def samples(", "def clips(", "abstract"),
        ('name = "pairs"', 'name = "../pairs"', "the name '../pairs'"),
        ('.split("_")', '.split("+")', "not enough values to unpack"),
    ],
)
def test_a_slip_is_one_sentence_in_a_run(tmp_path: Path, root: Path, old: str, new: str, says: str) -> None:
    spec = mine(tmp_path, old, new)

    def started() -> None:
        dataset_name(spec)
        session(spec, root)

    with pytest.raises(UsageError) as caught:
        started()
    assert says in caught.value.what
    assert caught.value.cure


class Bare(Dataset):
    """Two samples, nothing to be made."""

    name = "bare"

    def samples(self) -> tuple[Sample, ...]:
        return tuple(Sample(str(k), "bare", "p", Emotion("sad"), Path("/a.png"), Path("/a.wav"), 9) for k in range(2))


def test_all_but_the_samples_has_a_default() -> None:
    bare = Bare()
    assert (bare.notices(), bare.clip(bare.samples()[0]), bare.version(), bare.options) == ((), None, "", ())
    assert bare.materialise(bare.samples()[0]) is None
    with pytest.raises(UsageError, match="has no lists"):
        Bare(list_name="one")


def test_one_of_ours_is_tested_too(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="needs a folder"):
        check("mead", print)
    with pytest.raises(UsageError, match="no method, metric or dataset 'mea'"):
        check("mea", print)
