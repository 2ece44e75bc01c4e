"""Anchors borrow the true clip that differs in one thing: of the same person, from the whole list."""

from __future__ import annotations

from pathlib import Path

from harness.donors import donor_of
from harness.records import Emotion, Sample


def one(
    name: str, person: str, emotion: str, sound: str, level: int = 1, label: str = "", truth: bool = True
) -> Sample:
    felt = Emotion(emotion, label or emotion, intensity=level)
    truth_at = Path(f"{name}.mp4") if truth else None
    return Sample(name, "d", person, felt, Path("a.png"), Path(sound), 4, reference_video=truth_at)


def test_another_sound_is_the_same_person_s_then_the_same_emotion_then_the_same_level() -> None:
    asked = one("a", "ann", "happy", "1.wav", level=2)
    stranger = one("b", "bob", "happy", "2.wav", level=2)
    assert donor_of(asked, [asked, stranger], "sound") == stranger
    sad = one("c", "ann", "sad", "2.wav", level=2)
    assert donor_of(asked, [asked, stranger, sad], "sound") == sad
    faint = one("d", "ann", "happy", "2.wav", level=1)
    assert donor_of(asked, [asked, sad, stranger, faint], "sound") == faint
    level = one("e", "ann", "happy", "3.wav", level=2)
    assert donor_of(asked, [asked, sad, faint, level], "sound") == level
    same_sound, no_truth = one("f", "ann", "happy", "1.wav", 2), one("g", "ann", "happy", "4.wav", 2, truth=False)
    assert donor_of(asked, [asked, same_sound, no_truth], "sound") is None


def test_another_emotion_is_the_same_person_s_in_the_same_words_or_nobody_s() -> None:
    asked = one("a", "ann", "sad", "1.wav")
    stranger, equal = one("b", "bob", "happy", "1.wav"), one("c", "ann", "sad", "2.wav")
    assert donor_of(asked, [asked, stranger, equal], "emotion") is None
    in_other_words = one("d", "ann", "happy", "2.wav")
    assert donor_of(asked, [asked, in_other_words], "emotion") == in_other_words
    in_the_same = one("e", "ann", "angry", "1.wav")
    assert donor_of(asked, [asked, in_other_words, in_the_same], "emotion") == in_the_same


def test_an_extended_emotion_whose_basic_label_is_asked_for_is_no_other_emotion() -> None:
    asked, pitying = one("a", "ann", "sad", "1.wav"), one("b", "ann", "empathetic", "2.wav", label="sad")
    charming = one("c", "ann", "charismatic", "3.wav", label="happy")
    assert donor_of(asked, [asked, pitying], "emotion") is None
    assert donor_of(asked, [asked, pitying, charming], "emotion") == charming


def test_of_equals_the_next_in_the_list_counts_and_the_last_goes_on_at_the_beginning() -> None:
    samples = [one(str(k), "ann", "happy", f"{k}.wav") for k in range(4)]
    assert [donor_of(sample, samples, "sound") for sample in samples] == [*samples[1:], samples[0]]


def test_of_the_puppets_every_sample_has_a_donor_of_the_same_person() -> None:
    from datasets.puppets.dataset import Puppets

    samples = Puppets().samples()
    for sample in samples:
        sound, emotion = (donor_of(sample, samples, differs_in) for differs_in in ("sound", "emotion"))
        assert sound is not None
        assert emotion is not None
        assert {sound.identity, emotion.identity} == {sample.identity}
        assert sound.driving_audio != sample.driving_audio
        assert emotion.emotion.label != sample.emotion.label
