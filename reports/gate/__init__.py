"""The CI gate decides whether a run is better, the same or worse than a baseline, or cannot be compared with it."""
