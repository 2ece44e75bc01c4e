"""This module copies a network for inference: normalisation folded into the convolutions, channels last, no
gradients.
"""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Network = TypeVar("Network", bound=nn.Module)


def folded(network: Network) -> Network:
    """Returns the same function within float32 rounding, for networks that register each normalisation behind its
    convolution.

    That is so in torchvision's ResNets and in facenet-pytorch's InceptionResnetV1. The given network stays as it is.
    """
    fast = copy.deepcopy(network).eval().requires_grad_(False)
    for module in list(fast.modules()):
        for (place, convolution), (behind, norm) in pairwise(list(module.named_children())):
            if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
                continue
            if convolution.out_channels == norm.num_features:
                setattr(module, place, fuse_conv_bn_eval(convolution, norm))
                setattr(module, behind, nn.Identity())
    return fast.to(memory_format=torch.channels_last)
