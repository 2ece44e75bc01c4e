"""These records pass through every run: Sample → Request → Clip | Failed → Scored | Unscored.

Every record is frozen and JSON-able; paths are absolute. Nothing here imports torch or numpy.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from harness.emotions import BASIC_EMOTIONS

Lane = Literal["label", "reference", "speech", "as-published"]
LANES: tuple[Lane, ...] = ("label", "reference", "speech", "as-published")

#: Endings of the files in a folder that count as clips.
MEDIA_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".flv", ".m4v", ".mpg", ".mpeg", ".ts")
#: Endings of still pictures, where a file may be one or a clip.
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")

FPS = 25
SAMPLE_RATE_HZ = 16_000
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ // FPS


@dataclass(frozen=True)
class Emotion:
    """Holds the emotion that is asked for, in every form a method may get it. A lane strips the forms it forbids."""

    name: str  # canonical: one of BASIC_EMOTIONS or an extended emotion; "" for no label, or where a lane hides it
    label: str | None = None  # the basic label that label-driven methods get; None if there is none
    label_is: Literal["truth", "pseudo"] = "truth"
    intensity: int | None = None  # 1..3 where the corpus has levels
    speech: tuple[Path, ...] = ()  # emotional utterances (wav), never the driving sound
    neutral_speech: tuple[Path, ...] = ()  # neutral utterances of the same voices
    features: Path | None = None  # prepared emotion2vec features of `speech`, if any
    image: Path | None = None  # a picture of an emotional face
    clip: Path | None = None  # a clip of an emotional face
    strength: float = 1.0
    unrecognised: str = ""  # the label as the data have it, where it names no emotion that the dataset knows

    @property
    def basic(self) -> bool:
        """Says whether the emotion asked for is one of the eight basic ones."""
        return self.name in BASIC_EMOTIONS


@dataclass(frozen=True)
class Sample:
    """Holds one row of a test list: speaker, sentence, emotion, and the ground truth where it exists."""

    id: str  # unique in its dataset, file-name safe
    dataset: str
    identity: str
    emotion: Emotion
    source_image: Path  # identity picture, RGB
    driving_audio: Path  # 16 kHz mono wav
    frames: int  # expected number of frames at 25 fps
    source_video: Path | None = None  # neutral clip of the identity (C-MET edits it)
    pose_video: Path | None = None  # head pose, 25 fps
    reference_video: Path | None = None  # ground truth of this sample, if it exists
    reference_aligned: bool = False  # True if frame k of the ground truth corresponds to frame k of a result


@dataclass(frozen=True)
class Request:
    """Holds a method's input: a Sample as its lane allows it to be seen, and a seed."""

    id: str
    identity: str
    emotion: Emotion
    source_image: Path
    driving_audio: Path
    frames: int
    fps: int
    seed: int
    lane: Lane
    source_video: Path | None = None
    pose_video: Path | None = None
    schema: int = 1


FailureKind = Literal["unsupported", "unavailable", "bad-input", "out-of-memory", "timeout", "crashed", "bad-output"]


@dataclass(frozen=True)
class Clip:
    """Describes a finished clip on disk, encoded by the harness with the driving sound inside."""

    path: Path
    frames: int
    height: int
    width: int
    used: str  # where the emotion came from: label | image | clip | speech | driving-speech | none
    seconds: dict[str, float] = field(default_factory=dict)  # load, prepare, generate, write
    memory_peak_bytes: int | None = None
    codec: str = "h264crf18"
    notes: str = ""  # remarks, `; ` between them; `key: value` where clips differ
    label: str = ""  # the basic label that stood for the emotion, where `used` is label


@dataclass(frozen=True)
class Failed:
    """Says why a method could not make a sample: one sentence, and its cure."""

    kind: FailureKind
    reason: str
    cure: str = ""
    detail: str = ""  # log tail, at most 4 kB
    code: str = ""  # reason code of its rows, where `kind` does not say it


@dataclass(frozen=True)
class Scored:
    """Holds the number of one metric on one clip.

    `value` is the clip's own number, or None where only the pool has one (FID). `statistics` are the
    sufficient statistics from which the score of any set of clips follows (npz bytes, may be empty
    when `value` alone suffices). `notes` are reason codes that did not prevent scoring. `series` are the metric's
    values along the clip (harness.series), for the page to draw; no number depends on them.
    """

    metric: str
    value: float | None
    signature: str
    statistics: bytes = b""
    notes: tuple[str, ...] = ()
    series: bytes = b""


@dataclass(frozen=True)
class Unscored:
    """Says why one metric could not be measured on one clip (a code of harness.reasons)."""

    metric: str
    reason: str
    signature: str
    detail: str = ""


Row = Scored | Unscored


@dataclass(frozen=True)
class SummaryRow:
    """Holds one cell of the table. Field names are those of scores.json (docs/reference/runs.md, 'scores.json')."""

    dataset: str
    method: str
    metric: str
    value: float | None
    unit: str
    higher_is_better: bool
    low: float | None  # 95 % interval over people; over clips where there are fewer than two, or nobody knows who
    high: float | None
    n_scored: int
    n_expected: int
    signature: str
    note: str = ""
    clip_low: float | None = None  # 95 % interval over clips: what other clips of these people would give
    clip_high: float | None = None
    n_people: int = 0  # who answer in the interval; 0: nobody knows who is in the clips


@dataclass(frozen=True)
class Comparison:
    """Compares two methods on the samples that both have: `difference` = first − second, in the unit of the metric."""

    dataset: str
    metric: str
    first: str
    second: str
    difference: float
    low: float  # 95 % interval of the difference
    high: float
    p_value: float  # two-sided, before correction
    p_holm: float  # corrected over the comparisons of one run
    n_pairs: int
    signature: str
    test: str = "t over people"  # or "t over clips" where nobody knows who is in them
    n_people: int = 0  # who are in the shared clips, where that is known


def strip_to_lane(emotion: Emotion, lane: Lane) -> Emotion:
    """Remove from `emotion` the forms that `lane` forbids, so that no method can peek (docs/reference/methods.md,
    'Lanes').

    The name tells as much as the label, and the level belongs to the ground truth: `label` keeps the name alone,
    `reference` the picture, the clip and the clip's label, `speech` the utterances (a label is then what a recogniser
    hears).
    """
    if lane == "label":
        return replace(emotion, intensity=None, features=None, speech=(), neutral_speech=(), image=None, clip=None)
    hidden = replace(emotion, name="", unrecognised="")
    if lane == "reference":
        return replace(hidden, intensity=None, features=None, speech=(), neutral_speech=())
    if lane == "speech":
        return replace(hidden, label=None, intensity=None, image=None, clip=None)
    return emotion
