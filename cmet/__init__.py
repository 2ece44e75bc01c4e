"""This package is C-MET as a library: connector, EDTalk backbone, emotion2vec, training, editing."""
