"""The programs that bench_one_pass.py runs, each a process of its own, and their CPU seconds."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "benchmarks" / "one_pass"
FID_FRAMES, EVERY = 5, 5
Command = Sequence["str | Path"]
Scores = dict[str, tuple[float, float, int]]  # LSE-C, LSE-D, offset by clip


class Bench:
    """Folders, interpreter and the CPU seconds of what was run."""

    def __init__(self, work: Path, python: str) -> None:
        self.work, self.python = work, python
        self.truth, self.made = work / "truth", work / "made"
        home = work / "torch"
        self.environment = {
            **os.environ,
            "TORCH_HOME": str(home),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }

    def run(self, command: Command, folder: Path | None = None, **more: str) -> tuple[float, str]:
        """(CPU seconds of the process tree, standard output) of a program that must succeed."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [str(part) for part in command],
            cwd=folder or self.work,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), done.stdout

    # --- the reference way -------------------------------------------------------------------------------------

    def sync(self, checkout: Path, files: Mapping[str, Path]) -> tuple[float, Scores]:
        """syncnet_python on every clip: seconds, and LSE-C, LSE-D, offset of each clip's one track."""
        home = self.work / "syncnet_python"
        shutil.copytree(checkout, home, ignore=shutil.ignore_patterns(".git", "data"), dirs_exist_ok=True)
        shutil.copytree(files["syncnet"].parent, home / "data", dirs_exist_ok=True)
        (home / "detectors/s3fd/weights").mkdir(parents=True, exist_ok=True)
        shutil.copy(files["s3fd"], home / "detectors/s3fd/weights/sfd_face.pth")
        seconds, found = 0.0, {}
        for clip in sorted(self.made.glob("*.mp4")):
            for program in ("run_pipeline.py", "run_syncnet.py"):
                command: list[str | Path] = [self.python, PROGRAMS / "launch.py", program]
                command += ["--videofile", str(clip), "--reference", clip.stem, "--data_dir", str(self.work / "sp")]
                seconds += self.run(command, home)[0]
            (distances,) = pickle.loads((self.work / "sp/pywork" / clip.stem / "activesd.pckl").read_bytes())
            found[clip.stem] = _read(distances)
        return seconds, found

    def wav2lip(self, checkout: Path) -> tuple[float, tuple[float, float]]:
        """Wav2Lip's calculate_scores_LRS on all clips (after `sync`): seconds, mean LSE-C and mean LSE-D."""
        home = self.work / "syncnet_python"
        for file in (checkout / "evaluation/scores_LSE").glob("*.py"):
            shutil.copy(file, home)
        program: list[str | Path] = [self.python, PROGRAMS / "launch.py", "calculate_scores_LRS.py"]
        seconds, told = self.run([*program, "--data_root", self.made, "--tmp_dir", self.work / "w2l"], home)
        c, d = (float(told.split(f"Average {name}: ")[1].split()[0]) for name in ("Confidence", "Minimum Distance"))
        return seconds, (c, d)

    def fid(self) -> tuple[float, float]:
        """PNG files of both sides, then pytorch-fid."""
        seconds = 0.0
        for side in (self.made, self.truth):
            pictures = self.work / f"png-{side.name}"
            seconds += self.run([self.python, PROGRAMS / "frames.py", side, pictures, str(FID_FRAMES)])[0]
        command = [self.python, "-m", "pytorch_fid", "--device", "cpu", "--num-workers", "0"]
        more, told = self.run([*command, self.work / "png-made", self.work / "png-truth"])
        return seconds + more, float(told.split("FID:")[1])

    def identity(self) -> tuple[float, dict[str, float]]:
        """facenet-pytorch one by one."""
        seconds, told = self.run([self.python, PROGRAMS / "identity.py", self.made, str(EVERY)])
        return seconds, json.loads(told)

    def emotion(self, files: Mapping[str, Path]) -> tuple[float, dict[str, list[float]]]:
        """Faces to files, then Emotion-FAN."""
        command: list[str | Path] = [
            self.python,
            PROGRAMS / "emotion.py",
            self.made,
            self.work / "chips",
            files["emotion"],
            str(EVERY),
        ]
        seconds, told = self.run(command)
        return seconds, json.loads(told)

    # --- our way -----------------------------------------------------------------------------------------------

    def ours(self, name: str, files: Mapping[str, Path], judges: Sequence[str], full: bool = False) -> float:
        """`bench.py score` with these judges and an empty cache: seconds; the run is at work/name."""
        from benchmarks.one_pass.inputs import protocol

        chosen = protocol(self.work / f"{name}.toml", files, judges, full)
        command: list[str | Path] = [
            sys.executable,
            ROOT / "bench.py",
            "score",
            "--clips",
            self.made,
            "--reference",
            self.truth,
        ]
        command += ["--protocol", chosen, "--jobs", "1", "--out", self.work / name]
        return self.run(command, ROOT, CMET_BENCH_CACHE=str(self.work / f"cache-{name}"))[0]

    def rows(self, name: str) -> dict[tuple[str, str], Any]:
        """(sample, metric) → stored row of one of our runs."""
        from harness.store import RunStore

        with RunStore(self.work / name, create=False) as store:
            return {(row.sample, row.metric): row for row in store.rows()}


def _read(distances: Any) -> tuple[float, float, int]:
    """LSE-C, LSE-D and offset of syncnet_python's table of distances (n, 31), as its program prints them."""
    import numpy as np

    curve = np.asarray(distances).mean(0)
    return float(np.median(curve) - curve.min()), float(curve.min()), 15 - int(curve.argmin())
