"""Zero-shot emotions by CLIP (Radford et al. 2021) with versioned prompts and a validity gate.

Basic emotions are decided by `evaluators.emotion`; extended ones are scored by `evaluators.extended` (ext_zero_shot).
Facts: docs/reference/extended_emotions.md, 'Not measured'.

The score of an emotion is published only if the same scorer reaches AUC >= 0.65 for it on real labelled faces
that the user supplies (setting `validation`: a folder with one folder of pictures per emotion); else `not_validated`.
The model must be on this machine (setting `model`: a folder, or a name in the Hugging Face cache).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from evaluators.emotion.labels import canonical
from evaluators.emotion.prompts import VERSION, WORDS, prompts
from evaluators.weights.plausibility import ImplausibleError
from harness.digest import digest
from harness.errors import MissingError, UsageError
from harness.records import BASIC_EMOTIONS

if TYPE_CHECKING:
    from evaluators.faces.crops import Picture

Float = npt.NDArray[np.float32]
DEFAULT_MODEL = "openai/clip-vit-base-patch32"
LEAST_AUC = 0.65
_LEAST_SCALE, _MOST_SCALE = 50.0, 101.0
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_BATCH = 16


class ClipZeroShot:
    """Image embeddings as features; logits are the scaled cosines with the prompts of each basic emotion."""

    def __init__(self, settings: Mapping[str, str], device: str) -> None:
        import torch
        from safetensors import SafetensorError
        from transformers import AutoTokenizer, CLIPModel

        folder = model_folder(settings)
        self._torch, self._device = torch, device
        try:
            model = CLIPModel.from_pretrained(folder, local_files_only=True)
            self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
            raise ImplausibleError(f"'{folder}' holds no CLIP model that can be read.", _cure(folder)) from error
        self._model = model.eval().requires_grad_(False).to(device)
        if settings.get("gate", "on") != "off":
            require_trained(folder, self._model)
        self._named = {name: self._text_embedding(prompts(name)) for name in WORDS}
        self._text = np.stack([self._named[name] for name in BASIC_EMOTIONS])
        self._scale = float(self._model.logit_scale.exp())
        self.validated: frozenset[str] | None = self._validate(settings.get("validation", ""))

    def features(self, crops: Sequence[Picture]) -> Float:
        """(n, d) unit image embeddings of uint8 crops of the model's size."""
        mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
        deviation = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
        parts = []
        for first in range(0, len(crops), _BATCH):
            pictures = (np.stack(crops[first : first + _BATCH]).astype(np.float32) / 255 - mean) / deviation
            x = self._torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()).to(self._device)
            with self._torch.inference_mode():
                parts.append(_tensor(self._model.get_image_features(pixel_values=x)).cpu().numpy())
        return _unit(np.concatenate(parts))

    def logits(self, features: Float) -> Float:
        """(8,) mean over frames, in the order of BASIC_EMOTIONS."""
        return np.asarray(self._scale * (features @ self._text.T).mean(axis=0), dtype=np.float32)

    def probability(self, features: Float, emotion: str) -> float:
        """That of one emotion among the basic ones and itself, for mean features (d,) or those of frames (n, d)."""
        names = list(dict.fromkeys((*BASIC_EMOTIONS, emotion)))
        cosines = np.atleast_2d(features) @ np.stack([self._named[name] for name in names]).T
        logits = self._scale * cosines.mean(axis=0, dtype=np.float64)
        weights = np.exp(logits - logits.max())
        return float(weights[names.index(emotion)] / weights.sum())

    def _text_embedding(self, sentences: Sequence[str]) -> Float:
        tokens = self._tokenizer(list(sentences), padding=True, return_tensors="pt").to(self._device)
        with self._torch.inference_mode():
            each = _unit(_tensor(self._model.get_text_features(**tokens)).cpu().numpy())
        return _unit(each.mean(axis=0, keepdims=True))[0]

    def _validate(self, folder: str) -> frozenset[str]:
        """Emotions that reach the least AUC on the labelled faces; none without a folder."""
        if not folder:
            return frozenset()
        from evaluators.faces.crops import crop
        from evaluators.faces.mtcnn import detector
        from harness.media import read_image

        names, scores, features = [], [], []
        for name, path in labelled_pictures(folder):
            picture = read_image(path)
            face = crop(picture, detector(self._device).detect(picture[None])[0], "mtcnn-box", 224)
            if face is not None:
                names.append(name)
                features.append(self.features([face]))
                scores.append(self.logits(features[-1]))
        extended = sorted({*names} - {*BASIC_EMOTIONS})
        told = {name: np.array([self.probability(row, name) for row in features]) for name in extended}
        return validated(names, np.array(scores)) | reached(names, told)


