"""This module holds the words of a paper's table: names of methods and datasets, heads of columns, the caption."""

from __future__ import annotations

from collections.abc import Sequence

from reports.layout import Column, Section, TableLine
from reports.paper.options import TableOptions
from reports.paper.table import Head

#: What stands above a number in a narrow table: a word and its subscript.
_HEADS: dict[str, tuple[str, str]] = {
    "emotion_acc": ("Acc", "emo"),
    "ext_acc": ("Acc", "ext"),
    "identity_sim": ("CSIM", ""),
    "fid_pair": ("FID", "pair"),
    "fvd_pair": ("FVD", "pair"),
    "sync_offset": ("AV offset", ""),
}
_NAMES = {
    "cmet": "C-MET",
    "edtalk": "EDTalk",
    "label": "EDTalk, label",
    "edtalk_lip_pose": "EDTalk, lip and pose",
    "float": "FLOAT",
    "float_checkout": "FLOAT, official",
    "eat": "EAT",
    "eat_checkout": "EAT, official",
    "ground_truth": "Ground truth",
    "no_edit": "No edit",
    "still_face": "Still face",
    "wrong_audio": "Wrong sound",
    "wrong_emotion": "Wrong emotion",
    "mead": "MEAD",
    "crema_d": "CREMA-D",
    "meld_extended": "MELD",
}
_LANES = {
    "label": "the emotion is given by its name",
    "reference": "the emotion is given by a picture or clip of another face",
    "speech": "the emotion is given by emotional utterances",
    "as-published": "each method is given the emotion as its authors do",
}


def name_of(key: str, options: TableOptions) -> str:
    """Returns how a method or dataset is called in a paper."""
    return options.names.get(key) or _NAMES.get(key, key)


def label_of(line: TableLine, options: TableOptions) -> str:
    """Returns how a line of a section is called: its method, with the run where several have it."""
    return name_of(line.method, options) + line.label.removeprefix(line.method)


def head(column: Column, words: str, options: TableOptions) -> Head:
    """Returns a column's head; words: what tells it from others of its metric."""
    unit = f"({column.fact.unit})" if column.fact.unit else ""
    if own := options.heads.get(column.fact.name):
        return Head(own, "", words, column.arrow, own=True)
    word, sub = _HEADS.get(column.fact.name, (column.fact.short.removesuffix(f" ({words})"), ""))
    return Head(word, sub, " ".join(filter(None, (words, unit))), column.arrow)


def caption(found: Sequence[Section], options: TableOptions) -> str:
    """Returns the caption of a table that nobody wrote one for: data, protocol, and how the emotion was given."""
    parts = []
    for section in found:
        clips = max((c.row.n_expected for line in section.lines for c in line.cells if c is not None), default=0)
        people = f" of {section.identities} people" if section.identities else ""
        drawn = f", version {section.drawn}" if section.drawn else ""
        parts.append(f"{name_of(section.dataset, options)} ({clips} clips{people}{drawn})")
    protocols = dict.fromkeys(name.rpartition("/")[2] for section in found for name in section.protocols)
    lane = _LANES.get(found[0].lane, f"lane {found[0].lane}")
    return f"Results on {' and '.join(parts)}, by the protocol {' + '.join(protocols)}; {lane}."
