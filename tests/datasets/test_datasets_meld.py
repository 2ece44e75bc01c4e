"""MELD as speech: split-relative ids, six channels, odd folders; Gemini-TTS rows; sarcasm and its controls."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from datasets import frozen
from datasets.mead import neutral
from datasets.meld_extended import NOT_SARCASTIC, MeldExtended
from datasets.meld_layout import Line, MeldTree
from datasets.verify import verify
from harness.emotions import EXTENDED_EMOTIONS
from harness.errors import EXIT_MISSING, MissingError
from harness.media import VideoReader, read_audio, write_wav
from tests import corpus_samples as corpus
from tests.media_samples import voice

pytestmark = pytest.mark.slow


def write_extensible_wav(path: Path, samples: npt.NDArray[np.int16], rate: int) -> Path:
    """A WAVE_FORMAT_EXTENSIBLE file of int16 (n, channels), as MELD's 5.1 sound comes."""
    channels = samples.shape[1]
    subformat = bytes.fromhex("0100000000001000800000aa00389b71")
    body = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHHHHI", 65534, channels, rate, rate * channels * 2, channels * 2, 16, 22, 16, 0x3F)
    form += subformat
    head = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(head) + len(body)) + head + body)
    return path


def surround(seconds: float) -> npt.NDArray[np.int16]:
    """Six channels at 48 kHz; the voice is in the centre."""
    count = round(seconds * 48000)
    sound = np.zeros((count, 6), dtype=np.int16)
    sound[:, 2] = (8000 * np.sin(2 * np.pi * 220 * np.arange(count) / 48000)).astype(np.int16)
    return sound


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """dataset/MEAD, audios/ and MELD side by side."""
    root = tmp_path_factory.mktemp("house")
    seed = corpus.seed_clip(root / "seed", frames=8)
    neutrals = {neutral(i, n) for i in ("M003", "M030", "W009", "W015") for n in (1, 2, 3, *range(31, 41))}
    corpus.mead_tree(root / "dataset" / "MEAD", neutrals, seed)
    tone = root / "seed" / "tone.wav"
    write_wav(tone, voice(0.5))
    for row in frozen.read("extended-gemini-150"):
        corpus.link(tone, root / "audios" / "gemini" / row["emotion"] / f"{row['utterance']}.wav")
    for identity in ("M003", "M030", "W009", "W015"):
        for number in range(1, 8):
            corpus.link(tone, root / "audios" / "MEAD" / "neutral" / f"{identity}_{number:03d}.wav")
    lines = {(r["split"], r["clip"]) for name in ("meld-sarcasm-33", "meld-not-sarcastic") for r in frozen.read(name)}
    lines |= {(r["split"], r["clip"]) for r in frozen.read("meld-cmet-12")}
    folders = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
    six = write_extensible_wav(root / "seed" / "six.wav", surround(0.6), 48000)
    for split, clip in sorted(lines):
        corpus.link(six, root / "MELD.Raw" / folders[split] / f"{clip}.wav")
    return root


def test_gemini_rows_become_samples(house: Path) -> None:
    samples = MeldExtended(root=house).samples()
    assert len(samples) == 150
    assert len({sample.id for sample in samples}) == 150
    assert {sample.emotion.name for sample in samples} == set(EXTENDED_EMOTIONS)
    assert all(sample.reference_video is None and not sample.emotion.basic for sample in samples)
    assert all(sample.emotion.label_is == "pseudo" for sample in samples)
    unknown = [r["utterance"] for r in frozen.read("extended-gemini-150") if r["pseudo_label"] == "<unk>"]
    by_id = {sample.id.rsplit("_", 1)[0]: sample for sample in samples}
    assert {by_id[name].emotion.label for name in unknown} == {"neutral"}
    first = samples[0]
    assert first.emotion.speech[0].stem == "charismatic_0"
    assert len(first.emotion.speech) == len(first.emotion.neutral_speech) == 10
    assert all(not path.name.startswith(first.identity) for path in first.emotion.neutral_speech)


