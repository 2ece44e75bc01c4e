"""This module names the small networks of EAT that ship: of our own training on puppets, none of EAT's weights.

Nothing of pad.npy is among them: beyond the ends of a sound its own nearest part stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from networks.eat.eat import Eat
    from networks.eat.networks import Widths


def config_of(widths: Widths, deepspeech: int) -> dict[str, Any]:
    """Returns the keywords that a small EAT is stored with: its widths in plain containers, its DeepSpeech's width."""
    return {"widths": asdict(widths), "deepspeech": deepspeech}


def widths_of(stored: Mapping[str, Any]) -> Widths:
    """Returns the widths that `config_of` took apart, as JSON gives them back: its lists were tuples.

    Raises TypeError for a keyword that no widths have.
    """
    from networks.eat.audio_to_keypoints import Widths as AudioWidths
    from networks.eat.generator import Widths as GeneratorWidths
    from networks.eat.networks import Widths

    kinds = {"generator": GeneratorWidths, "audio": AudioWidths}
    parts = {name: _with_tuples(value) for name, value in stored.items()}
    given = {name: kind(**parts[name]) for name, kind in kinds.items() if parts.get(name) is not None}
    return Widths(**{**parts, **given})


def _with_tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_tuples(part) for name, part in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _small(widths: Mapping[str, Any], deepspeech: int) -> Eat:
    import torch

    from networks.eat.deepspeech import DeepSpeech
    from networks.eat.eat import OFFSETS, Eat
    from networks.eat.networks import EatNetworks

    basis, mean = torch.zeros(OFFSETS, OFFSETS), torch.zeros(OFFSETS)
    return Eat(EatNetworks(widths_of(widths)), DeepSpeech(deepspeech), basis, mean, padding=None)


SHIPPED_EAT = ShippedFile("eat", _small)
