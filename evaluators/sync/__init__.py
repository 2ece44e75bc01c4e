"""Lip sync: LSE-C, LSE-D and the offset between sound and mouth, by SyncNet."""

from evaluators.sync.curve import score
from evaluators.sync.mfcc_features import mfcc

__all__ = ["mfcc", "score"]
