"""Makes the goldens of EAT's sound and pose pictures again.

Usage: python -m tests.golden.make_eat SHARED, and with OpenCV 4.11 `python -m tests.golden.make_eat lines`, which makes
`lines.npz` alone. `pose_pictures` are the released program's answers, copied; `lines` are OpenCV 4.11's own; `sound` is
what this code answers to a synthetic voice. Run the `official` tests of tests/networks/eat first: they show that this
code is a witness.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent / "eat"
SIDE_PX = 48
REACHES_PX = (48, 48, 300, 3_000, 1_000_000)
COUNT = 240


def lines() -> None:
    """Random lines two pixels wide, most of them visible, as the installed OpenCV draws them."""
    import cv2

    assert cv2.__version__.startswith("4.11."), cv2.__version__
    rng, ends, drawn = np.random.default_rng(0), [], []
    while len(ends) < COUNT:
        a, b = (rng.integers(-reach, reach + SIDE_PX, 2) for reach in rng.choice(REACHES_PX, 2))
        b = a + rng.integers(-6, 7, 2) if len(ends) % 4 == 0 else b
        picture = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
        cv2.line(picture, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, 2)
        if picture.any():
            ends.append([*a, *b])
            drawn.append(np.packbits(picture > 0))
    np.savez_compressed(HERE / "lines.npz", ends=np.array(ends, np.int64), drawn=np.array(drawn))


def pose_pictures(shared: Path) -> None:
    theirs = np.load(shared / "golden" / "eat" / "pose_images.npz")
    told = json.dumps({"pose": 1e-4})
    np.savez_compressed(HERE / "pose_pictures.npz", **theirs, tolerance_json=told)


def sound() -> None:
    import torch

    from baselines.eat import deepspeech_graph
    from baselines.eat.seeded_graph import write_graph
    from harness.media import to_pcm16
    from networks.eat import deepspeech
    from networks.eat.mel import normalised_mel
    from tests.media_samples import voice

    wave = voice(1.0)
    with tempfile.TemporaryDirectory() as folder:
        network = deepspeech_graph.load(write_graph(Path(folder) / "small.pb", width=8))
    arrays = {
        "mel_norm": normalised_mel(torch.from_numpy(wave)).numpy(),
        "deepspeech_windows": deepspeech.windows(network, to_pcm16(wave)).numpy(),
    }
    told = json.dumps({"mel_norm": 1.3e-5, "deepspeech_windows": 2.5e-6})  # the official tolerances
    np.savez_compressed(HERE / "sound.npz", **arrays, tolerance_json=told)


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    if sys.argv[1:] == ["lines"]:
        lines()
    else:
        pose_pictures(Path(sys.argv[1]))
        sound()
