"""What a contestant's own process costs a light run: the same samples, made and judged in this process and in a child.

    python benchmarks/bench_process.py [--samples 44] [--rounds 3]

CPU seconds of both sides, children included, in turn in one run, and their ratio. The method is a still face, the judge
compares pixels: neither loads a network, so that nothing hides the cost of starting Python a second time.
"""

from __future__ import annotations

import resource
import shutil
import sys
import tempfile
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import runner
from verbs.session import Session

PROTOCOL = '[[metric]]\nevaluator = "pixels"\n'


def cpu_seconds() -> float:
    """Returns the CPU seconds of this process and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def run(session: Session, folder: Path, executor: str) -> float:
    """Returns the CPU seconds of one run from start to summary."""
    shutil.rmtree(folder, ignore_errors=True)
    began = cpu_seconds()
    with runner.open_store(folder, session.asked, resume=False) as store:
        plan = runner.at(session.plan, folder)
        outcome = runner.run(store, plan, session.samples, session.judge, session.asked, 1, executor)
    if outcome.failed:
        raise SystemExit(f"{outcome.failed} clips failed: see {folder}")
    return cpu_seconds() - began


@click.command(help=__doc__)
@click.option("--samples", default=44, show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(samples: int, rounds: int) -> None:
    """Measures in turn and prints a line a round."""
    with tempfile.TemporaryDirectory() as place:
        protocol = Path(place, "pixels.toml")
        protocol.write_text(PROTOCOL, encoding="utf-8")
        session = Session.for_run(
            methods=["still_face"],
            anchors=False,
            dataset="puppets",
            dataset_options={},
            protocol=str(protocol),
            lane="speech",
            seed=0,
            limit=samples,
            method_options={},
            device="cpu",
        )
        run(session, Path(place, "warm"), "here")  # draws the puppets
        for _ in range(rounds):
            here, child = (run(session, Path(place, name), name) for name in ("here", "local"))
            click.echo(
                f"{samples} clips: in this process {here:.2f} CPU s, in a child {child:.2f}; ratio {child / here:.3f}, "
                f"{child - here:+.2f} s"
            )


if __name__ == "__main__":
    main()
