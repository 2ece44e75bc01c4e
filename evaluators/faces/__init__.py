"""This package finds faces in frames: detectors, landmarks, the crops that published judges look at, and a judge of
presence.

`presence` is a judge of its own: the share of sampled frames that show a face, the number of frames at 25 a second, the
turn of the head from its pose clip, and the length of sound over that of the picture. These are descriptions and not
ranked; of all but the turn the gate asks how far they are from their ideal. The rest serves other judges: MTCNN with
the trained networks of the facenet-pytorch wheel, S3FD with the user's weights, dlib's detector and points with the
user's predictor files, landmarks that the user saved beside the clips.

Conventions: of several faces the largest counts; boxes are (left, top, right, bottom) in px; a crop rule has one name
(evaluators.faces.crops) that signatures carry.

Known biases: detectors miss profiles and hands before the mouth; the same face cropped by two detectors gives other
embeddings (cosine 0.993 to 0.9996), so the detector is part of a signature.

Source: Zhang et al. 2016 (MTCNN); Zhang et al. 2017 (S3FD); King 2009 (dlib). Facts: docs/reference/metrics.md,
'MTCNN'.

>>> from evaluators.faces.presence import FacePresence
>>> {facts.name: facts.ideal for facts in FacePresence.metrics if not facts.ranked}
{'face_rate': 100.0, 'frames': 'asked', 'pose_shift': None, 'av_length_ratio': 1.0}
"""
