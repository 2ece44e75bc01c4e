"""The Fréchet video distance says how far the short films of a method lie, as a set, from true ones; lower is better.

Each clip is cut into windows of a few frames. A network that was trained to name actions (I3D, Kinetics-400) gives 400
numbers a window, and FVD is the Fréchet distance of the two clouds of numbers, as FID is for single pictures: a face
that moves wrongly costs something here although each of its pictures is good.

Conventions: `i3d-stylegan-v` is the file that most papers use, called as StyleGAN-V calls it (windows of 16 frames);
preset `latentsync` takes frames 20 to 36 of face crops. `fvd_pair` is the C-MET paper's: the network of TensorFlow Hub
on 15 frames spread over each clip, and the squared distance of the two answers, clip by clip; the paper repeats the
pair to a batch of 16, which has no covariance, so nothing else is left of its formula. Two networks are two metrics.

Known biases: as FID it falls as 1/N with the number of windows, and a cloud of 400 dimensions needs many: below four
times that it is warned of. Window, stride, crop and size each change the value, so each is a field of the signature.
Clips shorter than a window have no number; none is padded. Not seen: lips that do not fit the sound.

Source: Unterthiner et al. 2018; StyleGAN-V (Skorokhodov et al. 2022). Facts: docs/reference/metrics.md, 'FVD'.

>>> from evaluators.fvd.windows import Windows
>>> Windows(frames=16, stride=16, first=0, most=0).of(40).shape  # 40 frames: two windows of 16, none begun in vain
(2, 16)
"""
