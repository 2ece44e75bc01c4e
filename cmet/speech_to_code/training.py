"""This module trains the connector on speech features and stored expression codes: little data, one process, minutes.

Three things differ from training on a corpus, each because a few dozen utterances per emotion are all there is:

* the speech encoder's bias starts random. Linear -> GELU -> LayerNorm with zero bias is blind to the length of its
  input, and quiet emotions (contempt) differ from neutral speech in exactly that;
* besides the focal squared error, the prediction must be nearest to its own of the eight codes: balanced MSE's
  cross-entropy (Ren et al. 2022), its candidates being all codes instead of a batch;
* batch norm's statistics come from the codes once and are then kept: with a neutral source in nearly every row, a
  batch's own variance is near zero and says nothing about what inference will see.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from cmet.connector import Connector
from cmet.losses import focal_mse
from cmet.speech_to_code.sampler import Sampler, Settings
from cmet.speech_to_code.speech_bank import SpeechBank
from harness.errors import BenchError
from harness.seeds import seed_for


def build(speech_size: int, code_size: int, settings: Settings) -> Connector:
    """Returns a connector at its start; draws from a generator of its own, the global state is as before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        connector = Connector(
            window=settings.window,
            hidden=settings.hidden,
            exp=code_size,
            speech=speech_size,
            layers=settings.layers,
            heads=settings.heads,
            feedforward=settings.feedforward,
            dropout=settings.dropout,
        )
        if settings.speech_bias:
            nn.init.normal_(connector.speaker_encoder.proj.bias, std=settings.speech_bias)
    return connector


def directions_table(codes: Tensor) -> Tensor:
    """Returns (64, C): code of emotion `row % 8` minus that of emotion `row // 8`."""
    return (codes[None] - codes[:, None]).reshape(-1, codes.shape[1])


def freeze_batch_norm(connector: Connector, codes: Tensor) -> None:
    """Give every batch norm the statistics of the eight codes and of their differences, and keep them there."""
    norms = [module for module in connector.modules() if isinstance(module, nn.BatchNorm1d)]
    speech = codes.new_zeros(1, 1, connector.speaker_encoder.proj.in_features)
    connector.train()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        connector.embed(directions_table(codes)[None], speech, codes[None])
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


class Member(nn.Module):
    """Holds one connector and the scale of its cross-entropy; its forward pass is the loss of a batch's rows."""

    def __init__(self, connector: Connector, codes: Tensor, settings: Settings) -> None:
        super().__init__()
        self.connector = connector
        self.log_sigma = nn.Parameter(torch.tensor(math.log(settings.sigma)))
        self._codes, self._cross_entropy = codes, settings.cross_entropy

    def predict(self, speech: Tensor, source: Tensor, reference: Tensor) -> Tensor:
        """Returns the directions (B, C), the mean over the window. Every row has stored codes, so each is embedded only
        once.
        """
        codes, connector = self._codes, self.connector
        references, speech, expressions = connector.embed(directions_table(codes)[None], speech, codes[None])
        window = connector.window
        first = references[0, reference][:, None].expand(-1, window, -1)
        last = expressions[0, source][:, None].expand(-1, window, -1)
        fused = connector.fusion_transformer_encoder(first, speech, last, keep=window)
        return connector.projector(fused).mean(dim=1)

    def forward(self, speech: Tensor, source: Tensor, target: Tensor, reference: Tensor) -> Tensor:
        """Returns the focal squared error of the direction, and the cross-entropy of the code it leads to among all
        eight.
        """
        directions = self.predict(speech, source, reference)
        codes = self._codes
        loss = focal_mse(directions, codes[target] - codes[source])
        distance = (codes[source] + directions)[:, None] - codes[None]
        logits = -distance.square().sum(dim=-1) / (2 * torch.exp(2 * self.log_sigma))
        return loss + self._cross_entropy * F.cross_entropy(logits, target)


def train(
    bank: SpeechBank, speakers: tuple[str, ...], settings: Settings, log: Callable[[str], None] = lambda _: None
) -> tuple[Connector, ...]:
    """Returns `settings.members` connectors in eval mode, trained on `speakers`: running averages of their weights.

    Members differ in their first weights and in their batches; with so little data, so do their errors,
    and the mean of their directions is better than one of them. They train side by side, each operation once for all.
    Same settings, same result. BenchError if a weight is no number in the end.
    """
    codes = torch.from_numpy(bank.codes)
    sampler = Sampler(bank, speakers, settings)
    members = [_first(sampler.rows.shape[1], codes, settings, number) for number in range(settings.members)]
    stacked, buffers = torch.func.stack_module_state(members)
    weights: list[Tensor] = list(stacked.values())
    averages = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    losses = torch.vmap(_loss_of(members[0]), randomness="different")
    with torch.random.fork_rng(devices=[]), sdpa_kernel(SDPBackend.MATH):  # the others cannot be batched over members
        torch.manual_seed(settings.seed)
        for step in range(settings.steps):
            optimizer.param_groups[0]["lr"] = settings.learning_rate * _schedule(step, settings)
            batch = sampler.draw()
            loss = losses(stacked, buffers, batch.speech, batch.source, batch.target, batch.reference)
            optimizer.zero_grad()
            loss.sum().backward()
            optimizer.step()
            with torch.no_grad():
                torch._foreach_lerp_(averages, weights, 1 - min(settings.average, step / (step + 10)))
            if (step + 1) % 50 == 0:
                log(f"step {step + 1} of {settings.steps}: loss {loss.mean().item():.4f}")
    if not all(bool(average.isfinite().all()) for average in averages):  # the nearest code would still be some emotion
        raise BenchError("The training went astray: its weights are no numbers any more.", "Lower --learning-rate.")
    return tuple(_fill(member, stacked, averages, row) for row, member in enumerate(members))


def _first(speech_size: int, codes: Tensor, settings: Settings, number: int) -> Member:
    seed = seed_for(settings.seed, "member", str(number)) if number else settings.seed
    connector = build(speech_size, codes.shape[1], replace(settings, seed=seed))
    freeze_batch_norm(connector, codes)
    return Member(connector, codes, settings)


def _loss_of(shape: Member) -> Callable[..., Tensor]:
    def loss(weights: dict[str, Tensor], buffers: dict[str, Tensor], *rows: Tensor) -> Tensor:
        loss_rows: Tensor = torch.func.functional_call(shape, (weights, buffers), rows)
        return loss_rows

    return loss


@torch.no_grad()
def _fill(member: Member, names: dict[str, Tensor], averages: list[Tensor], row: int) -> Connector:
    own = dict(member.named_parameters())
    for name, average in zip(names, averages, strict=True):
        own[name].copy_(average[row])
    return member.connector.eval()


def _schedule(step: int, settings: Settings) -> float:
    """Linear warm-up, then half a cosine down to zero."""
    return min(1.0, (step + 1) / settings.warmup) * 0.5 * (1 + math.cos(math.pi * step / settings.steps))
