"""An anchor that shows another sample's true clip is given its donor here: which one, from the whole test list.

The donor is chosen from every sample of the list, whether it was drawn (`--limit`) or not, so that a larger limit keeps
it. One that was not drawn is rendered or read, and never judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from harness.records import Sample

#: The one thing in which a donor's clip must differ from the sample's own.
Difference = Literal["sound", "emotion"]


def donor_of(sample: Sample, every: Sequence[Sample], differs_in: Difference) -> Sample | None:
    """Returns the sample whose true clip stands in for that of `sample`; None where the list has none.

    sound: another driving sound; the same person where there is one, then the same emotion, then the same level.
    emotion: another emotion, and another basic label, of the same person; then the same driving sound, then the same
    level. Of equals, the next one in the list counts.
    """
    own = _after(sample, [one for one in every if one.identity == sample.identity])
    if differs_in == "emotion":
        fitting = [one for one in own if _other_emotion(one, sample)]
    else:
        fitting = _other_sound(sample, own) or _other_sound(sample, _after(sample, every))
    return min(fitting, key=lambda one: _unlike(one, sample, differs_in), default=None)  # the first of equals


def _after(sample: Sample, those: Sequence[Sample]) -> list[Sample]:
    """The others that have a true clip, in the list's order from `sample` on, round to its beginning."""
    place = next((k for k, one in enumerate(those) if one.id == sample.id), -1)
    return [one for one in (*those[place + 1 :], *those[: max(place, 0)]) if one.reference_video is not None]


def _other_sound(sample: Sample, those: Sequence[Sample]) -> list[Sample]:
    return [one for one in those if one.driving_audio != sample.driving_audio]


def _other_emotion(one: Sample, sample: Sample) -> bool:
    """Whether a judge that is right about `one` is wrong about `sample`: an extended emotion's basic label counts."""
    labels = (one.emotion.label, sample.emotion.label)
    return one.emotion.name != sample.emotion.name and (labels[0] != labels[1] or None in labels)


def _unlike(one: Sample, sample: Sample, differs_in: Difference) -> tuple[bool, bool, bool]:
    """What else differs, the gravest first: False sorts before True."""
    level = one.emotion.intensity != sample.emotion.intensity
    if differs_in == "sound":
        return one.emotion.name != sample.emotion.name, level, False
    return one.driving_audio != sample.driving_audio, one.emotion.basic != sample.emotion.basic, level
