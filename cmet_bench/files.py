"""Makes samples of files and the facts known of them: paths, folders or mappings in, one `Sample` a clip out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image

from harness.emotions import BASIC_EMOTIONS, named
from harness.errors import MediaError, UsageError, unknown_name
from harness.labels_csv import is_yes, path_in, read_labels
from harness.media import VideoReader
from harness.records import MEDIA_SUFFIXES, Emotion, Sample

DATASET = "folder"  # as `score` calls clips of no corpus: the same clips then have the same intervals
#: The facts that may be given of a clip. image: a picture of the identity; audio: the driving sound; source: the clip
#: unedited.
FACTS = ("emotion", "identity", "reference", "aligned", "image", "audio", "source")
_PATHS = ("reference", "image", "audio", "source")


#: A path, a folder, a csv of labels, a mapping with `clip` and any of FACTS, or several of these.
Files = str | os.PathLike[str] | Mapping[str, Any] | Iterable[str | os.PathLike[str] | Mapping[str, Any]]


@dataclass(frozen=True)
class Given:
    """Holds one clip as it was given: its path, its name inside the folder that was given, and its known facts."""

    path: Path
    name: Path
    facts: Mapping[str, Any] = field(default_factory=dict)


def listed(files: Files) -> list[Given]:
    """Returns the clips that were given, in their order; those of a folder by name, or as its labels.csv has them.

    UsageError where there is no such file, no clip, or one of them twice.
    """
    items = [files] if isinstance(files, (str, os.PathLike, Mapping)) else files
    clips = [one for item in items for one in _given(item)]
    if not clips:
        raise UsageError(
            "There are no clips to measure.", f"Give a file, or a folder with {', '.join(MEDIA_SUFFIXES)}."
        )
    twice = [path for path, count in Counter(one.path for one in clips).items() if count > 1]
    if twice:
        raise UsageError(f"'{twice[0]}' is given twice.", "Leave one of them out.")
    return clips


def _given(item: Any) -> list[Given]:
    if not isinstance(item, Mapping):
        return _at(item, {})
    for key in item:
        if key not in ("clip", *FACTS):
            raise unknown_name("fact of a clip", str(key), ("clip", *FACTS))
    if _blank(item.get("clip")):
        raise UsageError(f"{dict(item)!r} names no clip.", "Add the key 'clip'.")
    return _at(item["clip"], {key: value for key, value in item.items() if key != "clip" and not _blank(value)})


def _at(place: Any, facts: Mapping[str, Any]) -> list[Given]:
    path = _path(place)
    table = path / "labels.csv" if path.is_dir() else path
    if table.suffix.lower() == ".csv" and table.is_file():
        return _labelled(table)
    if not path.is_dir():
        return [Given(path, Path(path.name), facts)]
    inside = (found for found in sorted(path.rglob("*")) if found.suffix.lower() in MEDIA_SUFFIXES)
    names = [found.relative_to(path) for found in inside]
    return [Given(path / name, name, facts) for name in names if not any(part.startswith(".") for part in name.parts)]


def _labelled(table: Path) -> list[Given]:
    """The clips that a csv names, with its facts of them; its paths start in its folder (harness/labels_csv.py)."""
    clips = []
    for line, row in read_labels(table):
        where = f"Line {line} of {table}"
        if not row["clip"].strip():
            raise UsageError(f"{where} names no clip.", "Mend that line.")
        known = {key: text.strip() for key, text in row.items() if key in FACTS and text.strip()}
        facts: dict[str, Any] = {
            key: path_in(table.parent, text, where) if key in _PATHS else text for key, text in known.items()
        }
        if "aligned" in facts:
            facts["aligned"] = is_yes(facts["aligned"], where)
        clips.append(Given(_path(path_in(table.parent, row["clip"], where)), Path(row["clip"].strip()), facts))
    return clips


def _path(place: Any) -> Path:
    path = Path(place).expanduser().absolute()
    if not path.exists():
        raise UsageError(f"There is no '{path}'.", "Check the name; relative ones start in the current folder.")
    return path


def _blank(value: Any) -> bool:
    """Whether a clip's fact is not given: None, an empty text, or the nan that pandas puts into an empty cell."""
    return _untold(value) or value != value


