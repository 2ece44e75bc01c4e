"""A signature changes with everything that changes the number: each setting, each default, each weights file."""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluators import EVALUATORS
from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.emotion.files import EMOTION_FAN, SHIPPED
from evaluators.emotion.nets import ResNet18Classifier
from evaluators.sync import dialect
from evaluators.weights.judge_weights import in_use
from harness import registry
from harness.errors import UsageError
from harness.footprint import Footprint
from harness.signature import Signature
from networks.files.plausibility import ImplausibleError, fresh, require_trained

#: Judge -> settings one by one, each away from its default; "+" puts the base settings of a change together.
CHANGES: dict[str, list[dict[str, str]]] = {
    "emotion": [
        *({"net": net} for net in ("cmet7", "hsemotion8", "demo")),
        *({"align": rule} for rule in ("mtcnn-box", "dlib5", "dlib5-jpeg95", "frame")),
        *({"form": "train"}, {"samp": "all"}, {"samp": "even16"}, {"miss": "wrong"}, {"among": "happy,sad"}),
        *({"among": "happy,angry"}, {"gate": "off"}, {"hash": "any"}),
    ],
    "identity": [
        *({"net": "arcface-r50"}, {"net": "demo"}, {"ref": "first"}, {"ref": "paired"}, {"agg": "cos-mean"}),
        *({"agg": "frame-mean"}, {"samp": "all"}, {"miss": "zero"}, {"miss": "refuse"}, {"margin": "40"}),
        {"gate": "off"},
    ],
    "fid": [
        *({"net": "tv-in1k"}, {"net": "demo"}, {"dim": "64"}, {"dim": "192"}, {"dim": "768"}, {"samp": "all"}),
        *({"samp": "pair5"}, {"crop": "eat128"}, {"crop": "eat128", "points": "sidecar"}, {"gate": "off"}),
    ],
    "fid_pair": [{"net": "tv-in1k"}, {"samp": "5"}, {"dim": "768"}, {"crop": "eat128"}],
    "fvd": [
        *({"net": "i3d-tfhub"}, {"preset": "latentsync"}),
        *({"preset": "own", **s} for s in ({"frames": "8"}, {"stride": "4"}, {"first": "3"}, {"most": "2"})),
        *({"preset": "own", **s} for s in ({"crop": "face"}, {"size": "112"}, {"crop": "face", "size": "112"})),
    ],
    "fvd_pair": [{"net": "i3d-stylegan-v"}],
    "coefficients": [
        {"source": "other"},
        {"expression": "0:64"},
        {"expression": "0:65"},
        {"pose": "0:3"},
        {"pose": "1:3"},
    ],
    "lse": [
        *({"dialect": name} for name in dialect.table() if name != "clean"),
        {"detector": "s3fd"},
        {"fps": "refuse"},
    ],
    "extended": [
        *({"space": "hog"}, {"net": "demo"}, {"net": "efan8-eat"}, {"samp": "all"}),
    ],
    "pixels": [
        *({"pair": "stretch"}, {"win": "u7"}, {"cov": "sample"}, {"col": "gray"}, {"agg": "frame"}),
        *({"size": "area"}, {"crop": "eat128"}, {"crop": "eat128", "points": "sidecar"}),
    ],
    "lpips": [{"net": "vgg"}, {"pair": "stretch"}, {"every": "5"}, {"agg": "frame"}, {"size": "area"}, {"gate": "off"}],
    "landmarks": [{"points": "sidecar"}, {"crop": "none"}, {"pair": "trunc"}, {"fix": "1"}],
    "faces": [{"every": "1"}],
    "cost": [],
}


#: Settings that a judge is never without.
NEEDED = {"coefficients": {"source": "deep3d-2019"}}


def judge(name: str, settings: dict[str, str]) -> Any:
    return registry.load(EVALUATORS[name])({**NEEDED.get(name, {}), **settings}, "cpu")


