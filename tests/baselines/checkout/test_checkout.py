"""The process form of the contract, on a checkout that misbehaves: each fault is its sample's, and is named."""

from __future__ import annotations

import ast
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from baselines.checkout.method import MOST_DEATHS, RUNNER, Checkout
from harness import registry
from harness.atomic import writer
from harness.errors import MissingError, UsageError
from harness.lanes import request_in
from harness.records import Clip, Failed
from harness.worker import ask
from tests.fakes import FRAMES, FakeDataset
from tests.places import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="process groups as POSIX has them")]
TIMEOUT_SECONDS = "1.5"


class Fake(Checkout):
    name: ClassVar[str] = "fake"
    emotion_sources: ClassVar[tuple[str, ...]] = ("label",)
    adapter: ClassVar[str] = "fake_adapter.py"
    marker: ClassVar[tuple[str, ...]] = ("generate.py",)
    weight_files: ClassVar[tuple[str, ...]] = ("big.pth",)
    weights_at: ClassVar[str] = "checkpoints"
    program_options: ClassVar[tuple[str, ...]] = ("refuse", "dull", "nfe")
    size: ClassVar[int] = 16


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("their check'out")
    (folder / "checkpoints").mkdir()
    (folder / "generate.py").write_text("pass", encoding="utf-8")
    (folder / "checkpoints" / "big.pth").write_bytes(b"weights")
    return folder


@pytest.fixture(scope="module")
def fake(checkout: Path) -> Iterator[Fake]:
    method = Fake({"checkout": str(checkout), "timeout": TIMEOUT_SECONDS}, "cpu")
    method.load()
    yield method
    method.close()


def made(method: Checkout, what: str, folder: Path) -> Clip | Failed:
    place = folder / "a place's data"
    place.mkdir(exist_ok=True)
    sample = FakeDataset(place).samples()[0]
    FakeDataset(place).materialise(sample)
    sample.source_image.write_bytes(b"a picture")
    request = request_in("as-published", sample, seed=3)
    return ask(method, replace(request, id=what), folder / f"{what}.mp4")


