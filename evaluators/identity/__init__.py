"""Identity similarity (CSIM) says whether the person of a clip is the person of a reference picture or clip.

A face-recognition network turns face crops into unit vectors; the score is their cosine, 1 for the same vector, and the
mean over frames and clips. There is no reference implementation, and papers rarely name the network, so every choice is
a setting and a field of the signature: network (`facenet-vggface2`, `arcface-r50`, `demo`), reference (`image` the
source picture, `first` the clip's first face, `paired` the same frame of the ground truth), aggregation, sampling,
crop, and what a frame without a face means.

Conventions: of several faces the largest counts; frames without a face are skipped with a note (`miss:skip`), counted
as 0, or refuse the clip.

Known biases: numbers of two networks are not comparable (strangers may reach 0.7 in FaceNet); skipping frames
without a face inflates the mean; the mean vector of a clip scores higher than the mean cosine; a face that does not
move scores best, so expression and head motion cost points that the ground truth loses too.

Source: Schroff et al. 2015 (FaceNet); Deng et al. 2019 (ArcFace). Facts: docs/reference/metrics.md, 'Identity'.

>>> from evaluators.identity.similarity import IdentitySimilarity
>>> facts = IdentitySimilarity.metrics[0]
>>> (facts.name, facts.low, facts.high, facts.higher_is_better)
('identity_sim', -1.0, 1.0, True)
"""
