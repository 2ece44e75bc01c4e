"""This package loads the weights of the judges: their places, their fields in signatures, and whether they are
plausible.

Random weights also give a number. A file with a published SHA-256 is taken by it; any other must show the traces of
training, unless the setting `gate = off` says otherwise, and then the signature says so too.
"""
