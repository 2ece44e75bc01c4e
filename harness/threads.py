"""This module sets how mathematics is done: threads, and float32 products. It imports nothing: it must precede numpy
and torch.
"""

from __future__ import annotations

import os
import sys

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def one_thread() -> None:
    """Compute with one thread in this process: sums then have one order, whatever --jobs and the machine are.

    numpy's BLAS reads the environment when numpy is imported, so this comes first; torch can be set later too.
    Many small factorisations (intervals of pooled metrics) are also faster that way. On a GPU, float32 stays float32:
    TF32, which convolutions use by default, keeps 10 bits (its effect: docs/speed.md).
    """
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
        torch.backends.cudnn.allow_tf32 = False
