"""FLOAT at full size against what the released code gave with the same weights (goldens of the shared material)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from networks.edtalk.frames import picture_input
from networks.float.autoencoder import MotionAutoencoder
from networks.float.conditions import AudioEncoder, EmotionEncoder, frames_of, normalised, one_hot
from networks.float.sampler import Guidance, Speech, tracks, velocity
from networks.float.transformer import Conditions, FlowTransformer

torch.set_num_threads(1)
pytestmark = pytest.mark.full_size
SOUNDS = ("audio_60f", "audio_58f_ragged")


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def _photograph(shared: Path) -> np.ndarray:
    return np.array(Image.open(shared / "golden" / "float" / "input_real.png").convert("RGB"))


@pytest.fixture(scope="module")
def flow(shared: Path, filled: Callable[..., Any]) -> FlowTransformer:
    made: FlowTransformer = filled(FlowTransformer(), "fmt.")
    return made


def test_audio_conditions(golden: Callable[[str], Any], filled: Callable[..., Any]) -> None:
    encoder = AudioEncoder()
    filled(encoder.wav2vec2, "audio_encoder.wav2vec2.")
    filled(encoder.audio_projection, "audio_encoder.audio_projection.")
    for name in SOUNDS:
        wanted = golden(name)
        wave, frames = normalised(wanted.tensor("waveform")), int(wanted["T"])
        assert frames_of(len(wave)) == frames
        wanted.check("input_values_head", wave[:64])
        wanted.check("input_values_tail", wave[-64:])
        layers = torch.cat(list(encoder.layers(wave, frames)), dim=-1)
        wanted.check("w2v_feat", layers[0, wanted["w2v_feat_frames"]])
        flat = layers.double().flatten()
        wanted.check("w2v_feat_stats", np.array([flat.mean(), flat.std(), flat.min(), flat.max()]))
        wanted.check("wa", encoder(wave, frames))


def test_emotion_of_speech(golden: Callable[[str], Any], filled: Callable[..., Any]) -> None:
    encoder = EmotionEncoder()
    filled(encoder, "emotion_encoder.")
    first, second = (golden(name) for name in SOUNDS)
    logits = encoder.wav2vec2_for_emotion(normalised(first.tensor("waveform")))
    first.check("emotion_logits", logits)
    first.check("emotion_probs", logits.softmax(-1))
    second.check("emotion_probs", encoder(normalised(second.tensor("waveform"))))


def test_velocities(golden: Callable[[str], Any], flow: FlowTransformer) -> None:
    wanted = golden("fmt")
    time, track, before = (wanted.tensor(name) for name in ("t", "x", "prev_x"))

    def given(emotion: Tensor) -> Conditions:
        return Conditions(wanted.tensor("wa"), wanted.tensor("prev_wa"), wanted.tensor("wr"), emotion)

    spoken = wanted.tensor("we")[:, 0]
    wanted.check("out", flow(time, track, before, given(spoken)))
    for audio, emotion in ((2.0, 1.0), (2.0, 5.0), (1.0, 1.0)):
        guided = velocity(flow, time, track, before, given(spoken), Guidance(audio, emotion))
        wanted.check(f"cfv_a{audio}_r1.0_e{emotion}", guided)
    happy = velocity(flow, time, track, before, given(one_hot("happy")), Guidance(2, 1))
    wanted.check("onehot_happy_cfv", happy)


def test_autoencoder_on_a_photograph(
    golden: Callable[[str], Any], filled: Callable[..., Any], check_autoencoder: Callable[..., None], shared: Path
) -> None:
    """The synthetic picture's recording is in this repository: test_float_networks.py."""
    network = filled(MotionAutoencoder(), "motion_autoencoder.")
    check_autoencoder(golden("autoencoder_real"), network, _photograph(shared), precise=True)


@pytest.mark.parametrize("name", ["sample_speech", "sample_happy_e5_nfe5"])
def test_motion_and_frames_of_a_clip(
    golden: Callable[[str], Any], flow: FlowTransformer, filled: Callable[..., Any], shared: Path, name: str
) -> None:
    wanted, sound = golden(name), golden("audio_60f")
    assert str(wanted["emo"]) in ("None", "happy")  # None: as the sound says
    emotion = one_hot("happy") if str(wanted["emo"]) == "happy" else sound.tensor("emotion_probs")
    speech = Speech(sound.tensor("wa"), golden("fmt").tensor("wr"), emotion)
    guidance = Guidance(float(wanted["a_cfg"]), float(wanted["e_cfg"]), int(wanted["nfe"]))
    motion = torch.cat(list(tracks(flow, speech, wanted.tensor("noise"), guidance)))
    wanted.check("r_d", motion[None])
    network: MotionAutoencoder = filled(MotionAutoencoder(), "motion_autoencoder.")
    portrait = network.portrait(picture_input(_photograph(shared), 512))
    for frame in wanted["frames"]:
        made = network.decode(portrait, motion[frame : frame + 1])[0]
        wanted.check(f"frame{frame}_stride8", made[:, ::8, ::8])
        wanted.check(f"frame{frame}_crop", made[:, 240:272, 240:272])
        flat = made.double().flatten()
        wanted.check(f"frame{frame}_stats", np.array([flat.mean(), flat.std(), flat.min(), flat.max()]))
