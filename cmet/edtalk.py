"""EDTalk lives in networks/edtalk; this address keeps answering."""

from networks.edtalk.audio2lip import Audio2Lip
from networks.edtalk.generator import Codes, Generator

__all__ = ["Audio2Lip", "Codes", "Generator"]
