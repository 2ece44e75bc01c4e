"""This module sizes batches of frames by the memory that is free on a GPU."""

from __future__ import annotations


def batch(device: str, most: int, bytes_each: float) -> int:
    """Returns how many of at most `most` equal pieces (frames) fit into half of a CUDA device's free memory, at least
    1; always 1 on other devices, where several at once gain nothing.
    """
    if not device.startswith("cuda"):
        return 1
    import torch

    return fitting(int(torch.cuda.mem_get_info(torch.device(device))[0]), most, bytes_each)


def fitting(free_bytes: int, most: int, bytes_each: float) -> int:
    """Returns how many of at most `most` pieces fit into half of so much memory, at least 1."""
    return max(1, min(most, int(free_bytes / 2 // bytes_each)))
