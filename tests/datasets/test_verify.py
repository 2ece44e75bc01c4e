"""`verify` on planted trees: every kind of damage is named, the rest is served, and the shares are right."""

from __future__ import annotations

import csv
import shutil
import struct
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from datasets.health import PROBLEMS, Task, examine, known_bad
from datasets.mead_layout import MeadClip
from datasets.numbering import shifts
from datasets.verify import Report, verify
from harness.errors import EXIT_FINE, EXIT_MISSING, EXIT_USAGE, UsageError
from harness.media import VideoWriter, write_wav
from tests import corpus_samples as corpus
from tests.media_samples import copied, film, voice, write_b_frames, write_film

pytestmark = pytest.mark.slow


def plant(seed: bytes, target: Path) -> Path:
    """A whole clip that differs from every other one: the seed and an unused mp4 box with the clip's name."""
    name = str(target).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(seed + struct.pack(">I", 8 + len(name)) + b"free" + name)
    return target


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("seed") / "clip.mp4"
    return write_film(path, film(10, size=(256, 256)), audio=voice(0.4)).read_bytes()


@pytest.fixture
def tree(tmp_path: Path, seed: bytes) -> Path:
    """A part of C-MET's list: what W009's happy, and first angry, sad and fear rows need."""
    root = tmp_path / "MEAD"
    for clip in corpus.mead_clips():
        first = (clip.emotion, clip.level) in {("angry", 1), ("sad", 1), ("fear", 1)}
        first = first or clip == MeadClip("W009", "disgusted", 2, 1)
        if clip.identity == "W009" and (clip.emotion in ("neutral", "happy") or first):
            plant(seed, place(root, clip))
    return root


def place(root: Path, clip: MeadClip) -> Path:
    return root / "FPS25" / clip.identity / "front" / clip.emotion / f"level_{clip.level}" / f"{clip.number:03d}.mp4"


def report_of(root: Path, jobs: int = 1) -> Report:
    return verify("mead", root, jobs=jobs)


