"""Faces in frames: detectors, landmarks, and the crops that the published judges look at."""
