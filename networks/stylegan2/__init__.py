"""This package holds the layers of StyleGAN2 (Karras et al. 2020) that published talking-face generators are
built of.
"""
