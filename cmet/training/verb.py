"""`train --preset cmet` trains the connector on a packed corpus, with the released options under their names,
and ours.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cmet.training.options import SPEECH_ENCODER, TEST_IDENTITIES, options
from harness.errors import UsageError

if TYPE_CHECKING:
    from cmet.training.packed import PackedCorpus
    from cmet.training.sampler import SampleOptions
    from cmet.training.trainer import Trainer


@click.command("train --preset cmet")
@options
def command(data: Path, out: Path, train_list: Path | None, test_list: Path | None, resume: bool, **given: Any) -> int:
    """Train C-MET's connector: released sampler, objective, optimiser and defaults. Under torchrun, data-parallel.

    Checkpoints have the released layout and names. The last line on stdout is one JSON object.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"'{out}' is a file, not a folder.", "Choose another --out.")
    for name, value in given.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UsageError(f"--{name.replace('_', '-')} {value} is no number.", "Give a finite one.")
    if given["hidden"] % given["heads"] or given["hidden"] % 2:
        raise UsageError("--hidden must be even and a multiple of --heads.")
    if given["feature_type"] != "ED":
        raise UsageError("PD-FGC codes have 30 numbers; the connector takes EDTalk's 10, as the released one does.")
    if given["reference_dropout"] + given["scheduled_sampling"] > 1:
        raise UsageError("--reference-dropout and --scheduled-sampling share the same rows: together at most 1.")
    from cmet.training.plan import leave_processes

    with _scalars(out if given.pop("tensorboard") else None) as scalars:
        trainer = make_trainer(data, out, train_list, test_list, resume, scalars, given)
        begun = trainer.step
        if given["preload"] and not begun:
            trainer.preload(given["preload"])
        trainer.run()
    if trainer.process.rank == 0:
        measures = trainer.evaluate() if trainer.validation is not None else {}
        report = {"preset": "cmet", "steps": trainer.step, "resumed_from": begun, "validation": measures}
        report["waited_seconds"] = round(trainer.waited_seconds, 3)  # for batches
        click.echo(json.dumps({**report, "run": official_name(given), "out": str(out)}, ensure_ascii=False))
    leave_processes(trainer.process)
    return 0


def make_trainer(
    data: Path,
    out: Path,
    train_list: Path | None,
    test_list: Path | None,
    resume: bool,
    scalars: Callable[[str, float, int], None],
    given: dict[str, Any],
) -> Trainer:
    """Returns the run that the options describe. MissingError or UsageError where data and options do not fit."""
    from cmet.training.corpus import TrainingCorpus
    from cmet.training.objective import Objective
    from cmet.training.plan import TrainingPlan, join_processes
    from cmet.training.trainer import Trainer
    from networks.emotion2vec.features import OFFICIAL_WIDTH as SPEECH

    packed = open_corpus(data, out, given["audio_encoder"])
    train, test = split(packed.identities, data, train_list, test_list)
    objective = Objective(
        given["balance"], given["passes"] == "bidir", given["lambda_cnt"], given["lambda_dir"], given["weighted_dir"]
    )
    same = set(TrainingPlan.__dataclass_fields__) & set(given)
    plan = TrainingPlan(learning_rate=given["lr"], **{name: given[name] for name in same})
    widths = {name: given[name] for name in ("window", "hidden", "layers", "heads", "feedforward", "dropout")}
    if packed.speech_width != SPEECH:  # features of a small network, e.g. the demo's
        widths["speech"] = packed.speech_width
    validation = TrainingCorpus(packed, test) if test else None
    process = join_processes(given["device"])
    corpus = TrainingCorpus(packed, train)
    return Trainer(out, corpus, validation, _sampling(given), objective, plan, widths, process, resume, scalars)


