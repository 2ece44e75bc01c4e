"""This literal table says how each metric must answer each corruption, so that every verdict can be looked up.

`worse`    the value moves in the metric's bad direction, the more the stronger the corruption (where the uncorrupted
           strength is not 0, as with intensity, the strengths below it are the corruption: more of an emotion is not
           less right);
`flat`     the corruption is none of this metric's business: the value stays where it is;
`follows`  the value moves with the strength one to one, with its sign or against it (offsets);
`any`      the value may move (shown, not judged), e.g. LSE under blur.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Expectation = Literal["worse", "flat", "follows", "any"]

_SOUND_ONLY = ("sound_shift", "other_sound", "gain", "band")
_PICTURE = ("blur", "noise", "compression", "contrast")

#: Corruption that leaves no frame where it was.
_CONTENT = ("freeze", "drop", "identity", "emotion", "drift", "frame_rate", "face_loss")

_SEEN: dict[str, Expectation] = {  # metrics that compare each picture with the true one
    **dict.fromkeys(_SOUND_ONLY, "flat"),
    **dict.fromkeys((*_PICTURE, *_CONTENT), "worse"),
}
_LIKENESS: dict[str, Expectation] = {  # metrics of sets of pictures: order and repetition are not their business
    **dict.fromkeys(_SOUND_ONLY, "flat"),
    **dict.fromkeys((*_PICTURE, "identity", "drift"), "worse"),
}
#: Lips that stand still, skip, or belong to another clip's words cannot go with this sound; a constant delay can. How
#: loud it is, is none of the metric's business (but dialects that take the sound as it is move).
_SYNC: dict[str, Expectation] = {
    **dict.fromkeys(("sound_shift", "gain"), "flat"),
    **dict.fromkeys(("other_sound", "freeze", "drop", "identity", "frame_rate"), "worse"),
}
#: Metrics that read an emotion off a face: not from the sound, and not where there is another emotion or none.
_EXPRESSION: dict[str, Expectation] = {
    **dict.fromkeys(_SOUND_ONLY, "flat"),
    **dict.fromkeys(("emotion", "intensity"), "worse"),
}
_MARKS: dict[str, Expectation] = {**dict.fromkeys(_SOUND_ONLY, "flat"), "freeze": "worse", "drift": "worse"}
_FACE_SEEN: dict[str, Expectation] = {
    **dict.fromkeys((*_SOUND_ONLY, "freeze", "drop", "identity", "emotion", "intensity", "frame_rate"), "flat"),
    "face_loss": "worse",
}
_LENGTH: dict[str, Expectation] = dict.fromkeys((*_SOUND_ONLY, *_PICTURE, *_CONTENT), "flat")

#: metric → corruption → expected answer; pairs that are not here are `any`.
TABLE: dict[str, Mapping[str, Expectation]] = {
    "lse_c": _SYNC,
    "lse_d": _SYNC,
    "sync_offset": {"sound_shift": "follows"},
    "fid": _LIKENESS,
    "fid_pair": _LIKENESS,
    "emotion_acc": _EXPRESSION,
    "ext_acc": _EXPRESSION,
    "ext_identifiability": _EXPRESSION,
    "av_structure": _EXPRESSION,
    "pseudo_agreement": _EXPRESSION,
    "ext_shift": {**dict.fromkeys(_SOUND_ONLY, "flat"), "intensity": "worse"},  # how far, not whither
    "identity_sim": {
        **dict.fromkeys((*_SOUND_ONLY, "freeze", "drop", "emotion", "intensity", "frame_rate", "face_loss"), "flat"),
        "identity": "worse",
    },
    "psnr": _SEEN,
    "ssim": _SEEN,
    "lpips": _SEEN,
    "m_lmd": _MARKS,
    "f_lmd": _MARKS,
    "face_rate": _FACE_SEEN,
    "frames": _LENGTH,
    "av_length_ratio": _LENGTH,
}


def expected(metric: str, corruption: str) -> Expectation:
    """Returns the answer that `metric` must give to `corruption`."""
    return TABLE.get(metric, {}).get(corruption, "any")
