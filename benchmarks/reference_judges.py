"""This program follows the published order of work of four metrics; bench_judges.py starts and measures it.

    python reference_judges.py on-cpu PROGRAM.py …             a program written for a GPU and older packages, unchanged
    python reference_judges.py frames CLIPS PICTURES N         FID: N frames of each clip as PNG files (OpenCV)
    python reference_judges.py identity CLIPS N                facenet-pytorch, every N-th frame, one at a time: cosines
    python reference_judges.py emotion CLIPS WORK WEIGHTS N    faces to files, then Emotion-FAN: probabilities

For identity there is no published script; this is the loop that facenet-pytorch's examples show. Emotion follows the
published evaluation (docs/reference/metrics.md, 'Emotion accuracy of EAT') with what can be had: MTCNN stands for
dlib, whose landmark model is not to be had, and chips are PNG files (published: JPEG), so that both sides see the same.
"""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch

Frames = npt.NDArray[np.uint8]


def on_cpu(program: str, *words: str) -> None:
    """Run it with stand-ins for `.cuda()` and device 'cuda', `numpy.int`, and `torch.load` of former defaults."""

    def moved(move: Callable[..., Any]) -> Callable[..., Any]:
        def to(self: Any, *given: Any, **named: Any) -> Any:
            return move(self, *("cpu" if isinstance(g, str) and g.startswith("cuda") else g for g in given), **named)

        return to

    if not hasattr(np, "int"):
        setattr(np, "int", int)  # noqa: B010 (an attribute that numpy no longer has)
    for kind in (torch.Tensor, torch.nn.Module):
        kind.cuda = lambda self, *_, **__: self  # type: ignore[method-assign,assignment]
        kind.to = moved(kind.to)  # type: ignore[method-assign]
    load = torch.load
    torch.load = lambda file, **_: load(file, map_location="cpu", weights_only=True)
    sys.argv, sys.path[0] = [program, *words], "."
    runpy.run_path(program, run_name="__main__")


def frames(clips: str, target: str, number: str) -> None:
    """Write evenly spaced frames."""
    Path(target).mkdir(parents=True)
    for path in sorted(Path(clips).glob("*.mp4")):
        pictures = list(_decoded(path))
        for place in (k * len(pictures) // int(number) for k in range(int(number))):
            cv2.imwrite(f"{target}/{path.stem}_{place:04d}.png", pictures[place])


def identity(clips: str, every: str) -> None:
    """Print the mean cosine of each clip's faces with the picture of the same name."""
    from facenet_pytorch import MTCNN, InceptionResnetV1
    from PIL import Image

    detector, network = MTCNN(), InceptionResnetV1(pretrained="vggface2").eval()

    def embedded(picture: Image.Image) -> Any:
        face = detector(picture)
        with torch.no_grad():
            return None if face is None else network(face[None])[0].numpy()

    found = {}
    for path in sorted(Path(clips).glob("*.mp4")):
        source = embedded(Image.open(path.with_suffix(".png")))
        rows = [embedded(Image.fromarray(_rgb(p))) for k, p in enumerate(_decoded(path)) if k % int(every) == 0]
        found[path.stem] = float(np.mean([row @ source for row in rows if row is not None]))
    print(json.dumps(found))


def emotion(clips: str, work: str, weights: str, every: str) -> None:
    """Print each clip's probabilities of the classes."""
    from facenet_pytorch import MTCNN

    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from evaluators.emotion.emotion_fan import EmotionFAN

    detector, network = MTCNN(), EmotionFAN()
    for clip in sorted(Path(clips).glob("*.mp4")):
        (Path(work) / clip.stem).mkdir(parents=True)
        _chips(clip, Path(work) / clip.stem, int(every), detector)
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.eval()
    found = {}
    for folder in sorted(Path(work).iterdir()):
        chips = np.stack([_picture(file) for file in sorted(folder.glob("*.chip.png"))])
        with torch.no_grad():
            logits = network(torch.from_numpy(chips).permute(0, 3, 1, 2).float() / 255)[0]
        found[folder.name] = torch.softmax(logits, 0).tolist()
    print(json.dumps(found))


def _chips(clip: Path, work: Path, every: int, detector: Any) -> None:
    """Write frames, then chips, as files."""
    from evaluators.faces.face_chip import mtcnn_chip

    for index, picture in enumerate(_decoded(clip)):
        if index % every == 0:
            cv2.imwrite(str(work / f"{index:06d}.png"), picture)
    for file in sorted(work.glob("*.png")):
        frame = _picture(file)
        _, _, points = detector.detect(frame, landmarks=True)
        if points is not None:
            chip = mtcnn_chip(frame, np.asarray(points[0], np.float32), 224)
            cv2.imwrite(str(file.with_suffix(".chip")) + ".png", chip[..., ::-1])


def _decoded(clip: Path) -> Iterator[Frames]:
    video = cv2.VideoCapture(str(clip))
    while (read := video.read())[0]:
        yield np.asarray(read[1], np.uint8)


def _picture(file: Path) -> Frames:
    read = cv2.imread(str(file))
    assert read is not None
    return _rgb(np.asarray(read, np.uint8))


def _rgb(picture: Frames) -> Frames:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"on-cpu": on_cpu, "frames": frames, "identity": identity, "emotion": emotion}[sys.argv[1]](*sys.argv[2:])
