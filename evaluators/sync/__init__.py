"""Lip sync says how well the mouth of a clip fits its sound: LSE-C (Sync-C), LSE-D (Sync-D) and the offset.

SyncNet (Chung & Zisserman 2016) turns every five frames of the mouth and every 0.2 s of sound into vectors that lie
close together when both belong to one moment. The sound is shifted by -15 to +15 frames against the picture, and the
mean distance of all windows is taken at each shift:

    LSE-D  = the smallest of the 31 mean distances (lower is better)
    LSE-C  = their median - their smallest (higher is better): how sharply one shift fits better than the others
    offset = 15 - the index of the smallest, in frames of 40 ms; positive where the picture is late

Conventions: true 25 frames a second by time stamps; 16 kHz mono; BGR pictures of 224 px in 0..255. Published programs
crop, track and compress in ten different ways, which move the numbers more than methods differ: each is a *dialect*
(dialects.toml), and `clean`, ours, is the default: no lossy pass, and only pairs of windows that exist.

Known biases: the published zero padding makes short clips and large offsets score worse or better than they are
(`pad:zero`); a face that does not move fits no shift better than another, so its LSE-C is near 0 and lower than that of
wrong sound; methods that are trained against SyncNet can beat the ground truth. Not seen: whether the emotion is right.

Source: Chung & Zisserman, "Out of time", 2016; Prajwal et al. 2020 for the names. Facts: docs/reference/metrics.md,
'LSE scores'.

>>> import numpy as np
>>> speech = np.random.default_rng(0).normal(size=(40, 16)).astype(np.float32)  # 40 windows of sound
>>> score(np.roll(speech, 3, axis=0), speech, pad="valid").offset  # the mouth is three frames late
3
"""

from evaluators.sync.curve import score
from networks.mfcc import mfcc

__all__ = ["mfcc", "score"]
