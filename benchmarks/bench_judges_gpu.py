"""The card metrics on a GPU: clips per minute, and what bounds it.

    python benchmarks/bench_judges_gpu.py --clips DIR [--number 16] [--seconds 5] [--processes 1 4 8]

The same clips, stand-in weights and sampling as bench_one_pass.py. Wall-clock seconds of the judging pass after one
clip to warm up, in one process and in several that share the GPU; then, in one process, where the time goes: every
judge's share with the GPU drained after each chunk, decoding, and the share of the wall clock in which the GPU works.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))


def _judge(protocol: Path, device: str) -> Any:
    from evaluators.judge import Judge

    return Judge(str(protocol), device)


def _samples(work: Path) -> tuple[Any, list[Any]]:
    from datasets.folder import Folder

    dataset = Folder(work / "made", references=work / "truth")
    samples = list(dataset.samples())
    for sample in samples:
        dataset.materialise(sample)
    return dataset, samples


def _rows(judge: Any, dataset: Any, sample: Any) -> Any:
    from harness.records import Clip

    return judge.rows(sample, Clip(dataset.clip(sample), sample.frames, 256, 256, "none"))


def worker(work: Path, device: str, part: int, parts: int, ready: Any, seconds: Any) -> None:
    """Judge every `parts`-th clip; the clock starts when all processes are warm."""
    import torch

    torch.set_num_threads(1)
    os.environ["CMET_BENCH_CACHE"] = str(work / f"cache-{parts}-{part}")
    dataset, samples = _samples(work)
    judge = _judge(work / "card.toml", device)
    first = _rows(judge, dataset, samples[part])
    bad = [row.metric for row in first if type(row).__name__ != "Scored"]
    if bad:
        raise SystemExit(f"no number for {bad}: {first}")
    ready.wait()
    began = time.perf_counter()
    for sample in samples[part::parts]:
        _rows(judge, dataset, sample)
    seconds.put(time.perf_counter() - began)


def together(work: Path, device: str, processes: int, number: int) -> None:
    """Clips per minute of `processes` processes."""
    context = multiprocessing.get_context("spawn")
    ready, seconds = context.Barrier(processes), context.Queue()
    crew = [
        context.Process(target=worker, args=(work, device, part, processes, ready, seconds))
        for part in range(processes)
    ]
    for one in crew:
        one.start()
    longest = max(seconds.get(timeout=500) for _ in crew)
    for one in crew:
        one.join()
    print(f"{processes:2} processes on {device}: {60 * number / longest:7.1f} clips per minute", flush=True)


def shares(work: Path, device: str, number: int) -> None:
    """Where the time of one process goes."""
    import torch

    from harness.media import VideoReader

    os.environ["CMET_BENCH_CACHE"] = str(work / "cache-shares")
    dataset, samples = _samples(work)
    judge = _judge(work / "card.toml", device)
    _rows(judge, dataset, samples[0])
    spent: dict[str, float] = defaultdict(float)
    for evaluator in judge.evaluators:
        _watch(evaluator, spent, device)
    began = time.perf_counter()
    for sample in samples:
        _rows(judge, dataset, sample)
    whole = time.perf_counter() - began
    decode = time.perf_counter()
    for sample in samples:
        list(VideoReader(dataset.clip(sample)))
    spent["decoding"] = time.perf_counter() - decode
    for name, value in sorted(spent.items(), key=lambda item: -item[1]):
        print(f"  {name:24} {1e3 * value / number:8.0f} ms a clip, {100 * value / whole:4.0f} % of the pass")
    if device != "cpu":
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
            began = time.perf_counter()
            _rows(judge, dataset, samples[-1])
            torch.cuda.synchronize()
            whole = time.perf_counter() - began
        busy = sum(event.self_device_time_total for event in profile.key_averages()) / 1e6
        print(f"  the GPU works during {100 * busy / whole:.0f} % of the pass ({1e3 * busy:.0f} ms a clip)", flush=True)


def _watch(evaluator: Any, spent: dict[str, float], device: str) -> None:
    """Time every chunk and the end of an evaluator's measurements."""
    import torch

    start, name = evaluator.start, type(evaluator).__name__

    def timed(work: Any) -> Any:
        def call(*given: Any) -> Any:
            began = time.perf_counter()
            result = work(*given)
            if device != "cpu":
                torch.cuda.synchronize()
            spent[name] += time.perf_counter() - began
            return result

        return call

    def watched(context: Any) -> Any:
        measurement = timed(start)(context)
        measurement.feed, measurement.finish = timed(measurement.feed), timed(measurement.finish)
        return measurement

    evaluator.start = watched


def main() -> None:
    """Cut, write weights, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--number", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args()
    from benchmarks.one_pass.inputs import clips, protocol, weights

    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        clips(given.clips, work, round(25 * given.seconds), given.number)
        protocol(work / "card.toml", weights(work / "weights"))
        print(f"{given.number} clips of {given.seconds:g} s at 256 px, LSE, FID, identity and emotion", flush=True)
        for processes in given.processes:
            together(work, given.device, processes, given.number)
        shares(work, given.device, given.number)


if __name__ == "__main__":
    main()
