"""Corpora as they lie on people's disks: half unpacked, prepared beside raw, renumbered, in parts; real clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from datasets import frozen
from datasets.crema_d import CremaD
from datasets.mead import Mead
from datasets.mead_layout import MeadClip, MeadTree, read_remap
from datasets.meld_extended import MeldExtended
from harness.errors import EXIT_FINE, EXIT_MISSING, EXIT_USAGE, MissingError, UsageError
from harness.media import VideoReader, read_audio, read_image, write_wav
from harness.media.resample import resample
from harness.records import SAMPLES_PER_FRAME
from tests import corpus_samples as corpus
from tests.media_samples import film, voice, write_encoded, write_film
from tests.places import CLIPS


def frames_of(path: Path, count: int) -> npt.NDArray[np.uint8]:
    return next(iter(VideoReader(path, chunk=count)))


@pytest.fixture
def official(tmp_path: Path) -> Path:
    """MEAD's download, unpacked: clips at 30 fps, speech as 44.1 kHz stereo m4a."""
    root = tmp_path / "MEAD"
    films = [frames_of(CLIPS / name, 30) for name in ("full_range.mp4", "second.mp4")]
    wavs = [read_audio(CLIPS / name).samples[:16000] for name in ("full_range.mp4", "second.mp4", "talking.mp4")]
    clips = {
        MeadClip("W009", "neutral", 1, 38): (films[0], wavs[0]),
        MeadClip("W009", "happy", 3, 28): (films[1], wavs[1]),
        MeadClip("M013", "happy", 3, 4): (films[1], wavs[1]),
        MeadClip("M013", "neutral", 1, 4): (films[0], wavs[2]),
    }
    for clip, (pictures, wav) in clips.items():
        place = f"{clip.emotion}/level_{clip.level}/{clip.number:03d}"
        write_film(root / clip.identity / "video/front" / f"{place}.mp4", pictures, fps=30)
        sound = resample(wav, 16000, 44100)
        write_encoded(root / clip.identity / "audio" / f"{place}.m4a", np.stack([sound, sound]), 44100, "stereo")
    return root


@pytest.mark.slow
def test_a_sample_of_the_official_download_is_what_the_list_means(official: Path) -> None:
    dataset = Mead(root=official, list_name="cmet-1143@part")
    (sample,) = dataset.samples()
    assert (sample.id, sample.identity) == ("W009_happy_3_028_n038", "W009")
    emotion = sample.emotion
    assert (emotion.name, emotion.label, emotion.label_is, emotion.intensity) == ("happy", "happy", "truth", 3)
    assert sample.source_video == official / "W009/video/front/neutral/level_1/038.mp4"
    assert sample.reference_video == official / "W009/video/front/happy/level_3/028.mp4"
    assert not sample.reference_aligned
    assert emotion.clip == official / "M013/video/front/happy/level_3/004.mp4"
    assert (len(emotion.speech), len(emotion.neutral_speech)) == (1, 1)
    dataset.materialise(sample)
    driving = read_audio(sample.driving_audio).samples
    spoken = read_audio(official / "W009/audio/neutral/level_1/038.m4a").samples
    assert np.abs(driving - np.pad(spoken, (0, len(driving)))[: len(driving)]).max() < 2**-15 + 1e-6
    assert len(driving) == sample.frames * SAMPLES_PER_FRAME
    assert read_audio(emotion.speech[0]).samples.std() > 0.01
    assert emotion.image is not None
    assert read_image(emotion.image).shape == read_image(sample.source_image).shape
    assert sample.pose_video is not None
    assert VideoReader(sample.pose_video).frames == sample.frames


