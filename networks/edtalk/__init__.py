"""This package holds EDTalk (Tan et al. 2024): the generator, the lip network and how both are driven."""
