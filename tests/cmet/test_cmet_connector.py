"""The connector, its losses and the roll-out against the official code, and the laws that hold at any width."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from cmet import losses
from cmet.connector import Connector
from cmet.rollout import emotion_difference, pick_samples, roll_out
from harness.seeded import fill
from networks.edtalk.tracks import fit_track, held_indices, mirrored_indices
from tests.cmet_golden import Golden, connector

SMALL = {"hidden": 64, "speech": 24, "layers": 2, "feedforward": 48, "dropout": 0.0}


def small_connector(**changes: object) -> Connector:
    network = Connector(**{**SMALL, **changes})  # type: ignore[arg-type]
    fill(network, "small.")
    return network.eval()


@pytest.mark.slow
@pytest.mark.parametrize("case", ["B1", "B4", "B9", "T8"])
def test_forward(case: str) -> None:
    golden, network = Golden("connector_forward"), connector()
    inputs = [golden.tensor(f"in_{name}_{case}") for name in ("ref", "e2v", "ed")]
    with torch.no_grad():
        directions, embeddings = network(*inputs)
        golden.check(f"out_{case}", directions)
        if case == "B4":
            for name, embedding in zip(("ref", "e2v", "ed"), embeddings, strict=True):
                golden.check(f"emb_{name}_B4", embedding)
            golden.check("fusion_B4", network.fusion_transformer_encoder(*embeddings))


@pytest.mark.slow
def test_last_layer_may_drop_tokens_that_nobody_reads() -> None:
    network = small_connector()
    parts = [torch.randn(3, rows, 64, generator=torch.Generator().manual_seed(rows)) for rows in (5, 1, 5)]
    with torch.no_grad():
        whole = network.fusion_transformer_encoder(*parts)
        last = network.fusion_transformer_encoder(*parts, keep=5)
    torch.testing.assert_close(last, whole[:, -5:], rtol=0, atol=2e-6)


def test_layers_equal_the_stock_transformer() -> None:
    network = small_connector()
    fusion = network.fusion_transformer_encoder
    parts = [torch.randn(2, rows, 64, generator=torch.Generator().manual_seed(rows)) for rows in (5, 1, 5)]
    stock = fusion.transformer_encoder(fusion.tokens(*parts))
    torch.testing.assert_close(fusion(*parts), stock, rtol=0, atol=5e-6)


def test_training_starts_as_the_released_one() -> None:
    network = Connector(hidden=32, speech=8, feedforward=16, layers=3)
    layers = network.fusion_transformer_encoder.transformer_encoder.layers
    assert torch.equal(layers[0].self_attn.in_proj_weight, layers[2].self_attn.in_proj_weight)
    assert not torch.equal(layers[0].linear1.weight, layers[2].linear1.weight)
    assert float(network.speaker_encoder.proj.bias.detach().abs().max()) == 0
    assert float(network.fusion_transformer_encoder.modality.weight[0].detach().abs().max()) == 0


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Connector(exp=30, hidden=32), "5 to 12"),
        (lambda: Connector(window=0, hidden=32), "1 to 512"),
        (lambda: small_connector()(torch.zeros(1, 5, 10), torch.zeros(1, 1, 24), torch.zeros(1, 4, 10)), "one shape"),
        (lambda: roll_out(small_connector(), torch.zeros(1, 1, 24), torch.zeros(4, 10)), "too few"),
        (lambda: roll_out(small_connector(), torch.zeros(1, 3, 24), torch.zeros(10, 10)), "do not fit"),
        (lambda: mirrored_indices(0, 3), "empty"),
        (lambda: held_indices(0, 3), "empty"),
    ],
)
def test_what_does_not_fit_is_said(make: Callable[[], object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        make()


Inputs = dict[str, Tensor]


def _total(given: Inputs) -> Tensor:
    return (
        losses.focal_mse(given["hat"], given["dir"])
        + losses.focal_mse(given["hat_flipped"], -given["dir"])
        + 0.1 * _contrast(given)
        + 0.05 * losses.directional(given["hat"], given["hat_flipped"])
    )


def _contrast(given: Inputs) -> Tensor:
    return losses.bidirectional_contrastive(
        given["emb_neu"], given["emb_emo"], given["emb_e2v"], given["emb_e2v_flipped"], given["label"]
    )


def _change(given: Inputs) -> Tensor:
    return (given["emb_emo"] - given["emb_neu"]).mean(1)


LOSSES: dict[str, Callable[[Inputs], Tensor]] = {
    "focal": lambda i: losses.focal_mse(i["hat"], i["dir"]),
    "focal_flipped": lambda i: losses.focal_mse(i["hat_flipped"], -i["dir"]),
    "focal_tanh": lambda i: losses.focal_mse_tanh(i["hat"], i["dir"]),
    "focal_b1_g2": lambda i: losses.focal_mse(i["hat"], i["dir"], 1.0, 2.0),
    "mse": lambda i: losses.mse(i["hat"], i["dir"]),
    "wmse": lambda i: losses.wmse(i["hat"], i["dir"], i["rows"]),
    "dir": lambda i: losses.directional(i["hat"], i["hat_flipped"]),
    "wdir": lambda i: losses.weighted_directional(i["hat"], i["hat_flipped"], i["rows"]),
    "ec": lambda i: losses.expression_cosine(i["hat"], i["dir"]),
    "wec": lambda i: losses.expression_cosine(i["hat"], i["dir"], i["rows"]),
    "vel": lambda i: losses.velocity(i["hat"].view(12, 5, 10), i["dir"].view(12, 5, 10)),
    "huber": lambda i: losses.huber(i["hat"], i["dir"]),
    "angle": lambda i: losses.angle(i["hat"][4:], i["dir"][4:]),
    "bmc_sigma8": lambda i: losses.BalancedMse()(i["hat"], i["dir"]),
    "cnt_v2a": lambda i: losses.contrastive(-_change(i), i["emb_e2v"].squeeze(1), i["label"]),
    "cnt_a2v": lambda i: losses.contrastive(_change(i), i["emb_e2v_flipped"].squeeze(1), i["label"]),
    "cnt": _contrast,
    "total_bidir_focal": _total,
    "zero_rows_dir": lambda i: losses.directional(i["hat_zero_rows"], i["hat_flipped_zero_rows"]),
    "zero_rows_wec": lambda i: losses.expression_cosine(i["hat_zero_rows"], i["dir"], i["rows"]),
    "zero_rows_focal": lambda i: losses.focal_mse(i["hat_zero_rows"], i["dir"]),
}

GRADIENTS = {
    "hat": "hat",
    "hatf": "hat_flipped",
    "neu": "emb_neu",
    "emo": "emb_emo",
    "ev": "emb_e2v",
    "evf": "emb_e2v_flipped",
}


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_its_gradients(name: str) -> None:
    golden = Golden("losses")
    given = {key[3:]: golden.tensor(key) for key in golden.names("in_")}
    given["rows"] = given["label"].repeat_interleave(5)
    for value in given.values():
        if value.is_floating_point():
            value.requires_grad_()
    loss = LOSSES[name](given)
    golden.check(f"loss_{name}", loss)
    loss.backward()
    for short, full in GRADIENTS.items():
        if f"grad_{name}__{short}" in golden:
            golden.check(f"grad_{name}__{short}", given[full].grad)


def test_every_gradient_of_the_golden_file_is_checked() -> None:
    stored = set(Golden("losses").names("grad_"))
    assert stored <= {f"grad_{name}__{short}" for name in LOSSES for short in GRADIENTS}


def test_balanced_scale_learns() -> None:
    loss = losses.BalancedMse()
    loss(torch.randn(6, 10), torch.randn(6, 10)).backward()
    assert loss.sigma.grad is not None
    assert float(loss.sigma.grad.abs()) > 0


@pytest.mark.slow
def test_rollout() -> None:
    golden = Golden("rollout")
    neutral, emotion = golden.array("in_neutral_features"), golden.array("in_emotion_features")
    golden.check("e2v_neutral_mean", neutral.mean(axis=0))
    golden.check("e2v_emotion_mean", emotion.mean(axis=0))
    difference = emotion_difference(neutral, emotion)
    np.testing.assert_allclose(difference, golden.array("in_e2v_dir"), rtol=0, atol=1e-6)
    codes = golden.tensor("in_source_exp")
    directions = roll_out(connector(), golden.tensor("in_e2v_dir")[None, None], codes)[0]
    golden.check("out_dir", directions)
    edited = codes[: len(directions)] + directions
    golden.check("out_exp", edited)
    golden.check("out_extended", fit_track(edited, len(golden.array("out_extended"))))


def test_picks_are_those_of_the_released_code() -> None:
    golden = Golden("rollout")
    names = [
        [f"{index:04d}.npy" for index in range(int(golden.array(f"n_sorted_{part}")))]
        for part in ("neutral", "emotion")
    ]
    picked = pick_samples(names[0][::-1], names[1])
    for part, ours in zip(("neutral", "emotion"), picked, strict=True):
        assert [int(name[:4]) for name in ours] == golden.array(f"seed42_sorted_{part}_idx").tolist()


def test_fewer_files_than_asked_for_are_all_taken() -> None:
    neutral, target = pick_samples(["b", "a", "c"], ["x"], num_samples=10)
    assert sorted(neutral) == ["a", "b", "c"]
    assert target == ["x"]


def test_many_edits_roll_out_together_as_they_do_alone() -> None:
    network = small_connector()
    codes = torch.randn(12, 10, generator=torch.Generator().manual_seed(1))
    speech = torch.randn(3, 1, 24, generator=torch.Generator().manual_seed(2))
    together = roll_out(network, speech, codes)
    assert together.shape == (3, 10, 10)
    for edit in range(3):
        torch.testing.assert_close(together[edit], roll_out(network, speech[edit : edit + 1], codes)[0])


def test_padded_rollout_continues_the_official_one_to_the_last_frame() -> None:
    network = small_connector()
    codes = torch.randn(13, 10, generator=torch.Generator().manual_seed(1))
    speech = torch.randn(1, 1, 24, generator=torch.Generator().manual_seed(2))
    padded = roll_out(network, speech, codes, pad_last=True)[0]
    assert padded.shape == (13, 10)
    torch.testing.assert_close(padded[:10], roll_out(network, speech, codes)[0])
    assert roll_out(network, speech, codes[:1], pad_last=True).shape == (1, 1, 10)


def test_speech_may_change_from_window_to_window() -> None:
    network = small_connector()
    codes = torch.randn(15, 10, generator=torch.Generator().manual_seed(1))
    first, second = torch.randn(2, 1, 1, 24, generator=torch.Generator().manual_seed(2))
    changing = roll_out(network, torch.cat((first, second, second), dim=1), codes)[0]
    torch.testing.assert_close(changing[:5], roll_out(network, first, codes)[0][:5])
    assert not torch.allclose(changing[5:10], roll_out(network, first, codes)[0][5:10])


def test_tracks_are_fitted_to_the_sound() -> None:
    assert mirrored_indices(3, 8).tolist() == [0, 1, 2, 2, 1, 0, 0, 1]
    assert held_indices(3, 5).tolist() == [0, 1, 2, 2, 2]
    track = torch.arange(25.0)[:, None]
    assert fit_track(track, 7).flatten().tolist() == [0, 1, 2, 3, 4, 4, 3]
    assert fit_track(track[:20], 22).flatten().tolist() == [*range(20), 19, 18]
    assert fit_track(track, 3, trim=0).flatten().tolist() == [0, 1, 2]
