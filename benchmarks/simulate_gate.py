"""How often the gate sees planted damage, and how often it cries wolf: the tables of docs/gate.md.

    python benchmarks/simulate_gate.py detection DIR --seed DIR/seed1 --seed DIR/seed2 …   # material: plant_damage.py
    python benchmarks/simulate_gate.py false-alarms

`detection` mixes the judged rows of damaged clips into those of an undamaged run, sums the run up anew (so that FID and
the like are of the mixture), and compares it with a baseline. `false-alarms` draws made-up runs that differ by noise
alone.
"""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from evaluators.judge import Judge
from harness.records import SummaryRow
from harness.store import RunStore
from harness.summary import summarise
from reports.gate.gate import Thresholds, compare
from reports.gate.noise import measured
from reports.gate.repeats import decided_twice
from reports.load import load_run
from reports.model import MetricFact, RunData, RunRow

_CALM: frozenset[str] = frozenset()
#: Left out: they take nine tenths of the time. Detection rates without them are not higher than with them.
_SLOW = frozenset(
    {
        "ext_acc",
        "ext_shift",
        "ext_identifiability",
        "ext_consistency",
        "ext_profile",
        "av_structure",
        "pseudo_agreement",
    }
)


@dataclass(frozen=True)
class Damage:
    """Says what is planted: the rows of which run, in what share of which clips."""

    title: str
    source: str  # the run of damaged clips; "": the clips are lost
    share: float = 1.0  # of the clips; 0: one clip
    metric: str = ""  # only this number's rows; "": all
    of: str = ""  # only clips that have this number


DAMAGES = (
    *(Damage(f"emotion lost in {100 * s:g} % (no edit)", "unedited", s, of="emotion_acc") for s in (0.05, 0.1, 0.3)),
    *(Damage(f"another clip in {100 * s:g} %", "other", s) for s in (0.1, 0.3)),
    Damage("identity in 10 % (its number alone)", "other", 0.1, "identity_sim"),
    *(Damage(f"sound {n} frame{'s' if n > 1 else ''} late", f"late{n}") for n in (1, 2, 3)),
    *(Damage(f"blur σ {sigma:g} px", f"blur{sigma:g}") for sigma in (0.5, 1.0, 2.0)),
    Damage("1 clip lost", "", 0.0),
)


def mixed(run: Path, damage: Damage, material: Path, names: Sequence[str], out: Path) -> RunData:
    """Returns the run with the rows of the damaged clips in place of its own, summed up anew."""
    out.mkdir(parents=True)
    shutil.copyfile(run / "run.json", out / "run.json")
    with closing(sqlite3.connect(run / "run.sqlite")) as source, closing(sqlite3.connect(out / "run.sqlite")) as copy:
        source.backup(copy)
        _plant(copy, damage, material, names)
    with RunStore(out) as store:
        store.set_summary(
            *summarise(store, [one for one in Judge("demo", "cpu", "puppets").columns() if one[1] not in _SLOW])
        )
    return load_run(out, to_compare=True)


def _plant(copy: sqlite3.Connection, damage: Damage, material: Path, names: Sequence[str]) -> None:
    marks = ", ".join("?" * len(names))
    only, values = (" AND metric = ?", (*names, damage.metric)) if damage.metric else ("", tuple(names))
    where = f"WHERE sample IN ({marks}){only}"
    method = copy.execute("SELECT DISTINCT method FROM clips").fetchone()[0]
    if not damage.source:
        copy.execute(f"UPDATE rows SET value = NULL, reason = 'generation_failed', statistics = x'' {where}", values)
    else:
        copy.execute("ATTACH ? AS damaged", (str(material / damage.source / "run.sqlite"),))
        copy.execute(f"DELETE FROM main.rows {where}", values)
        columns = "sample, metric, signature, value, reason, detail, notes, statistics"
        copy.execute(
            f"INSERT INTO main.rows (dataset, method, {columns}) "
            f"SELECT dataset, ?, {columns} FROM damaged.rows {where}",
            (method, *values),
        )
    copy.commit()


def drawn(run: RunData, damage: Damage, rng: np.random.Generator) -> list[str]:
    """Returns the clips that are damaged."""
    rows = [row for row in run.rows if row.scored and row.metric == (damage.of or "identity_sim")]
    samples = sorted({row.sample for row in rows})
    count = round(damage.share * len(samples)) or 1
    return [samples[k] for k in rng.permutation(len(samples))[:count]]


@dataclass(frozen=True)
class Twice:
    """Holds the runs that draw noise, and what two of them measure of it, once."""

    runs: Sequence[RunData]
    known: dict[int, Thresholds] = field(default_factory=dict)

    def without(self, place: int) -> Thresholds:
        """Returns what the first two runs but the one at `place` say of noise."""
        if place not in self.known:
            first, second, *_ = [_core(run) for k, run in enumerate(self.runs) if k != place]
            self.known[place] = Thresholds(noise=measured(first, second), twice=decided_twice(first, second))
        return self.known[place]


def _core(run: RunData) -> RunData:
    return replace(run, summary=tuple(row for row in run.summary if row.metric not in _SLOW))


def _found(baseline: RunData, run: RunData, limits: Thresholds | None = None, noisy: bool = False) -> bool:
    pair = [_core(one if noisy else replace(one, stochastic=_CALM)) for one in (baseline, run)]
    return compare(*pair, limits).exit_code == 3


def verdicts(run: RunData, damaged: RunData, others: Twice, draw: int) -> tuple[bool, bool, bool]:
    """Whether damage is found: of a method without noise; by noise measured on two other runs; of a stochastic one."""
    place = draw % len(others.runs)
    baseline, noise = others.runs[place], others.without(place)
    return _found(run, damaged), _found(baseline, damaged, noise), _found(baseline, damaged, noisy=True)


