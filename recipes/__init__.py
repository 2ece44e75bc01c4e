"""Holds the recipes that made the small weights in the repository. The registry: preset -> "module:function".

A recipe is `function(recipe_run: RecipeRun) -> None` (recipes/recipe_run.py). It writes its file into the recipe_run's
folder, trains on puppet identities 0-63 (the judges of faces also on 128-319) for a number of steps: on basic emotions,
the speech encoder and the connector also on free moods that keep clear of the extended emotions (recipes/speech.py).
The order is the order in which one can be trained from another: the connector is trained on the speech encoder's
embeddings.
"""

from __future__ import annotations

PRESETS: dict[str, str] = {
    "demo-generator": "recipes.generator:train",
    "demo-audio2lip": "recipes.audio2lip:train",
    "demo-speech": "recipes.speech:train",
    "demo-connector": "recipes.connector:train",
    "demo-float": "recipes.float.recipe:train",
    "demo-eat": "recipes.eat.recipe:train",
    "demo-judge-sync": "recipes.judge_sync:train",
    "demo-judge-emotion": "recipes.judge_emotion:train",
    "demo-judge-identity": "recipes.judge_identity:train",
}