@pytest.mark.slow
def test_a_view_unpacked_without_its_folder_is_found_with_its_sound(official: Path) -> None:
    (official / "W009/video/front").rename(official / "W009/front")
    tree = MeadTree(official)
    clip = MeadClip("W009", "neutral", 1, 38)
    assert tree.video(clip) == official / "W009/front/neutral/level_1/038.mp4"
    assert tree.sound(clip) == official / "W009/audio/neutral/level_1/038.m4a"
    other = MeadClip("M013", "neutral", 1, 4)
    assert tree.video(other) == official / "M013/video/front/neutral/level_1/004.mp4"
    assert len(list(tree.clips())) == 4


def test_archives_that_nobody_unpacked_are_named(tmp_path: Path) -> None:
    for name in ("video_1.tar", "audio.tar"):
        (tmp_path / "MEAD/M003" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "MEAD/M003" / name).write_bytes(b"x")
    with pytest.raises(MissingError) as caught:
        Mead(root=tmp_path).samples()
    assert "Unpack the archives" in caught.value.cure
    assert "M003/" in caught.value.cure


def test_prepared_comes_before_raw_and_is_never_mixed_with_it(tmp_path: Path) -> None:
    seed = corpus.seed_clip(tmp_path)
    clip, other = MeadClip("W009", "neutral", 1, 1), MeadClip("W009", "neutral", 1, 2)
    corpus.mead_tree(tmp_path / "M", [clip, other], seed, "official")
    corpus.mead_tree(tmp_path / "M", [clip], seed, "fps25")
    tree = MeadTree(tmp_path / "M")
    assert tree.video(clip) == tmp_path / "M/FPS25/W009/front/neutral/level_1/001.mp4"
    assert tree.video(other) is None
    corpus.link(seed, tmp_path / "C/VideoFlash/1001_DFA_NEU_XX.mp4")
    corpus.link(seed, tmp_path / "C/VideoFlash/1001_DFA_ANG_XX.mp4")
    corpus.link(seed, tmp_path / "C/FPS25/1001_DFA_NEU_XX.mp4")
    crema = CremaD(root=tmp_path / "C").tree
    assert crema.video("1001_DFA_NEU_XX") == tmp_path / "C/FPS25/1001_DFA_NEU_XX.mp4"
    assert crema.video("1001_DFA_ANG_XX") is None


def test_a_remap_table_gives_each_file_one_meaning(tmp_path: Path) -> None:
    seed = corpus.seed_clip(tmp_path)
    root = corpus.mead_tree(tmp_path / "M", [MeadClip("W009", "angry", 1, n) for n in (28, 29, 30)], seed)
    table = tmp_path / "remap.csv"
    table.write_text("identity,emotion,level,public,canonical\nW009,angry,1,29,30\n")
    tree = MeadTree(root, read_remap(table))
    found = {n: tree.video(MeadClip("W009", "angry", 1, n)) for n in (28, 29, 30)}
    assert {n: path and path.name for n, path in found.items()} == {28: "028.mp4", 29: None, 30: "029.mp4"}
    assert [clip.number for clip in tree.canonical_clips()] == [28, 30]  # file 030 has lost its meaning


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("W009,angry,1,29,30\nW009,angry,1,29,28\n", "Line 3 .* gives public .* a second time"),
        ("W009,angry,1,29,30\nW009,angry,1,28,30\n", "Line 3 .* gives canonical .* a second time"),
        ("W009,anger,1,29,30\n", "Line 2 .* no folder W009/anger/level_1"),
        ("W009,angry,4,29,30\n", "level_4"),
        ("W009,angry,1,29\n", "Line 2 .* is not a remap row"),
    ],
)
def test_wrong_remap_tables_are_refused(tmp_path: Path, rows: str, words: str) -> None:
    table = tmp_path / "remap.csv"
    table.write_text(f"identity,emotion,level,public,canonical\n{rows}")
    with pytest.raises(UsageError, match=words):
        read_remap(table)


