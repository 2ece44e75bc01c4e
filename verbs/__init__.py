"""This package holds the verbs of bench.py, one small file each, imported only when typed."""
