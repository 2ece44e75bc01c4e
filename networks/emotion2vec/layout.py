"""This module says how emotion2vec's published checkpoints hold the encoder; a decoder and averages of weights are left
over.
"""

from networks.files.layout import Layout

OFFICIAL = Layout(("model", "state_dict", "model_state_dict"), spare=(".decoder.", "_ema"))
