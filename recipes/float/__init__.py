"""This recipe trains the demo FLOAT: the classes of networks/float at small width, on puppets of training identities.

FLOAT learns from videos whose motion nobody wrote down; of a puppet's clip everything is known. So the motion space is
given, not found (space), the sound encoder learns the mouth that a sound belongs to, the emotion encoder the name that
a voice was given, and the flow transformer learns tracks of exact motion codes. One module a part, in order:

    space        which directions of the motion space mean what, and a start from the demo EDTalk generator
    portraits    the motion autoencoder learns to draw expressions without EDTalk's expression block
    utterances   what the training voices say, and in which mood
    hearing      both sound encoders
    motion       the flow transformer
    recipe       all of it, in one go or resumed, into one file
"""
