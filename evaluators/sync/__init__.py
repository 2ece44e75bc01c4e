"""Lip sync: LSE-C, LSE-D and the offset between sound and mouth, by SyncNet."""
