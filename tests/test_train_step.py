"""One step of C-MET's training against the released one, and what its variants must obey."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from cmet_golden import Golden

from cmet.connector import Connector
from cmet.training import (
    Objective,
    Tensors,
    TrainingPass,
    evaluate,
    make_optimizer,
    train_step,
    weaken_reference,
)
from harness.seeded import fill

SMALL = {"hidden": 64, "speech": 1024, "layers": 2, "feedforward": 48, "dropout": 0.0}


def test_three_steps(shared: Path) -> None:
    golden = Golden(shared, "train_step")
    connector = Connector(dropout=0.0)
    fill(connector, "connector.")
    module = TrainingPass(connector, Objective()).train()
    optimizer = make_optimizer(module)
    batch = Tensors(*(golden.tensor(f"in_{n}") for n in ("ref", "e2v", "neu", "emo", "dir", "label")))
    history = []
    for step in range(3):
        before = {n: p.detach().clone() for n, p in connector.named_parameters()} if step == 0 else {}
        history.append(train_step(module, optimizer, batch, torch.float32).double().numpy())
        if step == 0:
            check_gradients(golden, connector)
            check_update(golden, connector, before)
    golden.check("loss_hist", np.stack(history))


def check_gradients(golden: Golden, connector: Connector) -> None:
    gradients = {name: parameter.grad for name, parameter in connector.named_parameters()}
    for key in golden.names("grad__"):
        golden.check(key, gradients[key.removeprefix("grad__")])


def check_update(golden: Golden, connector: Connector, before: dict[str, torch.Tensor]) -> None:
    after = dict(connector.named_parameters())
    kept = ~golden.array("noise_param_mask")
    names = [str(name) for name in golden.array("param_names")]
    assert set(names) == set(after)
    change = np.array([(after[name].detach() - before[name]).double().norm().item() for name in names])
    limit = golden._tolerance["update_l2"]
    assert np.abs(change - golden.array("update_l2"))[kept].max() <= limit
    for key in golden.names("after__"):
        golden.check(key, after[key.removeprefix("after__")])
    buffers = dict(connector.named_buffers())
    sums = np.array([buffers[str(name)].double().sum().item() for name in golden.array("bn_names")])
    assert np.abs(sums - golden.array("bn_sum_after")).max() <= golden._tolerance["bn_sum_after"]


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


@pytest.mark.parametrize("balance", ["mse", "wmse", "focal_mse", "bmse"])
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
    source = torch.Generator().manual_seed(0)
    dropped = weaken_reference(module.connector, batch, 0.5, 0.0, source).reference
    zero = (dropped == 0).all(dim=2).all(dim=1)
    assert 16 < int(zero.sum()) < 48
    assert torch.equal(dropped[~zero], batch.reference[~zero])
    own = weaken_reference(module.connector, batch, 0.0, 1.0, source).reference
    assert module.connector.training
    module.connector.eval()
    expected, _ = module.connector(torch.zeros_like(own), batch.speech, batch.first)
    torch.testing.assert_close(own, expected.detach().reshape(own.shape))
