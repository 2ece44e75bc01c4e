"""This module tests a trained connector on single utterances: it recognises basic emotions and places others."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from cmet.connector import Connector
from cmet.speech_to_code.speech_bank import EMOTIONS, NEUTRAL, Floats, SpeechBank, feature_files, read_feature
from harness import csv_cells
from harness.errors import MissingError, UsageError
from networks.emotion2vec.features import FEATURE_FOLDER

BASIC = tuple(emotion for emotion in EMOTIONS if emotion != NEUTRAL)
_NEUTRAL = EMOTIONS.index(NEUTRAL)


def directions(members: Sequence[Connector], speech: Floats, codes: Floats) -> Floats:
    """Returns the directions (n, C) for speech differences (n, D): source neutral, reference zero, mean over window and
    members.
    """
    rows_of_members = []
    with torch.no_grad():
        for connector in members:
            source = torch.from_numpy(codes[_NEUTRAL]).expand(len(speech), connector.window, -1)
            rows, _ = connector(torch.zeros_like(source), torch.from_numpy(speech)[:, None], source)
            rows_of_members.append(rows.reshape(len(speech), connector.window, -1).mean(dim=1))
    return np.asarray(torch.stack(rows_of_members).mean(dim=0).numpy())


def nearest(predicted: Floats, codes: Floats) -> npt.NDArray[np.int64]:
    """Returns the index (n,) of the code, of eight, nearest to neutral + direction."""
    edited = codes[_NEUTRAL] + predicted
    return np.asarray(np.square(edited[:, None] - codes).sum(axis=-1).argmin(axis=1))


@dataclass(frozen=True)
class Recognition:
    """Holds confusion[emotion][nearest code], which counts utterances; emotions that the speaker never shows are
    absent.
    """

    confusion: Mapping[str, Mapping[str, int]]

    @property
    def count(self) -> dict[str, int]:
        """Returns the number of utterances per emotion."""
        return {emotion: sum(row.values()) for emotion, row in self.confusion.items()}

    @property
    def recall(self) -> dict[str, float]:
        """Returns the share of right answers per emotion."""
        return {emotion: row[emotion] / self.count[emotion] for emotion, row in self.confusion.items()}

    @property
    def macro_accuracy(self) -> float:
        """Returns the mean recall over the emotions that there are."""
        return float(np.mean(list(self.recall.values())))


def recognise(members: Sequence[Connector], bank: SpeechBank, speaker: str) -> Recognition:
    """Returns the recognition of every emotional utterance of `speaker` among the eight codes."""
    confusion = {}
    for emotion, speech in bank.differences(speaker).items():
        counts = np.bincount(nearest(directions(members, speech, bank.codes), bank.codes), minlength=len(EMOTIONS))
        confusion[emotion] = {name: int(n) for name, n in zip(EMOTIONS, counts, strict=True)}
    return Recognition(confusion)


@dataclass(frozen=True)
class Profile:
    """Holds the cosines (n, 7) of an emotion's directions with those of the basic emotions; lengths (n,)."""

    corpus: str
    emotion: str
    cosines: Floats
    lengths: Floats

    @property
    def between(self) -> tuple[str, str]:
        """Returns the two basic emotions with the largest mean cosine."""
        first, second = np.argsort(-self.cosines.mean(axis=0))[:2]
        return BASIC[first], BASIC[second]

    def spread(self) -> Floats:
        """Returns the standard deviation (7,) over utterances; zero for a single one."""
        return self.cosines.std(axis=0, ddof=1) if len(self.cosines) > 1 else np.zeros(len(BASIC), np.float32)


def extended_folders(speech: Path, given: Sequence[Path]) -> list[Path]:
    """Returns the emotion folders with features below `given`, else below the neighbours of `speech`; sorted.

    MissingError for a folder in `given` that holds none.
    """
    empty = next((root for root in given if not any(root.glob(f"*/{FEATURE_FOLDER}"))), None)
    if empty is not None:
        raise MissingError(f"{empty} holds no <emotion>/{FEATURE_FOLDER}/.", "--extended names a folder of them.")
    roots = list(given) or sorted(p for p in speech.resolve().parent.iterdir() if p.is_dir() and p != speech.resolve())
    return [inner.parent for root in roots for inner in sorted(root.glob(f"*/{FEATURE_FOLDER}")) if inner.is_dir()]


def read_extended(folders: Sequence[Path], size: int) -> dict[Path, Floats]:
    """Returns the features (n, size) of emotion folders, empty ones left out. UsageError for a damaged one and for
    another size.
    """
    features_of = {}
    for folder in folders:
        vectors = {path: read_feature(path) for path in feature_files(folder)}
        wrong = next((path for path, vector in vectors.items() if vector.size != size), None)
        if wrong is not None:
            raise UsageError(
                f"{wrong} has {vectors[wrong].size} numbers, the features of --speech have {size}.",
                "Name the folders of further emotions with --extended, or move this one away.",
            )
        if vectors:
            features_of[folder] = np.stack(list(vectors.values()))
    return features_of


