"""The speech-to-code experiment on made-up speakers: it learns, and keeps the held-out speaker out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from cmet.connector_files import CONNECTOR
from cmet.speech_to_code.results import Profile, Recognition, as_csv, as_markdown, as_svg, nearest, recognise
from cmet.speech_to_code.sampler import Batch, Sampler, Settings
from cmet.speech_to_code.speech_bank import EMOTIONS, FEATURE_FOLDER, NEUTRAL, SpeechBank, read_bank
from cmet.speech_to_code.training import Member, build, directions_table, freeze_batch_norm, train
from cmet.speech_to_code.verb import command
from cmet.training.checkpoint_files import checkpoints
from harness.errors import BenchError

QUICK = Settings(hidden=64, feedforward=64, steps=70, batch=32, warmup=5, learning_rate=5e-3, noise=0.05, members=1)


def made_up(seed: int = 0, speakers: tuple[str, ...] = ("M1", "M2", "W1"), size: int = 24) -> SpeechBank:
    """Emotions are directions in speech space, speakers are offsets; contempt is a third as long as happy."""
    random = np.random.default_rng(0)
    axes = random.standard_normal((len(EMOTIONS), size))
    axes[EMOTIONS.index("contempt")] = axes[EMOTIONS.index("happy")] / 3
    axes[EMOTIONS.index(NEUTRAL)] = 0
    codes = 3 * random.standard_normal((len(EMOTIONS), 10))
    noise = np.random.default_rng(seed)
    features = {}
    for name in speakers:
        offset = noise.standard_normal(size)
        features[name] = {
            emotion: (axes[e] + offset + 0.1 * noise.standard_normal((6, size))).astype(np.float32)
            for e, emotion in enumerate(EMOTIONS)
        }
    return SpeechBank(features, codes.astype(np.float32))


@pytest.mark.slow
def test_recognises_a_speaker_it_never_heard_and_sees_how_strong_an_emotion_is() -> None:
    bank = made_up()
    result = recognise(train(bank, bank.training_speakers(["W1"]), QUICK), bank, "W1")
    assert result.macro_accuracy > 0.8
    assert result.recall["contempt"] > 0.8
    assert result.recall["happy"] > 0.8


@pytest.mark.slow
def test_held_out_speech_changes_nothing_and_the_seed_everything() -> None:
    bank, short = made_up(), replace(QUICK, steps=3)
    other = SpeechBank({**bank.features, "W1": {e: f + 9 for e, f in bank.features["W1"].items()}}, bank.codes)
    speakers = bank.training_speakers(["W1"])
    assert speakers == ("M1", "M2")
    state = torch.get_rng_state()
    weights = [
        train(some, speakers, settings)[0].speaker_encoder.proj.weight
        for some, settings in ((bank, short), (other, short), (bank, replace(short, seed=1)))
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(state, torch.get_rng_state())


def test_prediction_by_tables_is_the_connector_itself() -> None:
    bank = made_up()
    codes, settings = torch.from_numpy(bank.codes), replace(QUICK, window=3, dropout=0.0, reference_share=0.5)
    connector = build(24, 10, settings)
    freeze_batch_norm(connector, codes)
    batch = Sampler(bank, ("M1", "M2"), settings).draw()
    speech, source, row = batch.speech[0], batch.source[0], batch.reference[0]
    with torch.no_grad():
        reference = directions_table(codes)[row][:, None].expand(-1, 3, -1)
        whole, _ = connector(reference, speech, codes[source][:, None].expand(-1, 3, -1))
        found = Member(connector, codes, settings).predict(speech, source, row)
    torch.testing.assert_close(found, whole.reshape(-1, 3, 10).mean(dim=1), atol=2e-5, rtol=1e-4)


@pytest.mark.slow
def test_a_member_trains_as_if_it_were_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown the same rows and without dropout, the first of three has the weights that it has without the others."""
    bank, settings = made_up(), replace(QUICK, steps=3, dropout=0.0, batch=8)
    rows = Sampler(bank, ("M1", "M2"), settings).draw()

    def draw(self: Sampler) -> Batch:
        members = self._settings.members
        parts = (rows.speech, rows.source, rows.target, rows.reference)
        return Batch(*(part.expand(members, *part.shape[1:]).contiguous() for part in parts))

    monkeypatch.setattr(Sampler, "draw", draw)
    (alone,) = train(bank, ("M1", "M2"), settings)
    first, second, _ = train(bank, ("M1", "M2"), replace(settings, members=3))
    for name, weight in alone.named_parameters():
        if "conv_block.0.bias" not in name and "in_proj_bias" not in name:  # true gradient zero: rounding decides
            torch.testing.assert_close(first.get_parameter(name), weight, atol=1e-4, rtol=1e-3)
    assert not torch.equal(first.Norm.weight, second.Norm.weight)


