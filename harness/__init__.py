"""What every part shares: records, errors, media, weights, the run store, the runner, provenance."""
