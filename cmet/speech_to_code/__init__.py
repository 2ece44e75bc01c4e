"""This package maps speech features to expression codes: the real-data experiment with one speaker held out."""
