"""Trains C-MET's connector in a loop: resumable to the bit, alone or data-parallel, on a CPU or on GPUs.

Everything random in step n is seeded by (seed, n), dropout by the process too: killed and continued, a run has the same
losses as one that was never stopped. N processes of B rows do the step of one of N * B rows (data_parallel).
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cmet.connector import Connector
from cmet.training.checkpoint_files import (
    checkpoints,
    load_encoders,
    prune,
    read_checkpoint,
    sweep,
    write_checkpoint,
    write_widths,
)
from cmet.training.corpus import TrainingCorpus
from cmet.training.data_parallel import share_batch_norm
from cmet.training.objective import (
    TERMS,
    Objective,
    Tensors,
    TrainingPass,
    evaluate,
    follow,
    make_optimizer,
    to_tensors,
    train_step,
    weaken_reference,
)
from cmet.training.plan import ProcessRank, TrainingPlan
from cmet.training.record import LOSSES, SETTINGS, Lines, cut_log, differences, settings_of
from cmet.training.sampler import Arrays, SampleOptions, draw_batch, epoch_of
from harness.errors import BenchError, UsageError
from harness.seeds import seed_for

_DIVERGED = "Lower --lr, or train in fp32."
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Trainer:
    """Trains one run in one folder. `widths`: keywords of `Connector`.

    The folder must be new, or hold a run of the same settings and `resume` be true; else UsageError.
    """

    def __init__(
        self,
        folder: Path,
        corpus: TrainingCorpus,
        validation: TrainingCorpus | None,
        options: SampleOptions,
        objective: Objective,
        plan: TrainingPlan,
        widths: Mapping[str, int | float],
        process: ProcessRank | None = None,
        resume: bool = False,
        scalars: Callable[[str, float, int], None] = lambda *_: None,
    ) -> None:
        self.folder, self.corpus, self.validation = folder, corpus, validation
        self.options, self.plan, self.process, self.scalars = options, plan, process or ProcessRank(), scalars
        self.step = 0
        self.waited_seconds = 0.0
        """How long `run` waited for batches."""
        self._settings = settings_of(options, objective, widths, plan, corpus.identities, self.process.ranks)
        connector = _first_connector(widths, plan.seed)
        self.module = TrainingPass(connector, objective).to(self.process.device).train()
        self.optimizer = make_optimizer(self.module, plan.learning_rate, plan.weight_decay)
        self.averaged = copy.deepcopy(connector).requires_grad_(False) if plan.ema else None
        self._open(resume)
        self.parallel = self._joined()

    def _joined(self) -> nn.Module:
        """The module that a step runs through: with the other processes, where there are any."""
        if self.process.ranks == 1:
            return self.module
        ids = [self.process.device.index] if self.process.device.type == "cuda" else None
        share_batch_norm(self.module)
        return DistributedDataParallel(self.module, device_ids=ids)

    @property
    def connector(self) -> Connector:
        """Returns the network in training."""
        return self.module.connector

    def _open(self, resume: bool) -> None:
        earlier = checkpoints(self.folder)
        if earlier and not resume:
            raise UsageError(f"{self.folder} holds a run already.", "Add --resume, or choose another --out.")
        record = self.folder / SETTINGS
        if earlier and record.is_file():
            before = json.loads(record.read_text(encoding="utf-8"))
            now = json.loads(json.dumps(self._settings))
            changed = sorted(k for part in now for k in differences(part, before.get(part), now[part]))
            if changed:
                raise UsageError(
                    f"{self.folder} was begun with other settings: {', '.join(changed)}.",
                    "Repeat them, or choose another --out.",
                )
        if earlier:
            self._load(earlier[-1])
        elif self.process.rank == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            record.write_text(json.dumps(self._settings, indent=2) + "\n", encoding="utf-8")
            write_widths(self.folder, self._settings["widths"])
        if self.process.rank == 0:
            sweep(self.folder)
            cut_log(self.folder / LOSSES, self.step)

    def _load(self, path: Path) -> None:
        content = read_checkpoint(path, self.process.device)
        if "training" not in content or content["optimizer"] is None:
            raise UsageError(f"{path} holds no optimiser: it can be used, not continued.", "Choose another --out.")
        extra = content["training"]
        self.connector.load_state_dict(extra.get("weights", content["state_dict"]))
        if self.averaged is not None:
            self.averaged.load_state_dict(content["state_dict"])
        if self.module.balanced is not None:
            self.module.balanced.load_state_dict(extra["balanced"])
        self.optimizer.load_state_dict(content["optimizer"])
        self.step = int(content["global_step"])

    def preload(self, path: Path) -> None:
        """Begins with the speech and code encoders of a file; for a new run."""
        for network in (self.connector, self.averaged):
            if network is not None:
                load_encoders(network, path)

    def save(self) -> None:
        """Writes the checkpoint of the steps done so far (first process only); with EMA `state_dict` is the average.

        BenchError where a weight is no number any more: older checkpoints are not pruned for such a one.
        """
        if self.process.rank:
            return
        if not all(bool(value.isfinite().all()) for value in self.connector.state_dict().values()):
            raise BenchError(f"After {self.step} steps the weights are no numbers any more.", _DIVERGED)
        extra: dict[str, Any] = {}
        if self.averaged is not None:
            extra["weights"] = self.connector.state_dict()
        if self.module.balanced is not None:
            extra["balanced"] = self.module.balanced.state_dict()
        network = self.averaged if self.averaged is not None else self.connector
        epoch, _ = epoch_of(self.corpus, self.step, self.plan.batch * self.process.ranks)
        write_checkpoint(self.folder, network.state_dict(), self.optimizer.state_dict(), epoch, self.step, extra)
        prune(self.folder, self.plan.keep, self.plan.keep_every)

    def run(self) -> None:
        """Trains until `plan.steps`; a checkpoint at the end. BenchError when the loss is no number any more."""
        devices = [self.process.device] if self.process.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), self._log_file() as write:
            begun = self.step
            for arrays in self._batches():
                self._before_step(fresh=self.step > begun or not begun)
                terms = self._one_step(to_tensors(arrays, self.process.device))
                if self.plan.log_every and self.step % self.plan.log_every == 0:
                    write(self._checked(terms))
                self.step += 1
            self.save()

    def _before_step(self, fresh: bool) -> None:
        due = self.plan.checkpoint_every and self.step % self.plan.checkpoint_every == 0
        if due and fresh:
            self.save()
        every = self.plan.evaluate_every
        if every and self.validation is not None and (self.step % every == 0 or self.step == 100):
            for name, value in self.evaluate().items():
                self.scalars(f"validation/{name}", value, self.step)

    def _one_step(self, batch: Tensors) -> Tensor:
        plan, process = self.plan, self.process
        torch.manual_seed(seed_for(plan.seed, "dropout", str(self.step), str(process.rank)))
        source = torch.Generator().manual_seed(seed_for(plan.seed, "reference", str(self.step)))
        chance = torch.rand(plan.batch * process.ranks, generator=source)[process.rank * plan.batch :][: plan.batch]
        batch = weaken_reference(self.connector, batch, plan.reference_dropout, plan.scheduled_sampling, chance)
        terms = train_step(self.parallel, self.optimizer, batch, _DTYPES[plan.precision])
        if self.averaged is not None:
            follow(self.averaged, self.connector, min(plan.ema, (self.step + 1) / (self.step + 10)))
        return terms

    def _checked(self, terms: Tensor) -> dict[str, float]:
        if self.process.ranks > 1:
            terms = terms / self.process.ranks
            torch.distributed.all_reduce(terms)
        values = dict(zip(TERMS, terms.tolist(), strict=True))
        if not math.isfinite(values["total"]):
            raise BenchError(f"The loss of step {self.step} is {values['total']}.", _DIVERGED)
        for name, value in values.items():
            self.scalars(f"train/{name}", value, self.step)
        return {"step": self.step, **values}

    def _log_file(self) -> Lines:
        return Lines(self.folder / LOSSES if self.process.rank == 0 else None)

    def _batches(self) -> Iterator[Arrays]:
        """Batches of the remaining steps, the next one being drawn while this one is trained on."""
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._draw, self.step) if self.step < self.plan.steps else None
            for step in range(self.step, self.plan.steps):
                assert waiting is not None
                asked = time.perf_counter()
                arrays = waiting.result()
                self.waited_seconds += time.perf_counter() - asked
                waiting = pool.submit(self._draw, step + 1) if step + 1 < self.plan.steps else None
                yield arrays

    def _draw(self, step: int) -> Arrays:
        return draw_batch(
            self.corpus, self.options, self.plan.seed, step, self.plan.batch, self.process.rank, self.process.ranks
        )

    def evaluate(self) -> dict[str, float]:
        """Returns measures on the validation identities, the same batches every time; the average's where there
        is one.
        """
        assert self.validation is not None
        size = min(self.plan.batch, len(self.validation.clips))
        count = self.plan.validation_passes * max(1, len(self.validation.clips) // size)
        batches = (
            to_tensors(draw_batch(self.validation, self.options, self.plan.seed + 1, i, size), self.process.device)
            for i in range(count)
        )
        module = self.module
        if self.averaged is not None:
            module = TrainingPass(self.averaged, self.module.objective).to(self.process.device)
            module.balanced = self.module.balanced
        return evaluate(module, batches)


def _first_connector(widths: Mapping[str, int | float], seed: int) -> Connector:
    """A connector at its start; the global random state is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Connector(**widths)  # type: ignore[arg-type]