def _untold(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def described(clips: Sequence[Given], facts: Mapping[str, Any]) -> list[Given]:
    """Returns the clips with `facts`, each one value for all, a list in order, or a mapping by path, name or stem.

    Facts that a clip was given with stand. `reference` may be a folder with files of the clips' names.
    """
    columns = {key: _column(key, value, clips) for key, value in facts.items() if not _untold(value)}
    extras = [{key: column[k] for key, column in columns.items() if not _blank(column[k])} for k in range(len(clips))]
    return [replace(one, facts={**extra, **one.facts}) for one, extra in zip(clips, extras, strict=True)]


def _column(key: str, value: Any, clips: Sequence[Given]) -> list[Any]:
    """The fact that `value` gives of each clip."""
    if isinstance(value, Mapping):
        return _by_name(key, value, clips)
    if isinstance(value, (str, os.PathLike)) or not hasattr(value, "__len__"):
        if key == "reference" and Path(value).expanduser().is_dir():
            return _twins(Path(value).expanduser().absolute(), clips)
        return [value] * len(clips)
    values = list(value)
    if len(values) != len(clips):
        raise UsageError(f"'{key}' lists {len(values)} for {len(clips)} clips.", "Give one a clip, in their order.")
    return values


def _by_name(key: str, value: Mapping[Any, Any], clips: Sequence[Given]) -> list[Any]:
    names = [(str(one.path), str(one.name), one.name.name, one.name.stem) for one in clips]
    for name in value:
        if not any(str(name) in known or str(Path(name).absolute()) in known for known in names):
            raise unknown_name(f"clip (in '{key}')", str(name), [known[2] for known in names])
    told = {text: said for name, said in value.items() for text in (str(name), str(Path(name).absolute()))}
    return [next((told[name] for name in known if name in told), None) for known in names]


def _twins(folder: Path, clips: Sequence[Given]) -> list[Path | None]:
    """For each clip the file of `folder` that is called like it, whatever its ending."""
    twins = []
    for one in clips:
        twin = folder / one.name
        candidates = (twin.with_suffix(suffix) for suffix in (twin.suffix, *MEDIA_SUFFIXES))
        twins.append(next((path for path in candidates if path.is_file()), None))
    if not any(twins):
        raise UsageError(f"No file in '{folder}' is called like one of the clips.", "Name them alike, or give a list.")
    return twins


def samples(clips: Sequence[Given], workshop: Path) -> list[Sample]:
    """Returns a sample for each clip; pictures that have to be made lie in `workshop`.

    As in `score`: the identity picture is the clip's first frame, the driving sound the clip's own, where none is
    named, and a clip of unnamed identity has one of its own.
    """
    stems = Counter(one.name.stem for one in clips)
    ids = [one.name.stem if stems[one.name.stem] == 1 else str(one.path) for one in clips]
    return [_sample(one, name, workshop / f"{k}.png") for k, (one, name) in enumerate(zip(clips, ids, strict=True))]


def _sample(one: Given, name: str, picture: Path) -> Sample:
    paths = {key: _path(one.facts[key]) for key in _PATHS if key in one.facts}
    word = str(one.facts.get("emotion", "")).strip()
    emotion = named(word)
    label = emotion if emotion in BASIC_EMOTIONS else None
    return Sample(
        id=name,
        dataset=DATASET,
        identity=str(one.facts.get("identity", name)),
        emotion=Emotion(emotion, label, unrecognised="" if emotion else word),
        source_image=paths["image"] if "image" in paths else _first_frame(one.path, picture),
        driving_audio=paths.get("audio", one.path),
        frames=0,  # no judge asks: each counts those of the clip
        source_video=paths.get("source"),
        reference_video=paths.get("reference"),
        reference_aligned=_aligned(one.facts.get("aligned", False)),
    )


def _aligned(value: Any) -> bool:
    if value not in (True, False):
        raise UsageError(f"'aligned' is {value!r}.", "Say True where frame k of the reference is frame k of the clip.")
    return bool(value)


def _first_frame(clip: Path, target: Path) -> Path:
    """The clip's first frame as a picture; none where it cannot be read, which the judges say in their rows."""
    try:
        frame = next((chunk[0] for chunk in VideoReader(clip, chunk=1)), None)
    except MediaError:
        return target
    if frame is not None:
        Image.fromarray(frame).save(target, compress_level=1)
    return target
