"""Full-reference metrics compare a clip, frame by frame, with the true clip of the same sentence and head motion.

PSNR (dB, higher is better) is 20 log10(255 / root mean square error); SSIM (0 to 1, higher) compares local means,
variances and covariances; LPIPS (lower) is a distance of network activations that was fitted to human judgements; the
landmark distances M-LMD and F-LMD (px, lower) compare points of mouth and face, the velocities M-LVD and F-LVD their
movement.

Conventions: they exist only where the reference is *frame-aligned*; elsewhere a row says so. Frame k is paired with
frame k over the common length (`pair:trunc`), or by EAT's stretching rule (`pair:stretch`). PSNR and SSIM are on uint8
pictures with data range 255; SSIM's window is EAT's uniform 7 x 7 or the usual Gaussian. Pictures of unlike sizes are
refused or brought to one size by area, and sizes are part of the signature.

Known biases: one frame of misalignment costs more than any edit (neighbouring frames of one clip differ by about 30
dB); identical frames have infinite PSNR and are left out and counted; LPIPS fed with [0, 1] instead of [-1, 1], a
common mistake, gives a third of its value; a method that invents its own head motion cannot be judged by any of them.

Source: Wang et al. 2004 (SSIM); Zhang et al. 2018 (LPIPS); Chen et al. 2018 (LMD). Facts: docs/reference/metrics.md,
'Full-reference metrics'.

>>> from evaluators.full_reference.pixels import PixelQuality
>>> [(facts.name, facts.unit) for facts in PixelQuality.metrics]
[('psnr', 'dB'), ('ssim', '')]
"""
