"""The reference way, emotion: files of aligned faces first, then the attention network over them; json.

    python emotion.py CLIPS WORK WEIGHTS N

Order of work of the published evaluation (docs/reference/metrics.md, 'Emotion accuracy of EAT') with what can be had:
each N-th frame to a file, faces one by one (MTCNN stands for dlib, whose landmark model is not to be had), chips to
files (PNG, so that both sides see the same pixels; published: JPEG), the plain network over a clip's chips, one
decision a clip.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from facenet_pytorch import MTCNN

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluators.emotion.emotion_fan import EmotionFAN
from evaluators.faces.face_chip import mtcnn_chip


def picture(file: Path) -> npt.NDArray[np.uint8]:
    """An image file as RGB."""
    read = cv2.imread(str(file))
    assert read is not None
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def faces(clip: Path, work: Path, every: int, detector: MTCNN) -> None:
    """Frames, then chips, as files."""
    video, index = cv2.VideoCapture(str(clip)), 0
    while (read := video.read())[0]:
        if index % every == 0:
            cv2.imwrite(str(work / f"{index:06d}.png"), read[1])
        index += 1
    for file in sorted(work.glob("*.png")):
        frame = picture(file)
        _, _, points = detector.detect(frame, landmarks=True)
        if points is not None:
            chip = mtcnn_chip(frame, np.asarray(points[0], np.float32), 224)
            cv2.imwrite(str(file.with_suffix(".chip")) + ".png", chip[..., ::-1])


def main() -> None:
    """Probabilities of the classes for each clip."""
    torch.set_num_threads(1)
    clips, work, weights, every = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
    detector, network = MTCNN(), EmotionFAN()
    for clip in sorted(clips.glob("*.mp4")):
        (work / clip.stem).mkdir(parents=True)
        faces(clip, work / clip.stem, every, detector)
    network.load_state_dict(torch.load(weights, weights_only=True))
    network.eval()
    found = {}
    for folder in sorted(work.iterdir()):
        chips = [picture(file) for file in sorted(folder.glob("*.chip.png"))]
        with torch.no_grad():
            pictures = torch.from_numpy(np.stack(chips)).permute(0, 3, 1, 2).float() / 255
            found[folder.name] = torch.softmax(network(pictures)[0], 0).tolist()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
