"""Frozen lists and their counts; corpora in the layouts people have; parts; labels by name."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from datasets import DATASETS, frozen
from datasets.crema_d import CremaD
from datasets.derived import Workshop, make, mirrored_index
from datasets.mead import Mead
from datasets.mead_layout import MeadClip, MeadTree
from harness import registry
from harness.emotions import BASIC_EMOTIONS, CORPUS_LABELS, canonical
from harness.errors import EXIT_MISSING, MissingError, UsageError
from harness.media import VideoReader, read_audio, read_image
from harness.records import SAMPLES_PER_FRAME, Sample
from tests import corpus_samples as corpus
from tests.media_samples import film, voice, write_film


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus.seed_clip(tmp_path_factory.mktemp("seed"))


@pytest.fixture(scope="module")
def mead(tmp_path_factory: pytest.TempPathFactory, seed: Path) -> Path:
    root = tmp_path_factory.mktemp("mead")
    return corpus.mead_tree(root, corpus.mead_clips() | corpus.reference_clips(), seed)


def test_every_list_is_the_frozen_one_and_has_its_count() -> None:
    assert not list(frozen.changed())
    for name, entry in frozen.LISTS.items():
        assert len(frozen.read(name)) == entry.rows, name
    files = {path.stem for path in frozen.FOLDER.glob("*.csv")}
    assert files >= set(frozen.LISTS)


def test_cmet_mead_list_has_the_published_counts() -> None:
    rows = frozen.read("mead-cmet-1143")
    assert Counter(row["emotion"] for row in rows) == {
        "happy": 168,
        "contempt": 166,
        "sad": 165,
        "surprised": 165,
        "disgusted": 161,
        "angry": 159,
        "fear": 159,
    }
    assert Counter(row["identity"] for row in rows) == {"M003": 291, "W015": 288, "W009": 284, "M030": 280}
    assert Counter(row["level"] for row in rows) == {"1": 385, "2": 379, "3": 379}
    for row in rows:
        source, target = int(row["source_number"]), int(row["target_number"])
        assert source == target <= 3 or source == target + 10 >= 30  # docs/reference/corpora.md, 'MEAD sentences'
    grid = {(i, n, e, v) for i in ("M003", "M030", "W009", "W015") for n in (1, 2, 3, *range(20, 31))
            for e in BASIC_EMOTIONS if e != "neutral" for v in (1, 2, 3)}  # fmt: skip
    listed = {(r["identity"], int(r["target_number"]), r["emotion"], int(r["level"])) for r in rows}
    absent = {(r["identity"], int(r["number"]), r["emotion"], int(r["level"])) for r in frozen.read("mead-cmet-absent")}
    assert listed == grid - absent
    assert len(listed) == len(rows)


def test_crema_eat_and_extended_lists_have_the_published_counts() -> None:
    crema = frozen.read("crema_d-cmet-1546")
    assert Counter(row["emotion"] for row in crema) == {"FEA": 329, "ANG": 309, "HAP": 308, "SAD": 308, "DIS": 292}
    assert Counter(row["level"] for row in crema) == {"XX": 1233, "LO": 109, "HI": 105, "MD": 99}
    assert len({row["actor"] for row in crema}) == 91
    assert len({(row["actor"], row["sentence"]) for row in crema}) == 523
    eat = Counter(row["emotion"] for row in frozen.read("mead-eat-100"))
    assert eat == {"happy": 16, "neutral": 16, "disgusted": 15, "fear": 13, "sad": 13, "contempt": 12,
                   "surprised": 9, "angry": 6}  # fmt: skip
    extended = frozen.read("extended-gemini-150")
    assert set(Counter(row["emotion"] for row in extended).values()) == {25}
    assert Counter(row["pseudo_label"] for row in extended) == {
        "sad": 56,
        "happy": 50,
        "disgusted": 20,
        "neutral": 11,
        "surprised": 7,
        "<unk>": 6,
    }
    assert Counter(row["identity"] for row in extended) == {"M003": 41, "W015": 39, "W009": 35, "M030": 35}


def test_sarcasm_controls_are_matched_by_speaker_and_used_once() -> None:
    positive = {row["clip"]: row for row in frozen.read("meld-sarcasm-33")}
    controls = frozen.read("meld-sarcasm-controls")
    negatives = {(row["split"], row["clip"]) for row in frozen.read("meld-not-sarcastic")}
    assert len(positive) == 33
    assert len({(row["split"], row["clip"]) for row in controls}) == len(controls)
    for row in controls:
        assert positive[row["matched_to"]]["speaker"] == row["speaker"]
        assert (row["split"], row["clip"]) in negatives
        assert row["source_number"] == positive[row["matched_to"]]["source_number"]
    assert Counter(row["rank"] for row in controls)["1"] == 33


def test_no_training_identity_is_in_a_test_list() -> None:
    train = {row["identity"] for name in ("mead-cmet-train-identities", "mead-edtalk-train-identities")
             for row in frozen.read(name)}  # fmt: skip
    test = {row["identity"] for name in ("mead-cmet-1143", "mead-eat-100", "extended-gemini-150", "meld-sarcasm-33")
            for row in frozen.read(name)}  # fmt: skip
    assert test == {row["identity"] for row in frozen.read("mead-test-identities")}
    assert not train & test
    references = {row["identity"] for row in frozen.read("mead-speech-references")}
    assert references <= {row["identity"] for row in frozen.read("mead-cmet-train-identities")}


def test_a_changed_list_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (frozen.FOLDER / "mead-eat-100.csv").read_text()
    (tmp_path / "mead-eat-100.csv").write_text(text.replace("W015,sad,3,5", "W015,sad,3,6"))
    monkeypatch.setattr(frozen, "FOLDER", tmp_path)
    with pytest.raises(UsageError, match="was changed"):
        frozen.read("mead-eat-100")
    assert "mead-eat-100" in list(frozen.changed())


def test_labels_map_by_name() -> None:
    for corpus_name, labels in CORPUS_LABELS.items():
        assert set(labels.values()) <= set(BASIC_EMOTIONS), corpus_name
        assert len(set(labels.values())) == len(labels)
    assert canonical("crema_d", "DIS") == "disgusted"
    assert canonical("meld", "joy") == "happy"
    with pytest.raises(UsageError, match="not an emotion of crema_d"):
        canonical("crema_d", "CON")


@pytest.mark.slow
def test_mead_serves_the_whole_list(mead: Path) -> None:
    samples = Mead(root=mead).samples()
    assert len(samples) == 1143
    assert len({sample.id for sample in samples}) == 1143
    assert {sample.dataset for sample in samples} == {"mead"}
    assert all(len(sample.emotion.speech) == len(sample.emotion.neutral_speech) == 10 for sample in samples)
    assert all(sample.frames == 8 for sample in samples)
    sample = samples[0]
    assert (sample.id, sample.identity, sample.emotion.intensity) == ("M003_angry_1_001_n001", "M003", 1)
    assert sample.reference_video == mead / "FPS25/M003/front/angry/level_1/001.mp4"
    assert sample.source_video == mead / "FPS25/M003/front/neutral/level_1/001.mp4"
    assert sample.reference_aligned is False
    assert all("M003" not in str(path) for path in sample.emotion.speech)


@pytest.mark.slow
def test_materialise_makes_what_the_contract_promises(mead: Path) -> None:
    dataset = Mead(root=mead)
    sample = dataset.samples()[5]
    Mead(root=mead).materialise(sample)  # another process' dataset, without samples()
    assert read_image(sample.source_image).shape == (32, 32, 3)
    assert len(read_audio(sample.driving_audio).samples) == sample.frames * SAMPLES_PER_FRAME
    assert sample.pose_video is not None
    assert VideoReader(sample.pose_video).frames == sample.frames
    assert all(read_audio(path).samples.size for path in (*sample.emotion.speech, *sample.emotion.neutral_speech))
    assert sample.emotion.image is not None
    assert read_image(sample.emotion.image).shape == (32, 32, 3)
    before = {path: path.stat().st_mtime_ns for path in dataset.planner.workshop.folder.rglob("*.*")}
    dataset.materialise(sample)
    assert before == {path: path.stat().st_mtime_ns for path in dataset.planner.workshop.folder.rglob("*.*")}


def _materialise(root: Path, sample: Sample) -> str:
    Mead(root=root).materialise(sample)
    return sample.id


@pytest.mark.slow
def test_two_processes_may_materialise_the_same_sample(
    mead: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))
    sample = Mead(root=mead).samples()[7]
    with ProcessPoolExecutor(2) as pool:
        assert set(pool.map(_materialise, [mead] * 6, [sample] * 6)) == {sample.id}
    assert not list(tmp_path.rglob(".partial-*"))
    assert len(read_audio(sample.driving_audio).samples) == sample.frames * SAMPLES_PER_FRAME


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["official", "eat"])
def test_mead_in_the_other_layouts(tmp_path: Path, seed: Path, layout: str) -> None:
    root = corpus.mead_tree(tmp_path, corpus.eat_clips() | corpus.reference_clips(), seed, layout)
    dataset = Mead(root=root, list_name="eat-100")
    assert dataset.tree.layout == layout
    samples = dataset.samples()
    assert len(samples) == 100
    assert {sample.dataset for sample in samples} == {"mead:eat-100"}
    assert all(sample.reference_aligned for sample in samples)
    first = samples[0]
    assert first.id == "W015_sad_3_005"
    assert first.reference_video is not None
    assert first.reference_video.stem in ("005", "W015_sad_3_005")
    dataset.materialise(first)
    assert read_audio(first.driving_audio).samples.size == first.frames * SAMPLES_PER_FRAME


@pytest.mark.slow
def test_a_part_must_be_asked_for_by_name(tmp_path: Path, seed: Path) -> None:
    clips = {clip for clip in corpus.mead_clips() if clip.identity == "W009"}
    root = corpus.mead_tree(tmp_path, clips, seed)
    with pytest.raises(MissingError) as caught:
        Mead(root=root).samples()
    assert caught.value.exit_code == EXIT_MISSING
    assert "cmet-1143: 284 of 1143 rows" in str(caught.value)
    assert "--list cmet-1143@part" in caught.value.cure
    part = Mead(root=root, list_name="cmet-1143@part").samples()
    assert len(part) == 284
    assert {sample.dataset for sample in part} == {"mead:cmet-1143@part"}
    assert part[0].emotion.speech == ()  # no training identity here: nothing is made up
    with pytest.raises(MissingError):
        Mead(root=root, list_name="eat-100").samples()


def test_wrong_names_and_missing_roots_tell_the_cure(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="needs a folder"):
        Mead()
    with pytest.raises(UsageError, match="cmet-1143"):
        Mead(root=tmp_path, list_name="cmet-1134")
    with pytest.raises(UsageError, match="option"):
        Mead(root=tmp_path, colour="red")
    with pytest.raises(MissingError, match="0 of 1143"):
        Mead(root=tmp_path, list_name="cmet-1143@part").samples()
    with pytest.raises(UsageError, match="is not a folder"):
        CremaD(root=tmp_path / "absent")


def test_remap_table_finds_renumbered_files(tmp_path: Path, seed: Path) -> None:
    clips = {MeadClip("W009", "angry", 1, n) for n in range(1, 30)}
    root = corpus.mead_tree(tmp_path / "tree", clips, seed)
    table = tmp_path / "remap.csv"
    table.write_text("identity,emotion,level,public,canonical\nW009,angry,1,29,30\n")
    wanted = MeadClip("W009", "angry", 1, 30)
    assert MeadTree(root).video(wanted) is None
    found = Mead(root=root, remap=table).tree.video(wanted)
    assert found is not None
    assert found.name == "029.mp4"
    table.write_text("identity,emotion,level,public,canonical\nW009,angry,x,29,30\n")
    with pytest.raises(UsageError, match="Line 2"):
        _ = Mead(root=root, remap=table).tree


def test_flat_names_round_trip() -> None:
    rng = random.Random(0)
    for _ in range(200):
        clip = MeadClip(
            rng.choice(["M003", "W021-1"]), rng.choice(BASIC_EMOTIONS), rng.choice([1, 2, 3]), rng.randint(1, 77)
        )
        assert MeadClip.parse_flat(clip.flat) == clip
        assert MeadClip.parse_flat(clip.flat.replace("_", "-")) == clip
    assert MeadClip.parse_flat("M003_bad_3_001") is None


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["flat", "official"])
def test_crema_d_serves_the_whole_list(tmp_path: Path, layout: str) -> None:
    suffix = ".mp4" if layout == "flat" else ".flv"
    seed = corpus.seed_clip(tmp_path, frames=9, fps=25 if layout == "flat" else 30, suffix=suffix)
    root = tmp_path / "CREMA-D"
    references = {f"{row['actor']}_{row['sentence']}_{row['emotion']}_XX"
                  for row in frozen.read("crema_d-speech-references")}  # fmt: skip
    for name in corpus.crema_names() | references:
        corpus.link(seed, root / ("FPS25" if layout == "flat" else "VideoFlash") / f"{name}{suffix}")
    samples = CremaD(root=root).samples()
    assert len(samples) == 1546
    assert len({sample.identity for sample in samples}) == 91
    by_id = {sample.id: sample for sample in samples}
    assert by_id["1001_IEO_ANG_HI"].emotion.intensity == 3
    assert by_id["1001_DFA_DIS_XX"].emotion.name == "disgusted"
    assert by_id["1001_DFA_DIS_XX"].emotion.intensity is None
    own = [s for s in samples if any(f"{s.identity}_" in path.name for path in s.emotion.speech)]
    assert own == []
    assert all(len(sample.emotion.speech) == 10 for sample in samples)
    CremaD(root=root).materialise(samples[3])
    assert samples[3].pose_video is not None
    assert VideoReader(samples[3].pose_video).frames == samples[3].frames


@pytest.mark.parametrize(("frames", "wanted"), [(5, 3), (5, 5), (5, 7), (5, 17), (1, 4)])
def test_pose_clips_have_exact_length_by_swinging(tmp_path: Path, frames: int, wanted: int) -> None:
    pictures = film(frames, size=(32, 32))
    source = write_film(tmp_path / "a.mp4", pictures, audio=voice(0.2))
    decoded = np.concatenate(list(VideoReader(source)))
    made = np.concatenate(list(VideoReader(make(Workshop("t", tmp_path).recipe("pose", source, wanted)))))
    assert len(made) == wanted
    for k in range(wanted):
        assert np.array_equal(made[k], decoded[mirrored_index(k, frames)]), k
    order = [mirrored_index(k, 5) for k in range(12)]
    assert order == [0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0, 1]


def test_the_registry_names_classes_that_exist() -> None:
    for name, spec in DATASETS.items():
        if name != "puppets":
            assert registry.load(spec).name == name
