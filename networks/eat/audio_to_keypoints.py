"""EAT's audio transformer turns sound, head motion and an emotion into 32 coefficients of expression a frame.

Each frame is computed from eleven frames around it and from nothing else. The encoder sees of each of them the pose
picture and the letters that DeepSpeech heard, and the head pose of the frame itself; the decoder asks with the face of
the portrait and with what the audio encoder makes of each column of the mel spectrum. State-dict names are those of
`audio2kptransformer.` in the released checkpoint, which also holds an unused table of 41 phonemes (`embedding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from networks.eat import audio_encoder, residual_down, transformer
from networks.eat import pitch as pitch_network
from networks.eat.audio_encoder import AudioEncoder
from networks.eat.deepspeech import LETTERS
from networks.eat.emotion_modulation import CHANNELS, EmotionModulation
from networks.eat.pitch import PitchNetwork
from networks.eat.places import Places
from networks.eat.pose_network import HeadPose
from networks.eat.pose_numbers import NUMBERS, pose_numbers
from networks.eat.residual_down import ResidualDown, chain
from networks.eat.transformer import PromptedTransformer

WINDOW_FRAMES = 11
COEFFICIENTS = 32
_MIDDLE = WINDOW_FRAMES // 2
_PHONEMES = (41, 256)
_LETTER_SLOPE = 0.02
_SPREAD_CHANNELS, _SPREAD_BANDS, _SPREAD_KERNEL = 8, 17, 13


@dataclass(frozen=True)
class Widths:
    """How large the network is; the defaults are the released ones. Small ones run in milliseconds.

    The audio encoder's first width and the bands less 16 must be the height and the width of the face map, and the
    last of `face`, `pictures` the width of a token. The chains must halve the face map and a pose picture to 2 px.
    """

    face_map: int = 240  # keypoints times depth of the portrait's map
    face_channels: int = CHANNELS
    bands: int = pitch_network.BANDS
    sound: Sequence[int] = audio_encoder.WIDTHS
    pitch: Sequence[int] = pitch_network.WIDTHS
    pitch_hidden: int = pitch_network.HIDDEN
    letters: Sequence[int] = (32, 32, 64, 64)
    pictures: Sequence[int] = (32, 64, 128, 128, 128)
    face: Sequence[int] = residual_down.FACE_WIDTHS
    layers: int = transformer.LAYERS
    heads: int = transformer.HEADS
    feed_forward: int = transformer.FEED_FORWARD
    phonemes: tuple[int, int] = _PHONEMES

    @property
    def token(self) -> int:
        """How many numbers a token and a prompt have."""
        return self.face[-1]


def _letter_layers(widths: Sequence[int]) -> nn.Sequential:
    """Four convolutions that halve 16 steps of letters to one."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise((LETTERS, *widths)):
        layers += [nn.Conv1d(inputs, outputs, 3, stride=2, padding=1), nn.LeakyReLU(_LETTER_SLOPE)]
    return nn.Sequential(*layers)


def _spreading_layers(channels: int) -> nn.Sequential:
    """Two convolutions that make of one column's channels over bands a map of the size of the face's."""
    across = nn.Conv2d(1, _SPREAD_CHANNELS, (3, _SPREAD_BANDS), padding=(1, 0))
    wide = nn.Conv2d(_SPREAD_CHANNELS, channels, _SPREAD_KERNEL, padding=_SPREAD_KERNEL // 2)
    return nn.Sequential(across, nn.BatchNorm2d(_SPREAD_CHANNELS), nn.ReLU(), wide)


class AudioToKeypoints(nn.Module):
    """The network; without arguments the official full-size one."""

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        w = widths or Widths()
        first, *others = w.face
        self.embedding = nn.Embedding(*w.phonemes)
        self.face_shrink = nn.Linear(w.face_map, w.face_channels)
        self.fea = EmotionModulation(w.token, w.face_channels)
        self.hp_extractor = nn.Linear(NUMBERS, w.token)
        self.pos_enc = Places(w.token)
        self.audio_embedding = _letter_layers(w.letters)
        self.feature_extract = chain(1, w.pictures)
        both = w.pictures[-1] + w.letters[-1]
        self.encoder_fc1 = nn.Sequential(
            nn.Linear(both, w.token), nn.LeakyReLU(_LETTER_SLOPE), nn.Linear(w.token, w.token)
        )
        self.f0_model = PitchNetwork(w.pitch, w.bands, w.pitch_hidden)
        self.audioencoder = AudioEncoder(w.sound, w.pitch[-1], w.token)
        self.audio_embedding2 = _spreading_layers(w.face_channels)
        narrowing = ResidualDown(2 * w.face_channels, first, first)
        self.decodefeature_extract = nn.Sequential(narrowing, *chain(first, others))
        self.transformer = PromptedTransformer(w.token, w.layers, w.heads, w.feed_forward)
        self.kp = nn.Linear(w.token, COEFFICIENTS)

    def modulated(self, face_map: Tensor, shallow: Tensor) -> Tensor:
        """Returns the face (1, 32, 64, 64) that this network and the side branch see.

        face_map: (1, 15, 16, 64, 64) of the keypoint detector; shallow: the first of an emotion's prompts, (1, 128).
        """
        channels = self.face_shrink(face_map.flatten(1, 2).movedim(1, -1)).movedim(-1, 1)
        face: Tensor = self.fea(channels, shallow)
        return face

    def forward(
        self, mel: Tensor, letters: Tensor, pictures: Tensor, pose: HeadPose, face: Tensor, prompts: Tensor
    ) -> Tensor:
        """Returns the coefficients (B, 32) of B frames.

        mel: (B, 80, 11) columns around each frame; letters: (B, 11, 16, 29) scores; pictures: (B, 11, 1, 64, 64) pose
        pictures, on the scale of the released files; pose: of the B frames (its `exp` is not read); face: `modulated`,
        (1, 32, 64, 64), and prompts (1, 7, 128), or one of each a frame.
        """
        here = self.hp_extractor(pose_numbers(pose))[:, None]
        seen = torch.cat((self._seen(letters, pictures), here), dim=1)
        asked = torch.cat((self._asked(mel, face, prompts[:, 0]), here), dim=1)
        answers = self.transformer(seen, asked, prompts[:, 1:], self.pos_enc)
        coefficients: Tensor = self.kp(answers[:, _MIDDLE])
        return coefficients

    def _seen(self, letters: Tensor, pictures: Tensor) -> Tensor:
        """The encoder's tokens (B, 11, 128) of letters and pose pictures."""
        heard = self.audio_embedding(letters.flatten(0, 1).mT).flatten(1)
        drawn = F.avg_pool2d(self.feature_extract(pictures.flatten(0, 1)), 2).flatten(1)
        tokens: Tensor = self.encoder_fc1(torch.cat((drawn, heard), dim=1))
        return tokens.unflatten(0, letters.shape[:2])

    def _asked(self, mel: Tensor, face: Tensor, shallow: Tensor) -> Tensor:
        """The decoder's tokens (B, 11, 128) of the mel spectrum's columns and the face."""
        spectrum = mel[:, None]
        sound = self.audioencoder(spectrum, self.f0_model(spectrum), shallow)  # (B, 64, bands, 11)
        columns = self.audio_embedding2(sound.movedim(-1, 1).flatten(0, 1)[:, None])
        each = face.expand(len(mel), -1, -1, -1).repeat_interleave(mel.shape[-1], 0)
        both = torch.cat((columns, each), dim=1)
        tokens = F.avg_pool2d(self.decodefeature_extract(both), 2).flatten(1)
        return tokens.unflatten(0, (len(mel), mel.shape[-1]))
