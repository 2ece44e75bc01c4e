"""Files of weights: read without running what they hold, checked strictly, kept as safetensors for the next start."""
