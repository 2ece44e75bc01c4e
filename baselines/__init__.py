"""This package holds every contestant behind one contract. The registry: name → "module:Class", imported on use."""

from __future__ import annotations

METHODS: dict[str, str] = {
    "cmet": "baselines.cmet:CMet",
    "eat": "baselines.eat.method:Eat",
    "edtalk": "baselines.edtalk.method:EDTalk",
    "edtalk_lip_pose": "baselines.edtalk.method:LipPose",
    "float": "baselines.float.method:Float",
    "float_checkout": "baselines.checkout.float:FloatCheckout",
    "label": "baselines.edtalk.method:Label",
    "no_edit": "baselines.cmet:NoEdit",
    "ground_truth": "baselines.anchors:GroundTruth",
    "still_face": "baselines.anchors:StillFace",
    "wrong_audio": "baselines.anchors:WrongAudio",
    "wrong_emotion": "baselines.anchors:WrongEmotion",
}

#: The ceiling and the floors that `run` adds by itself, in table order.
ANCHORS = ("ground_truth", "no_edit", "still_face", "wrong_audio", "wrong_emotion")

#: The contestants that run from their authors' own checkout; `doctor` looks at each.
CHECKOUTS = ("float_checkout",)
