"""What bench_one_pass.py compares: the inputs, the programs of the reference way, and the bare convolutions."""
