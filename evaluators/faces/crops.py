"""Faces are cropped by named rules, shared by judges and by the recipes that train the demo judges.

A rule turns a frame and the faces found in it into one uint8 RGB square of the LARGEST face, or None:

* `mtcnn5`: chip by MTCNN's five points (evaluators.faces.face_chip.mtcnn_chip), padding 0.25;
* `mtcnn-box`: MTCNN's box (margin 0), PIL bilinear with antialiasing: facenet-pytorch's crop of a picture;
* `arcface5`: ArcFace's 112 px similarity by MTCNN's five points, bilinear, black outside;
* `dlib5`: dlib's detector and 5-point predictor, both supplied by the user (evaluators.faces.dlib_points);
* `dlib5-jpeg95`: the same with EAT's two JPEG passes of quality 95 (frame, then chip);
* `dlib5-cmet`: the C-MET paper's: the frame through JPEG, dlib's CNN where its detector finds none, a chip of 150 px
  resized by PIL's bilinear filter;
* `frame`: the whole frame, for clips that are face crops already.

The demo judges (emotion and identity) use `mtcnn5` at DEMO_SIZE px, in training and in judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from evaluators.faces.face_chip import ARCFACE_POINTS_112, mtcnn_chip, similarity
from evaluators.faces.mtcnn import Faces, detector, faces_at
from evaluators.faces.warp import warped
from harness.evaluator import Chunk

Picture = npt.NDArray[np.uint8]

RULES = ("mtcnn5", "mtcnn-box", "arcface5", "dlib5", "dlib5-jpeg95", "dlib5-cmet", "frame")
DEMO_RULE, DEMO_SIZE = "mtcnn5", 64
CMET_CHIP = 150  # px of the chip in the C-MET paper's emotion accuracy


def crop(frame: Picture, faces: Faces, rule: str, size: int, margin: int = 0) -> Picture | None:
    """Returns the crop (size, size, 3) of a frame (h, w, 3) by an MTCNN rule; None if there is no face."""
    if len(faces) == 0:
        return None
    if rule == "mtcnn5":
        return mtcnn_chip(frame, faces.landmarks[0], size)
    if rule == "arcface5":
        matrix = similarity(faces.landmarks[0].astype(np.float64), ARCFACE_POINTS_112 * (size / 112))
        return warped(frame, matrix, size)
    return box_crop(frame, faces.boxes[0], size, margin)


def box_crop(frame: Picture, box: npt.NDArray[np.floating], size: int, margin: int = 0) -> Picture | None:
    """Returns the box, grown by `margin` px of the crop in all, clipped to the frame and cut to whole pixels.

    Facts: docs/reference/metrics.md, 'FaceNet'.
    """
    grown = margin * (box[2:] - box[:2]) / (size - margin) / 2
    start = np.maximum(box[:2] - grown, 0).astype(int)
    stop = np.minimum(box[2:] + grown, [frame.shape[1], frame.shape[0]]).astype(int)
    if (stop <= start).any():
        return None
    picture = Image.fromarray(frame).crop((*start.tolist(), *stop.tolist()))
    return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR))


def whole(frame: Picture, size: int) -> Picture:
    """Returns the whole frame resized to a square: bilinear, area when it shrinks."""
    if frame.shape[:2] == (size, size):
        return frame
    shrink = frame.shape[0] > size
    return np.asarray(cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR))


def demo_crops(frames: npt.NDArray[np.uint8], device: str = "cpu") -> list[Picture | None]:
    """Returns the demo judges' crops of uint8 RGB frames (n, h, w, 3): one (DEMO_SIZE, DEMO_SIZE, 3) or None a
    frame.
    """
    faces_by_frame = detector(device).detect(frames)
    return [crop(frame, faces, DEMO_RULE, DEMO_SIZE) for frame, faces in zip(frames, faces_by_frame, strict=True)]


def chunk_crops(
    chunk: Chunk, wanted: Iterable[int], rule: str, size: int, device: str = "cpu", margin: int = 0
) -> dict[int, Picture | None]:
    """Returns crops of the frames with these indexes in the clip (all in the chunk): index -> crop, or None without a
    face.

    Kept on the chunk by rule, size and margin, so that judges with one rule share them.
    """
    known: dict[int, Picture | None] = chunk.once(f"crops/{rule}/{size}/{margin}", dict)
    indexes = list(wanted)
    unknown = [index for index in indexes if index not in known]
    if unknown:
        known.update(zip(unknown, _crops(chunk, unknown, rule, size, device, margin), strict=True))
    return {index: known[index] for index in indexes}


def _crops(chunk: Chunk, wanted: Sequence[int], rule: str, size: int, device: str, margin: int) -> list[Picture | None]:
    frames = [chunk.frames[index - chunk.first] for index in wanted]
    if rule == "frame":
        return [whole(frame, size) for frame in frames]
    if rule.startswith("dlib5"):
        from evaluators.faces.dlib_points import DlibPoints

        dlib = DlibPoints.shared(with_cnn=rule == "dlib5-cmet")
        if rule == "dlib5":
            return [dlib.chip(frame, size) for frame in frames]
        if rule == "dlib5-cmet":
            return [resized(dlib.chip(jpeg95(frame), CMET_CHIP), size) for frame in frames]
        chips = [dlib.chip(jpeg95(frame), size) for frame in frames]
        return [None if chip is None else jpeg95(chip) for chip in chips]
    faces = faces_at(chunk, wanted, device)
    return [crop(frame, faces[index], rule, size, margin) for index, frame in zip(wanted, frames, strict=True)]


def resized(chip: Picture | None, size: int) -> Picture | None:
    """Returns a chip at another size by PIL's bilinear filter, antialiased where it shrinks; None for none."""
    if chip is None:
        return None
    return np.asarray(Image.fromarray(chip).resize((size, size), Image.Resampling.BILINEAR))


def jpeg95(picture: Picture) -> Picture:
    """Returns the picture after OpenCV's JPEG of quality 95, as EAT's evaluation stores frames and again chips."""
    _, encoded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return np.ascontiguousarray(decoded[:, :, ::-1])


def emotion_input(crops: Sequence[Picture], device: str = "cpu") -> torch.Tensor:
    """Returns EmotionFAN's input (n, 3, size, size) in [0, 1] from uint8 crops."""
    return _tensor(crops, device) / 255


def identity_input(crops: Sequence[Picture], device: str = "cpu") -> torch.Tensor:
    """Returns IdentityNet's input (n, 3, size, size) in [-1, 1] from uint8 crops."""
    return (_tensor(crops, device) - 127.5) / 127.5


def _tensor(crops: Sequence[Picture], device: str) -> torch.Tensor:
    return torch.from_numpy(np.stack(crops)).to(device).permute(0, 3, 1, 2).float()