def test_sampler_serves_every_cell_and_only_cells_that_exist() -> None:
    bank = made_up()
    features = {name: dict(cells) for name, cells in bank.features.items()}
    del features["M1"]["sad"]
    gappy = SpeechBank(features, bank.codes)
    settings = replace(QUICK, batch=600, pair_share=0.5)
    batch = Sampler(gappy, ("M1", "M2"), settings).draw()
    assert (batch.source != batch.target).all()
    assert set(batch.target.flatten().tolist()) == set(range(len(EMOTIONS)))
    only = Sampler(SpeechBank({"M1": features["M1"]}, bank.codes), ("M1",), settings).draw()
    assert EMOTIONS.index("sad") not in {*only.target.flatten().tolist(), *only.source.flatten().tolist()}
    known = batch.reference > 0
    assert (batch.reference[known] == (batch.source * len(EMOTIONS) + batch.target)[known]).all()


def test_figures() -> None:
    row = dict.fromkeys(EMOTIONS, 0)
    result = Recognition({"happy": {**row, "happy": 3, "sad": 1}, "sad": {**row, "sad": 1}})
    assert result.count == {"happy": 4, "sad": 1}
    assert result.macro_accuracy == pytest.approx((0.75 + 1) / 2)
    codes = made_up().codes
    assert nearest(codes - codes[EMOTIONS.index(NEUTRAL)], codes).tolist() == list(range(len(EMOTIONS)))


def test_tables_and_picture_of_other_emotions() -> None:
    cosines = np.array([[0.1, 0.9, 0.0, 0.0, 0.5, -0.3, 0.2], [0.1, 0.7, 0.0, 0.0, 0.7, -0.3, 0.2]], np.float32)
    one = Profile("a&b", "<sly>|", cosines, np.array([2.0, 4.0], np.float32))
    assert one.between == ("contempt", "happy")
    assert "a&b,<sly>|,2,contempt,happy,3.000,1.414" in as_csv([one])
    assert "+0.80 ± 0.14" in as_markdown([one])
    assert "\\|" in as_markdown([one])
    texts = [node.text for node in ElementTree.fromstring(as_svg([one])).iter() if node.tag.endswith("text")]
    assert "<sly>| (a&b, 2)" in texts


def write(bank: SpeechBank, root: Path) -> tuple[Path, Path]:
    speech, codes = root / "corpus" / "speech", root / "codes"
    codes.mkdir(parents=True)
    for index, emotion in enumerate(EMOTIONS):
        folder = speech / emotion / FEATURE_FOLDER
        folder.mkdir(parents=True)
        np.save(codes / f"{emotion}.npy", bank.codes[index][None])
        for speaker, cells in bank.features.items():
            for number, vector in enumerate(cells[emotion]):
                np.save(folder / f"{speaker}_{number}.npy", vector)
    wry = root / "corpus" / "more" / "wry" / FEATURE_FOLDER
    wry.mkdir(parents=True)
    np.save(wry / "someone_1.npy", bank.features["M1"]["happy"][0])
    return speech, codes