@click.group()
def main() -> None:
    """The gate's tables."""


@main.command()
@click.argument("material", type=click.Path(path_type=Path, exists=True))
@click.option("--seed", "seeds", multiple=True, type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--draws", default=20, show_default=True)
@click.option("--only", default="", help="Damages whose title begins so.")
def detection(material: Path, seeds: tuple[Path, ...], draws: int, only: str) -> None:
    """Plant each damage into the first seed's run; the others are its baselines where the method draws noise."""
    run, *others = [load_run(path, to_compare=True) for path in seeds]
    twice = Twice(others)
    click.echo("| planted | without noise | noise measured (`--noise`) | stochastic |\n|---|---|---|---|")
    for damage in (one for one in DAMAGES if one.title.startswith(only)):
        rng, found = np.random.default_rng(0), []
        many = draws if damage.share < 1 else len(others)
        for draw in range(many):
            with tempfile.TemporaryDirectory() as scratch:
                names = drawn(run, damage, rng)
                damaged = mixed(seeds[0], damage, material, names, Path(scratch) / seeds[0].name)
                found.append(verdicts(run, damaged, twice, draw))
        click.echo(_line(damage.title, found))
        sys.stdout.flush()
    alike = [
        (False, _found(a, run, twice.without(place)), _found(a, run, noisy=True)) for place, a in enumerate(others)
    ]
    click.echo(_line(f"nothing: other seeds ({len(alike)} comparisons)", alike))


def _line(title: str, found: Sequence[tuple[bool, ...]]) -> str:
    return f"| {title} | " + " | ".join(f"{100 * share:.0f} %" for share in np.mean(found, axis=0)) + " |"


Noise = Callable[[np.random.Generator, int], npt.NDArray[np.float64]]
TAILS: dict[str, Noise] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "Laplace": lambda rng, n: rng.laplace(size=n),
    "lognormal, σ 0.5": lambda rng, n: rng.lognormal(0.0, 0.5, n) - np.exp(0.125),
    "Student's t, 5": lambda rng, n: rng.standard_t(5, n),
    "Student's t, 3": lambda rng, n: rng.standard_t(3, n),
}


def made_up(world: int, seed: int, clips: int, methods: int, tails: Noise) -> RunData:
    """Returns a run of 13 numbers a method: a share, an offset that jumps in 2 % of the clips, 11 with such noise."""
    hard, rng = np.random.default_rng(world), np.random.default_rng((world, seed, 1))
    facts = {"acc": MetricFact("acc", "acc", "%", True), "jump": MetricFact("jump", "jump", "frames", False)}
    facts |= {f"m{k}": MetricFact(f"m{k}", f"m{k}", "", True) for k in range(11)}
    rows, summary = [], []
    for method in range(methods):
        for name in facts:
            values = _values(name, hard, rng, clips, tails)
            row = (f"c{method}", name)
            rows += [
                RunRow("d", row[0], f"s{k:04d}", f"p{k // 2}", "happy", name, float(v), None, "", f"{name}|v:1")
                for k, v in enumerate(values)
            ]
            ends = (None, None, clips, clips, f"{name}|v:1")
            fact = facts[name]
            summary.append(SummaryRow("d", *row, float(values.mean()), fact.unit, fact.higher_is_better, *ends))
    noisy = frozenset(f"c{k}" for k in range(methods))
    return RunData("r", "p", "speech", {}, tuple(summary), tuple(rows), facts, stochastic=noisy)


def _values(
    name: str, hard: np.random.Generator, rng: np.random.Generator, clips: int, tails: Noise
) -> npt.NDArray[np.float64]:
    if name == "acc":
        share = np.clip(hard.beta(4, 1, clips), 0, 1)
        return np.asarray(100.0 * (rng.random(clips) < share))
    if name == "jump":
        return np.where(rng.random(clips) < 0.02, rng.integers(1, 15, clips), 0).astype(np.float64)
    return 10 + hard.normal(size=clips) + 0.5 * tails(rng, clips)


@main.command("false-alarms")
@click.option("--runs", default=400, show_default=True)
@click.option("--noise", "twice", is_flag=True, help="Of methods whose noise two more runs have measured.")
def false_alarms(runs: int, twice: bool) -> None:
    """How often two runs that differ by noise alone end with exit code 3, in per cent."""
    columns = [(clips, methods) for clips in (22, 96) for methods in (1, 3)]
    head = " | ".join(f"{clips} clips, {methods} method{'s' if methods > 1 else ''}" for clips, methods in columns)
    click.echo(f"| noise | {head} |\n|{'---|' * (len(columns) + 1)}")
    for title, tails in TAILS.items():
        shares = [_alarms(runs, clips, methods, tails, twice) for clips, methods in columns]
        click.echo(f"| {title} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |")


def _alarms(runs: int, clips: int, methods: int, tails: Noise, twice: bool) -> float:
    def alarms() -> Iterator[bool]:
        for world in range(runs):
            found = [made_up(world, seed, clips, methods, tails) for seed in range(4 if twice else 2)]
            if not twice:
                yield compare(*found).exit_code == 3
                continue
            baseline, run, *again = [replace(one, stochastic=_CALM) for one in found]
            limits = Thresholds(noise=measured(*again), twice=decided_twice(*again))
            yield compare(baseline, run, limits).exit_code == 3

    return float(np.mean(list(alarms())))


if __name__ == "__main__":
    main()
