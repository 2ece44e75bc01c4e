"""Features of sound files: each sound once, the official layout, and bad files named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmet import preparation
from harness.errors import MediaError, UsageError
from harness.media import write_wav
from harness.seeded import fill
from networks.emotion2vec.encoder import Emotion2Vec
from networks.emotion2vec.features import FEATURE_FOLDER, SpeechFeatures, read_features
from tests.places import GOLDEN


class Counting:
    """Makes a small encoder and counts the waves that it is asked to embed."""

    def __init__(self) -> None:
        self.made = 0
        self.embedded = 0

    def __call__(self) -> Emotion2Vec:
        self.made += 1
        model = Emotion2Vec(16, 2, 16, 1, 1, 8, position_depth=1, position_groups=2, extra_tokens=2)
        fill(model)
        embed = model.embed

        def counted(waves: list[np.ndarray], names: list[object]) -> np.ndarray:
            self.embedded += len(waves)
            return embed(waves, names)

        model.embed = counted  # type: ignore[method-assign,assignment]
        return model


@pytest.fixture
def wavs(tmp_path: Path) -> list[Path]:
    rng = np.random.default_rng(2)
    paths = [tmp_path / "happy ü" / f"{index:03}.take.wav" for index in range(4)]
    for index, path in enumerate(paths):
        write_wav(path, 0.1 * rng.standard_normal(3_000 + 500 * index))
    paths.append(tmp_path / "happy ü" / "copy of 000.wav")
    paths[-1].write_bytes(paths[0].read_bytes())
    return paths


def test_each_sound_is_embedded_once(wavs: list[Path]) -> None:
    encoder = Counting()
    features = SpeechFeatures(encoder, "a" * 64, width=16)
    steps: list[tuple[int, int]] = []
    first = features.of_files(wavs, lambda *step: steps.append(step))
    assert first.shape == (5, 16)
    assert first.dtype == np.float32
    assert (encoder.made, encoder.embedded) == (1, 4)  # the copy is the same sound
    np.testing.assert_array_equal(first[0], first[4])
    assert steps[-1] == (5, 5)
    later = SpeechFeatures(encoder, "a" * 64, width=16)
    np.testing.assert_array_equal(later.of_files(reversed(wavs)), first[::-1])
    assert (encoder.made, encoder.embedded) == (1, 4)  # nothing new: the network is not even made
    SpeechFeatures(encoder, "b" * 64, width=16).of_files(wavs[:1])
    assert (encoder.made, encoder.embedded) == (2, 5)  # other weights: other features
    assert later.of_files([]).shape == (0, 16)


def test_a_damaged_entry_is_made_again(wavs: list[Path], tmp_path: Path) -> None:
    encoder = Counting()
    features = SpeechFeatures(encoder, "c" * 64, width=16, folder=tmp_path / "cache")
    first = features.of_files(wavs[:1])
    [entry] = (tmp_path / "cache").rglob("*.npy")
    entry.write_bytes(entry.read_bytes()[:90])
    np.testing.assert_array_equal(features.of_files(wavs[:1]), first)
    assert encoder.embedded == 2
    assert len(list((tmp_path / "cache").rglob("*.*"))) == 1  # nothing half-written stays


def test_the_official_layout(wavs: list[Path]) -> None:
    values = np.arange(5 * 1024, dtype=np.float32).reshape(5, 1024)
    (wavs[0].parent / FEATURE_FOLDER).mkdir()
    for wav, value in zip(wavs, values, strict=True):
        np.save(wav.parent / FEATURE_FOLDER / f"{wav.stem}.npy", value)
    names, found = read_features(wavs[0].parent)
    assert names == sorted(path.stem for path in wavs)
    np.testing.assert_array_equal(found[names.index("copy of 000")], values[4])
    assert read_features(wavs[0].parent / FEATURE_FOLDER)[0] == names


def test_bad_input_is_one_sentence(wavs: list[Path], tmp_path: Path) -> None:
    features = SpeechFeatures(Counting(), "d" * 64, width=16)
    short = tmp_path / "short.wav"
    write_wav(short, np.zeros(300))
    with pytest.raises(UsageError, match=r"short\.wav has 300 samples"):
        features.of_files([*wavs, short])
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"not a wav")
    with pytest.raises(MediaError, match=r"noise\.wav"):
        features.of_files([noise])
    with pytest.raises(UsageError, match="There are no features"):
        read_features(tmp_path)
    folder = tmp_path / "foreign"
    folder.mkdir()
    np.save(folder / "a.npy", np.zeros((2, 1024)))
    with pytest.raises(UsageError, match=r"a\.npy is no speech feature"):
        read_features(folder)
    (folder / "a.npy").write_bytes(b"?")
    with pytest.raises(UsageError, match=r"a\.npy is no readable numpy array"):
        read_features(folder)


def test_published_features_are_read(tmp_path: Path) -> None:
    """Ten of C-MET's published vectors (Apache-2.0), as they lie in its repository."""
    published = np.load(GOLDEN / "cmet" / "rollout.npz")["in_emotion_features"]
    for k, values in enumerate(published):
        np.save(tmp_path / f"{9 - k:03d}.npy", values)
    names, values = read_features(tmp_path)
    assert names == sorted(names)
    np.testing.assert_array_equal(values, published[::-1])
    assert float(np.linalg.norm(values, axis=1).min()) > 5


def test_prepare_embeds_a_sound_once_under_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMET_BENCH_CACHE", str(tmp_path))
    counted: list[int] = []
    embed = Emotion2Vec.embed

    def counting(self: Emotion2Vec, waves: Any, *rest: Any) -> Any:
        counted.append(len(waves))
        return embed(self, waves, *rest)

    monkeypatch.setattr(Emotion2Vec, "embed", counting)
    wave = np.random.default_rng(1).normal(0, 0.1, 8000).astype(np.float32)
    first, later = preparation.speech(demo=True), preparation.speech(demo=True)
    assert np.array_equal(first(wave), later(wave.copy()))
    assert counted == [1]
    assert not np.array_equal(first(wave[:6000]), first(wave))
    assert counted == [1, 1]
