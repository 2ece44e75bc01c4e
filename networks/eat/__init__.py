"""EAT's networks, an independent port: a portrait, a sound, a pose clip and an emotion become frames of a face.

They were written from the paper's architecture, published names and shapes, and recorded inputs and outputs, not from
EAT's code. The order of work, one module each:

    mel, deepspeech      sound becomes a mel spectrum and letters' scores
    pose_network         pictures become head poses
    pose_pictures        head poses become wireframe pictures, drawn as OpenCV 4.11 draws
    windows              all of it, eleven frames around each frame
    mapping              noise and a label become prompts
    audio_to_keypoints   windows and prompts become expression coefficients
    side_branch          the face and the prompts become an emotional deformation
    keypoints            a portrait becomes 15 keypoints in space
    keypoint_motion      coefficients, deformation and head pose move them
    generator            the portrait and moved keypoints become a frame
    networks, eat        the trained ones as one module, by the names of the released files; with DeepSpeech and numbers
    speaker              all of the above at work
    files                the small networks that ship
"""
