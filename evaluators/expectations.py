"""What each metric must say about each damage: a literal table, so that every verdict can be looked up.

`worse`    the value moves in the metric's bad direction, the more the stronger the damage;
`flat`     the damage is none of this metric's business: the value stays where it is;
`follows`  the value moves with the strength one to one, with its sign or against it (offsets);
`any`      the value may move (shown, not judged), e.g. LSE under blur.
"""

from __future__ import annotations

from typing import Literal

Expectation = Literal["worse", "flat", "follows", "any"]

_SOUND_ONLY = ("sound_shift", "other_sound")
_PICTURE = ("blur", "noise", "compression", "contrast")

#: metric → damage → what must be seen; pairs that are not here are `any`.
TABLE: dict[str, dict[str, Expectation]] = {
    "lse_c": {"other_sound": "worse", "freeze": "worse", "sound_shift": "flat"},
    "lse_d": {"other_sound": "worse", "freeze": "worse", "sound_shift": "flat"},
    "sync_offset": {"sound_shift": "follows"},
    "fid": {**dict.fromkeys(_SOUND_ONLY, "flat"), **dict.fromkeys(_PICTURE, "worse"), "identity": "worse"},
    "fid_pair": {**dict.fromkeys(_SOUND_ONLY, "flat"), **dict.fromkeys(_PICTURE, "worse"), "identity": "worse"},
    "emotion_acc": {**dict.fromkeys(_SOUND_ONLY, "flat"), "emotion": "worse"},
    "identity_sim": {**dict.fromkeys(_SOUND_ONLY, "flat"), "identity": "worse"},
    "psnr": {
        **dict.fromkeys(_SOUND_ONLY, "flat"),
        **dict.fromkeys((*_PICTURE, "freeze", "drop", "identity", "emotion", "drift"), "worse"),
    },
    "ssim": {
        **dict.fromkeys(_SOUND_ONLY, "flat"),
        **dict.fromkeys((*_PICTURE, "freeze", "drop", "identity", "emotion", "drift"), "worse"),
    },
    "lpips": {
        **dict.fromkeys(_SOUND_ONLY, "flat"),
        **dict.fromkeys((*_PICTURE, "freeze", "drop", "identity", "emotion", "drift"), "worse"),
    },
    "m_lmd": {**dict.fromkeys(_SOUND_ONLY, "flat"), "freeze": "worse", "drift": "worse"},
    "f_lmd": {**dict.fromkeys(_SOUND_ONLY, "flat"), "freeze": "worse", "drift": "worse"},
    "face_rate": dict.fromkeys((*_SOUND_ONLY, "freeze", "drop", "identity", "emotion", "intensity"), "flat"),
    "frames": dict.fromkeys((*_SOUND_ONLY, *_PICTURE, "freeze", "drop", "identity", "emotion", "drift"), "flat"),
    "av_length_ratio": dict.fromkeys(
        (*_SOUND_ONLY, *_PICTURE, "freeze", "drop", "identity", "emotion", "drift"), "flat"
    ),
}


def expected(metric: str, damage: str) -> Expectation:
    """What `metric` must say about `damage`."""
    return TABLE.get(metric, {}).get(damage, "any")
