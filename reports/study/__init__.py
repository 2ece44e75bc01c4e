"""Asks people: a blinded two-alternative study made from a run's clips, and what its answers say (docs/study.md).

`design` says who sees what, `publish` writes the page and the key, `answers` reads the csv files that raters send back,
and `results` computes preferences, strengths, agreement and each metric's correlation with people.
"""
