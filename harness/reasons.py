"""One table holds the reason codes of unscored rows and of notes on scored ones.

The codes are part of the run format: add, never rename.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Whose fault a lost number is: the clip's (and so the method's that made it), the data's, the judge's, this machine's
#: (something is not installed), or nobody's (a note, or a number that nobody expects).
Fault = Literal["clip", "data", "judge", "machine", "nobody"]


@dataclass(frozen=True)
class Reason:
    """Describes one code: its sentence, as users read it; whose fault it is; and whether it may be gone at the next
    --resume.
    """

    sentence: str
    fault: Fault = "clip"
    may_pass: bool = False


REASONS: dict[str, Reason] = {
    "unreadable": Reason("the file cannot be decoded"),
    "empty": Reason("the file has no bytes or no frames"),
    "no_audio": Reason("the clip has no sound stream"),
    "silent_audio": Reason("the sound is silent, so sync means nothing"),
    "downmix_cancels": Reason("the channels cancel in the mono down-mix"),
    "no_face": Reason("no face was found"),
    "frames_left_out": Reason("frames without a face were left out of this value", "nobody"),
    "multiple_faces": Reason("several faces were found"),
    "too_short": Reason("the clip is too short for this measure"),
    "too_long": Reason("the clip, or a gap in it, claims to be longer than is read"),
    "too_large": Reason("the pictures have more pixels than are read"),
    "took_too_long": Reason("judging the clip took longer than the limit", "judge", may_pass=True),
    "track_too_short": Reason("no face track is long enough for this protocol"),
    "padding_dominates": Reason("zero padding decides most of this value", "nobody"),
    "length_mismatch": Reason("sound and picture differ in length; the common part was used"),
    "audio_partial": Reason("too little of the picture has sound"),
    "audio_offset": Reason("the sound starts later than the picture; the delay was kept", "nobody"),
    "audio_upsampled": Reason("the sound was up-sampled from below 16 kHz: its upper band is empty", "nobody"),
    "audio_quiet": Reason("the sound is very quiet (below -40 dB of full scale)", "nobody"),
    "channel_silent": Reason("a channel of the sound is silent: the mean of all is quieter by it", "nobody"),
    "face_lost": Reason("some of the frames that were searched show no face", "nobody"),
    "fps_resampled": Reason("the frame rate was converted to 25 by time stamps", "nobody"),
    "vfr_resampled": Reason("the variable frame rate was converted to 25 by time stamps", "nobody"),
    "stamps_sorted": Reason("time stamps of the pictures step back; they were taken in rising order", "nobody"),
    "fps_refused": Reason("the frame rate is not a constant 25, and this protocol takes no other"),
    "reference_resampled": Reason("the frame rate of the reference was converted to 25 by time stamps", "nobody"),
    "grayscale": Reason("the picture is gray"),
    "rotation_applied": Reason("the rotation of the display matrix was applied", "nobody"),
    "pixel_aspect_applied": Reason("pixels that are not square were scaled to what is shown", "nobody"),
    "hdr_not_mapped": Reason("the colours are HDR (PQ or HLG) and were read without tone mapping", "nobody"),
    "not_finite": Reason("the value is not a finite number"),
    "size_mismatch": Reason("picture sizes differ"),
    "too_small": Reason("the picture is too small for this measure"),
    "no_reference": Reason("there is no reference for this clip", "data"),
    "no_reference_face": Reason("no face was found in the reference", "data"),
    "not_aligned": Reason("the reference is not frame-aligned with the clip", "data"),
    "label_unknown": Reason("the judge does not know this label", "judge"),
    "no_label": Reason("the clip has no emotion label", "data"),
    "label_unrecognised": Reason("the label names neither a basic emotion nor one that the dataset declares", "data"),
    "undecided": Reason("the judge could not decide"),
    "too_few": Reason("the clips are too few, or too alike, for this measure"),
    "identical": Reason("picture and reference are identical"),
    "not_applicable": Reason("this measure does not apply to this sample", "nobody"),
    "not_validated": Reason("the judge was not validated on real labelled faces for this emotion", "judge"),
    "reference_only": Reason("this sample only lends its ground truth to a pooled measure", "nobody"),
    "pooled": Reason("only the whole set has a value", "nobody"),
    "judge_unnamed": Reason("this protocol names no judge for this dataset", "judge"),
    "weights_missing": Reason("the judge's weights are not on this machine", "machine", may_pass=True),
    "weights_implausible": Reason("the judge's weights fail the plausibility gate", "machine"),
    "tool_missing": Reason("a required external tool is not installed", "machine", may_pass=True),
    "not_implemented_here": Reason("this protocol cannot be computed here", "judge"),
    "generation_failed": Reason("the method made no clip for this sample"),
    "unsupported": Reason("the method cannot take this request"),
    "not_recorded": Reason("nothing was recorded about how the clip was made", "data"),
    "missing_clip": Reason("there is no clip for this sample"),
    "crashed": Reason("the judge failed on this clip", "judge", may_pass=True),
}

#: Notes of a clip whose frames are not, one for one, the coded pictures as they are stored.
CHANGES_PICTURES = frozenset(
    {"fps_resampled", "vfr_resampled", "stamps_sorted", "rotation_applied", "pixel_aspect_applied"}
)


def reason(code: str) -> Reason:
    """Returns the row of a code; one that is not in the table is its own sentence, and the clip's fault."""
    return REASONS.get(code, Reason(code))


def sentence(code: str) -> str:
    """Returns the sentence of a reason code; the code itself if it is not in the table."""
    return reason(code).sentence
