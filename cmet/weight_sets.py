"""Which files C-MET and EDTalk load: the small ones that ship, or the official ones of the user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import weights
from harness.errors import MissingError, UsageError, unknown_name
from networks.edtalk.talker import Networks
from networks.emotion2vec.features import OFFICIAL_WIDTH, SpeechFeatures

if TYPE_CHECKING:
    from cmet.connector import Connector

WEIGHT_SETS = ("demo", "official")

#: What each part is called in harness/weights.toml.
PARTS = {
    "backbone": ("edtalk", "audio2lip"),
    "speech": ("emotion2vec",),
    "connector": ("cmet-connector",),
    "codes": ("edtalk-codes",),
}


def files_of(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Names in harness/weights.toml of everything that `parts` need."""
    return tuple(name for part in parts for name in PARTS[part])


def load_networks(
    which: str, parts: tuple[str, ...], device: str = "cpu", connector: Path | str | None = None
) -> Networks:
    """The networks of `parts` ("backbone" always), in eval mode on `device`.

    connector: a checkpoint of own training in place of the set's. Raises MissingError for absent files, UsageError for
    a connector of other speech features or codes.
    """
    if which not in WEIGHT_SETS:
        raise unknown_name("weight set", which, WEIGHT_SETS)
    networks = _demo(parts, device, connector) if which == "demo" else _official(parts, device, connector)
    for module in (networks.generator, networks.audio2lip, networks.connector):
        if module is not None:
            module.eval().requires_grad_(False).to(device)
    return networks


def _own_connector(path: Path | str, which: str, codes: int) -> Connector:
    """A connector of own training that fits the networks of a weight set."""
    from cmet.checkpoints import load_connector

    if not Path(path).expanduser().is_file():
        raise MissingError(f"There is no connector '{path}'.", "Name a checkpoint of `python bench.py train`.")
    made = load_connector(path)
    given = (made.speaker_encoder.proj.in_features, made.exp)
    if given != (speech_width(which), codes):
        raise UsageError(
            f"The connector {path} is of other networks than the {which} ones: it takes {given[0]} speech numbers and "
            f"{given[1]} of expression, not {speech_width(which)} and {codes}.",
            "Choose the --weights that its features were made with.",
        )
    return made


def speech_width(which: str) -> int:
    """Numbers of a speech feature in a weight set."""
    if which == "official":
        return OFFICIAL_WIDTH
    from cmet.demo_weights import speech_width as of_demo

    return of_demo()


def _demo(parts: tuple[str, ...], device: str, own: Path | str | None) -> Networks:
    from cmet import demo_weights as demo

    speech = None
    if "speech" in parts:
        file = demo.FOLDER / "speech.safetensors"
        speech = SpeechFeatures(lambda: demo.load_speech().to(device), weights.digest(file), demo.speech_width())
    generator, connector = demo.load_generator(), None
    if "connector" in parts:
        connector = demo.load_connector() if own is None else _own_connector(own, "demo", generator.exp)
    codes: Any = {name: code.numpy() for name, code in demo.expression_codes().items()}
    return Networks(generator, demo.load_audio2lip(), speech, connector, codes)


def _official(parts: tuple[str, ...], device: str, own: Path | str | None) -> Networks:
    from cmet import checkpoints

    _demand(tuple(part for part in parts if own is None or part != "connector"))
    speech = SpeechFeatures.official(device=device) if "speech" in parts else None
    generator, connector = checkpoints.load_generator(), None
    if "connector" in parts:
        connector = checkpoints.load_connector() if own is None else _own_connector(own, "official", generator.exp)
    codes = checkpoints.load_expression_codes() if "codes" in parts else None
    return Networks(generator, checkpoints.load_audio2lip(), speech, connector, codes)


def _demand(parts: tuple[str, ...]) -> None:
    """All that is absent in one sentence, before the first file is read."""
    absent = [state.entry for state in weights.verify(files_of(parts), any_hash=True) if state.status == "absent"]
    if len(absent) > 1:
        names = ", ".join(f"'{entry.name}' ({entry.file})" for entry in absent)
        cure = f"Type: python bench.py weights fetch {' '.join(entry.name for entry in absent)}"
        raise MissingError(f"The weights {names} are not on this machine.", f"{cure} (`weights list` shows licences).")


def digests(which: str, parts: tuple[str, ...], connector: Path | str | None = None) -> dict[str, str]:
    """name → sha256 of every file that `load_networks` would read and that is here."""
    if which == "demo":
        from cmet.demo_weights import FOLDER

        found = {path.stem: weights.digest(path) for path in sorted(FOLDER.glob("*.safetensors"))}
    else:
        found = {
            state.entry.name: state.found for state in weights.verify(files_of(parts), any_hash=True) if state.found
        }
    if connector is not None and Path(connector).is_file():
        found["connector" if which == "demo" else PARTS["connector"][0]] = weights.digest(Path(connector))
    return found
