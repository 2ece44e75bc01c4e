"""FLOAT's networks, an independent port: from a face picture, a sound and an emotion to frames of a speaking portrait.

They were written from the paper's architecture, published names and shapes, and recorded inputs and outputs, not from
FLOAT's code. The order of work, one module each:

    autoencoder   a face picture becomes an appearance code and feature maps; a code becomes a picture again
    wav2vec2      sound becomes hidden states (two networks: what is said, and with which emotion)
    conditions    hidden states become one vector a frame, and seven emotion probabilities
    transformer   the velocity of a motion track, given the conditions
    sampler       the Euler method and its guidance: noise becomes a motion track, 50 frames at a time
    networks      all of them as one module, by the names of the released file
    speaker       all of the above at work
    files         the small networks that ship
"""
