"""FLOAT (Ki, Min, Chae, ICCV 2025): a portrait speaks, with head motion of its own, by flow matching in a motion space.

The networks are in networks/float, written from published names and shapes and recorded inputs and outputs, not from
FLOAT's code. FLOAT's weights are not included; they are CC BY-NC-ND 4.0, and that licence governs the use of the
results. What ships are weights of our own training on puppets, at small width (recipes/float). The order of work here:

    crop          a photograph becomes a face picture
    checkpoint    the official files become networks
    method        the contestant: all of it behind the harness' contract
"""
