"""emotion2vec lives in networks/emotion2vec; this address keeps answering."""

from networks.emotion2vec.encoder import Emotion2Vec

__all__ = ["Emotion2Vec"]