def profiles(
    members: Sequence[Connector], bank: SpeechBank, speakers: Sequence[str], extended: Mapping[Path, Floats]
) -> list[Profile]:
    """Returns the directions of further emotions; as in the released inference, speech is measured against others'
    neutral speech.

    The neutral point is the mean over `speakers` of their neutral means: these voices have no neutral speech here.
    """
    middle = np.mean([bank.features[name][NEUTRAL].mean(axis=0) for name in speakers], axis=0)
    basic = np.stack([bank.codes[EMOTIONS.index(e)] - bank.codes[_NEUTRAL] for e in BASIC])
    basic /= np.linalg.norm(basic, axis=1, keepdims=True)
    all_profiles = []
    for folder, vectors in extended.items():
        moved = directions(members, (vectors - middle).astype(np.float32), bank.codes)
        lengths = np.linalg.norm(moved, axis=1)
        cosines = moved @ basic.T / np.maximum(lengths, 1e-12)[:, None]
        all_profiles.append(Profile(folder.parent.name, folder.name, cosines, lengths))
    return all_profiles


def as_csv(all_profiles: Sequence[Profile]) -> str:
    """Returns a csv with one row per emotion: count, the two nearest basic emotions, length, cosine and spread per
    basic emotion.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["corpus", "emotion", "n", "between_1", "between_2", "length_mean", "length_sd"]
        + [f"{emotion}_{kind}" for emotion in BASIC for kind in ("cosine_mean", "cosine_sd")]
    )
    for one in all_profiles:
        pairs = np.stack((one.cosines.mean(axis=0), one.spread()), axis=1).reshape(-1)
        deviation = one.lengths.std(ddof=1) if len(one.lengths) > 1 else 0.0
        numbers = [f"{value:.3f}" for value in (one.lengths.mean(), deviation, *pairs)]
        named = [csv_cells.cell(name) for name in (one.corpus, one.emotion)]
        writer.writerow([*named, len(one.cosines), *one.between, *numbers])
    return text.getvalue()


def as_markdown(all_profiles: Sequence[Profile]) -> str:
    """Returns the same as a Markdown table: mean cosine ± standard deviation over utterances."""
    lines = [
        "| corpus | emotion | n | lies between | length | " + " | ".join(BASIC) + " |",
        "|---|---|---|---|---|" + "---|" * len(BASIC),
    ]
    for one in all_profiles:
        cells = [f"{m:+.2f} ± {s:.2f}" for m, s in zip(one.cosines.mean(axis=0), one.spread(), strict=True)]
        head = [one.corpus, one.emotion, str(len(one.cosines)), " and ".join(one.between), f"{one.lengths.mean():.1f}"]
        lines.append("| " + " | ".join(text.replace("|", "\\|") for text in [*head, *cells]) + " |")
    return "\n".join(lines) + "\n"


_LEFT, _TOP, _WIDE, _HIGH = 190, 60, 92, 34


def as_svg(all_profiles: Sequence[Profile]) -> str:
    """Returns the table as a picture: blue towards a basic emotion, red away from it."""
    width, height = _LEFT + _WIDE * len(BASIC) + 20, _TOP + _HIGH * len(all_profiles) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        '<text x="12" y="24" font-size="15">Cosine of predicted directions with those of the basic emotions</text>',
    ]
    for column, emotion in enumerate(BASIC):
        parts.append(f'<text x="{_LEFT + _WIDE * (column + 0.5)}" y="50" text-anchor="middle">{emotion}</text>')
    for row, one in enumerate(all_profiles):
        parts += _svg_row(one, _TOP + _HIGH * row)
    note = "mean ± standard deviation over utterances; bold: the two largest"
    return "".join([*parts, f'<text x="12" y="{height - 14}" fill="#555">{note}</text></svg>']) + "\n"


def _svg_row(one: Profile, top: int) -> list[str]:
    middle = top + _HIGH / 2 + 5
    parts = [f'<text x="12" y="{middle}">{html.escape(f"{one.emotion} ({one.corpus}, {len(one.cosines)})")}</text>']
    for column, (mean, spread) in enumerate(zip(one.cosines.mean(axis=0), one.spread(), strict=True)):
        left = _LEFT + _WIDE * column
        colour = "#2166ac" if mean > 0 else "#b2182b"
        weight = ' font-weight="bold"' if BASIC[column] in one.between else ""
        parts.append(
            f'<rect x="{left}" y="{top}" width="{_WIDE - 2}" height="{_HIGH - 2}" fill="{colour}" '
            f'fill-opacity="{min(1.0, 0.75 * abs(float(mean))):.2f}"/>'
            f'<text x="{left + _WIDE / 2}" y="{middle}" text-anchor="middle"{weight}>{mean:+.2f} ± {spread:.2f}</text>'
        )
    return parts
