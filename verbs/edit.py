"""`edit` makes one video speak with another emotion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.errors import UsageError
from verbs.choices import SpeechCommand, device_option, device_said, typed

PATH = click.Path(path_type=Path)


@click.command(
    "edit",
    cls=SpeechCommand,
    groups={
        "What is edited": ("--source", "--audio", "--pose", "--expression", "--lips", "--out"),
        "With which emotion": (
            "--emotion-speech", "--neutral-speech", "--speech", "--emotion", "--intensity", "--blend", "--schedule",
            "--num-samples", "--seed", "--keep",
        ),
        "By whom": ("--method", "--weights", "--connector", "--compat", "--set", "--device"),
        "What else is written": ("--sheet", "--side-by-side", "--upscale"),
    },
    examples=(
        "edit --source face.png --audio speech.wav --pose clip.mp4 --emotion-speech happy/ -o out.mp4",
        "edit --source clip.mp4 --audio speech.wav --emotion-speech happy --weights demo -o out.mp4",
        "edit --method float --source face.png --audio speech.wav --emotion happy -o out.mp4",
    ),
)  # fmt: skip
@click.option(
    "--method", default="cmet", show_default=True,
    help="Who edits: a contestant of `list`, or path/to/file.py:Class. The options below are C-MET's; of others each "
    "takes those that it can use, and refuses the rest.",
)  # fmt: skip
@click.option(
    "--source", type=PATH, required=True,
    help="Identity picture: one frontal face, 256 px crop. Or a video: its face is followed, cut out and brought to 25 "
    "fps, as `prepare` does; its first frame is the picture.",
)  # fmt: skip
@click.option("--audio", type=PATH, required=True, help="Driving sound: any format, rate and channel count.")
@click.option(
    "--pose", type=PATH, default=None,
    help="Clip whose head pose and, by default, expression are used; any length, any fps; a short one goes back and "
    "forth. [default: the source, if it is a video]",
)  # fmt: skip
@click.option(
    "--expression", type=PATH, default=None,
    help="The clip or picture (the source's, say) whose expression is edited. [default: the pose clip, whose actor's "
    "smile, say, leaks into the result] Other engines: the face that shows the emotion.",
)  # fmt: skip
@click.option(
    "--emotion", multiple=True, metavar="LABEL", help="A label, for engines that take one. Several: several edits."
)
@click.option(
    "--emotion-speech", multiple=True,
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
@click.option(
    "--side-by-side", type=PATH, default=None, help="Also write one mp4 that shows all edits at once, with their names."
)
@click.option("--set", "sets", multiple=True, help="An option of the engine, as in `run`: NAME.KEY=VALUE. Many.")
@click.option("--upscale", default=None, help="FILE.py:FUNCTION applied to each frame, uint8 (h, w, 3).")
@click.option("--no-face-check", is_flag=True, help="Do not look for exactly one frontal face in the source.")
@device_option
def command(**given: Any) -> None:
    """Write a clip as long as the sound, 25 fps, with the given emotion.

    C-MET moves the expression of --pose along what the emotional speech says beyond neutral speech.
    """
    from verbs.machine import device_for_edit

    given["device"] = device_for_edit(given["device"])
    from verbs.edit_methods import CMET, MethodCall, engine, refuse
    from verbs.editing import EditCall

    kind, chosen = engine(given["method"]), typed(click.get_current_context())
    if given["method"] != CMET:
        paths = MethodCall(given, kind, chosen).run()
    else:
        refuse(kind, chosen, cmet=True)
        if given["sets"]:
            raise UsageError("--set is for other engines.", "C-MET's options have names of their own: see --help.")
        if not given["emotion_speech"]:
            raise UsageError("No emotion was given.", "Add --emotion-speech: a folder, sound files, or a name.")
        paths = EditCall(given).run()
    with device_said(given["device"]):
        for path in paths:
            click.echo(str(path))
