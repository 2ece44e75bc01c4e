"""The reference way, FID: N frames of each clip of a folder as PNG files (OpenCV), for `python -m pytorch_fid`.

python frames.py CLIPS PICTURES N      (N = 0: every frame)
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2


def main() -> None:
    """Write them."""
    clips, target, number = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    target.mkdir(parents=True)
    for path in sorted(clips.glob("*.mp4")):
        video = cv2.VideoCapture(str(path))
        pictures = []
        while (read := video.read())[0]:
            pictures.append(read[1])
        chosen = [k * len(pictures) // number for k in range(number)] if number else range(len(pictures))
        for place in chosen:
            cv2.imwrite(str(target / f"{path.stem}_{place:04d}.png"), pictures[place])


if __name__ == "__main__":
    main()
