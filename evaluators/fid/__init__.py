"""The Fréchet inception distance says how far the pictures of a method lie, as a set, from true ones; lower is better.

A network's features of all frames are taken as one Gaussian cloud a side, and the distance of the clouds is

    FID = |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2)

Conventions: `tf-fid-2015` is pytorch-fid 0.3.0 (the 2015 TensorFlow Inception, 2048 features, bilinear resize without
antialiasing); `tv-in1k` is EAT's, another metric of the same name. Five frames of each clip count, spread over it. The
root is taken as a nuclear norm: exact where scipy's matrix root is not.

Known biases: it falls as 1/N with the number of frames, so that distances of different N are not compared (N stands
beside the number) and N below the number of features is warned of; frames of one clip are nearly copies of one another;
another resize or codec is another number. FID-infinity (setting `limit`) extrapolates to infinitely many frames by
Chong & Forsyth 2020 and is refused below 10 000. Not seen: lips that do not fit the sound, a wrong emotion, a wrong
person.

`fid` is one distance of all frames; `fid_pair` is the C-MET paper's: one for each clip against its target, then the
mean.

Source: Heusel et al. 2017. Facts: docs/reference/metrics.md, 'Fréchet distance'.

>>> import numpy as np
>>> features = np.random.default_rng(0).normal(size=(60, 8))
>>> round(abs(frechet(features, features)), 6), round(frechet(features, features + 2.0), 6)  # each of 8 moved by 2
(0.0, 32.0)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evaluators.fid.distance import frechet

if TYPE_CHECKING:
    from evaluators.fid.inception import Inception

__all__ = ["Inception", "frechet"]


def __getattr__(name: str) -> Any:
    """Returns the network, imported on use: combining rows needs no torch."""
    if name == "Inception":
        from evaluators.fid.inception import Inception

        return Inception
    raise AttributeError(name)
