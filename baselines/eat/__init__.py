"""EAT (Gan, Yang, Yue, Sun, Yang, ICCV 2023): a portrait speaks with the head motion of a clip and one of 8 emotions.

The networks are in networks/eat, written from the paper's architecture, published names and shapes, and recorded inputs
and outputs, not from EAT's code. EAT's weights are not included; they are CC BY-NC 4.0, in parts NVIDIA's
non-commercial licence, and these govern the use of the results. What ships are weights of our own training on puppets,
at small width (recipes/eat). The order of work here:

    crop, driving     a photograph or a clip becomes 256 px face pictures
    checkpoint        the official files become networks and numbers
    deepspeech_graph  Mozilla's frozen graph becomes DeepSpeech, and `padding` the stored speech of pad.npy
    method            the contestant: all of it behind the harness' contract
"""