def test_sarcasm_contrast_uses_the_same_face_for_a_line_and_its_controls(house: Path) -> None:
    samples = MeldExtended(root=house, list_name="sarcasm-contrast").samples()
    sarcastic = {s.id.removeprefix("sarcastic_train_"): s for s in samples if s.emotion.name == "sarcastic"}
    controls = [s for s in samples if s.emotion.name == NOT_SARCASTIC]
    assert (len(sarcastic), len(controls)) == (33, 84)
    for sample in controls:
        twin = sarcastic[sample.id.split("_for_")[1]]
        assert (sample.source_video, sample.identity) == (twin.source_video, twin.identity)
        assert sample.emotion.speech != twin.emotion.speech
        assert not set(sample.emotion.speech) & set(sample.emotion.neutral_speech)
    assert all(len(s.emotion.speech) == 1 and len(s.emotion.neutral_speech) >= 6 for s in samples)


def test_six_channel_lines_become_mono_wavs_and_pose_is_exact(house: Path) -> None:
    dataset = MeldExtended(root=house, list_name="meld-12")
    samples = dataset.samples()
    assert len(samples) == 12
    dataset.materialise(samples[0])
    assert samples[0].pose_video is not None
    assert VideoReader(samples[0].pose_video).frames == samples[0].frames
    track = read_audio(samples[0].emotion.speech[0])
    assert (track.channels, track.rate) == (6, 48000)
    assert abs(len(track.samples) - 9600) <= 1


def test_ids_restart_in_every_split(tmp_path: Path) -> None:
    for folder in ("train_splits", "dev_splits_complete", "output_repeated_splits_test"):
        write_wav(tmp_path / folder / "dia93_utt4.wav", voice(0.1))
    write_wav(tmp_path / "output_repeated_splits_test" / "final_videos_testdia7_utt2.wav", voice(0.1))
    write_wav(tmp_path / "output_repeated_splits_test" / "._dia8_utt2.wav", voice(0.1))
    write_wav(tmp_path / "elsewhere" / "dia1_utt1.wav", voice(0.1))
    tree = MeldTree(tmp_path)
    found = {split: tree.sound(Line(split, 93, 4)) for split in ("train", "dev", "test")}
    assert len(set(found.values())) == 3
    assert None not in found.values()
    assert tree.sound(Line("test", 7, 2)) is not None
    assert tree.sound(Line("test", 8, 2)) is None
    assert [path.name for path in tree.unknown_split] == ["dia1_utt1.wav"]
    assert MeldTree(tmp_path / "elsewhere", split="dev").sound(Line("dev", 1, 1)) is not None


@pytest.mark.parametrize(("seconds", "rate"), [(0.03, 48000), (300.0, 16000)])
def test_very_short_and_very_long_lines_are_read(tmp_path: Path, seconds: float, rate: int) -> None:
    count = round(seconds * rate)
    path = write_extensible_wav(tmp_path / "dia1_utt1.wav", np.full((count, 6), 1000, dtype=np.int16), rate)
    track = read_audio(path)
    assert abs(len(track.samples) - seconds * 16000) <= 1
    assert track.samples.dtype == np.float32


def test_own_faces_are_allowed_and_named(house: Path, tmp_path: Path) -> None:
    for name in ("anna.mp4", "bert.mp4"):
        corpus.link(next((house / "seed").glob("*.mp4")), tmp_path / name)
    samples = MeldExtended(root=house, mead_root=tmp_path, neutral_clips=tmp_path).samples()
    assert {sample.identity for sample in samples} == {"anna", "bert"}
    assert {sample.dataset for sample in samples} == {"meld_extended+own-faces"}


def test_missing_parts_are_named(house: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="MELD train/dia6_utt4"):
        MeldExtended(root=house, meld_root=tmp_path, list_name="sarcasm-33").samples()
    with pytest.raises(MissingError, match="MEAD M003/neutral/level_1/001"):
        MeldExtended(root=house, mead_root=tmp_path).samples()


def test_verify_tells_the_share_of_each_extended_list(house: Path) -> None:
    line = house / "MELD.Raw" / "train_splits" / "dia6_utt4.wav"
    kept = line.rename(line.with_suffix(".kept"))
    try:
        line.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
        damaged = verify("meld", house, list_name="sarcasm-33")
    finally:
        line.unlink()
        kept.rename(line)
    assert damaged.exit_code == EXIT_MISSING
    assert {share.list_name: (share.served, share.expected) for share in damaged.shares} == {
        "gemini-150": (150, 150),
        "sarcasm-33": (32, 33),
        "sarcasm-controls": (84, 84),
        "sarcasm-contrast": (116, 117),
        "meld-12": (12, 12),
    }
    assert [(f.problem, f.path) for f in damaged.findings if f.blocks] == [
        ("lfs_pointer", "MELD.Raw/train_splits/dia6_utt4.wav")
    ]
