"""The layout of a packed corpus in its file, on which its writer (`packing`) and its reader (`packed`) agree.

8 bytes of magic, 8 bytes length of a JSON header, the header, then arrays, each at a multiple of 64 bytes. The header
gives name, dtype, shape and place of every array, the identities and the emotions by name.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from harness.records import BASIC_EMOTIONS
from networks.emotion2vec.features import OFFICIAL_WIDTH

MAGIC = b"CMETPACK"
VERSION = 1
ALIGN = 64  # bytes
EXPRESSION = 10
SPEECH = OFFICIAL_WIDTH  # a smaller network's vectors make a corpus of that width
EMOTIONS = BASIC_EMOTIONS

Floats = npt.NDArray[np.float32]
