"""Thins the official goldens of EAT's networks to what a repository can hold.

python -m tests.golden.make_eat_networks ../shared
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
#: Official file -> {array: the part that is kept}; other arrays stay away.
LATENTS = dict.fromkeys(("kp_value", "pred_map_probe", "he_yaw", "he_pitch", "he_roll", "he_t", "he_exp"), ...)
PROMPTS = {"z": ...} | {f"emo{k}": np.s_[:, :, ::8] for k in range(8)}
POSES = [f"he_{name}" for name in ("yaw", "pitch", "roll", "t")]
MOTION = dict.fromkeys((*POSES, "emotion_index", "exp_emo", "exp", "hull_volume", "kp_source", "kp_driving"), ...)
PICTURE = {
    "frame3_stride4": np.s_[:, ::2, ::2], "frame3_crop": np.s_[:, ::2, ::2], "frame3_stats": ...,
    "frame3_feature3d_stats": ...,
    "frame3_deformation_probe": ..., "frame3_occlusion_probe": ...,
}  # fmt: skip
KEPT = {"latents": LATENTS, "emotionprompt": PROMPTS, "audio2kp": MOTION, "generator": PICTURE}
#: Of the five frames of sound these are kept; frames do not depend on each other. Their head poses are in networks.npz.
SOUND_FRAMES = (0, 3)


def write_networks(official: Path) -> None:
    """Write networks.npz: all kept arrays, and the official tolerances."""
    arrays: dict[str, np.ndarray] = {}
    tolerance: dict[str, float] = {}
    for file, parts in KEPT.items():
        given = np.load(official / f"{file}.npz")
        limits = json.loads(str(given["tolerance_json"]))
        for name, part in parts.items():
            kept = (
                f"driving_{name[3:]}" if file == "audio2kp" and name in POSES else name
            )  # the portrait's have its name
            arrays[kept] = given[name][part]
            tolerance |= {kept: limits[name]} if name in limits else {}
    path = HERE / "eat" / "networks.npz"
    np.savez_compressed(path, **arrays, tolerance_json=np.array(json.dumps(tolerance)))
    print(f"{path}: {path.stat().st_size} bytes")


def write_sound(official: Path) -> None:
    """Write expression.npz: inputs of the audio transformer and its coefficients for two frames, one bit a pixel."""
    given = np.load(official / "audio2kp.npz")
    shape = tuple(given["pose_shape"])
    pictures = np.unpackbits(given["pose"])[: np.prod(shape)].reshape(shape)
    frames = list(SOUND_FRAMES)
    path = HERE / "eat" / "expression.npz"
    np.savez_compressed(
        path, frames=np.array(frames), mel=given["mel"][0, frames, 0], letters=given["deep"][0, frames],
        pictures=np.packbits(pictures[frames]), pictures_shape=np.array((len(frames), *shape[1:])),
        pca=given["pca"][frames],
        tolerance_json=np.array(json.dumps({"pca": json.loads(str(given["tolerance_json"]))["pca"]})),
    )  # fmt: skip
    print(f"{path}: {path.stat().st_size} bytes")


def main() -> None:
    """Write both files."""
    official = Path(sys.argv[1]) / "golden" / "eat"
    (HERE / "eat").mkdir(exist_ok=True)
    write_networks(official)
    write_sound(official)


if __name__ == "__main__":
    main()
