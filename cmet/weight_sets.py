"""Chooses the files that C-MET and EDTalk load: the small ones that ship, or the official ones of the user."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cmet.connector import Connector
from cmet.connector_files import CONNECTOR, SHIPPED_CONNECTOR
from harness import weights
from harness.digest import digest
from harness.errors import MissingError, UsageError, unknown_name
from networks.edtalk import files as edtalk
from networks.edtalk.generator import Audio2Lip, Generator
from networks.edtalk.talker import Networks
from networks.emotion2vec.features import OFFICIAL_WIDTH, SpeechFeatures
from networks.emotion2vec.files import EMOTION2VEC, SHIPPED_SPEECH, EncoderFile
from networks.files.official import Official, OfficialFile
from networks.files.shipped import ShippedFile
from networks.files.weights import Weights

#: The name of each part in harness/weights.toml.
PARTS = {
    "backbone": ("edtalk", "audio2lip"),
    "lip-pose": ("edtalk-lip-pose", "audio2lip"),  # in place of the backbone
    "speech": ("emotion2vec",),
    "connector": ("cmet-connector",),
    "codes": (edtalk.CODES,),
}


@dataclass(frozen=True)
class WeightSet:
    """Holds the files of one set. `codes`: EDTalk's stored expression codes, which may have files of their own;
    `lip_pose`: the generator without expression, which not every set has.
    """

    generator: OfficialFile[Generator] | ShippedFile[Generator]
    audio2lip: OfficialFile[Audio2Lip] | ShippedFile[Audio2Lip]
    speech: EncoderFile
    connector: OfficialFile[Connector] | ShippedFile[Connector]
    codes: Callable[[], edtalk.Codes]
    code_files: Callable[[], tuple[Weights, ...]]
    lip_pose: OfficialFile[Generator] | None = None

    def faces(self, parts: tuple[str, ...]) -> OfficialFile[Generator] | ShippedFile[Generator]:
        """Returns the generator's file of `parts`. MissingError where the set has none of lips and pose alone."""
        if "lip-pose" not in parts:
            return self.generator
        if self.lip_pose is None:
            raise MissingError("EDTalk's lip-and-pose model has no demo weights.", "Leave the option `weights` out.")
        return self.lip_pose

    def files(self, parts: tuple[str, ...]) -> tuple[Weights, ...]:
        """Returns the files that `parts` load."""
        networks = {
            "backbone": (self.generator, self.audio2lip),
            "lip-pose": (self.faces(parts), self.audio2lip),
            "speech": (self.speech,),
            "connector": (self.connector,),
        }
        all_files = tuple(file.weights() for part in parts for file in networks.get(part, ()))
        return all_files + (self.code_files() if "codes" in parts else ())


SETS = {
    "demo": WeightSet(
        edtalk.SHIPPED_GENERATOR,
        edtalk.SHIPPED_AUDIO2LIP,
        SHIPPED_SPEECH,
        SHIPPED_CONNECTOR,
        edtalk.shipped_expression_codes,
        tuple,  # the generator's file holds them
    ),
    "official": WeightSet(
        edtalk.GENERATOR,
        edtalk.AUDIO2LIP,
        EMOTION2VEC,
        CONNECTOR,
        edtalk.expression_codes,
        edtalk.expression_code_files,
        edtalk.LIP_POSE_GENERATOR,
    ),
}
WEIGHT_SETS = tuple(SETS)


def files_of(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names in harness/weights.toml of everything that `parts` need."""
    return tuple(name for part in parts for name in PARTS[part])


def load_networks(
    which: str, parts: tuple[str, ...], device: str = "cpu", connector: Path | str | None = None
) -> Networks:
    """Returns the networks of `parts` ("backbone" or "lip-pose" always), in eval mode on `device`.

    connector: a checkpoint of own training in place of the set's. Raises MissingError for absent files, UsageError for
    a connector of other speech features or codes.
    """
    if which not in SETS:
        raise unknown_name("weight set", which, SETS)
    files = SETS[which]
    _demand(files.files(tuple(part for part in parts if connector is None or part != "connector")))
    speech = SpeechFeatures.of(files.speech, device=device) if "speech" in parts else None
    generator, chosen = files.faces(parts).load(), None
    if "connector" in parts:
        chosen = files.connector.load() if connector is None else _own_connector(connector, which, generator.exp)
    networks = Networks(generator, files.audio2lip.load(), speech, chosen, files.codes() if "codes" in parts else None)
    for module in (networks.generator, networks.audio2lip, networks.connector):
        if module is not None:
            module.eval().requires_grad_(False).to(device)
    return networks


def _own_connector(path: Path | str, which: str, codes: int) -> Connector:
    """A connector of own training that fits the networks of a weight set."""
    if not Path(path).expanduser().is_file():
        raise UsageError(f"There is no connector '{path}'.", "Name a checkpoint of `python bench.py train`.")
    made = CONNECTOR.load(path)
    given = (made.speaker_encoder.proj.in_features, made.exp)
    if given != (speech_width(which), codes):
        raise UsageError(
            f"The connector {path} is of other networks than the {which} ones: it takes {given[0]} speech numbers and "
            f"{given[1]} of expression, not {speech_width(which)} and {codes}.",
            "Choose the --weights that its features were made with.",
        )
    return made


def speech_width(which: str) -> int:
    """Returns the number of values of a speech feature in a weight set."""
    return int(SETS[which].speech.weights().config().get("width", OFFICIAL_WIDTH))


def _demand(files: tuple[Weights, ...]) -> None:
    """All that is absent in one sentence, before the first file is read."""
    names = [file.name for file in files if isinstance(file, Official)]
    states = weights.verify(names, any_hash=True) if names else []
    absent = [state.entry for state in states if state.status == "absent"]
    if len(absent) > 1:
        wanted = ", ".join(f"'{entry.name}' ({entry.file})" for entry in absent)
        cure = f"Type: python bench.py weights fetch {' '.join(entry.name for entry in absent)}"
        raise MissingError(f"The weights {wanted} are not on this machine.", f"{cure} (`weights list` shows licences).")


def digests(which: str, parts: tuple[str, ...], connector: Path | str | None = None) -> dict[str, str]:
    """Returns name → sha256 of every file that `load_networks` would read and that is here."""
    files = SETS[which]
    digest_of = {file.name: digest(file.path()) for file in files.files(parts) if not file.missing()}
    if connector is not None and Path(connector).is_file():
        digest_of[files.connector.name] = digest(Path(connector))
    return digest_of
