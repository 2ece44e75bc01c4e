"""EDTalk (Tan, Ji, Bi, Pan, ECCV 2024): a portrait speaks, with lips, head pose and expression each driven by its own
input.

The network is C-MET's backbone and lives in networks/edtalk; this package is the driver around it, one module each:

    options       what a user may set by `--set edtalk.NAME=VALUE`, read once
    driving       a sound or clips become tracks of lip, pose and expression codes, of the length of the result
    expression    an emotion, as a face, a stored code, a label or speech, becomes expression codes
    method        the contestants: `edtalk`, `label` (stored codes only), `edtalk_lip_pose` (a model without expression)

The faults of the published demos are put right by default; `compat=official` gives their numbers, and never their
endless loop and crashes (docs/reference/methods.md, 'EDTalk methods').
"""
