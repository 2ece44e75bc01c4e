"""Reason codes of unscored rows and of notes on scored ones; one line each, as users read it.

The codes are part of the run format: add, never rename.
"""

from __future__ import annotations

REASONS: dict[str, str] = {
    "unreadable": "the file cannot be decoded",
    "empty": "the file has no bytes or no frames",
    "no_audio": "the clip has no sound stream",
    "silent_audio": "the sound is silent, so sync means nothing",
    "downmix_cancels": "the channels cancel in the mono down-mix",
    "no_face": "no face was found",
    "frames_left_out": "frames without a face were left out of this value",
    "multiple_faces": "several faces were found",
    "too_short": "the clip is too short for this measure",
    "track_too_short": "no face track is long enough for this protocol",
    "padding_dominates": "zero padding decides most of this value",
    "length_mismatch": "sound and picture differ in length; the common part was used",
    "audio_partial": "too little of the picture has sound",
    "audio_offset": "the sound starts later than the picture; the delay was kept",
    "fps_resampled": "the frame rate was converted to 25 by time stamps",
    "vfr_resampled": "the variable frame rate was converted to 25 by time stamps",
    "fps_refused": "the frame rate is not a constant 25, and this protocol takes no other",
    "reference_resampled": "the frame rate of the reference was converted to 25 by time stamps",
    "grayscale": "the picture is gray",
    "rotation_applied": "the rotation of the display matrix was applied",
    "not_finite": "the value is not a finite number",
    "size_mismatch": "picture sizes differ",
    "too_small": "the picture is too small for this measure",
    "no_reference": "there is no reference for this clip",
    "no_reference_face": "no face was found in the reference",
    "not_aligned": "the reference is not frame-aligned with the clip",
    "label_unknown": "the judge does not know this label",
    "no_label": "the clip has no emotion label",
    "undecided": "the judge could not decide",
    "too_few": "the clips are too few, or too alike, for this measure",
    "identical": "picture and reference are identical",
    "not_applicable": "this measure does not apply to this sample",
    "not_validated": "the judge was not validated on real labelled faces for this emotion",
    "reference_only": "this sample only lends its ground truth to a pooled measure",
    "pooled": "only the whole set has a value",
    "weights_missing": "the judge's weights are not on this machine",
    "weights_implausible": "the judge's weights fail the plausibility gate",
    "tool_missing": "a required external tool is not installed",
    "not_implemented_here": "this protocol cannot be computed here",
    "generation_failed": "the method made no clip for this sample",
    "unsupported": "the method cannot take this request",
    "not_recorded": "nothing was recorded about how the clip was made",
    "missing_clip": "there is no clip for this sample",
    "crashed": "the judge failed on this clip",
}


def sentence(code: str) -> str:
    """The sentence of a reason code; the code itself if it is not in the table."""
    return REASONS.get(code, code)
