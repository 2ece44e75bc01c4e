"""A self-test runs the judges on stored inputs whose results the reference implementations gave once.

`bench.py doctor` runs it: a library of another version, or a processor that computes otherwise, is found before a table
is made on it. The inputs and results lie in data/, with a README that says where each came from.
"""
