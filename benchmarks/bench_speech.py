"""Measures speech features: start-up and ten wavs of 3 s, ours and the official pipeline, in CPU seconds of one thread.

    python benchmarks/bench_speech.py [--official-python PYTHON --official-config DIR] [--checkpoint model.pt]

PYTHON has funasr 1.4.16 and torchaudio; DIR holds the published config.yaml, configuration.json and tokens.txt. Without
them only our side is measured. Without --checkpoint a stand-in of the published size (1.95 GB, two thirds optimiser
state) is made first. Sides take turns, the best of each counts, modules are compiled beforehand on both sides.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.timing import FILE, FOLDER, ROOT, child, in_turn

SECONDS, COUNT = 3, 10
OURS = """
import sys
from pathlib import Path
import numpy as np
from networks.emotion2vec.features import SpeechFeatures
from networks.emotion2vec.files import EMOTION2VEC
checkpoint, wavs, out = sys.argv[1:]
np.save(out, SpeechFeatures.of(EMOTION2VEC, checkpoint).of_files(sorted(Path(wavs).glob("*.wav"))))
"""
OFFICIAL = """
import sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(1)
from funasr import AutoModel
folder, wavs, out = sys.argv[1:]
model = AutoModel(model=folder, disable_update=True, device="cpu", ncpu=1)
paths = sorted(map(str, Path(wavs).glob("*.wav")))
found = [model.generate(path, granularity="utterance", extract_embedding=True, disable_pbar=True)[0] for path in paths]
np.save(out, np.stack([item["feats"] for item in found]))
"""
WARM = "import torch, safetensors.torch, harness.media, networks.emotion2vec.encoder, networks.emotion2vec.features"


@click.command(help=__doc__)
@click.option("--checkpoint", type=FILE)
@click.option("--official-python", help="An interpreter that has funasr.")
@click.option("--official-config", type=FOLDER, help="The published model folder without its weights.")
@click.option("--rounds", default=2, show_default=True)
def main(checkpoint: Path | None, official_python: str | None, official_config: Path | None, rounds: int) -> None:
    """Measure, compare outputs, print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wavs").mkdir()
        _make_wavs(folder / "wavs")
        if checkpoint is None:
            checkpoint = folder / "model.pt"
            _make_checkpoint(checkpoint)
        run = _starter(folder, sys.executable, OURS, checkpoint, "ours")
        _starter(folder, sys.executable, WARM, checkpoint, "ours")()
        seconds = {"ours, first start (checks and converts the file)": run()}
        sides = {"ours, later starts": lambda: _forgetful(folder, run)}
        if official_python is not None and official_config is not None:
            _starter(folder, official_python, "import torch, torchaudio, funasr", checkpoint, "official")()
            model = _official_model(folder, official_config, checkpoint)
            sides["official (funasr)"] = _starter(folder, official_python, OFFICIAL, model, "official")
        seconds |= {side: min(values) for side, values in in_turn(sides, rounds).items()}
        seconds["ours, every sound already in the cache"] = run()
        _report(folder, seconds)


def _starter(folder: Path, python: str, code: str, model: Path, side: str) -> Callable[[], float]:
    """A call that runs `code` in a process of its own, compiled modules kept, and returns its CPU seconds."""
    kept = {"PYTHONPYCACHEPREFIX": folder / "compiled", "PYTHONDONTWRITEBYTECODE": "", "CMET_BENCH_CACHE": folder / "c"}
    place = folder if side == "official" else ROOT
    command = [python, "-c", code, model, folder / "wavs", folder / f"{side}.npy"]
    return lambda: child(command, place, **kept).seconds


def _forgetful(folder: Path, run: Callable[[], float]) -> float:
    """A start that finds the converted checkpoint and no sound in the cache."""
    shutil.rmtree(folder / "c" / "features")
    return run()


def _report(folder: Path, seconds: dict[str, float]) -> None:
    """Print seconds, ratios and the difference of the vectors."""
    print(f"start-up + {COUNT} wavs of {SECONDS} s, CPU seconds, one thread")
    official = seconds.get("official (funasr)")
    for side, value in seconds.items():
        print(f"{value:8.2f}  {side}" + (f", ratio {official / value:.2f}" if official else ""))
    if official is None:
        print("official side not measured here (give --official-python and --official-config)")
        return
    ours, theirs = (np.load(folder / f"{side}.npy") for side in ("ours", "official"))
    print(f"relative L2 difference: {np.linalg.norm(ours - theirs) / np.linalg.norm(theirs):.2e}")


def _make_wavs(folder: Path) -> None:
    """Ten wavs of 3 s: noise under a syllable-like envelope (the cost does not depend on the content)."""
    from harness.media import write_wav

    rng = np.random.default_rng(7)
    time = np.arange(SECONDS * 16_000) / 16_000
    for index in range(COUNT):
        envelope = np.abs(np.sin(2 * np.pi * (2 + 0.2 * index) * time))
        write_wav(folder / f"{index:03}.wav", 0.1 * envelope * rng.standard_normal(len(time)))


def _make_checkpoint(path: Path) -> None:
    """A stand-in of the published size: network, and two tensors of optimiser state for each of its own."""
    import torch

    from networks.emotion2vec.encoder import Emotion2Vec

    torch.manual_seed(0)
    state = Emotion2Vec().state_dict()
    moments = {i: {"exp_avg": t, "exp_avg_sq": t.clone()} for i, t in enumerate(t.clone() for t in state.values())}
    torch.save({"model": state, "last_optimizer_state": {"state": moments}}, path)


def _official_model(folder: Path, config: Path, checkpoint: Path) -> Path:
    """A model folder as funasr reads it: links to its configuration and to the checkpoint."""
    official = folder / "official"
    official.mkdir()
    for source in config.iterdir():
        (official / source.name).symlink_to(source.resolve())
    (official / "model.pt").symlink_to(checkpoint.resolve())
    return official


if __name__ == "__main__":
    main()
