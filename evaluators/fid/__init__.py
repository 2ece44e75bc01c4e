"""Frechet inception distance between the frames of two sets of clips."""
