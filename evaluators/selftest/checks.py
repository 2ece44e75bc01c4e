"""This module checks that this machine gives the reference implementations' numbers: goldens recomputed in seconds.

The compared numbers are those that the reference implementations themselves gave once (data/README.md says which
and how), for inputs that are procedural: a puppet's face, a puppet's voice, arrays of harness.seeded. Networks carry
seeded weights, so nothing is downloaded. `doctor` prints one line per check.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import BenchError
from harness.readiness import Finding
from harness.records import SAMPLE_RATE_HZ

DATA = Path(__file__).resolve().parent / "data"
_CURE = "Type `make bench` to install the locked packages; if it stays, report this line with the output of doctor"

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ReferenceCheck:
    """Describes one thing to reproduce: `measure` gives the largest error against the reference, in `unit`."""

    what: str
    tolerance: float
    measure: Callable[[], float]
    unit: str = ""


def reproduce() -> Iterator[Finding]:
    """Yields one finding per check: recomputed here, compared with the reference's result."""
    for check in CHECKS:
        yield run(check)


def run(check: ReferenceCheck) -> Finding:
    """Returns one check's result as a line; a number that is not finite or beyond its tolerance is bad."""
    try:
        error = check.measure()
    except (BenchError, OSError) as problem:
        return Finding("bad", f"this machine cannot recompute the reference: {check.what}: {problem}", _CURE)
    difference = f"{error:.1e}{check.unit} (tolerance {check.tolerance:.0e}{check.unit})"
    if error <= check.tolerance:
        return Finding("ok", f"this machine reproduces the reference within {difference}: {check.what}")
    return Finding("bad", f"this machine misses the reference by {difference}: {check.what}", _CURE)


def shipped() -> Finding:
    """Says whether the demo's judges are whole: a cut or foreign file would be noticed only when a clip is judged."""
    from evaluators.emotion import files as emotion
    from evaluators.identity import files as identity
    from evaluators.sync import files as sync

    try:
        for family in (emotion, identity, sync):
            family.SHIPPED.load()
    except BenchError as problem:
        return Finding("bad", problem.what, problem.cure)
    return Finding("ok", "the demo's judges load")


