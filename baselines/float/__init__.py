"""FLOAT (Ki, Min, Chae, ICCV 2025): a portrait speaks, with head motion of its own, by flow matching in a motion space.

This is an independent port: it was written from the paper's architecture, published names and shapes, and recorded
inputs and outputs, not from FLOAT's code. FLOAT's weights are not included; they are CC BY-NC-ND 4.0, and that licence
governs the use of the results. The order of work, one module each:

    crop          a photograph becomes a 512 px face picture
    autoencoder   that picture becomes an appearance code and feature maps; a code becomes a picture again
    wav2vec2      sound becomes hidden states (two networks: what is said, and with which emotion)
    conditions    hidden states become one vector a frame, and seven emotion probabilities
    transformer   the velocity of a motion track, given the conditions
    sampler       the Euler method and its guidance: noise becomes a motion track, 50 frames at a time
    checkpoint    the official files become these networks
    method        the contestant: all of the above behind the harness' contract
"""
