"""How the small weights in the repository were made. The registry: preset -> "module:function".

A recipe is `function(course: Course) -> None` (cmet/recipes/course.py). It writes its file into the course's folder,
trains on puppet identities 0-63 (the judges of faces also on 128-319) for a number of steps: on basic emotions, the
speech encoder and the connector also on free moods that keep clear of the extended emotions (cmet/recipes/speech.py).
The order is the order in which one can be trained from another: the connector hears through the speech encoder.
"""

from __future__ import annotations

PRESETS: dict[str, str] = {
    "demo-generator": "cmet.recipes.generator:train",
    "demo-audio2lip": "cmet.recipes.audio2lip:train",
    "demo-speech": "cmet.recipes.speech:train",
    "demo-connector": "cmet.recipes.connector:train",
    "demo-judge-sync": "cmet.recipes.judge_sync:train",
    "demo-judge-emotion": "cmet.recipes.judge_emotion:train",
    "demo-judge-identity": "cmet.recipes.judge_identity:train",
}
