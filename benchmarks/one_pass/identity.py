"""The reference way, identity: facenet-pytorch on every N-th frame, one picture at a time; cosines as json.

    python identity.py CLIPS N            (CLIPS holds NN.mp4 and the identity pictures NN.png)

There is no published script; this is the loop that facenet-pytorch's own examples show.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from facenet_pytorch import MTCNN, InceptionResnetV1
from PIL import Image


def main() -> None:
    """One list of cosines a clip."""
    torch.set_num_threads(1)
    clips, every = Path(sys.argv[1]), int(sys.argv[2])
    mtcnn, network = MTCNN(), InceptionResnetV1(pretrained="vggface2").eval()

    def embedded(picture: Image.Image) -> np.ndarray | None:
        face = mtcnn(picture)
        with torch.no_grad():
            return None if face is None else network(face[None])[0].numpy()

    found = {}
    for path in sorted(clips.glob("*.mp4")):
        source = embedded(Image.open(path.with_suffix(".png")))
        video, index, cosines = cv2.VideoCapture(str(path)), 0, []
        while (read := video.read())[0]:
            if index % every == 0:
                row = embedded(Image.fromarray(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)))
                if row is not None:
                    cosines.append(float(row @ source))
            index += 1
        found[path.stem] = float(np.mean(cosines))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
