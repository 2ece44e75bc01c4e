"""This module finds the weights of a judge as its settings want them, and makes the network.

Settings: `weights` another copy, `hash = any` own training, `gate = off` for tests; signatures say the last two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from evaluators.settings import choice
from harness.errors import UsageError
from networks.files.layout import Layout
from networks.files.official import Official
from networks.files.plausibility import ImplausibleError
from networks.files.shipped import Shipped
from networks.files.weights import Weights

if TYPE_CHECKING:
    from torch import nn

#: Settings of a judge that are read here.
SETTINGS = ("weights", "hash", "gate")
ANY = Layout()
Network = TypeVar("Network", bound="nn.Module")


def in_use(weights: Official | Shipped, settings: Mapping[str, str]) -> Weights:
    """Returns `weights` with the changes that settings make. Raises UsageError for another `hash` or `gate`."""
    own = Path(settings["weights"]) if settings.get("weights") else None
    gated = choice(settings, "gate", ("on", "off"), "on") == "on"
    any_hash = choice(settings, "hash", ("published", "any"), "published") == "any"
    if isinstance(weights, Shipped):
        return replace(weights, own=own, gated=gated)
    return replace(weights, own=own, gated=gated, any_hash=any_hash)


def loaded(build: Callable[..., Network], weights: Weights, layout: Layout = ANY) -> Network:
    """Returns the network of `weights`, strictly by names and shapes, in eval mode; not gated.

    build: makes it from the constructor keywords that the file holds, none for a published one. Raises MissingError if
    the file is absent, ImplausibleError if it is damaged or of another network.
    """
    from networks.files.strict_loading import matched

    where = f"The file of the weights '{weights.name}'"
    config, state = weights.config(), weights.state()
    try:
        network = build(**config)
        network.load_state_dict(matched(network, state, layout, where), strict=True)
    except (UsageError, TypeError, ValueError) as error:
        what = error.what if isinstance(error, UsageError) else f"{where} describes another network: {error}."
        raise ImplausibleError(what, "Get the published file.") from error
    return network.eval().requires_grad_(False)
