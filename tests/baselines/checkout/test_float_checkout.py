"""The worked runner, on a script with FLOAT's published command line that paints instead of thinking."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baselines.checkout import doctor
from baselines.checkout.float import FloatCheckout
from harness.errors import UsageError
from harness.lanes import request_in
from harness.records import Clip, Failed, Lane
from harness.worker import ask, unsupported
from tests.fakes import FRAMES, FakeDataset

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="process groups as POSIX has them")]

#: Written from the facts of docs/reference/methods.md, 'FLOAT'; not from the repository.
SCRIPT = """
import argparse, json, os, random, subprocess
import torchvision

class Grey:
    dtype, shape = "uint8", (512, 512, 3)
    def __init__(self, level):
        self.level = level
    def tobytes(self):
        return bytes([self.level % 256]) * (512 * 512 * 3)

class InferenceAgent:
    def __init__(self, opt):
        self.opt = opt
        with open(os.path.join(os.path.dirname(opt.ckpt_path), "loaded"), "a") as file:
            file.write("once ")

    def run(self):
        print(json.dumps(vars(self.opt), sort_keys=True))
        if "broken" in self.opt.ref_path:
            raise IndexError("list index out of range")
        noise = random.Random(self.opt.seed).randrange(50)
        frames = [Grey(noise + 9 * k + len(self.opt.emo or "")) for k in range(4)]
        made = self.opt.res_video_path.replace(".mp4", "_temp.mp4")
        torchvision.io.write_video(made, frames, fps=25)
        subprocess.call("ffmpeg -i " + made + " " + self.opt.res_video_path + " 2>/dev/null", shell=True)
        os.remove(made)
        os.rename(self.opt.res_video_path + ".not-there", self.opt.res_video_path)

