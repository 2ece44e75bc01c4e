"""An adapter that misbehaves as foreign programs do, by the id of the sample. Python 3.7, standard library."""

import json
import os
import subprocess
import sys
import time

#: The variables that a test asks about: a note has no room for all of a machine's.
ASKED = {"PYTHONPATH", "PYTHONNOUSERSITE", "HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"}

SIDE = 16


class Picture:
    """What the runner takes for an array."""

    dtype = "uint8"

    def __init__(self, level, side=SIDE):
        self.shape = (side, side, 3)
        self._level = level

    def tobytes(self):
        return bytes([self._level]) * (self.shape[0] * self.shape[1] * 3)


class Nameless(Exception):
    def __str__(self):
        raise ValueError


def load(job):
    options = job["options"]
    if "refuse" in options:
        raise OSError("no weights in " + job["weights"])
    if "dull" in options:
        time.sleep(600)
    return {"job": job, "made": 0}


def paint(request, out, frames=None, side=SIDE):
    for k in range(frames or request["frames"]):
        out.frame(Picture(20 * k + request["seed"] % 20, side))
    return {"used": "label", "notes": "painted"}


def generate(state, request, out):
    state["made"] += 1
    what = request["id"]
    if what == "error":
        raise RuntimeError("CUDA error: an illegal memory access")
    if what == "nameless":
        raise Nameless
    if what == "exit":
        sys.exit(0)
    if what == "abort":
        os.abort()
    if what == "hang":
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        time.sleep(600)
    if what == "slow":
        for _ in range(6):
            out.alive()
            time.sleep(0.4)
    if what == "memory":
        return bytearray(1 << 60)
    if what == "short":
        return paint(request, out, frames=1)
    if what == "wide":
        return paint(request, out, side=SIDE + 2)
    if what == "nothing":
        return {"used": "label"}
    if what == "no-file":
        out.video(os.path.join(request["out"], "not-there.mp4"))
        return {}
    if what == "elsewhere":
        out.video(__file__)
        return {}
    if what == "loud":
        for _ in range(200):
            print("x" * 50000)
        os.write(2, b"\xff\xfe{}\n")
    if what == "liar":
        os.close(os.open(os.path.join(request["out"], "x.npy"), os.O_CREAT))
        out.video(os.path.join(request["out"], "x.npy"))
        return {}
    if what == "scribbler":
        with open(state["job"]["results"], "a") as file:
            file.write('{"id": "scribbler", "status": "great"}\n[1]\nnot json\n')
    if what == "links":
        paths = [request["source_image"], request["driving_audio"], *request["emotion"]["speech"]]
        assert not [path for path in paths if " " in path or "'" in path or not os.path.exists(path)], paths
        assert os.getcwd() == state["job"]["checkout"]
    if what == "stack":
        return dict(
            paint(request, out),
            notes=json.dumps({"made": state["made"], "env": sorted(ASKED.intersection(os.environ))}),
        )
    return paint(request, out)
