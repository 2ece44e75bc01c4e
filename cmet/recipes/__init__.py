"""How the small weights in the repository were made. The registry: preset -> "module:function".

A recipe is `function(out: Path, seconds: float | None, seed: int, log: Callable[[str], None]) -> None`. It writes
its file into `out`, trains on puppet identities 0-63 and basic emotions only, and stops after `seconds`.
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
