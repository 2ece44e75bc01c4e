"""Any folder of clips: ids, labels, references, unreadable files, and csv paths that must stay inside."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from cmet_bench.files import listed
from datasets.clip_ids import clip_id
from datasets.folder import Folder
from harness.dataset import recognised, slips
from harness.errors import EXIT_MISSING, MediaError, MissingError, UsageError
from harness.media import read_audio
from harness.records import SAMPLES_PER_FRAME
from tests import corpus_samples as corpus


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    seed = corpus.seed_clip(tmp_path / "seed")
    root = tmp_path / "clips"
    for name in ("a.mp4", "sub dir/b ü.mp4", "sub dir/deep/a.MOV"):
        corpus.link(seed, root / name)
    (root / "broken.mp4").write_bytes(b"no film")
    (root / "empty.mp4").write_bytes(b"")
    (root / "notes.txt").write_text("not a clip")
    (root / ".hidden.mp4").write_bytes(b"x")
    return root


def test_every_media_file_is_a_sample_unreadable_ones_too(clips: Path) -> None:
    dataset = Folder(root=clips)
    samples = dataset.samples()
    marked = [clip_id(Path("sub dir", name)) for name in ("b ü.mp4", "deep/a.MOV")]
    assert [sample.id for sample in samples] == ["a", "broken", "empty", *marked]
    assert {(sample.emotion.name, sample.emotion.unrecognised) for sample in samples} == {("", "")}
    assert {sample.emotion.label for sample in samples} == {None}
    frames = {sample.id: sample.frames for sample in samples}
    assert list(frames.values()) == [8, 0, 0, 8, 8]
    assert dataset.clip(samples[3]) == clips / "sub dir" / "b ü.mp4"
    dataset.materialise(samples[0])
    assert read_audio(samples[0].driving_audio).samples.size == 8 * SAMPLES_PER_FRAME
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        dataset.materialise(samples[1])


def test_a_label_is_basic_or_declared_or_a_slip_that_is_told_once(clips: Path) -> None:
    words = ("Happiness", "hapy", "hapy", "Bored", "")
    names = ("a.mp4", "broken.mp4", "empty.mp4", "sub dir/b ü.mp4", "sub dir/deep/a.MOV")
    table = "".join(f"{name},{word}\n" for name, word in zip(names, words, strict=True))
    (clips / "labels.csv").write_text(f"clip,emotion\n{table}", encoding="utf-8")
    dataset = Folder(root=clips, extended="bored, tired")
    asked = [(one.emotion.name, one.emotion.label, one.emotion.unrecognised) for one in dataset.samples()]
    slip = ("", None, "hapy")
    assert asked == [("happy", "happy", ""), slip, slip, ("bored", None, ""), ("", None, "")]
    assert recognised(dataset.samples(), dataset.extended) == dataset.samples()
    (told,) = slips(dataset.samples(), dataset)
    assert "'hapy' (2 clips)" in told
    assert "Did you mean 'happy'?" in told


def test_csv_gives_labels_references_and_order(clips: Path) -> None:
    (clips / "labels.csv").write_text(
        "clip,emotion,intensity,identity,reference,aligned,speech\n"
        "sub dir/b ü.mp4,Joy,2,anna,a.mp4,1,a.mp4;sub dir/deep/a.MOV\n"
        "a.mp4,sarcastic,,,,,\n",
        encoding="utf-8",
    )
    first, second = Folder(root=clips).samples()
    assert (first.emotion.name, first.emotion.label, first.emotion.intensity) == ("happy", "happy", 2)
    assert (first.identity, first.reference_video, first.reference_aligned) == ("anna", clips / "a.mp4", True)
    assert len(first.emotion.speech) == 2
    assert (second.id, second.emotion.name, second.emotion.label) == ("a", "sarcastic", None)
    assert (second.identity, second.reference_video) == ("a", None)
    assert [s.id for s in Folder(root=clips / "labels.csv").samples()] == [first.id, second.id]


@pytest.mark.skipif(os.sep == "\\", reason="a system whose folders are parted by backslashes")
def test_backslashes_in_a_csv_are_named_with_their_cure(clips: Path) -> None:
    table = clips / "labels.csv"
    table.write_text("clip,reference\na.mp4,\nsub dir\\deep\\a.MOV,\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"Line 3 of .*labels\.csv: 'sub dir\\deep\\a\.MOV'") as caught:
        Folder(root=clips).samples()
    assert caught.value.cure == "Write sub dir/deep/a.MOV."
    with pytest.raises(UsageError, match="has backslashes"):
        listed(clips)
    table.write_text("clip,reference\na.mp4,sub dir\\deep\\a.MOV\n", encoding="utf-8")
    with pytest.raises(UsageError, match="Line 2 of"):
        Folder(root=clips).samples()
    shutil.copy(clips / "a.mp4", clips / "b\\c.mp4")  # a name like any other here
    table.write_text("clip\nb\\c.mp4\n", encoding="utf-8")
    assert Folder(root=clips).samples()[0].frames == 8


def test_texts_that_a_spreadsheet_would_run_are_read_as_they_were_meant(clips: Path) -> None:
    shutil.copy(clips / "a.mp4", clips / "=a.mp4")
    (clips / "labels.csv").write_text("clip,identity\n'=a.mp4,'-anna\n", encoding="utf-8")
    dataset = Folder(root=clips)
    (sample,) = dataset.samples()
    assert (dataset.clip(sample), sample.identity) == (clips / "=a.mp4", "-anna")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_pipes_are_not_waited_for(clips: Path) -> None:
    os.mkfifo(clips / "labels.csv")
    os.mkfifo(clips / "truth.mp4")
    with pytest.raises(UsageError, match="is no file"):
        Folder(root=clips, labels=clips / "labels.csv").samples()
    (clips / "labels.csv").unlink()
    (clips / "labels.csv").write_text("clip,reference\na.mp4,truth.mp4\ntruth.mp4,\n", encoding="utf-8")
    dataset = Folder(root=clips)
    first, second = dataset.samples()
    assert (first.reference_video, second.frames) == (clips / "truth.mp4", 0)
    with pytest.raises(MediaError, match="is not a file"):
        dataset.materialise(second)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("clip\n../seed/x.mp4\n", "outside"),
        ("clip\n/etc/passwd\n", "outside"),
        ("clip,reference\na.mp4,../../x.mp4\n", "outside"),
        ("clip,audio\na.mp4,link/x.wav\n", "outside"),
        ("clip\na.mp4\na.mp4\n", "second time"),
        ("file\na.mp4\n", "no column 'clip'"),
        ("clip,colour\na.mp4,red\n", "unknown column 'colour'"),
        ("clip,intensity\na.mp4,strong\n", "intensity 'strong'"),
        ("clip\n\n,\n", "names no clip"),
        ("clip\na\x00.mp4\n", "is not a path|cannot be read"),
        ("clip\n.\n", "is a folder"),
        ("clip,emotion\na,b.mp4,happy\n", "Line 2 .* more cells than columns"),
        ('clip,emotion\n"a.mp4,happy\n', "cannot be read as a csv"),
        ("clip,clip\na.mp4,b.mp4\n", "a column twice"),
        ("clip,aligned\na.mp4,maybe\n", "aligned 'maybe'"),
        ("clip;emotion\na.mp4;happy\n", "no column 'clip'.* commas"),
        ("clip\n\n\n/etc/passwd\n", "Line 4 "),
    ],
)
def test_wrong_csvs_are_refused_with_the_place(clips: Path, rows: str, words: str) -> None:
    (clips / "link").symlink_to(clips.parent)
    (clips / "labels.csv").write_text(rows)
    with pytest.raises(UsageError, match=words) as caught:
        Folder(root=clips).samples()
    assert "labels.csv" in str(caught.value)


def test_a_csv_of_a_spreadsheet_is_read_and_one_without_rows_is_told(clips: Path) -> None:
    (clips / "labels.csv").write_bytes(b"\xef\xbb\xbfclip,emotion,aligned\r\n\r\na.mp4,Sad,Y\r\n")
    (sample,) = Folder(root=clips).samples()
    assert (sample.emotion.label, sample.reference_aligned) == ("sad", True)
    (clips / "labels.csv").write_text("clip,emotion\n")
    with pytest.raises(MissingError, match="names no clips"):
        Folder(root=clips).samples()


def test_names_that_are_no_text_and_names_as_long_as_a_disk_takes(clips: Path) -> None:
    (clips / "labels.csv").unlink(missing_ok=True)
    names = ["\u4e00" * 80 + ".mp4"]
    if sys.platform != "darwin":  # its file system has no such names
        names.append(os.fsdecode(b"b\xffd.mp4"))
    for name in names:
        shutil.copy(clips / "a.mp4", clips / name)
    dataset = Folder(root=clips)
    chosen = [sample for sample in dataset.samples() if dataset.clip(sample).name in names]
    assert len(chosen) == len(names)
    for sample in chosen:
        dataset.materialise(sample)
        assert sample.driving_audio.is_file()
        assert "\udcff" not in sample.id


def test_reference_folder_pairs_by_name(clips: Path, tmp_path: Path) -> None:
    truth = tmp_path / "truth"
    corpus.link(clips / "a.mp4", truth / "a.mp4")
    samples = {sample.id: sample for sample in Folder(root=clips, references=truth).samples()}
    assert samples["a"].reference_video == truth / "a.mp4"
    assert samples["broken"].reference_video is None


def test_a_reference_folder_that_is_not_there_is_refused(clips: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        Folder(root=clips, references=clips / "absent")


def test_missing_and_empty_folders(tmp_path: Path) -> None:
    for root in (None, tmp_path):
        with pytest.raises(MissingError) as caught:
            Folder(root=root).samples()
        assert caught.value.exit_code == EXIT_MISSING
    with pytest.raises(UsageError, match="is not a folder"):  # a path that was typed
        Folder(root=tmp_path / "absent")
    with pytest.raises(UsageError, match="no lists"):
        Folder(root=tmp_path, list_name="x")


def test_a_reference_folder_in_which_nothing_fits_is_said(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "truth").mkdir()
    with pytest.raises(UsageError, match="is called like a clip"):
        Folder(root=clips, references=tmp_path / "truth").samples()


def test_the_ground_truth_of_one_clip_may_be_one_file(clips: Path, tmp_path: Path) -> None:
    clip, truth = sorted(clips.rglob("*.mp4"))[0], tmp_path / "called_otherwise.mp4"
    truth.write_bytes(clip.read_bytes())
    (entry,) = Folder(root=clip, references=truth).entries
    assert (entry.clip, entry.reference) == (clip, truth)
    with pytest.raises(UsageError, match="is not a folder"):
        Folder(root=clips, references=truth)


def test_one_clip_is_a_folder_of_one(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"x")
    assert [entry.clip.name for entry in Folder(tmp_path / "b.mp4").entries] == ["b.mp4"]
    (tmp_path / "labels.csv").write_text("clip,emotion\nb.mp4,happy\n", encoding="utf-8")
    assert [entry.emotion for entry in Folder(tmp_path / "b.mp4").entries] == ["happy"]
    assert [(entry.id, entry.emotion) for entry in Folder(tmp_path / "a.mp4").entries] == [("a", "")]
