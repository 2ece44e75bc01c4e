"""Extended emotions (sarcastic, charismatic, envious ...) have no recogniser; these measures compare their directions.

An edit's effect is a *direction*: the mean features of a clip - those of the neutral clip of the same person, in a
space that no method was trained in (`fer`: a recogniser's features; `hog`: edges of brows, eyes and mouth). From
the directions of all clips of a method:

    ext_acc              nearest true expression of other people, in per cent; only where ground truth exists (puppets)
    ext_identifiability  are the method's own emotions separable from one another? nearest centroid, people held out
    ext_consistency      mean cosine inside an emotion - across emotions, pairs of different people
    ext_shift            strength: median length over that of true emotional clips
    ext_profile          cosines with the basic emotions, described, not ranked
    av_structure         do faces differ as voices do? Spearman's rho of distances among emotions
    pseudo_agreement     does a recogniser see what it hears in the speech?

Conventions: all are scores of sets; people are held out; intervals are of 10 000 resamples.

Known biases: *distinct* and *consistent* do not mean correct, only ext_acc says that; label-driven methods cannot tell
emotions apart that share a label, and this ceiling stands next to the number; C-MET is trained to align the two spaces
that av_structure compares; with 24 clips the intervals are wide. No score here says that a face *is* sarcastic.

Facts: docs/reference/extended_emotions.md, 'Measures'.

>>> from evaluators.extended.direction import centroid_guesses, macro_recall
>>> faces, asked, people = [[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9]], ["envious"] * 2 + ["sarcastic"] * 2, ["a", "b"] * 2
>>> guesses = centroid_guesses(faces, people, faces, asked, people, cosine=True)  # each by the other person's faces
>>> macro_recall(asked, guesses)
100.0
"""
