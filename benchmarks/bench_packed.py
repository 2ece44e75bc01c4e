"""A packed corpus of 30 000 clips: time to the first sample, memory of the index, against C-MET's small files.

    python benchmarks/bench_packed.py [--clips 30000]

Prints one line per figure. The corpus is synthetic: random codes of 60 to 140 frames, random speech vectors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from cmet.training.packed import FEATURES, PackedCorpus  # noqa: E402

_OPEN = """
import sys, time, json, resource
def anonymous():
    rows = dict(line.split(":") for line in open("/proc/self/status"))
    return int(rows["RssAnon"].split()[0]) / 1024
import numpy as np
from cmet.training.packed import PackedCorpus
before, began = anonymous(), time.perf_counter()
corpus = PackedCorpus(sys.argv[1])
first = corpus.expression(len(corpus) // 2).sum() + corpus.speech(len(corpus) // 2).sum()
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "index_mib": anonymous() - before, "clips": len(corpus)}))
"""


def make_tree(tree: Path, clips: int) -> None:
    """C-MET's tree with `clips` clips; the files of one level are hard links to a few arrays."""
    rng = np.random.default_rng(0)
    codes = [rng.standard_normal((int(n), 10)).astype(np.float32) for n in rng.integers(60, 140, 40)]
    speech = rng.standard_normal(1024).astype(np.float32)
    made = 0
    for person in range(200):
        for emotion in ("angry", "contempt", "disgusted", "fear", "happy", "sad", "surprised"):
            for level in (1, 2, 3):
                folder = tree / f"M{person:03d}" / "front" / emotion / f"level_{level}"
                (folder / FEATURES).mkdir(parents=True)
                for number in range(1, 31):
                    if made == clips:
                        return
                    np.save(folder / f"{number:03d}_ED_exp.npy", codes[made % 40])
                    np.save(folder / FEATURES / f"{number:03d}.npy", speech)
                    made += 1


def official_first_sample(tree: Path) -> float:
    """Seconds until C-MET's loader has its clip list (a glob over the tree) and one clip's arrays."""
    began = time.perf_counter()
    paths = sorted(tree.glob("*/front/*/level_*/*_ED_exp.npy"))
    sorted(tree.glob(f"*/front/*/level_*/{FEATURES}/*.npy"))
    np.load(paths[len(paths) // 2]).sum()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=30_000)
    clips = parser.parse_args().clips
    with tempfile.TemporaryDirectory() as folder:
        tree, file = Path(folder) / "FPS25", Path(folder) / "corpus.pack"
        make_tree(tree, clips)
        began = time.process_time()
        PackedCorpus.build(tree, file)
        print(f"build: {time.process_time() - began:.1f} CPU s, {file.stat().st_size / 2**20:.0f} MiB, 1 file")
        told = subprocess.run(
            [sys.executable, "-c", _OPEN, str(file)], capture_output=True, text=True, check=True, cwd=ROOT
        )
        found = json.loads(told.stdout)
        print(f"first sample of {found['clips']} clips: {found['seconds']:.3f} s (wanted < 1 s)")
        print(f"memory of the index: {found['index_mib']:.0f} MiB (wanted < 200 MiB)")
        slow = official_first_sample(tree)
        print(f"small files, warm disk cache: {slow:.2f} s, {slow / found['seconds']:.0f} times as long")


if __name__ == "__main__":
    main()
