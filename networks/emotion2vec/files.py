"""This module names the files of emotion2vec: the published one of emotion2vec+ large, and the small one that ships."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from networks.emotion2vec.layout import OFFICIAL
from networks.files.official import OfficialFile
from networks.files.shipped import ShippedFile

if TYPE_CHECKING:
    from networks.emotion2vec.encoder import Emotion2Vec


def _large(_: Path | None = None) -> Emotion2Vec:
    import torch

    from networks.emotion2vec.encoder import Emotion2Vec

    with torch.device("meta"):  # 162 million random numbers would be overwritten at once
        return Emotion2Vec()


def _small(**config: Any) -> Emotion2Vec:
    from networks.emotion2vec.encoder import Emotion2Vec

    return Emotion2Vec(**config)


EncoderFile: TypeAlias = "OfficialFile[Emotion2Vec] | ShippedFile[Emotion2Vec]"
EMOTION2VEC = OfficialFile("emotion2vec", OFFICIAL, _large)
SHIPPED_SPEECH = ShippedFile("speech", _small)
