"""The rows of the extended-emotion judge become its scores here: pure numpy.

A row: `direction` (d,), `truth` (d,) or (0,), `label`, `identity`, `extended`, `pseudo`; av_structure adds
`voice` (v,), pseudo_agreement `logits` and `classes`. Rows of basic emotions give their ground truth to centroids and
scale, and are never counted as answers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from evaluators.extended import consistency, direction

Rows = Sequence[Mapping[str, npt.NDArray[Any]]]
_P_DRAWS = 10_000
_CONTROL_SHARE = 0.5  # a neutral clip that moves more than this share of the emotions' shift is a failed control


def combine(metric: str, rows: Rows, cosine: bool, scale: float | None) -> float:
    """Returns the score of a set of rows; nan where the set cannot answer."""
    if metric == "ext_acc":
        labels, guesses = accuracy_guesses(rows, cosine)
        return 100.0 * float(np.mean(np.array(labels) == np.array(guesses))) if labels else float("nan")
    if metric == "ext_shift":
        strengths = shifts(rows, scale)
        return float(np.median(strengths)) if len(strengths) else float("nan")
    if metric == "ext_identifiability":
        return direction.macro_recall(*identified(rows))
    if metric == "ext_consistency":
        return consistency.within_between(*_asked(rows))[0]
    if metric == "ext_profile":
        return reliability(rows)
    if metric == "av_structure":
        return direction.structure_agreement(*structures(rows))
    return direction.macro_recall(*pseudo_guesses(rows))


def read_once(rows: Rows) -> list[Mapping[str, Any]]:
    """Returns the rows with plain words and double precision, so that many scores of them need not convert them."""
    plain = {"label": str, "identity": str, "pseudo": str, "extended": bool}
    doubles = ("direction", "truth", "voice")
    return [
        {
            **row,
            **{key: kind(row[key]) for key, kind in plain.items() if key in row},
            **{key: np.asarray(row[key], dtype=np.float64) for key in doubles if key in row},
        }
        for row in rows
    ]


def with_wrong(metric: str, rows: Rows, lost: Sequence[str], cosine: bool) -> float | None:
    """Returns the score if as many more clips, of the emotions `lost`, were wrong; None for no share.

    Facts: docs/reference/extended_emotions.md, 'Intervals of pooled scores'.
    """
    if metric == "ext_acc":
        labels, guesses = accuracy_guesses(rows, cosine)
        right = sum(label == guess for label, guess in zip(labels, guesses, strict=True))
        return 100.0 * right / (len(labels) + len(lost)) if labels else None
    if metric == "ext_identifiability":
        labels, guesses = identified(rows)
        return direction.macro_recall([*labels, *lost], [*guesses, *[""] * len(lost)]) if labels else None
    return None


def note(metric: str, rows: Rows, scale: float | None) -> str:
    """Returns the chance, ceiling, spread or p of a score, as one short sentence."""
    if not rows:
        return ""
    asked = [str(row["label"]) for row in rows if bool(row["extended"])]
    if metric == "ext_acc":
        classes = {str(row["label"]) for row in rows if len(row["truth"])}
        return f"chance {100 / len(classes):.1f} % of {len(classes)} classes" if classes else ""
    if metric == "ext_identifiability":
        given = [str(row["pseudo"]) for row in rows if bool(row["extended"])]
        ceiling = direction.label_ceiling(asked, given)
        note = f"chance {100 / max(1, len(set(asked))):.1f} %, ceiling of a given label {ceiling:.1f} %"
        return note + mistakes(*identified(rows))
    if metric == "ext_consistency":
        p = consistency.within_between(*_asked(rows), _P_DRAWS, np.random.default_rng(0))[1]
        return f"permutation p {p:.4f} of {_P_DRAWS}" if np.isfinite(p) else ""
    if metric == "ext_profile":
        return described(rows)
    if metric == "ext_shift" and len(strengths := shifts(rows, scale)):
        low, high = np.quantile(strengths, [0.25, 0.75])
        return f"median; quartiles {low:.2f} to {high:.2f}; 1 is the truth's mean strength" + control(rows, scale)
    if metric == "av_structure":
        p = direction.structure_p_value(*structures(rows), _P_DRAWS, np.random.default_rng(0))
        return f"permutation p {p:.4f}" if np.isfinite(p) else ""
    if metric == "pseudo_agreement":
        kappa = direction.kappa(*pseudo_guesses(rows))
        beyond = f"Cohen's kappa {kappa:.2f}" if np.isfinite(kappa) else "one label only: agreement says nothing"
        return beyond + informed(rows)
    return ""


def informed(rows: Rows) -> str:
    """Says whether the methods' clips were made with the label as input, as the end of a note."""
    labelled = [bool(row["told"]) for row in rows if "told" in row]
    if not labelled or any(labelled) != all(labelled):
        return ""
    return "; the label was given as input" if labelled[0] else "; no label was given as input"


def mistakes(labels: Sequence[str], guesses: Sequence[str]) -> str:
    """Returns the two commonest confusions of a set, as the end of a note."""
    wrong = Counter((label, guess) for label, guess in zip(labels, guesses, strict=True) if guess not in ("", label))
    parts = [f"{label} → {guess} {count}/{list(labels).count(label)}" for (label, guess), count in wrong.most_common(2)]
    return f"; confused: {', '.join(parts)}" if parts else ""


