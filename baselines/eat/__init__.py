"""EAT (Gan, Yang, Yue, Sun, Yang, ICCV 2023): a portrait speaks with the head motion of a clip and one of 8 emotions.

This is an independent port: it was written from the paper's architecture, published names and shapes, and recorded
inputs and outputs, not from EAT's code. EAT's weights are not included; they are CC BY-NC 4.0, in parts NVIDIA's
non-commercial licence, and these govern the use of the results. The order of work, one module each:

    crop                a photograph or a clip becomes 256 px face pictures
    mel, deepspeech     sound becomes a mel spectrum and letters' scores (the latter by the frozen graph of Mozilla)
    pose_network        pictures become head poses
    pose_pictures       head poses become wireframe pictures, drawn as OpenCV 4.11 draws
    windows             all of it, eleven frames around each frame
    mapping             noise and a label become prompts
    audio_to_keypoints  windows and prompts become expression coefficients
    side_branch         the face and the prompts become an emotional deformation
    keypoints           a portrait becomes 15 keypoints in space
    keypoint_motion     coefficients, deformation and head pose move them
    generator           the portrait and moved keypoints become a frame
    files, checkpoint   the official files become these networks and numbers
    method              the contestant: all of the above behind the harness' contract
"""