@lru_cache(maxsize=1)
def reference() -> Mapping[str, npt.NDArray[np.generic]]:
    """Returns the shipped arrays by name."""
    with np.load(DATA / "reference.npz", allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def _gap(found: npt.ArrayLike, wanted: npt.ArrayLike) -> float:
    """Largest absolute difference; inf for other shapes or values that are not finite."""
    first, second = np.asarray(found, dtype=np.float64), np.asarray(wanted, dtype=np.float64)
    if first.shape != second.shape or not np.isfinite(first).all():
        return float("inf")
    return float(np.abs(first - second).max())


def _relative(found: npt.ArrayLike, wanted: npt.ArrayLike, order: float = np.inf) -> float:
    """Largest absolute difference over the norm of the wanted values: its largest value, or that of another order."""
    return _gap(found, wanted) / float(np.linalg.norm(np.asarray(wanted, dtype=np.float64).ravel(), order))


def _mfcc() -> float:
    from networks.mfcc import mfcc

    return _gap(mfcc(reference()["voice"].astype(np.int16)), reference()["mfcc"])


def _sync_scores() -> float:
    """The largest error of LSE-C and LSE-D over the planted cases; inf where an offset differs."""
    from evaluators.sync.curve import score

    errors = []
    for case, want in json.loads((DATA / "sync_score.json").read_text(encoding="utf-8")).items():
        got = score(*planted(case, want["N"], want["planted_lag"], want["noise"]), vshift=want["vshift"])
        errors += [_gap(got.lse_c, want["confidence"]), _gap(got.lse_d, want["min_dist"])]
        errors.append(0.0 if got.offset == want["offset"] else float("inf"))
    return max(errors)


def planted(case: str, windows: int, lag: int, noise: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Returns embeddings (windows, 1024) of lips and sound, the sound `lag` windows late, purely from the arguments."""
    from harness.seeded import seeded_array

    base = seeded_array(f"score/{case}/base.weight", (windows + 60, 1024)).astype(np.float64) * 16
    blur = seeded_array(f"score/{case}/noise.weight", (windows, 1024)).astype(np.float64) * 32 * noise
    sound = base[30 + lag : 30 + lag + windows] + blur
    return base[30 : 30 + windows].astype(np.float32), sound.astype(np.float32)


def _frechet() -> float:
    from evaluators.fid.distance import frechet

    cases = json.loads((DATA / "frechet.json").read_text(encoding="utf-8"))
    return max(abs(frechet(*_features(case)) - case["fid"]) / case["fid"] for case in cases.values())


def _features(case: Mapping[str, Any]) -> tuple[Array, Array]:
    from harness.seeded import seeded_array

    def made(letter: str, shape: list[int], scale: float, shift: float) -> Array:
        array = seeded_array(f"frechet/{letter}/x.weight", tuple(shape))
        return np.asarray(array * np.sqrt(shape[1]) * scale + shift, dtype=np.float64)

    return made(*case["a"]), made(*case["b"])


def _pixels() -> float:
    from evaluators.full_reference.pixels import psnr, ssim

    held = reference()
    first, second = held["frames_a"].astype(np.uint8), held["frames_b"].astype(np.uint8)
    return max(
        _gap(psnr(first, second), held["psnr"]),
        _gap(ssim(first, second), held["ssim"]),
        _gap(ssim(first, second, "u7", "sample"), held["ssim_eat"]),
    )


def _faces() -> float:
    """The largest error of box and landmarks in pixels; inf for another number of faces."""
    from evaluators.faces.mtcnn import detector

    held = reference()
    faces = detector("cpu").detect(held["frames_a"].astype(np.uint8)[None])[0]
    return max(_gap(faces.boxes, held["boxes"]), _gap(faces.landmarks, held["points"]))


def _syncnet() -> float:
    import torch

    from evaluators.sync.syncnet import SyncNet
    from harness.seeded import fill

    held = reference()
    net = SyncNet().eval().requires_grad_(False)
    fill(net)
    face = held["frames_a"].astype(np.float32)
    frames = np.stack([np.roll(face, 3 * k, axis=0)[16:240, 16:240, ::-1] for k in range(5)])
    lip = net.forward_lip(torch.from_numpy(frames.transpose(3, 0, 1, 2)[None].copy()))
    sound = held["mfcc"][:20].T[None, None].astype(np.float32)
    audio = net.forward_audio(torch.from_numpy(sound.copy()))
    return max(_relative(lip.numpy()[0], held["lip"], 2), _relative(audio.numpy()[0], held["audio"], 2))


def _emotion_features() -> float:
    import torch

    from harness.seeded import fill
    from networks.resnet18 import ResNet18Trunk

    held = reference()
    trunk = ResNet18Trunk().eval().requires_grad_(False)
    fill(trunk)
    crop = held["frames_a"].astype(np.float32)[16:240, 16:240] / 255
    return _gap(trunk.features(torch.from_numpy(crop.transpose(2, 0, 1)[None].copy())).numpy()[0], held["resnet"])


def _inception() -> float:
    from evaluators.fid.inception import Inception
    from evaluators.fid.inputs import TF_FID
    from harness.seeded import fill

    held = reference()
    net = Inception().eval().requires_grad_(False)
    fill(net)
    return _relative(net(TF_FID(held["frames_a"].astype(np.uint8)[None]), 2048).numpy()[0], held["inception"])


def _decoded() -> float:
    """Levels by which the shipped clip decodes otherwise than with OpenCV; inf for another number of frames."""
    from harness.media import VideoReader

    frames = np.concatenate(list(VideoReader(DATA / "clip.mp4")))
    return _gap(frames.mean(axis=(1, 2)), reference()["decoded_mean"])


def _round_trip() -> float:
    """How many dB a written and read clip differs from the stored PSNR; inf for lost frames or moved sound."""
    from evaluators.full_reference.pixels import psnr
    from harness.media import VideoReader, VideoWriter, read_audio

    frames, sound = _test_card()
    with tempfile.TemporaryDirectory(prefix="cmet-bench-") as folder:
        path = Path(folder) / "card.mp4"
        with VideoWriter(path, 128, 128, audio=sound) as writer:
            for frame in frames:
                writer.write(frame)
        read, track = np.concatenate(list(VideoReader(path))), read_audio(path).samples
    if read.shape != frames.shape or abs(int(np.abs(track).argmax()) - int(np.abs(sound).argmax())) > 16:
        return float("inf")
    return _gap(np.mean([psnr(a, b) for a, b in zip(frames, read, strict=True)]), reference()["card_psnr"])


def _test_card() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
    """25 frames (128, 128, 3) of a line that moves over a ramp, and a second of sound with one click."""
    ramp = np.linspace(20, 200, 128)
    frames = np.broadcast_to(ramp[None, :, None, None] * np.array([1.0, 0.8, 0.6]), (25, 128, 128, 3)).copy()
    for k, frame in enumerate(frames):
        frame[:, 4 * k + 8 : 4 * k + 16] = (230, 60, 40)
    sound = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
    sound[8000:8016] = 0.8
    return frames.round().astype(np.uint8), sound


#: The checks in the order of doctor's lines: subject, tolerance, measurement.
CHECKS: tuple[ReferenceCheck, ...] = (
    ReferenceCheck("MFCC of a voice (python_speech_features)", 1e-8, _mfcc),
    ReferenceCheck("LSE-C, LSE-D and offset of planted embeddings (syncnet_python)", 5e-5, _sync_scores),
    ReferenceCheck("Fréchet distance of synthetic features (exact trace formula)", 1e-9, _frechet),
    ReferenceCheck("PSNR and SSIM of a pair of pictures (scikit-image)", 1e-9, _pixels),
    ReferenceCheck("MTCNN's box and landmarks of a face (facenet-pytorch)", 1e-2, _faces, " px"),
    ReferenceCheck("SyncNet's embeddings with seeded weights (syncnet_python)", 1e-5, _syncnet),
    ReferenceCheck("emotion judge's features with seeded weights (torchvision)", 1e-5, _emotion_features),
    ReferenceCheck("Inception's features with seeded weights (pytorch-fid)", 1e-5, _inception),
    ReferenceCheck("decoding of a shipped H.264 clip (OpenCV)", 0.5, _decoded, " levels"),
    ReferenceCheck("a clip written and read: frames, sound, PSNR (OpenCV)", 0.5, _round_trip, " dB"),
)
