"""The contract of judges lives in harness/evaluator.py; this address keeps answering."""

from harness.evaluator import *  # noqa: F403
