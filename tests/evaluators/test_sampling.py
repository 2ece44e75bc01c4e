"""One grammar says which frames are looked at: the same words mean the same frames for every judge that takes them."""

from __future__ import annotations

import pytest

from evaluators.emotion.accuracy import EmotionAccuracy
from evaluators.fid.fid import Fid
from evaluators.identity.similarity import IdentitySimilarity
from evaluators.sampling import KINDS, sampling
from harness.errors import UsageError

ANY = tuple(KINDS)


def picked(text: str, frames: int) -> list[int]:
    found: list[int] = sampling({"samp": text}, "all", ANY).indexes(frames).tolist()
    return found


def test_frames_of_one_clip() -> None:
    assert picked("all", 3) == [0, 1, 2]
    assert picked("every5", 11) == [0, 5, 10]
    assert picked("every5", 10) == [0, 5]
    assert picked("4", 10) == [0, 2, 5, 7]
    assert picked("4", 2) == [0, 1]
    assert picked("even4", 10) == [0, 3, 6, 9]
    assert picked("even16", 3) == [0, 1, 2]
    assert picked("even1", 9) == [0]
    even = picked("even16", 100)
    assert (len(even), even[0], even[-1]) == (16, 0, 99)


def test_frames_of_a_clip_and_its_reference() -> None:
    def pairs(text: str, clip: int, reference: int) -> tuple[list[int], list[int]]:
        first, second = sampling({"samp": text}, "5", ANY).pairs(clip, reference)
        return first.tolist(), second.tolist()

    assert pairs("5", 251, 125) == ([0, 50, 100, 150, 200], [0, 25, 50, 75, 100])
    assert pairs("pair5", 251, 125) == ([0, 50, 100, 150, 200], [0, 25, 50, 75, 100])  # EAT's golden indices
    assert pairs("pair5", 103, 100) == ([0, 20, 41, 61, 82], [0, 20, 40, 60, 80])
    assert pairs("5", 3, 2) == ([0, 1, 2], [0, 1])
    assert pairs("every2", 5, 3) == ([0, 2, 4], [0, 2])
    assert pairs("all", 3, 2) == ([0, 1, 2], [0, 1])


@pytest.mark.parametrize("text", ["", "0", "pair", "even", "every0", "every-2", "-5", "5.0", "everything", "Every5"])
def test_what_is_no_sampling_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no sampling of frames"):
        sampling({"samp": text}, "all", ANY)


def test_a_step_needs_no_length_and_nothing_else_has_one() -> None:
    assert [sampling({"samp": text}, "all", ANY).step for text in ("all", "every5", "even5", "5", "pair5")] == [
        1, 5, 0, 0, 0,
    ]  # fmt: skip
    assert sampling({}, "every7", ANY).text == "every7"
    assert sampling({"samp": "all"}, "every7", ANY).text == "all"


@pytest.mark.parametrize(
    ("judge", "metric", "takes", "refuses"),
    [
        (EmotionAccuracy, "emotion_acc", ("all", "every2", "even16"), ("5", "pair5")),
        (IdentitySimilarity, "identity_sim", ("all", "every2"), ("even16", "5", "pair5")),
        (Fid, "fid", ("all", "every2", "5", "pair5"), ("even16",)),
    ],
)
def test_each_judge_takes_its_kinds_and_signs_them_as_typed(
    judge: type[EmotionAccuracy | IdentitySimilarity | Fid],
    metric: str,
    takes: tuple[str, ...],
    refuses: tuple[str, ...],
) -> None:
    for text in takes:
        assert dict(judge({"net": "demo", "samp": text}, "cpu").signature(metric).fields)["samp"] == text
    for text in refuses:
        with pytest.raises(UsageError, match=f"'{text}' is no sampling"):
            judge({"net": "demo", "samp": text}, "cpu")
