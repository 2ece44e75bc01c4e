"""SyncNet lives in evaluators/sync; this address keeps answering."""

from evaluators.sync.syncnet import SyncNet

__all__ = ["SyncNet"]