def _damage(root: Path, seed: bytes) -> Iterator[tuple[str, Path]]:
    """Do damage of every kind but `missing`; yields the kind and the file."""
    clips = iter(sorted(clip for clip in corpus.mead_clips() if clip.identity == "W009" and clip.emotion == "happy"))
    neutral = iter(sorted(c for c in corpus.mead_clips() if c.identity == "W009" and c.emotion == "neutral"))

    def own(clip: MeadClip) -> Path:
        return place(root, clip)

    def filmed(clip: MeadClip, size: int = 256, frames: int = 10, fps: int = 25, seconds: float = 0.4) -> Path:
        path = own(clip)
        return write_film(path, film(frames, size=(size, size)), fps=fps, audio=voice(seconds, seed=clip.number))

    path = own(next(clips))
    path.write_bytes(b"")
    yield "empty", path
    path = own(next(clips))
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    yield "lfs_pointer", path
    path = own(next(clips))
    path.write_bytes(seed[: len(seed) // 2])
    yield "truncated", path
    path = own(next(clips))
    path.write_bytes(b"these bytes are no film " * 40)
    yield "corrupt", path
    path = own(next(clips))
    write_wav(path.with_suffix(".w"), voice(0.5))
    path.with_suffix(".w").replace(path)
    yield "no_picture", path
    yield "wrong_fps", filmed(next(clips), frames=12, fps=30)
    yield "not_cropped", filmed(next(clips), size=128)
    yield "too_short", filmed(next(clips), frames=5, seconds=0.2)
    yield "too_long", filmed(next(clips), frames=31, fps=1, seconds=31.0)
    path = own(next(neutral))
    write_film(path, film(12, size=(256, 256)))
    yield "no_sound", path
    path = own(next(neutral))
    with VideoWriter(path, 256, 256, audio=np.zeros(6400, np.float32)) as writer:
        for frame in film(10, size=(256, 256)):
            writer.write(frame)
    yield "silent", path
    yield "length_mismatch", filmed(next(neutral), frames=10, seconds=1.5)
    path = own(next(neutral))
    write_wav(path.with_suffix(".wav"), voice(0.4), rate=44100)
    yield "wrong_sound", path.with_suffix(".wav")
    path = own(next(neutral))
    with tempfile.TemporaryDirectory() as folder:
        copied(write_b_frames(Path(folder) / "a.avi", film(12, size=(256, 256)), "libx264"), path)
    write_wav(path.with_suffix(".wav"), voice(0.4))
    yield "stamps_step_back", path
    path = own(next(clips))
    shutil.copyfile(own(next(clips)), path)
    yield "duplicate", path
    path = own(MeadClip("W009", "sad", 1, 1)).with_name("1.mp4")
    plant(seed, path)
    yield "misnamed", path
    path = path.with_name(".partial-1234abcd-002.mp4")
    path.write_bytes(b"half")
    yield "unfinished", path
    for number in range(1, 30):  # W009/angry/level_1 as the public release numbers it
        plant(seed, own(MeadClip("W009", "angry", 1, number)))
    own(MeadClip("W009", "angry", 1, 30)).unlink()
    yield "numbering_shift", root


@pytest.mark.slow
def test_every_kind_of_damage_is_named_and_the_rest_is_served(tree: Path, seed: bytes, tmp_path: Path) -> None:
    whole = report_of(tree)
    assert {finding.problem for finding in whole.findings if not finding.name.startswith("M")} <= {
        "missing",
        "known_bad",
    }
    damage = dict(_damage(tree, seed))
    place(tree, MeadClip("W009", "fear", 1, 2)).unlink()
    report = report_of(tree)
    found = {(finding.problem, finding.path) for finding in report.findings}
    for problem, path in damage.items():
        if problem != "numbering_shift":
            assert (problem, str(path.relative_to(tree))) in found or problem == "duplicate", problem
    assert set(damage) | {"missing", "known_bad"} == set(report.counts()) == set(PROBLEMS)
    assert ("missing", "W009/fear/level_1/002") in {(f.problem, f.name) for f in report.findings}
    duplicates = [finding for finding in report.findings if finding.problem == "duplicate"]
    assert len(duplicates) == 1
    assert damage["duplicate"].name in duplicates[0].path + duplicates[0].detail
    served = {share.list_name: share.served for share in report.shares}
    before = {share.list_name: share.served for share in whole.shares}
    # Five blocked targets, fear 002 and angry 030 gone, and the soundless neutral clip's seven rows, of which the
    # first blocked target was one.
    assert before["cmet-1143"] - served["cmet-1143"] == 5 + 2 + 7 - 1
    assert report.exit_code == EXIT_MISSING


def test_the_csv_and_the_text_hold_every_finding(tree: Path, seed: bytes, tmp_path: Path) -> None:
    place(tree, MeadClip("W009", "fear", 1, 2)).write_bytes(b"")
    report = report_of(tree)
    report.write_csv(tmp_path / "out" / "report.csv")
    with (tmp_path / "out" / "report.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(report.findings)
    empty = next(row for row in rows if row["problem"] == "empty")
    assert empty["file"] == "FPS25/W009/front/fear/level_1/002.mp4"
    assert empty["weight"] == "blocks"
    text = report.text()
    assert "cmet-1143: 83 of 1143 rows (7.3 %)" in text
    assert "empty (blocks): 1" in text
    assert "FPS25/W009/front/fear/level_1/002.mp4" in text


def test_jobs_do_not_change_the_report(tree: Path) -> None:
    place(tree, MeadClip("W009", "fear", 1, 2)).write_bytes(b"x")
    one, two = report_of(tree), report_of(tree, jobs=2)
    assert one.findings == two.findings
    assert one.shares == two.shares


def test_a_whole_list_exits_with_zero(tmp_path: Path, seed: bytes) -> None:
    for clip in corpus.eat_clips():
        plant(seed, place(tmp_path, clip))
    report = verify("mead", tmp_path, list_name="eat-100")
    assert report.exit_code == EXIT_FINE
    assert {share.list_name: share.served for share in report.shares}["eat-100"] == 100


def test_a_part_is_enough_where_it_is_asked_for(tree: Path, tmp_path: Path) -> None:
    assert verify("mead", tree, list_name="cmet-1143").exit_code == EXIT_MISSING
    assert verify("mead", tree, list_name="cmet-1143@part").exit_code == EXIT_FINE
    assert verify("crema_d", tree, list_name="cmet-1546@part").exit_code == EXIT_MISSING  # nothing of it is there


def test_a_remap_table_ends_a_shift_and_serves_more(tmp_path: Path, seed: bytes) -> None:
    """W009/angry/level_1 in the public order lacks 030; the table says which file is which sentence."""
    numbers = {"neutral": (*range(1, 4), *range(30, 41)), "angry": range(1, 30)}
    for emotion, listed in numbers.items():
        for number in listed:
            plant(seed, place(tmp_path, MeadClip("W009", emotion, 1, number)))
    table = tmp_path / "remap.csv"
    shifted = "".join(f"W009,angry,1,{number},{number + 1}\n" for number in range(20, 30))
    table.write_text(f"identity,emotion,level,public,canonical\n{shifted}")
    before, after = verify("mead", tmp_path), verify("mead", tmp_path, remap=table)
    assert [(f.name, f.problem) for f in before.findings if f.problem == "numbering_shift"] == [
        ("W009/angry/level_1", "numbering_shift")
    ]
    assert not after.counts()["numbering_shift"]
    assert (before.shares[0].served, after.shares[0].served) == (12, 13)  # 001-003 and 021-029, then 030 too


def test_the_verb_prints_shares_writes_a_csv_and_exits_with_five(tree: Path, tmp_path: Path) -> None:
    from bench import main

    place(tree, MeadClip("W009", "fear", 1, 2)).write_bytes(b"")
    assert main(["verify", "mead", str(tree), "--csv", str(tmp_path / "f.csv"), "--jobs", "1"]) == EXIT_MISSING
    assert "empty,blocks,W009/fear/level_1/002" in (tmp_path / "f.csv").read_text()
    assert main(["verify", "mead", str(tree), "--list", "@part", "--jobs", "1"]) == EXIT_FINE
    assert main(["verify", "mead", str(tree), "--set", "colour=red"]) == EXIT_USAGE
    assert main(["verify", "mead", str(tree), "--remap", str(tmp_path / "absent.csv")]) == EXIT_USAGE


def test_files_that_end_early_are_told_in_every_container(tmp_path: Path) -> None:
    pictures, sound = film(30, size=(32, 32)), voice(1.2)
    write_film(tmp_path / "a.flv", pictures, fps=25, audio=sound)
    write_film(tmp_path / "a.mp4", pictures, fps=25, audio=sound)
    write_wav(tmp_path / "a.wav", sound)
    for whole in sorted(tmp_path.glob("a.*")):
        role: Literal["picture", "sound"] = "sound" if whole.suffix == ".wav" else "picture"
        assert "truncated" not in dict(examine(Task("a", role, whole)).problems)
        data = whole.read_bytes()
        for share in (0.4, 0.7, 0.97):
            cut = whole.with_name(f"cut{share}{whole.suffix}")
            cut.write_bytes(data[: int(len(data) * share)])
            assert examine(Task("cut", role, cut)).problems[0][0] == "truncated", cut
    pointer = tmp_path / "lfs.wav"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    assert examine(Task("x", "sound", pointer)).problems[0][0] == "lfs_pointer"


def test_wavs_with_an_open_length_are_whole(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", voice(0.5))
    data = bytearray((tmp_path / "a.wav").read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"  # as a writer to a pipe leaves them
    (tmp_path / "pipe.wav").write_bytes(data)
    assert examine(Task("a", "sound", tmp_path / "pipe.wav")).problems == ()


def test_training_identities_are_counted(tmp_path: Path, seed: bytes) -> None:
    for number in (1, 2):
        plant(seed, place(tmp_path, MeadClip("M005", "happy", 1, number)))
    lines = verify("mead", tmp_path).training
    assert lines[0].startswith("mead-cmet-train-identities: 1 of 43 identities, 2 clips")


def test_numbering_is_told_by_the_places_of_the_gaps() -> None:
    def clips(numbers: Iterable[int], emotion: str = "angry") -> list[MeadClip]:
        return [MeadClip("W009", emotion, 1, number) for number in numbers]

    public = clips(range(1, 30))
    public_part = [number for number in range(1, 30) if number not in (4, 9)]
    cmet = clips(number for number in range(1, 31) if number != 20)
    assert [f.name for f in shifts(public, "cmet")] == ["W009/angry/level_1"]
    assert "from 020 on" in next(iter(shifts(public, "cmet"))).detail
    assert "from 020 on" in next(iter(shifts(clips(public_part), "cmet"))).detail
    assert not list(shifts(cmet, "cmet"))
    assert not list(shifts(public, "public"))
    assert [f.name for f in shifts(cmet, "public")] == ["W009/angry/level_1"]
    assert "one too low" in next(iter(shifts(clips(range(30), "happy"), "cmet"))).detail
    assert "shifted by 1" in next(iter(shifts(clips(range(2, 32), "happy"), "cmet"))).detail
    assert not list(shifts(clips(range(1, 31), "happy"), "cmet"))


def test_known_bad_clips_are_in_the_data_file_with_their_source() -> None:
    assert "one minute long" in known_bad(("crema_d",), "1064_IEO_DIS_MD")
    assert "issues 39 and 52" in known_bad(("meld", "mead"), "train/dia125_utt3")
    assert known_bad(("crema_d",), "1001_DFA_ANG_XX") == ""
    listed = {f"{r['actor']}_{r['sentence']}_{r['emotion']}_{r['level']}" for r in _rows("crema_d-cmet-1546")}
    assert not [name for name in listed | corpus.crema_names() if known_bad(("crema_d",), name)]
    sarcasm = [f"{r['split']}/{r['clip']}" for n in ("meld-sarcasm-33", "meld-not-sarcastic") for r in _rows(n)]
    assert not [name for name in sarcasm if known_bad(("meld",), name)]


def _rows(name: str) -> tuple[dict[str, str], ...]:
    from datasets import frozen

    return frozen.read(name)


def test_crema_grammar_and_flv(tmp_path: Path) -> None:
    folder = tmp_path / "VideoFlash"
    write_film(folder / "1001_DFA_NEU_XX.flv", film(14, size=(64, 64)), fps=30, audio=voice(0.5))
    write_film(folder / "1001_DFA_DIS_XX.flv", film(15, size=(64, 64)), fps=30, audio=voice(0.5, seed=1))
    write_film(folder / "1001-DFA-FEA-XX.flv", film(16, size=(64, 64)), fps=30, audio=voice(0.5, seed=2))
    report = verify("crema_d", tmp_path)
    assert report.shares[0].served == 1
    counts = report.counts()
    assert (counts["misnamed"], counts["wrong_fps"]) == (1, 2)
    assert report.exit_code == EXIT_MISSING


def test_verify_needs_a_corpus_with_lists_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no lists"):
        verify("folder", tmp_path)
    with pytest.raises(UsageError, match="no dataset"):
        verify("meed", tmp_path)
    with pytest.raises(UsageError, match="is not a folder"):
        verify("mead", tmp_path / "absent")


def test_an_unreadable_file_is_a_finding_not_a_crash(tmp_path: Path) -> None:
    assert examine(Task("x", "picture", tmp_path)).problems[0][0] == "corrupt"
    assert examine(Task("x", "sound", tmp_path / "absent.wav")).problems[0][0] == "corrupt"
