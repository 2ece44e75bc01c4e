"""Trains the demo FLOAT, part after part, and writes one file; a part that was begun is gone on from."""

from __future__ import annotations

from dataclasses import asdict, replace

from networks.files import shipped
from networks.float.networks import FloatNetworks, Widths
from recipes.float import hearing, motion, portraits, space
from recipes.float.utterances import spoken
from recipes.recipe_run import RecipeRun

#: Steps of each part, in order; a run of another length gives each the same share.
STEPS = {"audio": 1200, "emotion": 2000, "motion": 1800, "portraits": 1200, "detail": 1800}
WIDTHS = Widths(
    size=space.SIZE, style=space.STYLE, motion=space.MOTION, channels=space.CHANNELS, audio=hearing.AUDIO,
    emotion=hearing.EMOTION, transformer=motion.WIDTH, blocks=motion.BLOCKS, heads=motion.HEADS,
)  # fmt: skip


def train(recipe_run: RecipeRun) -> None:
    """Train, resuming the parts whose checkpoints are in `out`, and write `out/float.safetensors`."""
    own = sum(STEPS.values())
    run = recipe_run.of(own)
    run.out.mkdir(parents=True, exist_ok=True)
    parts = {name: replace(run, steps=max(1, run.steps * steps // own)) for name, steps in STEPS.items()}
    said = spoken(run)
    networks = FloatNetworks(WIDTHS)
    audio = hearing.train_audio(parts["audio"], said)
    recogniser = hearing.train_emotion(parts["emotion"], said)
    transformer = motion.train(parts["motion"], said, motion.listened(audio, said, run.device))
    autoencoder = portraits.refine(parts["detail"], portraits.train(parts["portraits"]))
    trained = {
        networks.audio_encoder: audio,
        networks.emotion_encoder.wav2vec2_for_emotion: recogniser,
        networks.fmt: transformer,
        networks.motion_autoencoder: autoencoder,
    }
    for into, found in trained.items():
        into.load_state_dict(found.state_dict())
    recipe = run.recipe(
        "demo-float", parts={name: part.steps for name, part in parts.items()}, utterances=len(said.waves)
    )
    shipped.store(run.out / "float.safetensors", networks.eval().cpu(), asdict(WIDTHS), recipe)