if __name__ == "__main__":
    given = argparse.ArgumentParser()
    for name in ("ref_path", "aud_path", "emo", "res_video_path", "ckpt_path"):
        given.add_argument("--" + name)
    for name in ("wav2vec_model_path", "audio2emotion_path"):
        given.add_argument("--" + name)
    for name in ("a_cfg_scale", "e_cfg_scale", "r_cfg_scale", "nfe"):
        given.add_argument("--" + name, type=float)
    given.add_argument("--seed", type=int, default=15)
    given.add_argument("--fix_noise_seed", action="store_true")
    given.add_argument("--no_crop", action="store_true")
    agent = InferenceAgent(given.parse_args())
    agent.run()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "float"
    for name, text in (
        ("generate.py", SCRIPT),
        ("torchvision/__init__.py", "from . import io"),
        ("torchvision/io.py", "__version__ = '0'"),
        ("checkpoints/float.pth", "weights"),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def made(method: FloatCheckout, folder: Path, lane: Lane, name: str = "a", seed: int = 1) -> Clip | Failed:
    sample = FakeDataset(folder).samples()[0]
    FakeDataset(folder).materialise(sample)
    sample = replace(sample, source_image=folder / f"{name}.png")
    sample.source_image.write_bytes(b"a picture")
    return ask(method, replace(request_in(lane, sample, seed), id=name), folder / f"{name}.mp4")


def test_the_script_runs_for_every_sample_and_loads_its_networks_once(checkout: Path, tmp_path: Path) -> None:
    method = FloatCheckout({"checkout": str(checkout), "nfe": "5", "crop": "none"}, "cuda")
    method.load()
    clips = [made(method, tmp_path, lane, f"{lane}{k}", 1 + k // 2) for lane in ("label", "speech") for k in range(3)]  # type: ignore[arg-type]
    method.close()
    assert [(clip.frames, clip.height, clip.used) for clip in clips if isinstance(clip, Clip)] == [
        *[(FRAMES, 512, "label")] * 3,
        *[(FRAMES, 512, "driving-speech")] * 3,
    ]
    bytes_of = [clip.path.read_bytes() for clip in clips if isinstance(clip, Clip)]
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]  # by the seed
    assert bytes_of[0] != bytes_of[3]  # by the label
    assert (checkout / "checkpoints" / "loaded").read_text() == "once "
    assert {path.name for path in checkout.iterdir()} == {"generate.py", "torchvision", "checkpoints"}


def test_a_failing_script_costs_its_sample_and_says_what_it_said(checkout: Path, tmp_path: Path) -> None:
    method = FloatCheckout({"checkout": str(checkout)}, "cuda")
    found = made(method, tmp_path, "label", "broken")  # the name is in no path: links are named by what they are
    assert isinstance(found, Clip)
    (checkout / "generate.py").write_text(SCRIPT.replace('"broken" in', '"source" in'), encoding="utf-8")
    method.close()
    found = made(method, tmp_path, "label")
    method.close()
    assert isinstance(found, Failed)
    assert (found.kind, found.reason) == ("crashed", "float_checkout: IndexError: list index out of range")
    assert "generate.py" in found.detail


def test_what_it_cannot_do_is_refused_before_anything_runs(checkout: Path, tmp_path: Path) -> None:
    method = FloatCheckout({"checkout": str(checkout)}, "cuda")
    sample = FakeDataset(tmp_path).samples()[0]
    contempt = replace(sample, emotion=replace(sample.emotion, name="contempt", label="contempt"))
    assert unsupported(method, sample, "label") is None
    assert unsupported(method, contempt, "label") is not None
    assert [lack.what for lack in FloatCheckout({"checkout": str(checkout)}, "cpu").missing()] == ["a CUDA device"]
    with pytest.raises(UsageError, match="crop 'fase'"):
        FloatCheckout({"crop": "fase"}, "cuda")


def told(method: FloatCheckout) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for line in doctor.findings(method):
        lines.setdefault(line.status, []).append(f"{line.what} → {line.cure}")
    return lines


def test_doctor_says_what_is_there_and_how_to_mend_the_rest(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = told(FloatCheckout({}, "cuda"))["note"]
    assert "CMET_BENCH_FLOAT_CHECKOUT=DIR" in line
    monkeypatch.setattr(FloatCheckout, "imports", ("torchvision", "no_such_module"))
    (checkout / "torchvision" / "__init__.py").write_text("__version__ = '0.15'", encoding="utf-8")
    found = told(FloatCheckout({"checkout": str(checkout)}, "cuda"))
    assert [line for line in found["ok"] if line.startswith("float_checkout: float.pth, 0 MB, sha256")]
    assert [line for line in found["ok"] if "Python 3." in line and "torchvision 0.15" in line]
    assert [line for line in found["note"] if "is no git checkout" in line]
    assert [line for line in found["bad"] if "cannot import no_such_module" in line and "FLOAT_PYTHON=FILE" in line]
    gone = told(FloatCheckout({"checkout": str(tmp_path), "python": "/no/python"}, "cuda"))
    assert [line.partition(" →")[0] for line in gone["bad"]] == [
        f"float_checkout needs 'generate.py' in its checkout '{tmp_path}'",
        "float_checkout needs its interpreter '/no/python'",
        f"float_checkout needs the weights '{tmp_path}/checkpoints/float.pth'",
        "float_checkout: /no/python does not run: [Errno 2] No such file or directory: '/no/python'",
    ]


@pytest.mark.parametrize(
    ("built", "devices", "red"),
    [
        (["sm_70", "sm_80"], ["sm_90"], True),
        (["sm_80"], ["sm_86"], False),
        (["sm_90"], ["sm_90"], False),
        (["compute_80"], ["sm_120"], False),
        ([], [], False),
    ],
)
def test_a_torch_without_code_for_the_gpu_is_a_red_line(
    checkout: Path, tmp_path: Path, built: list[str], devices: list[str], red: bool
) -> None:
    fake = tmp_path / "python"
    facts: Any = {"python": "3.8.18", "modules": {}, "cuda": {"built_for": built, "devices": devices}}
    fake.write_text(f"#!{sys.executable}\nimport json\nprint(json.dumps({facts!r}))\n", encoding="utf-8")
    fake.chmod(0o755)
    found = told(FloatCheckout({"checkout": str(checkout), "python": str(fake)}, "cuda"))
    assert bool([line for line in found.get("bad", []) if "no code for this GPU" in line]) is red
