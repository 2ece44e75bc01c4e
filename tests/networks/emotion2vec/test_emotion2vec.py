"""Laws of the speech encoder at small width: packing, chunking, blocks of queries, gradients, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import UsageError
from harness.seeded import fill
from networks.emotion2vec import encoder, layers
from networks.emotion2vec.encoder import Emotion2Vec
from networks.emotion2vec.layers import DistanceBias, slopes

SMALL: dict[str, Any] = {
    "width": 32, "heads": 4, "mlp_width": 48, "prenet_blocks": 1, "blocks": 2, "conv_width": 16,
    "position_depth": 2, "position_kernel": 5, "position_groups": 4, "extra_tokens": 3,
}  # fmt: skip


def small(**changes: Any) -> Emotion2Vec:
    model = Emotion2Vec(**{**SMALL, **changes})
    fill(model)
    with torch.no_grad():
        model._audio.alibi_scale.abs_().add_(0.1)
    return model.eval()


def waves_of(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [(0.1 * rng.standard_normal(n)).astype(np.float32) for n in lengths]


def test_packing_changes_nothing() -> None:
    model = small()
    waves = waves_of(400, 16_000, 719, 720, 16_000, 5_431)
    together = model.embed(waves)
    alone = np.concatenate([model.embed([wave]) for wave in waves])
    assert together.shape == (6, 32)
    np.testing.assert_allclose(together, alone, atol=2e-6)
    frames = model.frames(waves)
    assert [len(part) for part in frames] == [1, 49, 1, 2, 49, 16]
    np.testing.assert_allclose([part.mean(axis=0) for part in frames], together, atol=2e-6)


def test_order_and_batch_size_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    waves = waves_of(8_000, 3_000, 12_345, 400)
    whole = model.embed(waves)
    np.testing.assert_allclose(model.embed(waves[::-1])[::-1], whole, atol=2e-6)
    monkeypatch.setattr(encoder, "BATCH_SECONDS", 0.3)
    np.testing.assert_allclose(model.embed(waves), whole, atol=2e-6)
    monkeypatch.setattr(encoder, "CHUNK_FRAMES", 7)
    np.testing.assert_allclose(model.embed(waves), whole, atol=2e-6)


def test_blocks_of_queries_equal_the_whole_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    model = small()
    waves = waves_of(32_000)
    whole = model.frames(waves)[0]
    monkeypatch.setattr(layers, "BIAS_BYTES", 4 * 102 * 4 * 9)  # nine queries at a time
    np.testing.assert_allclose(model.frames(waves)[0], whole, atol=5e-6)


def test_training_batches_equal_single_waves_in_values_and_gradients() -> None:
    model = small().train()
    batch = torch.from_numpy(np.stack(waves_of(4_000, 4_000, 4_000)))
    target = torch.from_numpy(np.random.default_rng(1).standard_normal((3, 32)).astype(np.float32))

    def gradients(parts: list[torch.Tensor]) -> dict[str, torch.Tensor]:
        model.zero_grad()
        embedding = torch.cat([model(part).embedding for part in parts])
        (model.classify(embedding).square().sum() + (embedding * target).sum()).backward()
        return {
            name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None
        }

    together, alone = gradients([batch]), gradients(list(batch[:, None]))
    assert set(together) == {name for name, _ in model.named_parameters()}
    for name, gradient in together.items():
        assert bool(gradient.abs().max() > 0), name
        torch.testing.assert_close(gradient, alone[name], atol=2e-4, rtol=2e-3)


@pytest.mark.slow
def test_a_few_steps_lower_the_loss() -> None:
    torch.manual_seed(0)
    model = Emotion2Vec(**SMALL).train()
    time = torch.arange(8_000) / 16_000
    waves = [torch.sin(2 * torch.pi * pitch * time[: 6_000 + 100 * i]) for i, pitch in enumerate((90, 110, 300, 350))]
    labels = torch.tensor([0, 0, 1, 1])
    losses = []
    for _ in range(12):
        loss = torch.nn.functional.cross_entropy(model.classify(model(waves).embedding), labels)
        model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                assert parameter.grad is not None
                parameter.sub_(2e-3 * parameter.grad.sign())
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_the_vector_is_as_long_as_the_width_and_scores_are_probabilities() -> None:
    model = small(width=48, labels=("a", "unuse1", "b"))
    waves = waves_of(1_000, 2_000)
    assert model.embed(waves).shape == (2, 48)
    scores = model.scores(waves)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    assert (scores[:, 1] == 0).all()
    assert (scores[:, [0, 2]] > 0).all()
    assert model.embed([]).shape == (0, 48)


def test_loudness_and_dc_do_not_matter_much_and_content_does() -> None:
    model = small()
    wave = waves_of(8_000)[0]
    plain, loud, other = model.embed([wave, 3 * wave + np.float32(0.2), wave[::-1].copy()])
    assert np.abs(plain - loud).max() < 0.02 * np.abs(plain).max()
    assert np.abs(plain - other).max() > 0.1 * np.abs(plain).max()


def test_slopes_and_bias() -> None:
    assert slopes(16)[:2] == [2**-0.5, 2**-1.0]
    assert slopes(8) == [2.0**-k for k in range(1, 9)]
    assert slopes(12) == [*slopes(8), 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]
    bias = DistanceBias(torch.tensor([2.0, -1.0]), extra=2).whole(5)
    assert float(bias[0, 2, 4]) == -2 * 2 * 2**-4
    assert not bias[1].any()
    assert not bias[0, :2].any()
    assert not bias[0, :, :2].any()


@pytest.mark.parametrize(
    ("wave", "says"),
    [
        (np.zeros(399, np.float32), "fine.wav has 399 samples; emotion2vec needs 400"),
        (np.zeros(0, np.float32), "0 samples"),
        (np.zeros((2, 500), np.float32), r"\(2, 500\)"),
        (np.zeros(500, np.int16), "int16"),
        (np.full(500, np.nan, np.float32), "not finite"),
        (np.zeros(16_000 * 321, np.float32), "lasts 321 s; emotion2vec takes at most 320 s"),
    ],
)
def test_bad_waves_are_one_sentence(wave: np.ndarray, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        small().embed([wave], ["fine.wav"])


def test_double_precision_and_tensors_are_taken() -> None:
    model = small()
    wave = waves_of(900)[0]
    same = model.embed([wave, wave.astype(np.float64), torch.from_numpy(wave)])
    np.testing.assert_array_equal(same[0], same[1])
    np.testing.assert_array_equal(same[0], same[2])
