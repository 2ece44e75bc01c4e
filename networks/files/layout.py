"""This module describes how a published file of weights holds its network."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """Names wrapper keys by preference, and parts of names of tensors that variants carry and nothing needs."""

    wrappers: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
