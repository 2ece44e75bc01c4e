"""Files of weights are read here without running their contents, checked strictly, kept as safetensors for the next
start.
"""
