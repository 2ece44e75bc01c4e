"""This module chooses where networks run: on a GPU that a short probe found to compute as the CPU does, else there.

`auto` probes; a device that was typed is taken at its word, if it is there. Imports torch when a function is called.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import liveness
from harness.errors import MissingError, UsageError, unknown_name

if TYPE_CHECKING:
    import torch

AUTO = "auto"
KINDS = ("cpu", "cuda", "mps")

#: The largest difference of a probe's numbers, as a share of the largest of them: float32 rounding stays below 2e-6,
#: TF32 (which keeps 10 bits) is above 1e-4.
PROBE_TOLERANCE = 2e-5

#: How far a number of a run on a GPU may be from that of the CPU: a share of it, and points of a share. `compare`
#: allows the same; tests/verbs/test_gpu.py holds it where there is a GPU.
RUN_TOLERANCE, RUN_TOLERANCE_POINTS = 0.005, 0.5

_PROBE_SECONDS = 120.0  # the first kernel of a new driver may be compiled for a minute

_GPU_VARIABLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Choice:
    """Names the device that is used, and says in one sentence why, where there is anything to say."""

    device: str
    why: str = ""


def chosen(wanted: str, automatic: Sequence[str] = ("cuda",)) -> Choice:
    """Returns the device wanted, or for `auto` the first of `automatic` that works here, else the CPU.

    Raises UsageError for an unknown name, MissingError for a typed device that is not on this machine.
    """
    _plain_float32()
    if wanted != AUTO:
        return Choice(known(wanted))
    why = ""
    for kind in automatic:
        here, said = _here(kind)
        problem = probed(kind) if here else said
        if here and not problem:
            return Choice(kind, f"it computes as the CPU does, within {PROBE_TOLERANCE:g}")
        why = why or problem
    return Choice("cpu", why)


def known(device: str) -> str:
    """Returns the device, or raises one sentence why it is not here."""
    import torch

    kind, colon, index = device.partition(":")
    if kind not in KINDS:
        raise unknown_name("device", kind, (AUTO, *KINDS))
    if kind != "cuda" and colon and index != "0":
        raise UsageError(f"There is no device '{device}'.", f"Use --device {kind}.")
    if kind == "cuda" and not torch.cuda.is_available():
        raise MissingError("No CUDA device is usable on this machine.", "Use --device cpu, or check the driver.")
    if kind == "cuda" and colon and not (index.isdecimal() and int(index) < torch.cuda.device_count()):
        raise MissingError(f"There is no device '{device}' on this machine.", "Use --device cuda.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise MissingError("No MPS device is usable on this machine.", "Use --device cpu.")
    return device


def probed(device: str) -> str:
    """Returns what `probe` says, from a process of its own: a driver that crashes or hangs costs that process, and no
    memory of the GPU stays taken, nor the GPU itself where it serves one process alone.
    """
    from harness.guard import Crash
    from harness.parallel import each

    (done,) = each(_probe_in_time, [device], 1, apart=True)
    return f"{device} is not usable: {done.result.reason}" if isinstance(done.result, Crash) else done.result


def _probe_in_time(device: str) -> str:
    with liveness.limited(_PROBE_SECONDS, device):
        return probe(device)


def probe(device: str) -> str:
    """Returns "" where a device computes a convolution and a matrix product in float32 as the CPU does, else one
    sentence why it is not used.
    """
    _plain_float32()
    try:
        found = computed(device, probe_inputs())
    except (RuntimeError, AssertionError) as error:  # a kernel that is not in this build, no memory, a broken driver
        return f"{device} cannot compute: {_first_line(error)}"
    far = deviation(computed("cpu", probe_inputs()), found)
    if far <= PROBE_TOLERANCE:
        return ""
    return f"{device} computes otherwise than the CPU: {far:.1g} of the largest value, {PROBE_TOLERANCE:g} is allowed"


def probe_inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns the same pictures (4, 16, 32, 32), kernels (32, 16, 3, 3) and matrix (1024, 64) every time, float32."""
    import torch

    noise = torch.Generator().manual_seed(0)
    shapes = ((4, 16, 32, 32), (32, 16, 3, 3), (1024, 64))
    pictures, kernels, matrix = (torch.randn(shape, generator=noise) for shape in shapes)
    return pictures, kernels, matrix


def computed(device: str, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Returns, on the CPU, what a device makes of `probe_inputs`: a convolution and a matrix product, (128, 64)."""
    import torch

    pictures, kernels, matrix = (one.to(device) for one in inputs)
    with torch.inference_mode():
        return (torch.nn.functional.conv2d(pictures, kernels, padding=1).reshape(128, 1024) @ matrix).cpu()


def deviation(expected: torch.Tensor, found: torch.Tensor) -> float:
    """Returns the largest difference as a share of the largest value; infinity where one of them is not finite."""
    import torch

    if not bool(torch.isfinite(found).all()):
        return float("inf")
    return float((expected - found).abs().max() / expected.abs().max())


def gpus(device: str) -> tuple[str, ...]:
    """Returns the GPUs that a run on `device` may use, as CUDA_VISIBLE_DEVICES names them: all visible ones for `cuda`,
    none where one was named, or it is the CPU.
    """
    if device != "cuda":
        return ()
    import torch

    given = os.environ.get(_GPU_VARIABLE)
    names = given.split(",") if given else [str(index) for index in range(torch.cuda.device_count())]
    return tuple(names[: torch.cuda.device_count()])


def places(device: str) -> list[dict[str, str]]:
    """Returns for each of several GPUs the environment of a process that sees it alone; [{}] where there is one or
    none.
    """
    several = gpus(device)
    return [{_GPU_VARIABLE: name} for name in several] if len(several) > 1 else [{}]


def name_of(device: str) -> str:
    """Returns a device in words: its kind, and a GPU's name."""
    if not device.startswith("cuda"):
        return device
    import torch

    several = gpus(device)
    return f"{f'{len(several)} x ' if len(several) > 1 else ''}{device} ({torch.cuda.get_device_name(device)})"


def _here(kind: str) -> tuple[bool, str]:
    """Whether torch sees such a device, and what it says where a driver is there and does not work."""
    import torch

    if kind == "mps":
        return torch.backends.mps.is_available(), ""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        here = torch.cuda.is_available()
    return here, f"cuda is not usable: {_first_line(said[0].message)}" if said and not here else ""


def _plain_float32() -> None:
    """Let float32 mean float32 on a GPU: TF32, which convolutions use by default, keeps 10 bits."""
    import torch

    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def _first_line(error: object) -> str:
    return str(error).partition("\n")[0].strip().rstrip(".")
