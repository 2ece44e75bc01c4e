"""This package holds the judges, and their registry: name → "module:Class", imported on use."""

from __future__ import annotations

EVALUATORS: dict[str, str] = {
    "lse": "evaluators.sync.lse:LipSync",
    "fid": "evaluators.fid.fid:Fid",
    "fid_pair": "evaluators.fid.fid:PairFid",
    "fvd": "evaluators.fvd.fvd:Fvd",
    "fvd_pair": "evaluators.fvd.fvd:PairFvd",
    "emotion": "evaluators.emotion.accuracy:EmotionAccuracy",
    "identity": "evaluators.identity.similarity:IdentitySimilarity",
    "extended": "evaluators.extended.extended_emotion:ExtendedEmotion",
    "pixels": "evaluators.full_reference.pixels:PixelQuality",
    "lpips": "evaluators.full_reference.lpips:Lpips",
    "landmarks": "evaluators.full_reference.landmarks:LandmarkDistance",
    "coefficients": "evaluators.coefficients.coefficients:FaceCoefficients",
    "faces": "evaluators.faces.presence:FacePresence",
    "cost": "evaluators.cost:GenerationCost",
}
