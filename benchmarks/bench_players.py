"""This script says how far the players of a row are apart while they play, in a headless Chromium.

    python benchmarks/bench_players.py [--players 2 --players 4 --players 6] [--seconds 10] [--rate 1 --rate 0.5]

It writes a page with clips of a made-up run (256 px, with sound), presses play on its first row, and asks every player
for its time in every picture that the browser draws. Printed are the largest, the 99th percentile and the median of the
distance between the first and the last player, over all of the time since they began and over the first second; how
long they took to begin; and how often a player was set to another time.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import reports
from harness.media import VideoWriter
from harness.records import FPS
from tests.chromium import BROWSER, Chromium
from tests.media_samples import film, voice
from tests.synthetic_runs import TRUTH, make_run

SIDE_PX = 256
_WATCH = """new Promise((done) => {
  const card = document.querySelector('.card'), videos = [...card.querySelectorAll('video')];
  const press = (words) => card.querySelector(`.bar button[aria-label^="${words}"]`).click();
  const found = [], from = performance.now();
  let set = 0;
  if (%(half)s) press('half speed');
  press('play');
  const watched = () => {
    const now = performance.now() - from;
    found.push([now, ...videos.map((video) => video.currentTime)]);
    if (now > 1000 * %(seconds)g || videos.every((video) => video.ended)) { press('play'); done({ found, set }); }
    else requestAnimationFrame(watched);
  };
  requestAnimationFrame(() => {
    for (const video of videos) video.addEventListener('seeking', () => { if (video.currentTime > 0) set += 1; });
    watched();
  });
})"""


def page_of(folder: Path, players: int, seconds: float) -> str:
    """Returns the address of a page whose rows hold so many clips."""
    run = make_run(folder=folder, clips=2, identities=2, methods=tuple(TRUTH)[:players])
    frames, sound = film(round(seconds * FPS), (SIDE_PX, SIDE_PX)), voice(seconds)
    for clip in run.clips.values():
        path = folder / clip
        path.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(path, SIDE_PX, SIDE_PX, audio=sound) as writer:
            for frame in frames:
                writer.write(frame)
    return reports.write(run, folder / "report")[0].as_uri()


def told(times: npt.NDArray[np.float64]) -> str:
    """Returns the largest, 99th percentile and median distance of players, in ms; times (pictures, players) in s."""
    apart = 1000 * np.ptp(times, axis=1)
    return f"{apart.max():5.0f} {np.percentile(apart, 99):5.0f} {np.median(apart):5.0f}"


@click.command(help=__doc__)
@click.option("--players", "counts", type=click.IntRange(2, len(TRUTH)), multiple=True, default=(2, 4, 6))
@click.option("--rate", "rates", type=click.Choice(["1", "0.5"]), multiple=True, default=("1", "0.5"))
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--rounds", default=1, show_default=True)
def main(counts: Sequence[int], rates: Sequence[str], seconds: float, rounds: int) -> None:
    """Print how far the players are apart."""
    if BROWSER is None:
        sys.exit("There is no Chromium here.")
    print("players rate | all: max p99 median ms | first second: max p99 median ms | begun after ms, pictures, set")
    with tempfile.TemporaryDirectory() as scratch, Chromium(Path(scratch) / "profile") as browser:
        for players in counts:
            address = page_of(Path(scratch) / str(players), players, seconds)
            for rate in [rate for rate in rates for _ in range(rounds)]:
                browser.open(address + "#clips?")
                seen = browser.run(_WATCH % {"half": str(rate == "0.5").lower(), "seconds": seconds})
                found = np.array(seen["found"])
                begun = found[found[:, 1:].max(axis=1) > 0]
                first = begun[begun[:, 0] < begun[0, 0] + 1000, 1:]
                late = f"{begun[0, 0]:5.0f} {len(begun):5d} {seen['set']:3d}"
                print(f"{players:7d} {rate:>4} | {told(begun[:, 1:])} | {told(first)} | {late}", flush=True)


if __name__ == "__main__":
    main()
