"""Peak memory of judging one long clip with the card metrics.

    python benchmarks/bench_memory.py --clip CLIP.mp4 [--minutes 10]

The clip's packets are written again and again into one long file (nothing is encoded), which `bench.py score` then
judges with full-size stand-in weights, every metric sampled as in bench_one_pass.py; its truth is a second name of the
same file. Printed: the peak resident memory of the process tree's largest process, and CPU seconds. The target is
3 GiB for ten minutes at 512 px.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def repeated(clip: Path, target: Path, seconds: float) -> None:
    """The clip's packets over and over, time stamps moved on, until `seconds` are full."""
    import av

    target.parent.mkdir(parents=True)
    with av.open(str(target), "w") as output:
        streams: dict[int, Any] = {}
        offset, last = Fraction(0), dict[int, int]()
        while offset < seconds:
            with av.open(str(clip)) as source:
                chosen = [*source.streams.video[:1], *source.streams.audio[:1]]
                for stream in chosen:
                    if stream.index not in streams:
                        streams[stream.index] = output.add_stream_from_template(stream)
                for packet in source.demux(chosen):
                    if packet.dts is None or packet.pts is None or packet.time_base is None:
                        continue
                    moved = int(offset / packet.time_base)
                    packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
                    if packet.dts <= last.get(packet.stream.index, -(2**62)):
                        continue  # sound that outlasts its picture
                    last[packet.stream.index] = packet.dts
                    packet.stream = streams[packet.stream.index]
                    output.mux(packet)
                video = source.streams.video[0]
                offset += Fraction(video.frames) / Fraction(video.average_rate or 25)


def judged(work: Path, chosen: Path) -> str:
    """What `score` prints of `work`/made against `work`/truth by the protocol `chosen`, in a process of its own."""
    command = [sys.executable, ROOT / "bench.py", "score", "--clips", work / "made", "--reference", work / "truth"]
    command += ["--protocol", chosen, "--jobs", "1", "--out", work / "run"]
    told = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, "CMET_BENCH_CACHE": str(work / "cache")},
        capture_output=True,
        text=True,
    )
    if told.returncode:
        raise SystemExit(told.stderr[-3000:])
    return told.stdout


def main() -> None:
    """Write, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--judges", nargs="+", default=["lse", "fid", "identity", "emotion"])
    given = parser.parse_args()
    from benchmarks.one_pass.inputs import protocol, weights
    from harness.media import VideoReader

    with tempfile.TemporaryDirectory(prefix="cmet-bench-memory-") as folder:
        work = Path(folder)
        repeated(given.clip, work / "made" / "long.mp4", 60 * given.minutes)
        (work / "truth").mkdir()
        os.link(work / "made" / "long.mp4", work / "truth" / "long.mp4")
        (work / "made" / "labels.csv").write_text("clip,emotion\nlong.mp4,happy\n", encoding="utf-8")
        chosen = protocol(work / "card.toml", weights(work / "weights"), given.judges)
        reader = VideoReader(work / "made" / "long.mp4")
        print(f"{reader.frames} frames of {reader.info.width}x{reader.info.height}", flush=True)
        print(judged(work, chosen)[-1500:])
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"peak memory {used.ru_maxrss / 2**20:.2f} GiB, {used.ru_utime + used.ru_stime:.0f} CPU s")


if __name__ == "__main__":
    main()
