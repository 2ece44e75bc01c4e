"""Speech features: start-up and 10 wavs of 3 s, ours beside the official pipeline, in CPU seconds of one thread.

    python benchmarks/bench_emotion2vec.py [--checkpoint model.pt] [--wavs DIR]
        [--official-python PYTHON --official-config DIR] [--rounds 2] [--bfloat16]

PYTHON has funasr 1.4.16 and torchaudio; DIR holds the published config.yaml, configuration.json and tokens.txt. Without
them only our side is measured. Without --checkpoint a stand-in of the published size (1.95 GB, two thirds optimiser
state) is made first. Rounds are interleaved, the best of each side counts, outputs are
compared, modules are compiled beforehand on both sides.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
SECONDS, COUNT = 3, 10

OURS = """
import sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(1)
from cmet.checkpoints import load_emotion2vec
from harness.media import read_audio
checkpoint, wavs, out, dtype = sys.argv[1:]
model = load_emotion2vec(checkpoint).cast_matrices(getattr(torch, dtype))
np.save(out, model.embed([read_audio(path).samples for path in sorted(Path(wavs).glob("*.wav"))]))
"""
WARM = (
    "import torch, safetensors.torch, cmet.checkpoints, harness.media, networks.emotion2vec.encoder, "
    "networks.emotion2vec.features"
)
CACHED = """
import sys
from pathlib import Path
import numpy as np
from networks.emotion2vec.features import SpeechFeatures
checkpoint, wavs, out, _ = sys.argv[1:]
np.save(out, SpeechFeatures.official(checkpoint).of_files(sorted(Path(wavs).glob("*.wav"))))
"""
OFFICIAL = """
import sys
from pathlib import Path
import numpy as np, torch
torch.set_num_threads(1)
from funasr import AutoModel
folder, wavs, out, _ = sys.argv[1:]
model = AutoModel(model=folder, disable_update=True, device="cpu", ncpu=1)
paths = sorted(map(str, Path(wavs).glob("*.wav")))
found = [model.generate(path, granularity="utterance", extract_embedding=True, disable_pbar=True)[0] for path in paths]
np.save(out, np.stack([item["feats"] for item in found]))
"""


def measure(python: str, code: str, arguments: list[str], extra: Mapping[str, str]) -> float:
    """CPU seconds (user + system) of one child process from its start to its end."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", **extra}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles 2000 modules at every start
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [python, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def make_wavs(folder: Path) -> None:
    """Ten wavs of 3 s: noise under a syllable-like envelope (the cost does not depend on the content)."""
    from harness.media import write_wav

    rng = np.random.default_rng(7)
    time = np.arange(SECONDS * 16_000) / 16_000
    for index in range(COUNT):
        envelope = np.abs(np.sin(2 * np.pi * (2 + 0.2 * index) * time))
        write_wav(folder / f"{index:03}.wav", 0.1 * envelope * rng.standard_normal(len(time)))


def make_checkpoint(path: Path) -> None:
    """A stand-in of the published size: network, and two tensors of optimiser state for each of its own."""
    import torch

    from networks.emotion2vec.encoder import Emotion2Vec

    torch.manual_seed(0)
    state = Emotion2Vec().state_dict()
    moments = {i: {"exp_avg": t, "exp_avg_sq": t.clone()} for i, t in enumerate(t.clone() for t in state.values())}
    torch.save({"model": state, "last_optimizer_state": {"state": moments}}, path)


def main() -> None:
    """Measure, compare outputs, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--wavs", type=Path)
    parser.add_argument("--official-python")
    parser.add_argument("--official-config", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--bfloat16", action="store_true", help="also the bfloat16 mode (slow where it is emulated)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run(Path(name), options)


def material(folder: Path, options: argparse.Namespace) -> tuple[Path, Path]:
    """(checkpoint, wavs): those given, else stand-ins made in `folder`."""
    checkpoint, wavs = options.checkpoint, options.wavs
    if wavs is None:
        wavs = folder / "wavs"
        wavs.mkdir()
        make_wavs(wavs)
    if checkpoint is None:
        checkpoint = folder / "model.pt"
        make_checkpoint(checkpoint)
    return checkpoint, wavs


def official_model(folder: Path, config: Path, checkpoint: Path) -> Path:
    """A model folder as funasr reads it: links to its configuration and to the checkpoint."""
    official = folder / "official"
    official.mkdir()
    for source in config.iterdir():
        (official / source.name).symlink_to(source.resolve())
    (official / "model.pt").symlink_to(checkpoint.resolve())
    return official


def run(folder: Path, options: argparse.Namespace) -> None:
    """Everything in a folder that is removed afterwards."""
    checkpoint, wavs = material(folder, options)
    compiled = {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    ours = {"PYTHONPATH": str(ROOT), "CMET_BENCH_CACHE": str(folder / "cache"), **compiled}
    sides = {"ours, later starts": (sys.executable, OURS, checkpoint, "float32", ours)}
    if options.bfloat16:
        sides["ours, bfloat16 matrices"] = (sys.executable, OURS, checkpoint, "bfloat16", ours)
    if options.official_python:
        official = official_model(folder, options.official_config, checkpoint)
        sides["official (funasr)"] = (options.official_python, OFFICIAL, official, "-", compiled)
    outputs = {side: folder / f"{index}.npy" for index, side in enumerate(sides)}
    measure(sys.executable, WARM, [], ours)
    if options.official_python:
        measure(options.official_python, "import torch, torchaudio, funasr", [], compiled)
    first = measure(sys.executable, OURS, [str(checkpoint), str(wavs), str(folder / "first.npy"), "float32"], ours)
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(options.rounds):
        for side, (python, code, source, dtype, extra) in sides.items():
            seconds = measure(python, code, [str(source), str(wavs), str(outputs[side]), dtype], extra)
            best[side] = min(best[side], seconds)
            print(f"{seconds:8.2f} CPU s  {side}", file=sys.stderr, flush=True)
    arguments = [str(checkpoint), str(wavs), str(folder / "cached.npy"), "-"]
    measure(sys.executable, CACHED, arguments, ours)  # fills the cache
    best = {"ours, first start (checks and converts the file)": first, **best}
    best["ours, every sound already in the cache"] = measure(sys.executable, CACHED, arguments, ours)
    report(best, {side: np.load(path) for side, path in outputs.items()})


def report(best: Mapping[str, float], outputs: Mapping[str, np.ndarray]) -> None:
    """Print seconds, ratios and the largest differences."""
    print(f"start-up + {COUNT} wavs of {SECONDS} s, CPU seconds, one thread")
    official = best.get("official (funasr)")
    for side, seconds in best.items():
        ratio = f"  {official / seconds:5.2f}x faster" if official and side != "official (funasr)" else ""
        print(f"{seconds:8.2f}  {side}{ratio}")
    reference = outputs.get("official (funasr)", outputs["ours, later starts"])
    for side, found in outputs.items():
        error = np.linalg.norm(found - reference) / np.linalg.norm(reference)
        print(f"relative L2 difference of '{side}': {error:.2e}")
    if not official:
        print("official side not measured here (give --official-python)")


if __name__ == "__main__":
    main()