@pytest.mark.slow
def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    speech, codes = write(made_up(), tmp_path)
    arguments = ["--speech", str(speech), "--codes", str(codes), "--test-identity", "W1", "--out", str(tmp_path / "o")]
    assert command.main([*arguments, "--steps=4", "--hidden=64", "--members=2"], standalone_mode=False) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert 0 <= report["macro_accuracy"] <= 1
    assert report["n"] == {emotion: 6 for emotion in EMOTIONS if emotion != NEUTRAL}
    assert set(report["confusion"]["happy"]) == set(EMOTIONS)
    assert report["training_speakers"] == ["M1", "M2"]
    assert list(report["extended"]) == ["more/wry"]
    members = [CONNECTOR.load(checkpoints(tmp_path / "o" / f"member_{number}")[0]) for number in (0, 1)]
    assert not torch.equal(members[0].Norm.weight, members[1].Norm.weight)
    bank = read_bank(speech, codes)
    alone = [recognise([member], bank, "W1").macro_accuracy for member in members]
    assert alone == pytest.approx(report["members_alone"], abs=1e-4)
    assert recognise(members, bank, "W1").macro_accuracy == pytest.approx(report["macro_accuracy"], abs=1e-4)


def damage(speech: Path, codes: Path, kind: str) -> None:
    if kind == "code":
        (codes / "fear.npy").unlink()
    elif kind == "matrix":
        np.save(speech / "sad" / FEATURE_FOLDER / "M1_0.npy", np.zeros((3, 24), np.float32))
    elif kind == "cut":
        (speech / "sad" / FEATURE_FOLDER / "M1_0.npy").write_bytes(b"\x93NUMPY")
    elif kind == "code length":
        np.save(codes / "sad.npy", np.zeros((1, 9), np.float32))
    elif kind == "many numbers":
        for path in codes.glob("*.npy"):
            np.save(path, np.zeros((1, 30), np.float32))
    elif kind == "further":
        np.save(speech.parent / "more" / "wry" / FEATURE_FOLDER / "someone_2.npy", np.zeros(1024, np.float32))
    elif kind == "length":
        np.save(speech / "sad" / FEATURE_FOLDER / "M1_0.npy", np.zeros(23, np.float32))


def test_a_setting_that_is_no_number_is_one_sentence(tmp_path: Path) -> None:
    folders = ["--speech", str(tmp_path), "--codes", str(tmp_path), "--out", str(tmp_path), "--test-identity", "W1"]
    for option in ("--learning-rate", "--noise"):
        with pytest.raises(BenchError, match=f"{option} nan is no number"):
            command.main([*folders, option, "nan"], standalone_mode=False)


@pytest.mark.parametrize(
    ("kind", "identity", "message"),
    [
        ("", "W7", "There is no speaker 'W7'"),
        ("code", "W1", "There is no expression code"),
        ("matrix", "W1", "not one finite vector"),
        ("cut", "W1", "no readable numpy array"),
        ("length", "W1", "different lengths"),
        ("nothing further", "W1", "further holds no <emotion>/"),
        ("no folder further", "W1", "further' is not a folder"),
        ("further", "W1", "someone_2.npy has 1024 numbers, the features of --speech have 24"),
        ("code length", "W1", "must have one length from 5 to 12"),
        ("many numbers", "W1", "must have one length from 5 to 12"),
    ],
)
def test_faults_are_one_sentence(tmp_path: Path, kind: str, identity: str, message: str) -> None:
    speech, codes = write(made_up(), tmp_path)
    damage(speech, codes, kind)
    arguments = ["--speech", str(speech), "--codes", str(codes), "--test-identity", identity, "--out", str(tmp_path)]
    arguments += ["--extended", str(tmp_path / "further")] if kind in ("nothing further", "no folder further") else []
    if kind == "nothing further":
        (tmp_path / "further").mkdir()
    with pytest.raises(BenchError, match=re.escape(message)):
        command.main(arguments, standalone_mode=False)


def test_a_training_that_went_astray_recognises_nothing() -> None:
    bank = made_up()
    with pytest.raises(BenchError, match="no numbers any more"):
        train(bank, ("M1", "M2"), replace(QUICK, steps=4, batch=4, learning_rate=1e30))


def test_without_other_speakers_there_is_nothing_to_learn_from() -> None:
    with pytest.raises(BenchError, match="No speaker"):
        made_up(speakers=("W1",)).training_speakers(["W1"])