def test_unreadable_remap_tables_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no remap table"):
        read_remap(tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes(b"identity\n\xff\xfe\n")
    with pytest.raises(UsageError, match="cannot be read"):
        read_remap(tmp_path / "latin.csv")


@pytest.mark.slow
def test_a_part_tells_what_the_rest_would_need(tmp_path: Path) -> None:
    seed = corpus.seed_clip(tmp_path)
    clips = {clip for clip in corpus.mead_clips() if clip.identity == "W009"}
    root = corpus.mead_tree(tmp_path / "M", clips, seed)
    dataset = Mead(root=root, list_name="@part")
    assert len(dataset.samples()) == 284
    part, speech = dataset.notices()
    assert "cmet-1143: 284 of 1143 rows" in part
    assert f"lacking {len(corpus.mead_clips() - clips)} files: M003/" in part
    assert "220 of the 220 emotional utterances" in speech
    assert "speech_pool=shipped" in speech
    pool = tmp_path / "audios/MEAD/happy"
    for name in ("W009_level_3_001", "M003_level_3_001"):
        write_wav(pool / f"{name}.wav", voice(0.1))
    shipped = Mead(root=root, list_name="@part", speech_pool="shipped", speech_root=tmp_path)
    assert len(shipped.notices()) == 1
    spoken = {sample.emotion.speech for sample in shipped.samples() if sample.emotion.name == "happy"}
    assert spoken == {(pool / "M003_level_3_001.wav",)}
    with pytest.raises(MissingError, match="no speech of C-MET"):
        Mead(root=root, speech_pool="shipped")
    with pytest.raises(UsageError, match="speech_pool 'own'"):
        Mead(root=root, speech_pool="own")


@pytest.mark.slow
def test_score_on_a_part_says_what_the_rest_would_need(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bench import main

    clips = [MeadClip("W009", "neutral", 1, 1), MeadClip("W009", "happy", 3, 1)]
    root = corpus.mead_tree(tmp_path / "M", clips, corpus.seed_clip(tmp_path))
    (tmp_path / "made").mkdir()
    asked = ["score", "--clips", str(tmp_path / "made"), "--dataset", "mead", "--root", str(root), "--jobs", "1"]
    assert main([*asked, "--out", str(tmp_path / "a")]) == EXIT_MISSING
    assert "Add --list cmet-1143@part to use exactly these 1." in capsys.readouterr().err
    assert main([*asked, "--out", str(tmp_path / "b"), "--list", "@part"]) != EXIT_FINE  # no clip was made
    out, err = capsys.readouterr()
    assert "mead:cmet-1143@part" in out
    assert "Only a part: cmet-1143: 1 of 1143 rows" in err
    assert main([*asked, "--out", str(tmp_path / "c"), "--set", "colour=red"]) == EXIT_USAGE


def test_parts_of_the_extended_set_may_lie_apart(tmp_path: Path) -> None:
    seed = corpus.seed_clip(tmp_path)
    row = frozen.read("extended-gemini-150")[0]
    face = MeadClip(row["identity"], "neutral", 1, int(row["source_number"]))
    corpus.mead_tree(tmp_path / "faces", [face], seed)
    write_wav(tmp_path / "audios/gemini" / row["emotion"] / f"{row['utterance']}.wav", voice(0.4), rate=24000)
    apart = {"mead_root": tmp_path / "faces", "speech_root": tmp_path / "audios"}
    (sample,) = MeldExtended(list_name="gemini-150@part", **apart).samples()
    assert (sample.emotion.name, sample.emotion.label_is) == (row["emotion"], "pseudo")
    assert sample.emotion.intensity == int(row["level"])
    with pytest.raises(MissingError, match="needs a folder"):
        MeldExtended()
    with pytest.raises(UsageError, match="is not a folder"):
        MeldExtended(root=tmp_path, mead_root=tmp_path / "absent")
    with pytest.raises(UsageError, match="is not a folder"):
        MeldExtended(root=tmp_path, neutral_clips=tmp_path / "absent")
    with pytest.raises(UsageError, match="split of MELD"):
        MeldExtended(root=tmp_path, meld_split="trian")


def test_the_lists_are_the_rows_of_the_sources(shared: Path) -> None:
    told = json.loads((shared / "specs" / "mead_test_lists.json").read_text())

    def rows(name: str, *columns: str) -> list[list[str]]:
        return [[row[column] for column in columns] for row in frozen.read(name)]

    def texts(entries: list[list[object]]) -> list[list[str]]:
        return [[str(cell) for cell in entry] for entry in entries]

    mead = rows("mead-cmet-1143", "identity", "source_number", "target_number", "emotion", "level")
    assert mead == texts(told["cmet_mead_test"]["rows"])
    crema = rows("crema_d-cmet-1546", "actor", "sentence", "emotion", "level")
    assert crema == texts(told["cmet_crema_d_test"]["rows"])
    eat = [MeadClip.parse_flat(name) for name in told["eat_mead100"]["original_order"]]
    assert [[c.identity, c.emotion, str(c.level), str(c.number)] for c in eat if c] == rows(
        "mead-eat-100", "identity", "emotion", "level", "number"
    )
    assert sorted(row[0] for row in rows("mead-cmet-train-identities", "identity")) == sorted(
        told["cmet_splits"]["train_ids"]
    )
    counts = told["edtalk_cmet_preprocess"]["train_mead_clips_per_id"]
    assert dict(rows("mead-edtalk-train-identities", "identity", "clips")) == {k: str(v) for k, v in counts.items()}
    extended = [[row[0], row[1], row[3], str(int(row[4])), row[5]] for row in told["cmet_extended_150"]["rows"]]
    assert rows("extended-gemini-150", "emotion", "utterance", "identity", "source_number", "pseudo_label") == extended
    overlap = [row for row in told["meld_mustard_overlap"]["rows"] if row[6] == "exact"]
    assert {row[3] for row in overlap if row[1]} == {row[0] for row in rows("meld-sarcasm-33", "clip")}
    assert {(row[2], row[3]) for row in overlap if not row[1]} == {
        tuple(row) for row in rows("meld-not-sarcastic", "split", "clip")
    }
    assert [row[0] for row in rows("meld-cmet-12", "clip")] == told["cmet_meld_sarcastic12"]["ids"]


@pytest.mark.parametrize("seconds", [0.03, 1.0])
def test_meld_films_with_six_channels_are_speech(tmp_path: Path, seconds: float) -> None:
    count = round(48000 * seconds)
    channels = np.zeros((6, count), np.float32)
    channels[2] = 0.5 * np.sin(2 * np.pi * 220 * np.arange(count) / 48000)
    line = tmp_path / "MELD.Raw/train_splits/dia6_utt4.mp4"
    write_encoded(line, channels, 48000, "5.1", film(max(1, round(25 * seconds))))
    face = frozen.read("meld-sarcasm-33")[0]
    assert face["clip"] == "dia6_utt4"
    clip = MeadClip(face["identity"], "neutral", 1, int(face["source_number"]))
    corpus.mead_tree(tmp_path / "MEAD", [clip], corpus.seed_clip(tmp_path))
    dataset = MeldExtended(root=tmp_path, mead_root=tmp_path / "MEAD", list_name="sarcasm-33@part")
    (sample,) = dataset.samples()
    assert sample.source_video == tmp_path / "MEAD/FPS25" / face["identity"] / "front/neutral/level_1" / (
        f"{int(face['source_number']):03d}.mp4"
    )
    assert read_audio(line).channels == 6
    dataset.materialise(sample)
    (spoken,) = sample.emotion.speech
    track = read_audio(spoken)
    assert (track.rate, track.channels, spoken.suffix) == (16000, 1, ".wav")
    assert abs(len(track.samples) - seconds * 16000) <= 2 * 1024 / 3 + 1  # AAC frames of 1024 are padded
    assert 0.2 < np.abs(track.samples).max() * 6 < 0.9  # the average of the channels: a sixth of the centre
