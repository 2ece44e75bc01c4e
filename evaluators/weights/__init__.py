"""The weights of the judges: where they are, what signatures say of them, and whether they can be believed.

Random weights also give a number. A file with a published SHA-256 is taken by it; any other must show the traces of
training, unless the setting `gate = off` says otherwise, and then the signature says so too.
"""
