"""The small judges that ship in the repository: their files, how they are stored, and how they load.

Each file is safetensors: float16 tensors (float32 where that overflows) and, as metadata, the constructor keywords
(`config`) and the recipe with its seed (`recipe`), both JSON. What is stored is what was measured: figures are taken
after this round trip.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluators.weights.judge_weights import restoring
from evaluators.weights.plausibility import ImplausibleError
from harness.atomic import replacing
from harness.errors import MissingError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from evaluators.emotion.emotion_fan import EmotionFAN
    from evaluators.identity.demo_net import IdentityNet
    from evaluators.sync.syncnet import SyncNet

FOLDER = Path(__file__).resolve().parent / "demo"
EMOTION = FOLDER / "emotion.safetensors"  # EmotionFAN; crops: evaluators.faces.crops.demo_crops, input: emotion_input
IDENTITY = FOLDER / "identity.safetensors"  # IdentityNet; crops: demo_crops, input: identity_input
SYNC = FOLDER / "sync.safetensors"  # SyncNet


def store(path: Path, module: nn.Module, config: Mapping[str, Any], recipe: Mapping[str, Any]) -> None:
    """Write `module` to `path`, atomically. `config` are the keywords that construct it again."""
    from safetensors.torch import save

    tensors = {name: _narrow(tensor).contiguous().clone() for name, tensor in module.state_dict().items()}
    metadata = {"config": json.dumps(config), "recipe": json.dumps(recipe)}
    with replacing(path) as partial:
        partial.write_bytes(save(tensors, metadata))  # the library's own writer tells a full disk in a class of its own


def _narrow(tensor: Tensor) -> Tensor:
    """float16 where that holds every value: a variance of 0..255 pictures does not fit and stays float32."""
    half = tensor.half() if tensor.is_floating_point() else tensor
    return half if bool(half.isfinite().all()) else tensor


def load_emotion(path: Path | None = None) -> EmotionFAN:
    """The demo's emotion judge, in eval mode."""
    from evaluators.emotion.emotion_fan import EmotionFAN

    network: EmotionFAN = _loaded(EmotionFAN, path or EMOTION)
    return network


def load_identity(path: Path | None = None) -> IdentityNet:
    """The demo's identity judge, in eval mode."""
    from evaluators.identity.demo_net import IdentityNet

    network: IdentityNet = _loaded(IdentityNet, path or IDENTITY)
    return network


def load_sync(path: Path | None = None) -> SyncNet:
    """The demo's lip-sync judge, in eval mode."""
    from evaluators.sync.syncnet import SyncNet

    network: SyncNet = _loaded(SyncNet, path or SYNC)
    return network


def _loaded(kind: Any, path: Path) -> Any:
    """The network of a stored file. Raises MissingError if it is not there."""
    import torch
    from safetensors import SafetensorError, safe_open

    cure = restoring(path)
    if not path.is_file():
        raise MissingError(f"The demo weights {path} are not there.", cure)
    try:
        with safe_open(str(path), framework="pt") as file:
            config = json.loads(file.metadata()["config"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        network = kind(**config)
        floats = {name: t.float() if t.dtype == torch.float16 else t for name, t in tensors.items()}
        network.load_state_dict(floats, strict=True)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ImplausibleError(f"The demo weights {path} are damaged or of another network.", cure) from error
    # An infinite variance is a channel that float16 once switched off (sync: 4 of 12 of the first layer); no other.
    broken = [n for n, t in floats.items() if bool(t.isnan().any() if n.endswith("var") else ~t.isfinite().all())]
    if broken:
        raise ImplausibleError(f"The demo weights {path} are not finite ({broken[0]}).", cure)
    return network.eval().requires_grad_(False)
