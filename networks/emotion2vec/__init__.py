"""This package holds emotion2vec (Ma et al. 2023): speech features of emotion, as C-MET takes them."""
