"""The contestant `float_checkout`: FLOAT as its authors released it, from the user's checkout of their repository.

Facts: docs/reference/methods.md, 'FLOAT'. It exists to hold the port (`float`) against, and to reproduce.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from baselines.checkout.method import Checkout
from harness.errors import unknown_name
from harness.method import Missing


class FloatCheckout(Checkout):
    """FLOAT from its authors' checkout, in its own interpreter; needs a CUDA device."""

    name: ClassVar[str] = "float_checkout"
    section: ClassVar[str] = "float"
    emotion_sources: ClassVar[tuple[str, ...]] = ("label", "driving-speech")
    labels: ClassVar[tuple[str, ...]] = ("angry", "disgusted", "fear", "happy", "neutral", "sad", "surprised")
    pose: ClassVar[str] = "own"
    size: ClassVar[int] = 512
    stochastic: ClassVar[bool] = True
    licence: ClassVar[str] = "CC BY-NC-ND 4.0"
    crops: ClassVar[bool] = True
    adapter: ClassVar[str] = "float_adapter.py"
    marker: ClassVar[tuple[str, ...]] = ("generate.py",)
    imports: ClassVar[tuple[str, ...]] = ("torch", "torchvision", "transformers", "librosa", "cv2", "face_alignment")
    weights_at: ClassVar[str] = "checkpoints"
    weight_files: ClassVar[tuple[str, ...]] = ("float.pth",)
    program_options: ClassVar[tuple[str, ...]] = ("a_cfg", "e_cfg", "r_cfg", "nfe", "crop")

    def __init__(self, options: Mapping[str, str], device: str) -> None:
        super().__init__(options, device)
        crop = self.settings.options.get("crop", "face")
        if crop not in ("face", "none"):
            raise unknown_name(f"value of {self.name}.crop", crop, ("face", "none"))

    def missing(self) -> list[Missing]:
        """Returns what is not here; the released program moves its networks to a GPU wherever it runs."""
        found = super().missing()
        if not self._device.startswith("cuda"):
            found.append(Missing("a CUDA device", "Type --device cuda, or --method float: the port runs anywhere."))
        return found
