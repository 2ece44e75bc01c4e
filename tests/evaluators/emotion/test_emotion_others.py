"""The judges that come as users' files: HSEmotion as ONNX, CLIP as a folder, both exercised with tiny networks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.emotion.clip_zero_shot import labelled_pictures, reached
from evaluators.emotion.labels import HSEMOTION_8
from evaluators.emotion.prompts import WORDS, prompts
from evaluators.extended.extended_emotion import ZERO_SHOT, ExtendedEmotion
from evaluators.faces.crops import chunk_crops
from evaluators.packing import unpack
from evaluators.weights.plausibility import ImplausibleError
from harness.errors import UsageError
from harness.evaluator import Chunk
from harness.records import BASIC_EMOTIONS
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


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of a few thousand weights with a tokenizer of the prompts' words, as save_pretrained leaves it."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("clip")
    sentences = " ".join(sentence for name in WORDS for sentence in prompts(name))
    letters = sorted(set(sentences.lower()) - {" "})
    symbols = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({symbol: index for index, symbol in enumerate(symbols)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    tokenizer.save_pretrained(folder)
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = {**shape, "vocab_size": len(symbols), "max_position_embeddings": 77, "eos_token_id": len(symbols) - 1}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=text, vision_config={**shape, "patch_size": 32}, projection_dim=8)
    transformers.CLIPModel(config).save_pretrained(folder)
    return folder


def test_clip_publishes_nothing_that_was_not_validated(tiny_clip: Path, tmp_path: Path, shared: Path) -> None:
    face = face_samples.clip(shared / "real" / "clips" / "hdtf_radio1.mp4", 101)[0]
    settings = {"net": "clip", "model": str(tiny_clip), "gate": "off"}
    evaluator = EmotionAccuracy(settings, "cpu")
    assert evaluator.missing() == []
    evaluator.load()
    (row,) = face_samples.judged(
        evaluator, face_samples.sample("happy"), face[None], shared / "real" / "clips" / "hdtf_radio1.mp4"
    )
    assert row.reason == "not_validated"
    for name, picture in (("joy", face), ("anger", face[:, ::-1])):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "face.png"), picture[:, :, ::-1])
    gated = EmotionAccuracy({**settings, "validation": str(tmp_path)}, "cpu")
    gated.load()
    assert gated.front.net is not None
    assert gated.front.net.validated is not None
    assert gated.front.net.validated <= {"happy", "angry"}
    assert len(gated.front.net.validated) in (0, 1, 2)
    lines = {str(judge.signature("emotion_acc")) for judge in (evaluator, gated)}
    assert len(lines) == 2


def test_clip_scores_extended_emotions_behind_the_same_gate(
    tiny_clip: Path, tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gain over the neutral clip, and no number for what was not recognised on real faces."""
    path = shared / "real" / "clips" / "hdtf_radio1.mp4"
    frames = face_samples.clip(path, 101)[:1]
    settings = {"net": "clip", "model": str(tiny_clip), "gate": "off", "metrics": ZERO_SHOT}
    for name, picture in (("sarcastic", frames[0]), ("joy", frames[0][:, ::-1])):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "face.png"), picture[:, :, ::-1])
    assert {name for name, _ in labelled_pictures(str(tmp_path))} == {"sarcastic", "happy"}
    judge = ExtendedEmotion({**settings, "validation": str(tmp_path)}, "cpu")
    judge.load()
    net: Any = judge.space.front.net  # type: ignore[attr-defined]
    assert net.validated <= {"sarcastic", "happy"}
    asked = face_samples.sample("sarcastic", source_video=path)
    monkeypatch.setattr("evaluators.extended.spaces.clip_mean", lambda space, path: base)
    base = net.features([np.full((224, 224, 3), 90, np.uint8)])[0]
    for known in (frozenset(), frozenset({"sarcastic"})):
        net.validated = known
        (row,) = face_samples.judged(judge, asked, frames, path)
        assert row.metric == ZERO_SHOT
        if not known:
            assert row.reason == "not_validated"
    clip = net.features(list(chunk_crops(Chunk(0, frames), [0], "mtcnn-box", 224).values()))  # type: ignore[arg-type]
    want = 100 * (net.probability(clip, "sarcastic") - net.probability(base, "sarcastic"))
    assert row.value == pytest.approx(want, abs=1e-6)
    rows = [{"value": np.array(2.0)}, {"value": np.array(4.0)}]
    assert (judge.combine(ZERO_SHOT, rows), judge.note(ZERO_SHOT, rows)) == (3.0, "")
    (basic,) = face_samples.judged(judge, face_samples.sample("happy", source_video=path), frames, path)
    assert basic.reason == "not_applicable"
    assert "valid:auc0.65-" in row.signature
    with pytest.raises(UsageError, match=ZERO_SHOT):  # only CLIP has words for it
        ExtendedEmotion({"net": "demo", "metrics": ZERO_SHOT}, "cpu")


def test_what_reaches_the_gate_is_told_from_what_does_not() -> None:
    names = ["sarcastic", "sarcastic", "happy", "sad"]
    scores = {"sarcastic": np.array([0.9, 0.8, 0.2, 0.1]), "envious": np.zeros(4)}
    assert reached(names, scores) == {"sarcastic"}


def test_clip_embeddings_are_unit_vectors_in_the_prompts_order(tiny_clip: Path) -> None:
    evaluator = EmotionAccuracy({"net": "clip", "model": str(tiny_clip), "gate": "off"}, "cpu")
    evaluator.load()
    net = evaluator.front.net
    assert net is not None
    features = net.features([np.full((224, 224, 3), value, np.uint8) for value in (0, 90, 255)])
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1.0, atol=1e-5)
    assert net.logits(features).shape == (len(BASIC_EMOTIONS),)


def test_an_untrained_or_damaged_clip_is_refused(tiny_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(ImplausibleError, match="looks untrained"):
        EmotionAccuracy({"net": "clip", "model": str(tiny_clip)}, "cpu").load()
    broken = tmp_path / "broken"
    shutil.copytree(tiny_clip, broken)
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    evaluator = EmotionAccuracy({"net": "clip", "model": str(broken), "gate": "off"}, "cpu")
    assert evaluator.missing() == []
    with pytest.raises(ImplausibleError, match="no CLIP model that can be read"):
        evaluator.load()


def test_a_clip_model_that_is_not_here_comes_with_its_cure() -> None:
    ((what, cure),) = EmotionAccuracy({"net": "clip", "model": "nobody/none"}, "cpu").missing()
    assert "nobody/none" in what
    assert "hf download" in cure
