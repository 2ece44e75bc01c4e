"""Packed features: equal to the tree bit for bit, one file, mapped; damaged files are named."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from cmet.training.packed import PackedCorpus
from cmet.training.packing import EXPRESSION
from datasets.preparation.prepare import PACKED, prepare
from harness.errors import BenchError, MissingError, UsageError
from networks.emotion2vec.features import OFFICIAL_WIDTH
from tests.datasets.preparation.test_prepare import WHOLE, raw_mead
from tests.training_samples import forks


def make_tree(
    root: Path, seed: int = 0
) -> dict[tuple[str, str, int, int], tuple[np.ndarray | None, np.ndarray | None]]:
    """A small tree in C-MET's layout: some clips lack codes, some lack speech."""
    rng = np.random.default_rng(seed)
    made = {}
    for identity in ("M003", "W021-1"):
        for emotion, level, number in (("neutral", 1, 1), ("neutral", 1, 40), ("angry", 3, 2), ("fear", 2, 30)):
            folder = root / "FPS25" / identity / "front" / emotion / f"level_{level}"
            (folder / "emotion2vec+large_features").mkdir(parents=True, exist_ok=True)
            codes = None if (identity, number) == ("M003", 40) else rng.standard_normal((rng.integers(5, 90), 10))
            speech = None if (identity, number) == ("W021-1", 2) else rng.standard_normal(1024)
            if codes is not None:
                np.save(folder / f"{number:03d}_ED_exp.npy", codes.astype(np.float32))
                np.save(folder / f"{number:03d}_ED_pose.npy", np.zeros((3, 6), np.float32))
            if speech is not None:
                np.save(folder / "emotion2vec+large_features" / f"{number:03d}.npy", speech.astype(np.float32))
            made[identity, emotion, level, number] = (codes, speech)
    return made


@pytest.mark.parametrize("given", ["", "FPS25"])
def test_packed_equals_the_tree(tmp_path: Path, given: str) -> None:
    made = make_tree(tmp_path / "tree")
    corpus = PackedCorpus(PackedCorpus.build(tmp_path / "tree" / given, tmp_path / "corpus.safetensors"))
    assert len(corpus) == len(corpus.clips) == len(made)
    assert [clip[:4] for clip in corpus.clips] == sorted(made)
    for index, clip in enumerate(corpus.clips):
        codes, speech = made[clip[:4]]
        view = corpus.expression(index)
        assert (view.dtype, view.shape) == (np.float32, (clip.frames, EXPRESSION))
        assert not view.flags.writeable
        assert np.array_equal(view, np.zeros((0, 10)) if codes is None else codes.astype(np.float32))
        assert clip.has_speech is (speech is not None)
        if speech is None:
            with pytest.raises(MissingError, match="W021-1/angry/level_3/002"):
                corpus.speech(index)
        else:
            assert np.array_equal(corpus.speech(index), speech.astype(np.float32))
            assert corpus.speech(index).shape == (OFFICIAL_WIDTH,)
    assert [path.name for path in tmp_path.iterdir()] in (
        ["tree", "corpus.safetensors"],
        ["corpus.safetensors", "tree"],
    )


def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    files = [PackedCorpus.build(tmp_path / "tree", tmp_path / name) for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("damage", ["nan", "shape", "thirty", "garbage", "letters", "archive"])
def test_a_damaged_feature_is_named_and_nothing_is_left(tmp_path: Path, damage: str) -> None:
    make_tree(tmp_path / "tree")
    path = tmp_path / "tree/FPS25/M003/front/angry/level_3/002_ED_exp.npy"
    if damage == "garbage":
        path.write_bytes(b"not numpy")
    elif damage == "letters":
        np.save(path, np.full((4, 10), "x"))
    elif damage == "archive":
        with path.open("wb") as file:
            np.savez(file, codes=np.zeros((4, 10), np.float32))
    elif damage == "thirty":  # PD-FGC's codes are no three rows of EDTalk's
        np.save(path, np.zeros((4, 30), np.float32))
    else:
        np.save(path, np.full((4, 10), np.nan, np.float32) if damage == "nan" else np.zeros((4, 9), np.float32))
    with pytest.raises(UsageError, match="002_ED_exp") as caught:
        PackedCorpus.build(tmp_path / "tree", tmp_path / "out" / "corpus.safetensors")
    assert str(path) in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    whole = PackedCorpus.build(tmp_path / "tree", tmp_path / "corpus.safetensors").read_bytes()
    files = {"empty": b"", "text": b"hello " * 100, "truncated": whole[:-2000], "head": whole[:40]}
    files["before"] = b"CMETPACK" + (4096).to_bytes(8, "little") + b'{"version": 1}'.ljust(4096) + bytes(999)
    files["weights"] = save({"a": np.zeros(3)})
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=name) as caught:
            PackedCorpus(tmp_path / name)
        assert caught.value.cure == "Repeat `python bench.py prepare`."
    with pytest.raises(UsageError, match="no packed corpus"):
        PackedCorpus(tmp_path / "absent")
    with pytest.raises(MissingError, match="no prepared features"):
        PackedCorpus.build(tmp_path / "absent", tmp_path / "x")


@pytest.mark.slow
def test_prepare_packs_what_it_made(tmp_path: Path) -> None:
    out = tmp_path / "FPS25"
    prepare("mead", raw_mead(tmp_path / "raw", count=2), out, WHOLE, pack="cmet.training.packed:pack")
    corpus = PackedCorpus(out / PACKED)
    assert [(clip.number, clip.frames, clip.has_speech) for clip in corpus.clips] == [(1, 15, True), (2, 15, True)]
    assert np.array_equal(corpus.expression(1), np.load(out / "M003/front/neutral/level_1/002_ED_exp.npy"))
    before = (out / PACKED).stat().st_mtime_ns
    prepare("mead", tmp_path / "raw", out, WHOLE, pack="cmet.training.packed:pack")
    assert (out / PACKED).stat().st_mtime_ns == before


@forks
def test_a_disk_that_takes_only_a_part_is_one_sentence(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        said = False
        try:
            PackedCorpus.build(tmp_path / "tree", tmp_path / "out" / "corpus.safetensors")
        except BenchError as error:
            said = "cannot be written: the disk took only a part" in str(error)
        finally:
            os._exit(0 if said else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list((tmp_path / "out").iterdir()) == []
