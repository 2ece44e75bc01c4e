"""A basic emotion is read out of utterances here, for methods that take labels alone: the one emotion2vec+ hears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from harness.emotions import CORPUS_LABELS
from harness.media import read_audio
from networks.emotion2vec.features import SpeechFeatures

#: emotion2vec's name of a basic emotion where it is not ours; no name is neutral.
HEARD = {**CORPUS_LABELS["emotion2vec"], "other": "neutral", "<unk>": "neutral", "unknown": "neutral"}


def heard_label(speech: SpeechFeatures, utterances: Sequence[Path]) -> tuple[str, str]:
    """Returns the label that is heard in utterances on average, and a remark that says so."""
    names, scores = speech.scores([read_audio(path).samples for path in utterances])
    name = str(names[int(np.mean(scores, axis=0).argmax())])
    return HEARD.get(name, name), f"label heard in the speech: {name}"
