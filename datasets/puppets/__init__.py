"""This package is the built-in corpus: procedural talking faces with speech-like sound, of which everything is
known.
"""
