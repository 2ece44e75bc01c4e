"""This package trains C-MET: the objective and sampler of the released code, resumable to the bit."""
