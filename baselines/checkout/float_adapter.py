"""An adapter for an official FLOAT checkout: its own script, with its networks loaded once. Syntax of Python 3.7.

Written from the facts of docs/reference/methods.md ('FLOAT'): the command line of `generate.py`, the name of its class
`InferenceAgent`, and `torchvision.io.write_video`, by which it writes its pictures. Its main block runs for every
request; the class gives the same object every time, and the pictures are taken before they are encoded.
"""

from __future__ import annotations

import ast
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Json = dict[str, Any]

_SCRIPT = "generate.py"
_AGENT = "InferenceAgent"
#: Our label → the script's.
_LABELS = {
    "angry": "angry",
    "disgusted": "disgust",
    "fear": "fear",
    "happy": "happy",
    "neutral": "neutral",
    "sad": "sad",
    "surprised": "surprise",
}
#: Our option → the script's.
_OPTIONS = {"a_cfg": "--a_cfg_scale", "e_cfg": "--e_cfg_scale", "r_cfg": "--r_cfg_scale", "nfe": "--nfe"}
_FOLDERS = {
    "--wav2vec_model_path": "wav2vec2-base-960h",
    "--audio2emotion_path": "wav2vec-english-speech-emotion-recognition",
}


class Pictures:
    """Takes the place of torchvision's writer: keeps the pictures, and leaves an empty file where it would write."""

    def __init__(self) -> None:
        self.taken: list[Any] = []

    def write(self, filename: Any, video_array: Any, *rest: Any, **more: Any) -> None:
        """Keep the pictures (n, height, width, 3) of a call."""
        self.taken.append(video_array)
        with open(os.fspath(filename), "wb"):
            pass


class Once:
    """Makes an object of a class once; later calls put their arguments where the first ones went."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind
        self._made: Any = None
        self._given: list[Any] = []

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Returns the one object."""
        values = [*given, *named.values()]
        if self._made is None:
            self._made = self._kind(*given, **named)
        else:
            for name, value in list(vars(self._made).items()):
                for before, now in zip(self._given, values):  # noqa: B905 - Python 3.7 has no `strict`
                    if value is before and value is not None:
                        setattr(self._made, name, now)
        self._given = values
        return self._made


def load(job: Json) -> Json:
    """Runs the script but for its main block, once."""
    import torchvision

    pictures = Pictures()
    torchvision.io.write_video = pictures.write
    path = os.path.join(job["checkout"], _SCRIPT)
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read(), path)
    block = [line for line in tree.body if _is_main(line)]
    if not block:
        raise ValueError(f"{path} has no main block: it is not the script that this adapter knows")
    tree.body = [line for line in tree.body if not _is_main(line)]
    names: Json = {"__name__": "__main__", "__file__": path}
    exec(compile(tree, path, "exec"), names)
    names[_AGENT] = Once(names[_AGENT])
    main = ast.Module(body=block, type_ignores=[])
    return {"job": job, "names": names, "main": compile(main, path, "exec"), "pictures": pictures}


def generate(state: Json, request: Json, out: Any) -> Json:
    """Runs the main block as if the command line had been typed for this request."""
    job, pictures = state["job"], state["pictures"]
    label = None if request["lane"] == "as-published" else request["emotion"]["label"]
    del pictures.taken[:]
    sys.argv = [_SCRIPT, *arguments(job, request, label)]
    try:
        exec(state["main"], state["names"])
    except (OSError, RuntimeError, SystemExit):  # after the pictures it moves and joins files, which are not there
        if not pictures.taken:
            raise
    if not pictures.taken:
        raise ValueError("the script wrote no pictures")
    for frame in pictures.taken[-1]:
        out.frame(frame)
    own = f"seed: {request['seed']}, as the released program draws noise: anew for every stretch of 50 frames"
    return {"used": "driving-speech" if label is None else "label", "notes": f"head pose: its own; {own}"}


def arguments(job: Json, request: Json, label: str | None) -> list[str]:
    """Returns the command line of one request. Without a label the emotion is that of the driving sound."""
    given = ["--ref_path", request["source_image"], "--aud_path", request["driving_audio"]]
    given += ["--res_video_path", os.path.join(request["out"], "result.mp4")]
    given += ["--ckpt_path", os.path.join(job["weights"], "float.pth")]
    given += ["--seed", str(request["seed"] % 2**31), "--fix_noise_seed"]
    for option, folder in _FOLDERS.items():
        given += [option, os.path.join(job["weights"], folder)]
    for name, value in sorted(job["options"].items()):
        if name in _OPTIONS:
            given += [_OPTIONS[name], value]
    if label is not None:
        given += ["--emo", _LABELS[label]]
    if job["options"].get("crop", "face") == "none":
        given.append("--no_crop")
    return given


def _is_main(line: Any) -> bool:
    """Whether a line of a script is its `if __name__ == "__main__":`."""
    return isinstance(line, ast.If) and any(
        isinstance(node, ast.Name) and node.id == "__name__" for node in ast.walk(line.test)
    )