def control(rows: Rows, scale: float | None) -> str:
    """Returns the shift of clips that were asked to be neutral: near 0, or every other strength means little.

    Facts: docs/reference/extended_emotions.md, 'Neutral control'.
    """
    counted: dict[bool, npt.NDArray[np.bool_]] = {flag: np.array(flag) for flag in (False, True)}
    still: Rows = [{**row, "extended": counted[str(row["label"]) == "neutral"]} for row in rows]
    strengths = shifts(still, scale)
    if not len(strengths):
        return ""
    shift, own = float(np.median(strengths)), float(np.median(shifts(rows, scale)))
    failed = ": CONTROL FAILS, neutral moves as much" if shift > _CONTROL_SHARE * own else ""
    return f"; neutral control {shift:.2f}{failed}"


def halved(rows: Rows) -> list[Mapping[str, Any]]:
    """Returns the rows with the half that each extended clip is in: those of an emotion take turns, in their order."""
    places: dict[str, int] = defaultdict(int)
    found: list[Mapping[str, Any]] = []
    for row in rows:
        label = str(row["label"])
        found.append({**row, "half": places[label] % 2})
        places[label] += bool(row["extended"])
    return found


def reliability(rows: Rows) -> float:
    """Returns the split-half reliability of the basic-emotion profiles: each emotion's clips in two halves."""
    split = rows if rows and "half" in rows[0] else halved(rows)
    halves = [[row for row in split if bool(row["extended"]) and row["half"] == half] for half in (0, 1)]
    first, second = ({str(row["label"]) for row in half} for half in halves)
    if not (names := first & second):
        return float("nan")
    one, other = (_profiles([row for row in half if str(row["label"]) in names], rows)[2] for half in halves)
    return consistency.split_half(one, other)


def described(rows: Rows) -> str:
    """Returns each extended emotion as its two nearest real basic ones: `sarcastic = happy +0.61, contempt +0.40`."""
    emotions, basics, table = _profiles([row for row in rows if bool(row["extended"])], rows)
    parts = []
    for name, line in zip(emotions, table, strict=True):
        order = [k for k in np.argsort(-line) if np.isfinite(line[k])][:2]
        parts.append(f"{name} = " + ", ".join(f"{basics[k]} {line[k]:+.2f}" for k in order))
    return "; ".join(parts) if basics else ""


def _profiles(asked: Rows, rows: Rows) -> tuple[list[str], list[str], npt.NDArray[np.float64]]:
    real = [r for r in rows if len(r["truth"]) and not bool(r["extended"]) and str(r["label"]) != "neutral"]
    if not asked or not real:
        return [], [], np.zeros((0, 0))
    given = _stack(asked, "direction"), _names(asked, "label"), _names(asked, "identity")
    return consistency.profiles(*given, _stack(real, "truth"), _names(real, "label"), _names(real, "identity"))


def _asked(rows: Rows) -> tuple[npt.NDArray[np.float64], list[str], list[str]]:
    """Directions, labels and identities of the extended clips."""
    asked = [row for row in rows if bool(row["extended"])]
    if not asked:
        return np.zeros((0, 1)), [], []
    return _stack(asked, "direction"), _names(asked, "label"), _names(asked, "identity")


def accuracy_guesses(rows: Rows, cosine: bool) -> tuple[list[str], list[str]]:
    """Returns (labels, guesses) of the extended clips among the ground-truth classes of other identities."""
    bank = [row for row in rows if len(row["truth"])]
    asked = [row for row in rows if bool(row["extended"])]
    if not bank or not asked:
        return [], []
    guesses = direction.centroid_guesses(
        _stack(asked, "direction"),
        _names(asked, "identity"),
        _stack(bank, "truth"),
        _names(bank, "label"),
        _names(bank, "identity"),
        cosine,
    )
    return _names(asked, "label"), guesses


def identified(rows: Rows) -> tuple[list[str], list[str]]:
    """Returns (labels, guesses) of the extended clips among themselves, other identities only."""
    asked = [row for row in rows if bool(row["extended"])]
    if not asked:
        return [], []
    directions, labels, who = _stack(asked, "direction"), _names(asked, "label"), _names(asked, "identity")
    return labels, direction.centroid_guesses(directions, who, directions, labels, who, cosine=True)


def shifts(rows: Rows, scale: float | None) -> npt.NDArray[np.float64]:
    """Returns |d| of the extended clips over the mean |d| of real emotional clips: `scale`, or these rows' ground
    truths.
    """
    asked = [row for row in rows if bool(row["extended"])]
    real = [row for row in rows if len(row["truth"]) and str(row["label"]) != "neutral"]
    if not asked or (scale is None and not real):
        return np.zeros(0)
    unit = scale if scale is not None else float(direction.lengths(_stack(real, "truth")).mean())
    return direction.lengths(_stack(asked, "direction")) / unit if unit > 0 else np.zeros(0)


def structures(rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the mean voice and face direction of each emotion, (k, v) and (k, d)."""
    if not rows:
        return np.zeros((0, 1)), np.zeros((0, 1))
    labels = _names(rows, "label")
    return (
        direction.class_means(_stack(rows, "voice"), labels)[1],
        direction.class_means(_stack(rows, "direction"), labels)[1],
    )


def pseudo_guesses(rows: Rows) -> tuple[list[str], list[str]]:
    """Returns (pseudo-labels, judged) by the argmax over the pseudo-labels that occur."""
    given = _names(rows, "pseudo")
    guesses = []
    for row in rows:
        classes = [str(name) for name in row["classes"]]
        closed = [name for name in classes if name in given]
        guesses.append(max(closed, key=lambda name: float(row["logits"][classes.index(name)])))
    return given, guesses


def _stack(rows: Rows, key: str) -> npt.NDArray[np.float64]:
    return np.stack([np.asarray(row[key], dtype=np.float64) for row in rows])


def _names(rows: Rows, key: str) -> list[str]:
    return [str(row[key]) for row in rows]
