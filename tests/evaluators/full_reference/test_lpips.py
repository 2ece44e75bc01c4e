"""LPIPS: goldens with seeded trunks and the wheel's real heads, laws, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from evaluators.full_reference.lpips import Lpips
from evaluators.full_reference.lpips_net import Distance, Trunk
from evaluators.packing import unpack
from harness.errors import MissingError
from harness.records import Scored, Unscored
from harness.seeded import fill
from tests.reference_pairs import context, film, judged, noisy


def _weights(net: str, folder: Path) -> str:
    """A file with torchvision's names whose trunk is seeded."""
    trunk = Trunk(net)
    fill(trunk, "features.")
    path = folder / f"{net}.pth"
    torch.save({f"features.{name}": tensor for name, tensor in trunk.state_dict().items()}, path)
    return str(path)


@pytest.fixture(scope="module")
def alex(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _weights("alex", tmp_path_factory.mktemp("alex"))


def _judge(weights: str, **settings: str) -> Lpips:
    judge = Lpips({"weights": weights, "hash": "any", "gate": "off", **settings}, "cpu")
    judge.load()
    return judge


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_heads_are_the_trained_ones_of_the_wheel(net: str) -> None:
    with torch.device("meta"):
        widths = Trunk(net).widths
    distance = Distance.__new__(Distance)
    torch.nn.Module.__init__(distance)
    distance.heads = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(1, width, 1, 1)) for width in widths])
    distance.load_heads(net)
    assert all(bool((head >= 0).all()) and float(head.detach().max()) > 0.1 for head in distance.heads)


def test_nothing_is_nothing_and_damage_grows(alex: str) -> None:
    judge = _judge(alex)
    picture = film(1, (64, 64))
    assert judge.distances(picture, picture).tolist() == [0.0]
    values = [float(judge.distances(picture, noisy(picture, s))[0]) for s in (4, 16, 64)]
    assert values == sorted(values)
    first, second = film(5)[3:4], film(5)[4:5]
    assert judge.distances(first, second) == pytest.approx(judge.distances(second, first), rel=1e-5)


def test_a_clip_is_the_mean_of_its_pairs(alex: str, tmp_path: Path) -> None:
    truth = film(7)
    given = context(tmp_path, noisy(truth, 20), truth)
    every, third = (judged(_judge(alex, every=n), given, chunk=4)[0] for n in ("1", "3"))
    assert isinstance(every, Scored)
    assert isinstance(third, Scored)
    assert every.value is not None
    assert every.value > 0
    assert every.value != third.value
    assert every.signature != third.signature
    assert "|res:64x64/64x64|size:refuse|" in str(_judge(alex).measured("lpips", [unpack(every.statistics)]))
    rows = [{"sum": np.array(1.0), "count": np.array(1)}, {"sum": np.array(1.0), "count": np.array(3)}]
    assert _judge(alex).combine("lpips", rows) == pytest.approx(2 / 3)
    assert _judge(alex, agg="frame").combine("lpips", rows) == pytest.approx(0.5)


def test_reasons(alex: str, tmp_path: Path) -> None:
    judge = _judge(alex)
    cases = {
        "no_reference": context(tmp_path, film(2), None, name="a"),
        "not_aligned": context(tmp_path, film(2), film(2), aligned=False, name="b"),
        "size_mismatch": context(tmp_path, film(2), film(2, (32, 32)), name="c"),
        "too_small": context(tmp_path, film(2, (16, 16)), film(2, (16, 16)), name="d"),
    }
    for reason, given in cases.items():
        row = judged(judge, given)[0]
        assert isinstance(row, Unscored)
        assert row.reason == reason


def test_absent_or_unknown_weights_are_refused(alex: str) -> None:
    assert "weights fetch alexnet" in Lpips({}, "cpu").missing()[0].cure
    assert Lpips({"weights": alex}, "cpu").missing()
    with pytest.raises(MissingError, match="was trained"):
        Lpips({"weights": alex, "hash": "any"}, "cpu").load()
    with pytest.raises(MissingError, match="does not hold torchvision's vgg trunk"):
        Lpips({"net": "vgg", "weights": alex, "hash": "any", "gate": "off"}, "cpu").load()
