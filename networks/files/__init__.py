"""Files of weights are read here without running what they hold, checked strictly, kept as safetensors for the next
start.
"""