def _sampling(given: dict[str, Any]) -> SampleOptions:
    from cmet.training.sampler import SampleOptions

    return SampleOptions(
        given["window"],
        given["mode"],
        given["num_feats"],
        given["direction"],
        given["identity"] == "same",
        tuple(_names(given["except_emotions"])),
        given["scale_intensity"],
        given["level_balance"],
    )


def split(
    identities: Sequence[str], data: Path, train_list: Path | None, test_list: Path | None
) -> tuple[list[str], list[str]]:
    """Returns the identities to train on and to test on: of the lists given, of those that lie in the tree, else the
    released four.

    Identities that only the tree's own lists name, and the corpus lacks, are left out. UsageError if nobody is left to
    train on.
    """
    root = data.parent if data.name == "FPS25" else data
    own = {kind: root / f"{kind}.txt" for kind in ("train", "test")}
    lists = {kind: [n for n in _listed(path) if n in identities] for kind, path in own.items() if path.is_file()}
    test = _listed(test_list) if test_list else lists.get("test", [n for n in identities if n in TEST_IDENTITIES])
    train = _listed(train_list) if train_list else lists.get("train", list(identities))
    train = [name for name in train if train_list or name not in test]
    if not train:
        raise UsageError("No identity is left to train on.", "Give --train-list or --test-list.")
    return train, test


def open_corpus(data: Path, out: Path, encoder: str = SPEECH_ENCODER) -> PackedCorpus:
    """Opens a packed file; or a folder that holds one, or a tree, which is packed into `out` once.

    encoder: whose speech vectors of a tree are taken; another than the usual one is packed under its own name.
    """
    from cmet.training.packed import PackedCorpus
    from datasets.preparation.prepare import PACKED

    if not data.exists():
        raise UsageError(f"There is no '{data}'.", "python bench.py prepare makes features of a corpus.")
    if data.is_file():
        return PackedCorpus(data)
    usual = encoder == SPEECH_ENCODER
    if usual and (data / PACKED).is_file():
        return PackedCorpus(data / PACKED)
    packed = out / (Path(PACKED).name if usual else f"{encoder}.safetensors")
    return PackedCorpus(packed if packed.is_file() else PackedCorpus.build(data, packed, f"{encoder}_features"))


def _names(text: str) -> list[str]:
    """The words between commas and spaces."""
    return text.replace(",", " ").split()


def _listed(path: Path) -> list[str]:
    """The first word of every line."""
    if not path.is_file():
        raise UsageError(f"There is no list {path}.")
    try:
        names = [line.split()[0] for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no text in UTF-8.", "A list has one identity a line.") from error
    if not names:
        raise UsageError(f"{path} lists no identity.")
    return list(dict.fromkeys(names))


def official_name(given: dict[str, Any]) -> str:
    """Returns the released code's name of this run's folder."""
    excepted = _names(given["except_emotions"]) or None
    return (
        f"TE_ref_sharing_e2v+L_emo12_MSE+{given['lambda_cnt']}Cnt+{given['lambda_dir']}Dir_{given['identity']}ID_"
        f"{given['passes']}_{given['heads']}H{given['layers']}L_{given['hidden']}_{given['mode']}{given['num_feats']}_"
        f"{given['direction']}_{excepted}_si{given['scale_intensity']}_{given['balance']}"
    )


@contextlib.contextmanager
def _scalars(out: Path | None) -> Iterator[Callable[[str, float, int], None]]:
    """Where scalars go: TensorBoard's file in `out` (of the first process), or nowhere.

    The file is begun with the first scalar, and hides what an interrupted run wrote for that step and later ones.
    """
    if out is None or os.environ.get("RANK", "0") != "0":
        yield lambda *_: None
        return
    with contextlib.ExitStack() as stack:
        writers: list[Any] = []

        def write(name: str, value: float, step: int) -> None:
            if not writers:
                from torch.utils.tensorboard import SummaryWriter

                writers.append(stack.enter_context(SummaryWriter(str(out / "tensorboard"), purge_step=step)))
            writers[0].add_scalar(name, value, step)

        yield write
