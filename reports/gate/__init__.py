"""The CI gate: is a run better, the same or worse than a baseline, or can the two not be compared?"""
