"""One step of C-MET's training against the released one, and what its variants must obey."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from cmet.connector import Connector
from cmet.training.objective import (
    TERMS,
    Objective,
    Tensors,
    TrainingPass,
    evaluate,
    make_optimizer,
    train_step,
    weaken_reference,
)
from harness.seeded import fill
from tests.cmet_golden import Golden

SMALL = {"hidden": 64, "speech": 1024, "layers": 2, "feedforward": 48, "dropout": 0.0}


@pytest.mark.full_size
def test_three_steps() -> None:
    golden = Golden("train_step")
    connector = Connector(dropout=0.0)
    fill(connector, "connector.")
    module = TrainingPass(connector, Objective()).train()
    optimizer = make_optimizer(module)
    batch = Tensors(*(golden.tensor(f"in_{n}") for n in ("ref", "e2v", "neu", "emo", "dir", "label")))
    check_outputs(golden, module, batch)
    history = []
    for step in range(3):
        before = {n: p.detach().clone() for n, p in connector.named_parameters()} if step == 0 else {}
        history.append(train_step(module, optimizer, batch, torch.float32).double().numpy())
        if step == 0:
            check_gradients(golden, connector)
            check_update(golden, connector, before)
    assert names_of(golden, "loss_cols") == list(TERMS)
    golden.check("loss_hist", np.stack(history))


def check_outputs(golden: Golden, module: TrainingPass, batch: Tensors) -> None:
    """Both passes in train mode, on a copy: they move batch norm's statistics."""
    with torch.no_grad():
        forward, flipped, _ = copy.deepcopy(module).both(batch)
    golden.check("out_hat", forward)
    golden.check("out_hat_flipped", flipped)


def check_rows(golden: Golden, name: str, ours: list[float]) -> None:
    """One number per parameter; rows whose true gradient is zero are left out, as the golden's README says."""
    kept = ~golden.array("noise_param_mask")
    error = np.abs(np.array(ours) - golden.array(name))[kept].max()
    assert error <= golden.tolerance[name], f"{name}: differs by {error:.3g}"


def names_of(golden: Golden, key: str) -> list[str]:
    return [str(name) for name in golden.array(key)]


def check_gradients(golden: Golden, connector: Connector) -> None:
    gradients = {name: p.grad for name, p in connector.named_parameters() if p.grad is not None}
    for key in golden.names("grad__"):
        golden.check(key, gradients[key.removeprefix("grad__")])
    norm = {name: gradient.double().norm().item() for name, gradient in gradients.items()}
    names = names_of(golden, "param_names")
    assert set(names) == set(norm)
    check_rows(golden, "grad_norm", [norm[name] for name in names])
    assert max(norm[n] for n, noise in zip(names, golden.array("noise_param_mask"), strict=True) if noise) < 1e-4
    parts = [
        math.sqrt(sum(value**2 for name, value in norm.items() if name.split(".")[0] == part))
        for part in names_of(golden, "group_names")
    ]
    golden.check("group_grad_norm", np.array(parts))


def check_update(golden: Golden, connector: Connector, before: dict[str, torch.Tensor]) -> None:
    after = {name: parameter.detach().double() for name, parameter in connector.named_parameters()}
    names = names_of(golden, "param_names")
    check_rows(golden, "update_l2", [(after[name] - before[name]).norm().item() for name in names])
    check_rows(golden, "param_sum_after", [after[name].sum().item() for name in names])
    check_rows(golden, "param_l2_after", [after[name].norm().item() for name in names])
    for key in golden.names("after__"):
        golden.check(key, after[key.removeprefix("after__")])
    buffers = dict(connector.named_buffers())
    sums = [buffers[name].double().sum().item() for name in names_of(golden, "bn_names")]
    golden.check("bn_sum_after", np.array(sums))


def batch_of(size: int = 8, window: int = 5) -> Tensors:
    source = torch.Generator().manual_seed(0)
    codes = [torch.randn(size, window, 10, generator=source) for _ in range(3)]
    direction = torch.randn(size, 1, 10, generator=source).expand(-1, window, -1)
    speech = torch.randn(size, 1, 1024, generator=source)
    return Tensors(codes[0], speech, codes[1], codes[2], direction, torch.arange(size) % 8)


def small_pass(**changes: object) -> TrainingPass:
    connector = Connector(**SMALL)  # type: ignore[arg-type]
    fill(connector, "small.")
    return TrainingPass(connector, Objective(**changes)).train()  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("balance", ["mse", "wmse", "focal_mse", "focal_mse_tanh", "bmse"])
def test_every_regression_loss_is_learned_from(balance: str) -> None:
    module = small_pass(balance=balance)
    optimizer = make_optimizer(module, 1e-3)
    losses = [float(train_step(module, optimizer, batch_of(), torch.float32)[0]) for _ in range(8)]
    assert losses[-1] < losses[0]
    if module.balanced is not None:
        assert float(module.balanced.sigma.detach()) != 8.0


def test_one_direction_leaves_the_flipped_regression_out() -> None:
    both, one = (small_pass(bidirectional=b)(batch_of()).detach() for b in (True, False))
    assert one[1] < both[1]
    torch.testing.assert_close(one[2:], both[2:])


def test_class_weights_in_the_directional_term() -> None:
    plain, weighted = (small_pass(weighted_dir=w) for w in (False, True))
    batch = batch_of()
    terms = [module(batch).detach() for module in (plain, weighted)]
    torch.testing.assert_close(terms[0][1:3], terms[1][1:3])
    assert terms[0][3] != terms[1][3]
    torch.testing.assert_close(terms[1][0], terms[1][1] + 0.1 * terms[1][2] + 0.05 * terms[1][3])
    ones = batch._replace(label=torch.full_like(batch.label, 1))  # contempt weighs 1
    torch.testing.assert_close(*(module(ones).detach()[3] for module in (plain, weighted)))


@pytest.mark.slow
def test_bf16_stays_near_fp32() -> None:
    losses = [
        float(train_step(module, make_optimizer(module), batch_of(), dtype)[0])
        for module, dtype in ((small_pass(), torch.float32), (small_pass(), torch.bfloat16))
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.03)


def test_evaluation_leaves_no_trace() -> None:
    module = small_pass()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    state = torch.get_rng_state()
    measures = evaluate(module, [batch_of(), batch_of(4)])
    assert module.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    assert measures["first_window_ec"] != pytest.approx(measures["ec"])


def test_weakened_references() -> None:
    module, batch = small_pass(), batch_of(64)
    chance = torch.rand(64, generator=torch.Generator().manual_seed(0))
    dropped = weaken_reference(module.connector, batch, 0.5, 0.0, chance).reference
    zero = (dropped == 0).all(dim=2).all(dim=1)
    assert 16 < int(zero.sum()) < 48
    assert torch.equal(dropped[~zero], batch.reference[~zero])
    own = weaken_reference(module.connector, batch, 0.0, 1.0, chance).reference
    assert module.connector.training
    module.connector.eval()
    expected, _ = module.connector(torch.zeros_like(own), batch.speech, batch.first)
    torch.testing.assert_close(own, expected.detach().reshape(own.shape))