#: what the process does → the kind and words of its row; "" for a clip.
FAULTS = {
    "good": ("", ""),
    "error": ("crashed", "fake: RuntimeError: CUDA error"),
    "nameless": ("crashed", "Nameless"),
    "exit": ("crashed", "SystemExit: 0"),
    "abort": ("crashed", "its process ended (SIGABRT)"),
    "hang": ("timeout", "no sign of life for 1.5 s and was ended"),
    "slow": ("", ""),
    "memory": ("out-of-memory", "MemoryError"),
    "short": ("bad-output", "1 frames were written, 4 expected"),
    "wide": ("bad-output", "its frames are 18 x 18 pixels, and it makes 16 x 16"),
    "nothing": ("bad-output", "but 0"),
    "no-file": ("bad-output", "there is no file of it"),
    "elsewhere": ("bad-output", "there is no file of it"),
    "loud": ("", ""),
    "liar": ("bad-output", "its array cannot be read"),
    "links": ("", ""),
    "scribbler": ("bad-output", "its answer is none to this sample"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_a_fault_is_a_row_of_its_sample_and_the_next_one_is_made(fake: Fake, tmp_path: Path, what: str) -> None:
    kind, words = FAULTS[what]
    found = made(fake, what, tmp_path)
    if kind:
        assert isinstance(found, Failed), found
        assert (found.kind, words in found.reason) == (kind, True), found
    else:
        assert isinstance(found, Clip), found
        assert (found.frames, found.height, found.used) == (FRAMES, 16, "label")
        assert found.memory_peak_bytes is not None
        assert found.memory_peak_bytes > 1e6
        assert not list(Path(tempfile.gettempdir()).glob(f"cmet-bench-checkout-{writer()}.*/*/frames.rgb"))
    assert isinstance(made(fake, "after", tmp_path), Clip)


def test_the_process_is_kept_and_sees_nothing_of_our_python(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    method = Fake({"checkout": str(checkout)}, "cuda:1")
    for _ in range(2):
        clip = made(method, "stack", tmp_path)
        assert isinstance(clip, Clip)
    method.close()
    told = json.loads(clip.notes.partition("; ")[0])
    assert told["made"] == 2
    assert "PYTHONPATH" not in told["env"]
    assert {"PYTHONNOUSERSITE", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"} <= set(told["env"])
    assert "python 3." in clip.notes
    assert not list(checkout.rglob("*.pyc"))


@pytest.mark.parametrize(("option", "words"), [("refuse", "no weights in"), ("dull", "no sign of life for 1.5 s")])
def test_a_process_that_does_not_become_ready_is_named_with_its_last_words(
    checkout: Path, option: str, words: str
) -> None:
    method = Fake({"checkout": str(checkout), "timeout": TIMEOUT_SECONDS, option: "1"}, "cpu")
    with pytest.raises(MissingError, match=f"does not start: .*{words}"):
        method.load()


def test_a_process_that_ends_before_its_first_clip_is_started_twice_only(checkout: Path, tmp_path: Path) -> None:
    method = Fake({"checkout": str(checkout)}, "cpu")
    kinds = [made(method, what, tmp_path).kind for what in ("abort", "abort", "good")]  # type: ignore[union-attr]
    assert kinds == ["crashed"] * MOST_DEATHS + ["unavailable"]


def test_what_is_lacking_is_named_with_its_cure(checkout: Path, tmp_path: Path) -> None:
    def lacks(**options: object) -> str:
        return " ".join(map(str, Fake({key: str(value) for key, value in options.items()}, "cpu").missing()))

    assert "CMET_BENCH_FAKE_CHECKOUT=DIR" in lacks()
    assert lacks(checkout=checkout) == ""
    assert "'generate.py' in its checkout" in lacks(checkout=tmp_path, weights=checkout / "checkpoints")
    assert f"the weights '{tmp_path}/big.pth'" in lacks(checkout=checkout, weights=tmp_path)
    assert "its interpreter '/no/python'" in lacks(checkout=checkout, python="/no/python")


def test_settings_come_from_the_command_line_then_the_environment_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(**options: str) -> Any:
        return Fake(options, "cpu").settings

    (tmp_path / "bench.toml").write_text(
        '[fake]\nkind = "checkout"\ncheckout = "/file"\npython = "~/py"\noptions = { nfe = 7 }\n', encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    assert (read().checkout, read().python, read().options) == (Path("/file"), Path.home() / "py", {"nfe": "7"})
    monkeypatch.setenv("CMET_BENCH_FAKE_CHECKOUT", "/variable")
    assert read().checkout == Path("/variable")
    assert (read(checkout="/typed", nfe="9").checkout, read(nfe="9").options) == (Path("/typed"), {"nfe": "9"})
    with pytest.raises(UsageError, match=r"no option of method 'fake' 'nfee'.*Did you mean 'nfe'"):
        read(nfee="1")
    for text, words in (
        ("[fake]\nchekout = 1", "Did you mean 'checkout'"),
        ("[fake", "not valid toml"),
        ("fake = 1", "no table"),
    ):
        (tmp_path / "bench.toml").write_text(text, encoding="utf-8")
        with pytest.raises(UsageError, match=words):
            read()
    monkeypatch.setenv("CMET_BENCH_CONFIG", "/no/such.toml")
    with pytest.raises(UsageError, match="CMET_BENCH_CONFIG names"):
        read()


def test_another_commit_weight_or_runner_makes_other_clips(checkout: Path) -> None:
    method = Fake({"checkout": str(checkout)}, "cpu")
    before = method.weights()
    assert set(before) == {"big.pth", "checkout", "runner", "options"}
    (checkout / "generate.py").write_text("pass  # changed", encoding="utf-8")
    after = method.weights()
    assert {name for name in before if before[name] != after[name]} == {"checkout"}
    assert Fake({"checkout": str(checkout), "nfe": "3"}, "cpu").weights()["options"] != after["options"]


@pytest.mark.parametrize("name", ["runner.py", "float_adapter.py", "probe.py"])
def test_what_runs_in_foreign_interpreters_is_python_3_7_and_imports_nothing_of_ours(name: str) -> None:
    tree = ast.parse(RUNNER.with_name(name).read_text(encoding="utf-8"), feature_version=(3, 7))
    roots = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    roots += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    ours = {"baselines", "harness", "networks", "evaluators", "cmet", "datasets"}
    assert not ours & {str(root).partition(".")[0] for root in roots}


def test_the_pages_example_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "checkouts.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "theirs.py").write_text(blocks[0], encoding="utf-8")
    (tmp_path / "theirs_adapter.py").write_text(blocks[1], encoding="utf-8")
    adapter = Path(__file__).with_name("fake_adapter.py")
    checkout = tmp_path / "their checkout"
    (checkout / "checkpoints").mkdir(parents=True)
    (checkout / "checkpoints" / "model.pth").write_bytes(b"weights")
    (checkout / "inference.py").write_text(
        f"import sys; sys.path.insert(0, {str(adapter.parent)!r}); from fake_adapter import Picture\n"
        "class Model:\n    def __init__(self, path, device): self.path = path\n"
        f"    def frames(self, image, sound, label): return [Picture(9 * k) for k in range({FRAMES})]\n",
        encoding="utf-8",
    )
    method = registry.load(f"{tmp_path / 'theirs.py'}:Theirs")({"checkout": str(checkout), "scale": "2"}, "cpu")
    assert method.missing() == []
    clip = made(method, "good", tmp_path)
    method.close()
    assert isinstance(clip, Clip), clip
    assert clip.used == "label"
