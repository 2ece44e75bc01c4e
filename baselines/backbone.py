"""This module is shared by the contestants on EDTalk's backbone: options, weights, and the networks that are loaded
once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from baselines.options import refuse_unknown
from cmet.weight_sets import PARTS, WEIGHT_SETS, digests, files_of, load_networks
from harness import weights
from harness.errors import UsageError, unknown_name
from harness.method import Missing
from networks.edtalk.talker import Talker


class BackboneMethod:
    """Renders with EDTalk's generator. Subclasses say by `parts` which networks they need besides it.

    Options: `weights` (official, or the small ones that ship: demo), and those that a subclass adds.
    """

    name: ClassVar[str]
    labels: ClassVar[tuple[str, ...]] = ()
    pose: str = "clip"
    lips: ClassVar[tuple[str, ...]] = ("sound",)
    size: ClassVar[int] = 256
    stochastic: ClassVar[bool] = False
    licence: ClassVar[str] = "Apache-2.0"
    demo_weights: ClassVar[bool] = True
    parts: tuple[str, ...] = ("backbone",)  # which options may make fewer
    options: ClassVar[tuple[str, ...]] = ("weights",)

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        refuse_unknown(options, self.name, self.options)
        self._which = options.get("weights", "official")
        if self._which not in WEIGHT_SETS:
            raise unknown_name("weight set", self._which, WEIGHT_SETS)
        self._connector = Path(options["connector"]).expanduser() if "connector" in options else None
        self.device = device
        self._talker: Talker | None = None

    def missing(self) -> list[Missing]:
        """Returns the official weight files that are not on this machine; the demo ones ship. UsageError where a
        connector of own training is named and not there.
        """
        own = self._connector
        if own is not None and not own.is_file():
            raise UsageError(f"There is no connector '{own}'.", "Name a checkpoint of `python bench.py train`.")
        if self._which == "demo":
            return []
        states = weights.verify(files_of(self.parts), any_hash=True)
        return [
            Missing(f"the weights '{state.entry.name}' ({state.entry.file})", _cure(state.entry))
            for state in states
            if state.status in ("absent", "wrong") and (own is None or state.entry.name not in PARTS["connector"])
        ]

    def weights(self) -> dict[str, str]:
        """Returns name → sha256 of the files this method loads."""
        return digests(self._which, self.parts, self._connector)

    def load(self) -> None:
        """Loads every network once."""
        self._talker = Talker(load_networks(self._which, self.parts, self.device, self._connector), self.device)

    @property
    def talker(self) -> Talker:
        """Returns the backbone with its networks, loaded on first use."""
        if self._talker is None:
            self.load()
        assert self._talker is not None
        return self._talker

    @talker.setter
    def talker(self, loaded: Talker) -> None:
        self._talker = loaded  # one that is in memory already

    def close(self) -> None:
        """Forgets the networks."""
        self._talker = None


def _cure(entry: weights.WeightsEntry) -> str:
    """How a file gets here: most come with one command, and puppets need none of them."""
    if "cmet" in entry.groups:
        return "Type `python bench.py weights fetch cmet`, or use --dataset puppets."
    return weights.cure(entry)
