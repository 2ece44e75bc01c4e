"""A contestant runs here from its authors' own checkout, in its own interpreter, driven through files.

The class (`Checkout`) fulfils the contract of methods like any other; this is what its process sees:

    PYTHON runner.py job.json        in the checkout, in a process group of its own, output to a log, no stdin

`job.json`: `{"schema": 1, "method", "device", "checkout", "weights", "options", "adapter", "requests": PATH,
"results": PATH}`. One JSON object a line comes in through `requests` while the process lives, the fields of a Request
with the paths of links that have no space and no quote in them; `out` is the folder for what it makes. One JSON object
a line goes out through `results`: first `{"status": "ready", ...}`, then for each request `{"id", "status": "ok",
"frames": PATH, "height", "width", "used", "notes"}` or `{"id", "status": "failed", "kind", "reason"}`; in between
`{"status": "alive"}` where a frame takes long. Frames are raw RGB bytes (`.rgb`, growing: a sign of life), an array
(`.npy`, uint8, (n, height, width, 3)) or a video file. The line `{"end": true}` asks the process to leave.

`runner.py` does all this for a Python adapter, a file with `load(job)` and `generate(state, request, out)`; it needs
nothing but the standard library of Python 3.7. A program in another language speaks the lines itself (`runner`).
Nothing that the process says is trusted but its frames, and these are checked like everyone's. A process that is
silent while it loads, or on a request, for longer than the timeout is ended with all that it started; one that died is
started again for the next request; one that ended twice before its first clip is given up.
"""
