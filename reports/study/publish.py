"""This module writes a study: a folder to publish, in which nothing says which method made a clip, and the key beside
it.

Every clip is written anew by the one encoder, at 25 frames a second with 16 kHz sound as the judges see and hear it:
no name, metadata, codec or container is left of the file that it was. A clip has one name where two are compared and
another where its emotion is asked for, since the first kind of question may tell the emotion.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from harness.atomic import replacing
from harness.errors import UsageError
from harness.media import VideoReader, VideoWriter, read_audio
from reports.breakdown import emotion_order
from reports.study import design
from reports.study import key as keys
from reports.study.design import IDENTIFY, Item, Sample
from reports.study.key import Key, ShownClip
from reports.study.material import Material
from reports.templates import part, template

PAGE, KEY, CLIPS = "publish", "key.json", "clips"
_LETTERS = "bcdfghjklmnpqrstvwxz"  # no vowels: no words; no digits: no spreadsheet takes a name for a number
_NAME = 9


@dataclass(frozen=True)
class Settings:
    """Says how large a study is, what it asks, and the seed of all that is drawn."""

    raters: int
    items: int  # for each rater, checks not counted
    checks: int  # attention checks for each rater
    questions: tuple[str, ...]
    seed: int


class _Names:
    """Draws blind names, each once."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._drawn = rng, set[str]()

    def __call__(self) -> str:
        while (name := "".join(_LETTERS[k] for k in self._rng.integers(0, len(_LETTERS), _NAME))) in self._drawn:
            pass
        self._drawn.add(name)
        return name


def designed(material: Material, settings: Settings, runs: Sequence[str] = ()) -> Key:
    """Returns the study that these settings make of the material. Raises UsageError where it has too few samples."""
    rng = np.random.default_rng(settings.seed)
    known = any(material.emotions.values())
    questions = [question for question in settings.questions if known or question not in design.ABOUT_EMOTION]
    named = not design.ABOUT_EMOTION.isdisjoint(questions)
    usable = {sample: emotion for sample, emotion in material.emotions.items() if emotion or not named}
    asked = design.cells(material.methods, questions)
    if not asked:
        raise UsageError("Of these clips no emotion is known, and nothing else is asked.", "Ask for realism or sync.")
    best = design.samples_needed(len(asked), settings.raters, settings.items)[1]
    shown = {sample: usable[sample] for sample in design.in_turn(usable, rng)[:best]}
    dealt = design.plan(asked, shown, settings.raters, settings.items, rng)
    truth, kinds, samples = material.check_kinds()
    count = min(settings.checks, len(samples))
    extra = [design.checks(kinds, samples, truth, count, rng) for _ in dealt]
    given = [design.with_checks(own, more, rng) for own, more in zip(dealt, extra, strict=True)]
    return _named(material, settings, given, emotion_order(shown.values()), runs, rng)


def _named(
    material: Material,
    settings: Settings,
    given: Sequence[Sequence[Item]],
    choices: Iterable[str],
    runs: Sequence[str],
    rng: np.random.Generator,
) -> Key:
    """The study with blind names for everything in it."""
    names = _Names(rng)
    study = names()
    labelled = [[(names(), item) for item in own] for own in given]
    clips = {_clip(method, item): "" for own in given for item in own for method in item.methods}
    return Key(
        study,
        settings.seed,
        material.methods,
        tuple(choices),
        {name: item for own in labelled for name, item in own},
        {rater: tuple(name for name, _ in own) for rater, own in enumerate(labelled, 1)},
        {names(): clip for clip in clips},
        material.metrics,
        tuple(runs),
    )


def _clip(method: str, item: Item) -> ShownClip:
    return method, item.sample, "alone" if item.question == IDENTIFY else "paired"


def publish(key: Key, files: Mapping[tuple[str, Sample], Path], folder: Path) -> list[Path]:
    """Writes the study into a new folder: publish/index.html with its clips, and key.json, which must not be published.

    Returns (page, key). Raises UsageError where the folder holds something, MediaError for a clip that cannot be read.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"'{folder}' holds something already: raters may be answering it.", "Name a new folder.")
    written: dict[tuple[str, Sample], Path] = {}
    for name, (method, sample, _) in key.clips.items():
        place = folder / PAGE / CLIPS / f"{name}.mp4"
        if (method, sample) in written:
            with replacing(place) as partial:
                shutil.copyfile(written[method, sample], partial)
        else:
            _encode(files[method, sample], place)
            written[method, sample] = place
    page = folder / PAGE / "index.html"
    with replacing(page) as partial:
        partial.write_text(render(key), encoding="utf-8", newline="\n")
    keys.write(key, folder / KEY)
    return [page, folder / KEY]


def _encode(source: Path, place: Path) -> None:
    """The clip as judges see it; a last odd row or column of pixels, which H.264 does not take, is left out."""
    reader = VideoReader(source)
    height, width = (size // 2 * 2 for size in (reader.info.height, reader.info.width))
    sound = read_audio(source).samples if reader.info.has_audio else None
    with VideoWriter(place, width, height, audio=sound) as writer:
        for chunk in reader:
            for frame in chunk:
                writer.write(frame[:height, :width])


def render(key: Key) -> str:
    """Returns the page: what raters are asked under blind names, and no word of methods, samples or runs."""
    script = part("study/study.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return template("study/study.html.j2").render(
        style=Markup(part("style.css") + part("study/study.css")),
        script=Markup(script),
        script_hash=digest,
        raters=len(key.order),
        data=_asked(key),
    )


def _asked(key: Key) -> dict[str, Any]:
    """Each rater's items: blind name, question, clips, and the emotion where two clips are compared by it."""
    blind = {clip: name for name, clip in key.clips.items()}
    raters = {
        rater: [
            [name, item.question, [blind[_clip(method, item)] for method in item.methods], _told(item)]
            for name in own
            for item in [key.items[name]]
        ]
        for rater, own in key.order.items()
    }
    return {"study": key.study, "questions": design.PREFERENCES, "choices": key.choices, "raters": raters}


def _told(item: Item) -> str:
    return item.emotion if item.question == "emotion" else ""