@pytest.mark.parametrize("name", CHANGES)
def test_every_setting_that_moves_a_number_is_signed(name: str) -> None:
    plain = judge(name, {})
    for metric in {facts.name for facts in plain.metrics}:
        lines = {"{}": str(plain.signature(metric))}
        for settings in CHANGES[name]:
            changed = judge(name, settings)
            if metric in {facts.name for facts in changed.metrics}:
                lines[json.dumps(settings)] = str(changed.signature(metric))
        doubled = {line for line in lines.values() if list(lines.values()).count(line) > 1}
        same = [settings for settings, line in lines.items() if line in doubled]
        assert set(same) <= NOT_FOR.get(metric, set()), (metric, same)
        for line in lines.values():
            assert str(Signature.parse(line)) == line


#: Settings that do not touch a metric and so are not in its line.
NOT_FOR: dict[str, set[str]] = {
    "psnr": {json.dumps(s) for s in ({"win": "u7"}, {"cov": "sample"})} | {"{}"},
    "m_lmd": {"{}", json.dumps({"fix": "1"})},
    "f_lmd": {"{}", json.dumps({"fix": "1"})},
    "efid": {"{}", json.dumps({"pose": "0:3"}), json.dumps({"pose": "1:3"})},
    "frames": {"{}", json.dumps({"every": "1"})},
    "av_length_ratio": {"{}", json.dumps({"every": "1"})},
}


IGNORED: dict[str, list[dict[str, str]]] = {
    "emotion": [
        *({"net": "demo", **s} for s in ({"weights": "x.pth"}, {"hash": "any"}, {"gate": "off"})),
        *({"hash": "some"}, {"gate": "maybe"}),
    ],
    "identity": [{"net": "demo", "weights": "x"}, {"net": "demo", "gate": "off"}, {"hash": "some"}, {"gate": "maybe"}],
    "fid": [{"net": "demo", "dim": "64"}, {"net": "demo", "hash": "any"}, {"points": "sidecar"}, {"gate": "maybe"}],
    "lse": [{"faces": "x.pth"}, {"dialect": "demo", "hash": "any"}, {"dialect": "demo", "faces": "x"}, {"hash": "no"}],
    "pixels": [{"points": "dlib68"}],
    "fvd": [{"hash": "any"}, {"gate": "off"}, {"preset": "latentsync", "frames": "8"}, {"size": "64"}],
    "lpips": [{"gate": "maybe"}],
    "extended": [
        *({"space": "hog", **s} for s in ({"net": "demo"}, {"samp": "all"})),
        *({"metrics": "ext_shift", key: value} for key, value in (("dist", "cosine"), ("voice", "demo"))),
        {"metrics": "ext_acc", "scale": "1"},
    ],
}


@pytest.mark.parametrize(("name", "settings"), [(name, one) for name, many in IGNORED.items() for one in many])
def test_a_setting_that_would_do_nothing_is_refused(name: str, settings: dict[str, str]) -> None:
    with pytest.raises(UsageError) as caught:
        judge(name, settings)
    assert next(key for key in reversed(settings)) in caught.value.what


def test_every_judge_is_in_this_list() -> None:
    assert set(CHANGES) == set(EVALUATORS)


def test_every_field_of_a_dialect_is_in_its_signature() -> None:
    """Two dialects that differ in any field but their text have different lines even under one name."""
    from dataclasses import fields, replace

    plain = dialect.read("sp")
    other: dict[str, Any] = {
        "frames": "decoded",
        "rate": "near",
        "crop": "whole",
        "detector": "mtcnn",
        "every": 5,
        "rule": "pkg",
        "more_than": 50,
        "wider_than_px": 0,
        "ends": "edge",
        "file": "-",
        "image": "none",
        "resize": "sws-bicubic",
        "sound": "direct",
        "source": "driving",
        "pad": "valid",
        "least": 20,
        "face": "mean",
        "average": "track",
        "unpinned": "",
        "name": "sp2",
    }
    assert {field.name for field in fields(plain)} == {*other, "about"}
    lines = {key: plain.__class__.signature(replace(plain, **{key: value}), "n") for key, value in other.items()}
    assert len({plain.signature("n"), *lines.values()}) == 1 + len(other)


def stored(path: Path, module: torch.nn.Module, **changes: torch.Tensor) -> str:
    torch.save({**module.state_dict(), **changes}, path)
    return str(path)