def require_trained(folder: Path, model: Any) -> None:
    """Raise ImplausibleError for a CLIP that was never trained.

    Training drives the temperature to its limit of 100, where every released CLIP stands (a fresh one: 14.3), and the
    gains of its normalisation layers apart (a fresh one: all 1).
    """
    scale = float(model.logit_scale.exp())
    gains = [value for name, value in model.state_dict().items() if name.endswith("layernorm.weight")]
    spread = max((float(value.std()) for value in gains if value.numel() > 1), default=0.0)
    finite = all(bool(value.isfinite().all()) for value in model.state_dict().values() if value.is_floating_point())
    if not finite or not _LEAST_SCALE <= scale <= _MOST_SCALE or spread == 0.0:
        told = f"temperature {scale:.1f}, expected {_LEAST_SCALE:.0f} to {_MOST_SCALE:.0f}" if finite else "not finite"
        raise ImplausibleError(f"The CLIP model in '{folder}' looks untrained ({told}).", _cure(folder))


def validated(names: Sequence[str], logits: npt.NDArray[np.floating]) -> frozenset[str]:
    """Emotions whose probability reaches AUC >= 0.65 against the other labelled faces. logits (n, 8), BASIC order."""
    if len(names) == 0:
        return frozenset()
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    labels = np.array(names)
    good = {
        name for column, name in enumerate(BASIC_EMOTIONS) if auc(probabilities[:, column], labels == name) >= LEAST_AUC
    }
    return frozenset(good)


def reached(names: Sequence[str], scores: Mapping[str, npt.NDArray[np.floating]]) -> frozenset[str]:
    """Emotions whose `scores`, one a labelled face, reach AUC >= 0.65 against the other labelled faces."""
    labels = np.array(names)
    return frozenset(name for name, column in scores.items() if auc(column, labels == name) >= LEAST_AUC)


def auc(scores: npt.NDArray[np.floating], positive: npt.NDArray[np.bool_]) -> float:
    """Area under the ROC curve, ties as a half; 0 where one of the two kinds is absent."""
    wins, others = scores[positive], scores[~positive]
    if len(wins) == 0 or len(others) == 0:
        return 0.0
    difference = wins[:, None] - others[None, :]
    return float((difference > 0).mean() + 0.5 * (difference == 0).mean())


def labelled_pictures(folder: str) -> list[tuple[str, Path]]:
    """(emotion, picture) of a folder with one folder per emotion, sorted. UsageError for unknown names."""
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise UsageError(f"There is no folder '{root}' of labelled faces.", "Set validation to FOLDER/<emotion>/*.jpg.")
    folders = [sub for sub in sorted(root.iterdir()) if sub.is_dir()]
    named = [(sub.name if sub.name in WORDS else canonical(sub.name), sub) for sub in folders]
    return [(name, path) for name, sub in named for path in sorted(sub.iterdir()) if path.suffix.lower() in _PICTURES]


def model_folder(settings: Mapping[str, str]) -> Path:
    """The folder of the model: given, or in the Hugging Face cache. Raises MissingError."""
    from huggingface_hub import try_to_load_from_cache

    name = settings.get("model", DEFAULT_MODEL)
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    cached = try_to_load_from_cache(name, "config.json") if name.count("/") <= 1 else None
    if not isinstance(cached, str):
        raise MissingError(
            f"The CLIP model '{name}' is not on this machine.",
            f"Type: .venv/bin/hf download {name}, or set model to a folder that holds it.",
        )
    return Path(cached).parent


def missing(settings: Mapping[str, str]) -> list[tuple[str, str]]:
    """(what, cure) where the model is not here."""
    try:
        _weights(settings)
    except MissingError as error:
        return [(error.what, error.cure)]
    return []


def fields(settings: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The signature's fields: model, prompts, labelled faces of the gate, weights."""
    model = Path(settings.get("model", DEFAULT_MODEL)).name
    gate = "none"
    if settings.get("validation"):
        from evaluators.emotion.labels import digest as names_digest

        gate = names_digest([f"{name}={digest(path)}" for name, path in labelled_pictures(settings["validation"])])
    weights = "absent" if missing(settings) else digest(_weights(settings))[:8]
    open_gate = (("gate", "off"),) if settings.get("gate") == "off" else ()
    named = (("model", model), ("prompts", VERSION), ("valid", f"auc{LEAST_AUC}-{gate}"))
    return (*named, *open_gate, ("w", weights))


def _cure(folder: Path) -> str:
    return f"Get the published files for '{folder.name}' again; for your own tests set gate = off."


def _weights(settings: Mapping[str, str]) -> Path:
    folder = model_folder(settings)
    for name in _WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise MissingError(
        f"The CLIP model in '{folder}' has no weights.", f"One of {', '.join(_WEIGHT_FILES)} must be there."
    )


def _tensor(output: Any) -> Any:
    """Newer transformers wrap the projected features in an output object."""
    return output if hasattr(output, "shape") else output.pooler_output


def _unit(rows: Float) -> Float:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), dtype=np.float32)
