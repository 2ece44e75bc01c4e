"""Networks that began on ImageNet want pictures as RGB in [0, 1], less MEAN, over STD (torchvision)."""

from __future__ import annotations

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
