"""Calibration pushes known corruption through every metric and says whether the metric answers.

True clips are corrupted in graded steps (sound shifted, other sound, blur, noise, compression, frames frozen or
dropped, another person, another emotion ...), every result goes through one encoder, and all judges score it. What a
metric must do is a law that was written down before (`expectations`): get *worse* with its own corruption, stay *flat*
under others, or *follow* a shift one to one. A verdict for which clips are too few is called undecided, not passed.

>>> from evaluators.calibration.expectations import expected
>>> expected("lse_d", "other_sound"), expected("fid", "other_sound")
('worse', 'flat')
"""
