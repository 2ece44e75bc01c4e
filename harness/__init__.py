"""This package holds everything that the other parts share: records, errors, media, weights, runs, provenance."""
