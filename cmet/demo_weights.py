"""The small networks that ship in the repository: their files, how they are stored, and how they load.

A file is safetensors: float16 tensors (directions and codes stay float32) and, as metadata, the constructor
keywords, the recipe and the seed. What is stored is what was measured: figures are taken after this round trip.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.atomic import replacing
from harness.errors import MissingError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from cmet.connector import Connector
    from networks.edtalk.generator import Audio2Lip, Generator
    from networks.emotion2vec.encoder import Emotion2Vec

FOLDER = Path(__file__).resolve().parent / "demo"
_EXACT = ("direction_", "codes.")  # prefixes of tensors whose rounding would tilt an axis


def store(
    path: Path, module: nn.Module, config: dict[str, Any], recipe: dict[str, Any], extra: dict[str, Tensor]
) -> None:
    """Write `module` (float16) and `extra` tensors (named `codes.*`, float32) with metadata to `path`, atomically."""
    import torch
    from safetensors.torch import save

    tensors = {}
    for name, tensor in {**module.state_dict(), **extra}.items():
        shrink = tensor.dtype == torch.float32 and not name.startswith(_EXACT)
        tensors[name] = (tensor.half() if shrink else tensor).contiguous().clone()
    metadata = {"config": json.dumps(config), "recipe": json.dumps(recipe)}
    with replacing(path) as partial:
        partial.write_bytes(save(tensors, metadata))  # the library's own writer tells a full disk in a class of its own


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (float32 again) and constructor keywords of a stored file. Raises MissingError if it is not there."""
    import torch
    from safetensors import safe_open

    if not path.is_file():
        raise MissingError(
            f"The demo weights {path} are not there.", "They are part of the repository: git checkout -- " + path.name
        )
    with safe_open(str(path), framework="pt") as file:
        config = json.loads(file.metadata()["config"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    return {n: t.float() if t.dtype == torch.float16 else t for n, t in tensors.items()}, config


def speech_width() -> int:
    """Numbers of a speech feature that the demo connector takes."""
    return int(read(FOLDER / "connector.safetensors")[1]["speech"])


def _loaded(module: nn.Module, tensors: dict[str, Tensor]) -> Any:
    module.load_state_dict({n: t for n, t in tensors.items() if not n.startswith("codes.")}, strict=True)
    return module.eval().requires_grad_(False)


def load_generator(path: Path | None = None) -> Generator:
    """The demo generator (pictures of `.size` px), in eval mode."""
    from networks.edtalk.generator import Generator

    tensors, config = read(path or FOLDER / "generator.safetensors")
    config["channels"] = {int(size): width for size, width in config["channels"].items()}
    generator: Generator = _loaded(Generator(**config), tensors)
    return generator


def load_audio2lip(path: Path | None = None) -> Audio2Lip:
    """The demo Audio2Lip, in eval mode."""
    from networks.edtalk.generator import Audio2Lip

    tensors, config = read(path or FOLDER / "audio2lip.safetensors")
    audio2lip: Audio2Lip = _loaded(Audio2Lip(**config), tensors)
    return audio2lip


def load_speech(path: Path | None = None) -> Emotion2Vec:
    """The demo speech-emotion encoder, in eval mode."""
    from networks.emotion2vec.encoder import Emotion2Vec

    tensors, config = read(path or FOLDER / "speech.safetensors")
    speech: Emotion2Vec = _loaded(Emotion2Vec(**config), tensors)
    return speech


def load_connector(path: Path | None = None) -> Connector:
    """The demo connector, in eval mode."""
    from cmet.connector import Connector

    tensors, config = read(path or FOLDER / "connector.safetensors")
    connector: Connector = _loaded(Connector(**config), tensors)
    return connector


def expression_codes(path: Path | None = None) -> dict[str, Tensor]:
    """EDTalk-style stored codes of the demo generator: basic emotion -> mean expression code (1, 10)."""
    tensors, _ = read(path or FOLDER / "generator.safetensors")
    return {name.removeprefix("codes."): t for name, t in tensors.items() if name.startswith("codes.")}
