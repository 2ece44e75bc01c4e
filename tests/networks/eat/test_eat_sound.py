"""EAT's sound: the mel spectrum, and DeepSpeech without TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from baselines.eat import deepspeech_graph
from baselines.eat.seeded_graph import seeded_constants, write_graph
from harness.media import to_pcm16
from networks.eat import deepspeech
from networks.eat.mel import LEAST_SAMPLES, mel_power, normalised_mel
from networks.mfcc import mfcc
from tests.media_samples import voice

torch.set_num_threads(1)
SECONDS = 1.0


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> deepspeech.DeepSpeech:
    """DeepSpeech at width 8, of a frozen graph."""
    return deepspeech_graph.load(write_graph(tmp_path_factory.mktemp("graph") / "small.pb", width=8))


def test_official_mel(golden: Callable[[str], Any]) -> None:
    wanted = golden("audio_features")
    wave = torch.from_numpy(wanted["waveform_i16"].astype(np.float32) / 32768)
    wanted.check("mel_power", mel_power(wave))
    wanted.check("mel_norm", normalised_mel(wave))


def test_official_deepspeech_windows(golden: Callable[[str], Any], shared: Path) -> None:
    """What TensorFlow 1.15 gave of a frozen graph of width 64."""
    wanted = golden("audio_features")
    loaded = deepspeech_graph.load(shared / "golden" / "eat" / "deepspeech_h64_seeded.pb")
    wanted.check("deepspeech_windows", deepspeech.windows(loaded, wanted["waveform_i16"]))


def test_recorded_sound(recorded: Callable[[str], Any], network: deepspeech.DeepSpeech) -> None:
    """What this code gave of a synthetic voice when it met the official answers."""
    wanted, wave = recorded("sound"), voice(SECONDS)
    wanted.check("mel_norm", normalised_mel(torch.from_numpy(wave)))
    wanted.check("deepspeech_windows", deepspeech.windows(network, to_pcm16(wave)))


@pytest.mark.parametrize("count", [80, 48])
def test_a_tone_is_in_its_band_and_silence_at_the_floor(count: int) -> None:
    time = np.arange(16000) / 16000
    tone = torch.from_numpy(np.sin(2 * np.pi * 1000 * time).astype(np.float32))
    bands = mel_power(tone, count)[:, 3:-3]
    per_mel = 2595 * np.log10(1 + 8000 / 700) / (count + 1)
    assert abs(int(bands.mean(1).argmax()) - (1000 / per_mel - 1)) <= 1  # 1000 Hz are 1000 mel, of HTK's scale
    assert torch.allclose(normalised_mel(torch.zeros(16000), count), torch.tensor((np.log(1e-5) + 4) / 4).float())
    assert normalised_mel(torch.zeros(LEAST_SAMPLES), count).shape == (count, 2)


@pytest.mark.parametrize("samples", [640, 1280, 16000, 16640, 16900, 32208])
def test_there_is_a_window_a_frame(network: deepspeech.DeepSpeech, samples: int) -> None:
    wave = to_pcm16(voice(samples / 16000))
    assert deepspeech.windows(network, wave).shape == (round(samples / 640), 16, 29)


def test_windows_are_the_scores_between_zeros(network: deepspeech.DeepSpeech) -> None:
    wave = to_pcm16(voice(SECONDS))
    scores, windows = deepspeech.scores(network, wave), deepspeech.windows(network, wave)
    assert scores.shape == (50, 29)
    assert not windows[0, :8].any()
    assert torch.equal(windows[0, 8:], scores[:8])
    assert torch.equal(windows[10], scores[12:28])
    assert torch.equal(windows[24, :9], scores[40:49])
    assert not windows[24, 9:].any()  # the last step is dropped


def test_the_lstm_is_tensorflows(network: deepspeech.DeepSpeech) -> None:
    """A plain loop over BasicLSTMCell's own equations and gate order, on the constants of the graph."""
    constants = dict(seeded_constants(8))
    inputs = np.random.default_rng(1).normal(size=(7, 16)).astype(np.float32)

    def run(way: str, steps: np.ndarray) -> np.ndarray:
        kernel, bias = (constants[f"bidirectional_rnn/{way}/basic_lstm_cell/{part}"] for part in ("kernel", "bias"))
        state, hidden, outputs = np.zeros(8), np.zeros(8), []
        for step in steps:
            i, j, f, o = np.split(np.concatenate((step, hidden)) @ kernel + bias, 4)
            sigmoid = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
            state = state * sigmoid(f + 1.0) + sigmoid(i) * np.tanh(j)
            hidden = np.tanh(state) * sigmoid(o)
            outputs.append(hidden)
        return np.array(outputs)

    wanted = np.concatenate((run("fw", inputs), run("bw", inputs[::-1])[::-1]), axis=1)
    found = network.lstm(torch.from_numpy(inputs))[0].numpy()
    assert np.abs(found - wanted).max() < 1e-6


def test_inputs_are_every_second_column_and_its_neighbours() -> None:
    wave = to_pcm16(voice(0.5))
    cepstra = mfcc(wave, deepspeech.CEPSTRA)[::2]
    rows = deepspeech.inputs(wave).numpy()
    assert rows.shape == (len(cepstra), 494)
    assert abs(rows.mean()) < 1e-5
    assert abs(rows.std() - 1) < 1e-5
    raw = np.pad(cepstra, ((9, 9), (0, 0)))[3 : 3 + 19].ravel()
    assert np.corrcoef(rows[3], raw)[0, 1] > 1 - 1e-6
    other = pytest.importorskip("python_speech_features").mfcc(wave, 16000, numcep=26)[::2]
    assert np.abs(cepstra - other).max() < 1e-9
