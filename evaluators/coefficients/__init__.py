"""Distances of face-model coefficients say whether expression and head pose move as in true clips; lower is better.

A 3-D face model describes each frame by some numbers: shape, expression, head pose. E-FID is the Fréchet distance of
the expression numbers of all frames of a method from those of the true clips. AED and APD are the mean distances of
expression and of pose, frame by frame, where the true clip is frame-aligned.

Conventions: no face model is run here, because each paper has another one and none may be shipped. Save what yours says
as `NAME.coeff.npy` beside every clip and every true clip: float (frames at 25 fps, d), nan where it found no face. The
setting `source` names the model and its version; it stands in the signature beside d and the columns, and numbers of
different sources never share a column. AED and APD are mean absolute differences (`dist:l1`).

Known biases: as FID, E-FID falls with the number of frames. A face model that is fitted frame by frame trembles, and
the trembling of both sides counts. Not seen: anything that the model does not describe, such as teeth, eyes, texture.

Source: E-FID as EMO (Tian et al. 2024) and others report it; AED and APD as PIRenderer (Ren et al. 2021).
Facts: docs/reference/metrics.md, 'Coefficients of a face model'.

>>> import numpy as np
>>> from evaluators.coefficients.coefficients import mean_distance
>>> mean_distance(np.zeros((3, 2)), np.array([[1.0, 1.0], [np.nan, 0.0], [3.0, 1.0]]))  # the frame with nan is left out
1.5
"""
