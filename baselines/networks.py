"""Which files a native method loads: the small ones that ship, or the official ones of the user."""

from __future__ import annotations

from typing import Any

from baselines.talker import Networks
from harness.errors import unknown_name

WEIGHT_SETS = ("demo", "official")


def load_networks(which: str, needed: tuple[str, ...], device: str) -> Networks:
    """The networks behind `needed` (names of harness/weights.toml), in eval mode on `device`."""
    if which not in WEIGHT_SETS:
        raise unknown_name("weight set", which, WEIGHT_SETS)
    networks = _demo(needed) if which == "demo" else _official(needed)
    for module in (networks.generator, networks.audio2lip, networks.speech, networks.connector):
        if module is not None:
            module.eval().requires_grad_(False).to(device)
    return networks


def _demo(needed: tuple[str, ...]) -> Networks:
    from cmet import demo_weights as demo

    speech = demo.load_speech() if "emotion2vec" in needed else None
    connector = demo.load_connector() if "cmet-connector" in needed else None
    codes: Any = {name: code.numpy() for name, code in demo.expression_codes().items()}
    return Networks(demo.load_generator(), demo.load_audio2lip(), speech, connector, codes)


def _official(needed: tuple[str, ...]) -> Networks:
    from cmet import checkpoints

    speech = checkpoints.load_emotion2vec() if "emotion2vec" in needed else None
    connector = checkpoints.load_connector() if "cmet-connector" in needed else None
    codes = checkpoints.load_expression_codes() if "edtalk-codes" in needed else None
    return Networks(checkpoints.load_generator(), checkpoints.load_audio2lip(), speech, connector, codes)


def weight_digests(which: str, needed: tuple[str, ...]) -> dict[str, str]:
    """name → sha256 of every file that `load_networks` would read and that is here."""
    from harness import weights

    if which == "demo":
        from cmet.demo_weights import FOLDER

        return {path.stem: weights.digest(path) for path in sorted(FOLDER.glob("*.safetensors"))}
    return {state.entry.name: state.found for state in weights.verify(needed) if state.found}