def test_another_weights_file_is_another_signature(tmp_path: Path) -> None:
    files = [stored(tmp_path / f"{k}.pth", torch.nn.Linear(k, 2)) for k in (3, 4)]
    for name, net in (("emotion", "efan8-eat"), ("identity", "facenet-vggface2"), ("fid", "tf-fid-2015")):
        own = [judge(name, {"net": net, "weights": file, "hash": "any"}) for file in files]
        metric = own[0].metrics[0].name
        first, second = (one.signature(metric) for one in own)
        assert first != second
        assert next(field for field in first.fields if field not in second.fields)[0] == "w"
        assert dict(first.long)["w"].startswith(dict(first.fields)["w"])
        assert len(dict(first.long)["w"]) == 64


def trained_looking(module: torch.nn.Module) -> torch.nn.Module:
    """Running variances as far apart as training leaves them; heads stay as they are."""
    rng = np.random.default_rng(0)
    with torch.no_grad():
        for key, buffer in module.named_buffers():
            if key.endswith("running_var"):
                buffer.copy_(torch.from_numpy(rng.lognormal(0, 1.5, buffer.shape)))
    return module


@pytest.mark.slow
@pytest.mark.parametrize("kind", [EmotionFAN, ResNet18Classifier])
def test_a_trained_trunk_under_a_fresh_head_is_no_judge(kind: Any) -> None:
    """What Emotion-FAN#11 ran into: the trunk loads, the head does not, and every answer is a random one."""
    torch.manual_seed(0)
    module = trained_looking(kind())
    head = "pred_fc2.weight" if kind is EmotionFAN else "fc.weight"
    assert fresh(module.state_dict()[head])
    with pytest.raises(ImplausibleError, match="as a fresh layer begins"):
        require_trained("judge", module.state_dict(), head)
    with torch.no_grad():
        dict(module.named_parameters())[head].mul_(1.7)
    require_trained("judge", module.state_dict(), head)


def test_shipped_heads_are_not_fresh() -> None:
    assert not fresh(SHIPPED.load().state_dict()["pred_fc2.weight"])


def test_weights_that_are_not_finite_never_judge(tmp_path: Path) -> None:
    module = trained_looking(EmotionFAN(width=8))
    state = {**module.state_dict(), "conv1.weight": torch.full_like(module.state_dict()["conv1.weight"], float("nan"))}
    with pytest.raises(ImplausibleError, match="not finite"):
        require_trained("judge", state)
    weights = in_use(EMOTION_FAN, {"weights": stored(tmp_path / "x.pth", module), "hash": "any"})
    assert weights.must_pass_gate
    assert not in_use(EMOTION_FAN, {"gate": "off"}).must_pass_gate


@pytest.mark.slow
def test_no_judge_imports_torch_to_be_signed() -> None:
    """`list` and `--help` stay quick: settings and signatures of most judges need no network library."""
    code = (
        "import sys; from evaluators import protocol\n"
        "judges = [e for n in ('cmet-paper',) for e in protocol.read(n).entries if e.evaluator in ('lse', 'cost')]\n"
        "from harness import registry; from evaluators import EVALUATORS\n"
        "made = [registry.load(EVALUATORS[e.evaluator])(e.settings, 'cpu') for e in judges]\n"
        "[m.signature(f.name) for m in made for f in m.metrics]\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="the peak can be reset on Linux only")
def test_the_peak_of_one_clip_is_not_that_of_an_earlier_one() -> None:
    footprint = Footprint("cpu")
    held = footprint.held()
    if held is None or not footprint.restart():
        pytest.skip("this system does not let a process reset its peak")
    fresh_pages = mmap.mmap(-1, 64 << 20)  # not malloc, which may hand out pages that are resident already
    fresh_pages.write(b"x" * (64 << 20))
    assert (footprint.peak() or 0) - held > 60 << 20
    fresh_pages.close()
    held = footprint.held()
    assert footprint.restart()
    assert (footprint.peak() or 0) - (held or 0) < 30 << 20
    if not torch.cuda.is_available():
        away = Footprint("cuda:0")
        assert (away.held(), away.restart(), away.peak()) == (None, False, None)
