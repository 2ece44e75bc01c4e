"""This module runs emotion2vec+ large in PyTorch alone: the utterance vectors that C-MET's connector was trained on.

`Emotion2Vec()` has the names and shapes of the official `iic/emotion2vec_plus_large` checkpoint and gives the
numbers of the official pipeline (utterance and frame outputs, nine class scores). Small widths make the demo's
speech encoder of the same class. Source: Ma et al., emotion2vec (ACL Findings 2024) and its released configuration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.errors import UsageError
from harness.records import SAMPLE_RATE_HZ
from networks.emotion2vec.layers import Block, DistanceBias, Positions, Waveforms
from networks.emotion2vec.layout import OFFICIAL
from networks.files.strict_loading import load_into

#: Class names by output index, as the released tokens.txt lists them (English half).
LABELS = ("angry", "disgusted", "fearful", "happy", "neutral", "other", "sad", "surprised", "<unk>")
CONV_LAYERS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))  # (kernel, stride)
LONGEST_SECONDS = 320  # the longest line of MELD has 305
_WAVE_EPS = 1e-5
_NORM_EPS = 1e-5
BATCH_SECONDS = 24.0  # sound per packed batch: more gains nothing on a CPU and costs memory
CHUNK_FRAMES = 128

Wave = npt.NDArray[np.float32] | Tensor
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Encoded:
    """Holds differentiable outputs: `frames` packed (sum of counts, width), 50 a second; `embedding` (B,
    width): means.
    """

    frames: Tensor
    counts: tuple[int, ...]
    embedding: Tensor


class _Blocks(nn.Module):
    """Stacks blocks, with the norm before the first one where there is one (`context_encoder`)."""

    def __init__(self, width: int, heads: int, mlp: int, count: int, norm: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([Block(width, heads, mlp) for _ in range(count)])
        if norm:
            self.norm = nn.LayerNorm(width, eps=_NORM_EPS)


class _Audio(nn.Module):
    """Holds the audio half of the trunk: front, projection, positions, extra tokens, first blocks."""

    def __init__(self, width: int, heads: int, mlp: int, blocks: int, conv_width: int, extra: int, **rest: Any) -> None:
        super().__init__()
        self.local_encoder = Waveforms(conv_width, rest["conv_layers"])
        norm = nn.LayerNorm(conv_width, eps=_NORM_EPS)
        self.project_features = nn.ModuleDict({"1": norm, "2": nn.Linear(conv_width, width)})
        self.relative_positional_encoder = Positions(
            width, rest["position_depth"], rest["position_kernel"], rest["position_groups"]
        )
        self.extra_tokens = nn.Parameter(nn.init.uniform_(torch.empty(1, extra, width), -0.03, 0.03))
        self.alibi_scale = nn.Parameter(torch.ones(1, 1, heads, 1, 1))
        self.context_encoder = _Blocks(width, heads, mlp, blocks, norm=True)

    def features(self, waves: Sequence[Tensor], chunk_frames: int) -> tuple[Tensor, tuple[int, ...]]:
        """Returns the projected rows (sum of counts, width) of waveforms and the number of frames of each."""
        front = self.local_encoder
        counts = tuple(front.frames(len(wave)) for wave in waves)
        pieces, valid, first = [], [], 0
        for wave, count in zip(waves, counts, strict=True):
            slots = -(-len(wave) // front.hop)  # frames start on a common grid, so one pass serves all utterances
            normal = F.layer_norm(wave, wave.shape, eps=_WAVE_EPS)
            pieces.append(F.pad(normal, (0, slots * front.hop - len(wave))))
            valid.append(torch.arange(first, first + count, device=wave.device))
            first += slots
        norm, linear = self.project_features["1"], self.project_features["2"]
        rows = torch.cat([linear(norm(chunk)) for chunk in front(torch.cat(pieces), chunk_frames)])
        return rows[torch.cat(valid)], counts

    def tokens(self, features: Tensor, counts: Sequence[int]) -> Tensor:
        """Returns the rows with the positional signal added, extra tokens in front of each utterance, normalised."""
        rows = features + self.relative_positional_encoder(features, counts)
        parts = [part for own in rows.split(list(counts)) for part in (self.extra_tokens[0], own)]
        normalised: Tensor = self.context_encoder.norm(torch.cat(parts))
        return normalised


class Emotion2Vec(nn.Module):
    """Turns speech into emotion vectors; no arguments = the official network (162 140 185 parameters).

    width: length of the vector; heads, mlp_width (default 4 * width), prenet_blocks + blocks: the transformer;
    conv_width, conv_layers: the front, (kernel, stride) per layer; position_*: the positional convolutions
    (groups must divide width); extra_tokens: learned tokens before each utterance; labels: the classes.
    """

    def __init__(
        self,
        width: int = 1024,
        heads: int = 16,
        mlp_width: int | None = None,
        prenet_blocks: int = 4,
        blocks: int = 8,
        conv_width: int = 512,
        conv_layers: Sequence[Sequence[int]] = CONV_LAYERS,
        position_depth: int = 5,
        position_kernel: int = 19,
        position_groups: int = 16,
        extra_tokens: int = 10,
        labels: Sequence[str] = LABELS,
    ) -> None:
        super().__init__()
        self.width, self.labels, self.extra = width, tuple(labels), extra_tokens
        mlp = mlp_width or 4 * width
        audio = _Audio(
            width, heads, mlp, prenet_blocks, conv_width, extra_tokens,
            conv_layers=[(int(kernel), int(stride)) for kernel, stride in conv_layers],
            position_depth=position_depth, position_kernel=position_kernel, position_groups=position_groups,
        )  # fmt: skip
        self.d2v_model = _Blocks(width, heads, mlp, blocks, norm=False)
        self.d2v_model.modality_encoders = nn.ModuleDict({"AUDIO": audio})
        self.proj = nn.Linear(width, len(self.labels))

    @property
    def _audio(self) -> _Audio:
        audio = self.d2v_model.get_submodule("modality_encoders.AUDIO")
        assert isinstance(audio, _Audio)
        return audio

    def forward(self, waves: Sequence[Tensor] | Tensor, chunk_frames: int = 1 << 30) -> Encoded:
        """Encode 16 kHz waves, a list of (n,) or a batch (B, n); differentiable, equal to one at a time.

        There is no padding anywhere: utterances of unequal length are packed one behind the other.
        """
        features, counts = self._audio.features(list(waves), chunk_frames)
        rows = self._audio.tokens(features, counts)
        sizes = [count + self.extra for count in counts]
        bias = DistanceBias(self._audio.alibi_scale, self.extra)
        for block in (*self._audio.context_encoder.blocks, *self.d2v_model.blocks):
            rows = block(rows, sizes, bias)
        frames = [part[self.extra :] for part in rows.split(sizes)]
        return Encoded(torch.cat(frames), counts, torch.stack([part.mean(dim=0) for part in frames]))

    def classify(self, embedding: Tensor) -> Tensor:
        """Returns the class logits (N, classes) of embeddings (N, width), in the order of `labels`."""
        logits: Tensor = self.proj(embedding)
        unused = [label.startswith("unuse") for label in self.labels]  # older releases print fewer classes so
        return logits.masked_fill(torch.tensor(unused, device=logits.device), -torch.inf)

    def embed(self, waves: Sequence[Wave], names: Sequence[object] = ()) -> Floats:
        """Returns utterance vectors (N, width) float32 of 16 kHz mono waves in [-1, 1), each as if it were alone.

        Raises UsageError for a wave that is too short (under 400 samples), too long (over LONGEST_SECONDS: the
        network compares every frame with every other; cut it into utterances), not float, or not finite; the
        sentence calls the wave by its entry in `names`, if given.
        """
        vectors = [self._numpy(encoded.embedding) for encoded in self._run(waves, names)]
        return np.concatenate([np.zeros((0, self.width), np.float32), *vectors])

    def frames(self, waves: Sequence[Wave]) -> list[Floats]:
        """Returns the frame outputs, one (T, width) float32 array per wave, 50 frames a second. Errors as `embed`."""
        frames: list[Floats] = []
        for encoded in self._run(waves):
            frames.extend(self._numpy(part) for part in encoded.frames.split(list(encoded.counts)))
        return frames

    def scores(self, waves: Sequence[Wave]) -> Floats:
        """Returns class probabilities (N, classes) in the order of `labels`. Errors as `embed`."""
        with torch.inference_mode():
            embedding = torch.from_numpy(self.embed(waves)).to(self.proj.weight.device)
            return self._numpy(self.classify(embedding).softmax(dim=-1))

    def load_official(self, source: str | Path | Mapping[str, Any]) -> Emotion2Vec:
        """Load the official `model.pt` (or a safetensors copy, or a state dict, bare or wrapped) and set eval mode.

        Strict on the names and shapes of everything this network has; the optimiser state and a decoder are ignored
        and never unpickled. Raises UsageError that names the missing or unexpected tensor.
        """
        load_into(self, OFFICIAL, source, "emotion2vec")
        return self

    def _run(self, waves: Sequence[Wave], names: Sequence[object] = ()) -> Iterator[Encoded]:
        called = names or [f"Wave {index} of the list" for index in range(len(waves))]
        checked = [self._checked(wave, name) for wave, name in zip(waves, called, strict=True)]
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            for batch in _batches(checked, self._batch_samples()):
                yield self(batch, CHUNK_FRAMES if batch[0].device.type == "cpu" else 64 * CHUNK_FRAMES)

    def _batch_samples(self) -> int:
        seconds = BATCH_SECONDS if self.proj.weight.device.type == "cpu" else 10 * BATCH_SECONDS
        return int(seconds * SAMPLE_RATE_HZ)

    def _checked(self, wave: Wave, name: object) -> Tensor:
        tensor = torch.as_tensor(wave)
        if tensor.ndim != 1 or not tensor.is_floating_point():
            raise UsageError(f"{name} is {tuple(tensor.shape)} {tensor.dtype}.", "Give mono float samples in [-1, 1).")
        least = self._audio.local_encoder.receptive
        if len(tensor) < least:
            raise UsageError(f"{name} has {len(tensor)} samples; emotion2vec needs {least} ({least / 16:.0f} ms).")
        if len(tensor) > LONGEST_SECONDS * SAMPLE_RATE_HZ:
            seconds = len(tensor) / SAMPLE_RATE_HZ
            raise UsageError(
                f"{name} lasts {seconds:.0f} s; emotion2vec takes at most {LONGEST_SECONDS} s.",
                "It describes single utterances: cut the sound into sentences.",
            )
        if not bool(torch.isfinite(tensor).all()):
            raise UsageError(f"{name} holds values that are not finite.")
        return tensor.to(self.proj.weight.device, torch.float32)

    @staticmethod
    def _numpy(values: Tensor) -> Floats:
        array: Floats = values.float().cpu().numpy()
        return array


def _batches(waves: Sequence[Tensor], samples: int) -> Iterator[list[Tensor]]:
    """Consecutive waves of together at most `samples` samples; a longer wave is a batch of its own."""
    batch: list[Tensor] = []
    for wave in waves:
        if batch and sum(map(len, batch)) + len(wave) > samples:
            yield batch
            batch = []
        batch.append(wave)
    if batch:
        yield batch
