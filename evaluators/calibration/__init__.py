"""Calibration: known corruption is pushed through every metric to see whether it answers."""
