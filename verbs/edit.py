"""`edit` makes one video speak with another emotion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from verbs.choices import SpeechCommand, check_device, device_option

PATH = click.Path(path_type=Path)


@click.command("edit", cls=SpeechCommand)
@click.option("--source", type=PATH, required=True, help="Identity picture: one frontal face, 256 px crop.")
@click.option("--audio", type=PATH, required=True, help="Driving sound: any format, rate and channel count.")
@click.option(
    "--pose", type=PATH, required=True, help="Clip whose head pose and expression are edited; any length, any fps."
)
@click.option(
    "--expression", type=PATH, default=None,
    help="Edit this clip's expression instead of the pose clip's, whose smile, say, would show in the result.",
)  # fmt: skip
@click.option(
    "--emotion-speech", "emotions", multiple=True, required=True,
    help="A folder of utterances or features, sound files, or a name (of --speech, or kept). Several: several edits.",
)  # fmt: skip
@click.option(
    "--speech", type=PATH, default=None, envvar="CMET_BENCH_SPEECH",
    help="Where names are looked up: a folder of <emotion>/ folders, or C-MET's audios/. [default: $CMET_BENCH_SPEECH; "
    "the demo weights also know the puppets' emotions]",
)  # fmt: skip
@click.option(
    "--neutral-speech", multiple=True,
    help="Neutral utterances: a folder, sound files, or a name. [default: the folder 'neutral' beside]",
)  # fmt: skip
@click.option(
    "-o", "--out", type=click.Path(), required=True,
    help="Result: NAME.mp4 (several edits: NAME_<emotion>.mp4), or a folder: one that exists, or FOLDER/.",
)  # fmt: skip
@click.option(
    "--lips", type=PATH, default=None, help="Take the lips from this clip instead of the sound; a short one is held."
)
@click.option(
    "--intensity", type=float, default=1.0, show_default=True,
    help="Factor on the speech difference: 0 neutral, 1 as spoken, above 1 exaggerated, below 0 the opposite.",
)  # fmt: skip
@click.option(
    "--blend", default=None, help="Mix the emotions into one result: a share for each, such as 0.7,0.3, in their order."
)
@click.option(
    "--schedule", default=None,
    help="One result whose emotion changes at these seconds: 0:neutral,2.0:happy (folder names; of a blend: a+b).",
)  # fmt: skip
@click.option(
    "--num-samples", "--num_samples", type=click.IntRange(1), default=10, show_default=True,
    help="Utterances averaged on either side, neutral and emotional; all where there are fewer.",
)  # fmt: skip
@click.option("--seed", type=int, default=42, show_default=True, help="Which utterances are picked.")
@click.option(
    "--weights", type=click.Choice(["official", "demo"]), default="official", show_default=True,
    help="Networks: the released ones (`weights fetch cmet`), or the small ones that ship.",
)  # fmt: skip
@click.option("--connector", type=PATH, default=None, help="A checkpoint of your own training instead of the set's.")
@click.option(
    "--compat", type=click.Choice(["official"]), default=None,
    help="As the released program: 20 frames trimmed, contrast stretched, the pose clip's fps.",
)  # fmt: skip
@click.option("--keep", default=None, help="Keep the (last) emotion under this name for later edits.")
@click.option("--sheet", type=PATH, default=None, help="Also write a png with eight frames of each edit.")
@click.option("--upscale", default=None, help="FILE.py:FUNCTION applied to each frame, uint8 (h, w, 3).")
@click.option("--no-face-check", is_flag=True, help="Do not look for exactly one frontal face in the source.")
@device_option
def command(**given: Any) -> None:
    """Write a clip as long as the sound, 25 fps, with the emotion of the given speech.

    The source's expression (from --pose) is moved along what the emotional speech says beyond neutral speech.
    """
    from verbs.editing import EditCall

    check_device(given["device"])
    for path in EditCall(given).run():
        click.echo(str(path))
