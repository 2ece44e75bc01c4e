"""Tests the demo's speech encoder and connector on held-out voices: `python -m recipes.held_out_speech [FOLDER]`.

As in a sample of the built-in list: utterances of an emotion and neutral ones of the same three test puppets, the
difference of their mean embeddings, a neutral source code, no reference. The answer is read as a point of the affect
space and named by the nearest emotion of the same level, among the eight basic ones and among all.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from cmet.connector import Connector
from cmet.connector_files import SHIPPED_CONNECTOR
from datasets.puppets.affect import EXTENDED_EMOTIONS, LEVELS, affect_point
from datasets.puppets.identity import TEST_IDENTITIES
from datasets.puppets.voice import speak
from harness.emotions import BASIC_EMOTIONS
from harness.records import SAMPLES_PER_FRAME
from networks.emotion2vec.encoder import Emotion2Vec
from networks.emotion2vec.files import SHIPPED_SPEECH
from networks.files import shipped
from recipes.alphabet import Alphabet
from recipes.connector import expression_codes

FRAMES, VOICES = 40, 3
Points = npt.NDArray[np.float64]


def difference(speech: Emotion2Vec, emotion: str, level: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Returns the mean embedding of VOICES utterances of an emotion less that of neutral ones, of the same random test
    puppets.
    """
    means, who = [], rng.choice(np.array(TEST_IDENTITIES), VOICES, replace=False)
    for name in (emotion, "neutral"):
        felt = affect_point(name, level)
        said = [speak(int(w), felt, FRAMES, (54, int(rng.integers(1 << 30)))).sound for w in who]
        means.append(speech.embed([sound[: FRAMES * SAMPLES_PER_FRAME] for sound in said]).mean(0))
    return np.asarray(means[0] - means[1])


@torch.inference_mode()
def answer(connector: Connector, speech: Sequence[npt.NDArray[np.float32]]) -> Points:
    """Returns points (n, 5) of the affect space that the connector's directions stand for."""
    source = expression_codes(np.zeros((len(speech), 5))).float()[:, None].expand(-1, connector.window, -1)
    out = connector(torch.zeros_like(source), torch.from_numpy(np.stack(speech)).float()[:, None], source)
    directions = (out[0] if isinstance(out, tuple) else out).reshape(len(speech), connector.window, -1)[:, 0]
    return Alphabet().moods(directions)


def named(point: Points, names: Sequence[str], level: int) -> str:
    """Returns the emotion of `names` whose point at `level` is nearest."""
    return min(names, key=lambda name: float(np.linalg.norm(point - affect_point(name, level))))


def main(folder: Path, each: int = 8) -> None:
    """Print, for every emotion, how its voices are named and how long the answer is next to the ground truth."""
    speech = SHIPPED_SPEECH.load(folder / "speech.safetensors")
    connector = SHIPPED_CONNECTOR.load(folder / "connector.safetensors")
    rng = np.random.default_rng(64)
    right: dict[str, list[bool]] = {"basic": [], "extended": []}
    for emotion in (*BASIC_EMOTIONS, *EXTENDED_EMOTIONS):
        kind = "basic" if emotion in BASIC_EMOTIONS else "extended"
        choice = BASIC_EMOTIONS if kind == "basic" else (*BASIC_EMOTIONS, *EXTENDED_EMOTIONS)
        levels = [level for level in LEVELS for _ in range(each)]
        points = answer(connector, [difference(speech, emotion, level, rng) for level in levels])
        names = [named(point, choice, level) for point, level in zip(points, levels, strict=True)]
        right[kind] += [name == emotion for name in names]
        length = np.linalg.norm(points, axis=1).mean()
        true_length = np.mean([np.linalg.norm(affect_point(emotion, level)) for level in levels])
        print(f"{emotion:12} {dict(Counter(names))}; length {length:.2f}, true {true_length:.2f}")
    for kind, found in right.items():
        print(f"{kind}: {np.mean(found):.2f} of {len(found)} named right")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped.FOLDER)
