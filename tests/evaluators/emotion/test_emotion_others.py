"""HSEmotion comes as a user's ONNX file: exercised with tiny networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.emotion.labels import HSEMOTION_8
from evaluators.packing import unpack
from networks.files.plausibility import ImplausibleError
from tests import face_samples, onnx_bytes


def test_hsemotion_decides_by_its_mean_logits(tmp_path: Path) -> None:
    file, weight = tmp_path / "hse.onnx", np.random.default_rng(0).normal(size=(3 * 224 * 224, 8)).astype(np.float32)
    onnx_bytes.write_linear(file, weight, 224)
    settings = {
        "net": "hsemotion8",
        "weights": str(file),
        "hash": "any",
        "gate": "off",
        "align": "frame",
        "samp": "all",
    }
    evaluator = EmotionAccuracy(settings, "cpu")
    evaluator.load()
    assert "|hash:any|gate:off|w:" in str(evaluator.signature("emotion_acc"))
    gated = {key: value for key, value in settings.items() if key != "gate"}
    with pytest.raises(ImplausibleError, match="published hash"):
        EmotionAccuracy(gated, "cpu").load()
    frames = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)
    (row,) = face_samples.judged(evaluator, face_samples.sample("sad"), frames)
    pictures = (frames / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    logits = pictures.transpose(0, 3, 1, 2).reshape(2, -1).astype(np.float32) @ weight
    assert str(unpack(row.statistics)["predicted"]) == HSEMOTION_8[int(logits.mean(axis=0).argmax())]
    np.testing.assert_allclose(evaluator.front.net.features(list(frames)), logits, atol=0.02)  # type: ignore[union-attr]


def test_a_seven_class_file_is_not_taken_for_the_eight_class_one(tmp_path: Path) -> None:
    onnx_bytes.write_linear(tmp_path / "seven.onnx", np.ones((3 * 224 * 224, 7), np.float32), 224)
    settings = {"net": "hsemotion8", "weights": str(tmp_path / "seven.onnx"), "hash": "any", "gate": "off"}
    with pytest.raises(ImplausibleError, match="7 outputs"):
        EmotionAccuracy(settings, "cpu").load()
    onnx_bytes.write_linear(tmp_path / "small.onnx", np.ones((3 * 32 * 32, 8), np.float32), 32)
    with pytest.raises(ImplausibleError, match="pictures of 224 px"):
        EmotionAccuracy({**settings, "weights": str(tmp_path / "small.onnx")}, "cpu").load()
    onnx_bytes.write_linear(tmp_path / "nan.onnx", np.full((3 * 224 * 224, 8), np.nan, np.float32), 224)
    with pytest.raises(ImplausibleError, match="not finite"):
        EmotionAccuracy({**settings, "weights": str(tmp_path / "nan.onnx")}, "cpu").load()


def test_a_broken_onnx_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    settings = {"net": "hsemotion8", "weights": str(tmp_path / "broken.onnx"), "hash": "any", "gate": "off"}
    with pytest.raises(ImplausibleError, match=r"cannot read the network 'broken\.onnx'"):
        EmotionAccuracy(settings, "cpu").load()
