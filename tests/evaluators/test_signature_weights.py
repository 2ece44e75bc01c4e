"""Every metric of every protocol: its line reads back, and another file of weights that it needs is another line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluators import protocol
from evaluators.faces.mtcnn import Mtcnn
from evaluators.weights import wheel_files
from harness.signature import Signature
from networks.files import shipped
from networks.files.plausibility import ImplausibleError

#: Files that ship with the project and judge.
SHIPPED = ("emotion.safetensors", "identity.safetensors", "sync.safetensors")
SPEECH = "speech.safetensors"
#: File of a voice → how the lines that hear it say so.
VOICES = {"emotion2vec": "|voice:emotion2vec|", SPEECH: "|voice:emotion2vec-demo|"}
#: Metrics that no file of ours or of a user decides: pixels, sound lengths, clocks, and MTCNN's pinned wheel.
WEIGHTLESS = {
    *("psnr", "ssim", "face_rate", "frames", "av_length_ratio", "pose_shift", "aitv", "aitv_ratio", "memory_peak"),
    *("ext_identifiability|space:hog680", "ext_consistency|space:hog680"),
}


class Shelf:
    """Stand-in files for every name that is asked for; `turned` is the one that has other bytes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch = folder, monkeypatch
        self.asked: set[str] = set()

    def file(self, name: str, turned: str) -> Path:
        path = self._folder / ("other" if name == turned else "plain") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(path))
        return path

    def arrange(self, turned: str = "") -> None:
        """Put every file in its place."""

        def locate(name: str, override: Any = None, any_hash: bool = False) -> Path:
            self.asked.add(name)
            return self.file(name, turned)

        self._patch.setattr("harness.weights.locate", locate)
        self._patch.setattr(shipped, "place", lambda name: self.file(f"{name}.safetensors", turned))

    def lines(self, name: str) -> dict[tuple[int, str], str]:
        """(place of the judge, metric) → signature, after each was read back in both forms."""
        found = {}
        for place, judge in enumerate(protocol.build(protocol.read(name), "cpu")):
            for facts in judge.metrics:
                signature = judge.signature(facts.name)
                assert Signature.parse(str(signature)) == signature
                found[place, facts.name] = str(signature)
        return found


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    return Shelf(tmp_path, monkeypatch)


def needs(shelf: Shelf, name: str) -> dict[int, set[str]]:
    """Judge by its place in the protocol → the names that it asks for."""
    found = {}
    for place, judge in enumerate(protocol.build(protocol.read(name), "cpu")):
        shelf.asked.clear()
        judge.missing()
        for facts in judge.metrics:
            judge.signature(facts.name)
        found[place] = set(shelf.asked)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", protocol.names())
def test_another_file_is_another_line_for_whoever_needs_it(name: str, shelf: Shelf) -> None:
    shelf.arrange()
    plain, needed = shelf.lines(name), needs(shelf, name)
    moved: set[tuple[int, str]] = set()
    for file in sorted({*SHIPPED, SPEECH}.union(*needed.values())):
        shelf.arrange(file)
        now = shelf.lines(name)
        changed = {key for key in plain if now[key] != plain[key]}
        asking = {key for key in plain if file in needed[key[0]]}
        if file in VOICES:
            assert changed == {key for key, line in plain.items() if VOICES[file] in line}
        elif file not in SHIPPED:
            assert changed == asking, file
        elif name == "demo":
            assert changed, file
        moved |= changed
    rest = {metric + _space(plain[place, metric]) for place, metric in set(plain) - moved}
    assert rest <= WEIGHTLESS


def _space(line: str) -> str:
    return next((f"|{part}" for part in line.split("|") if part == "space:hog680"), "")


@pytest.mark.parametrize("name", protocol.names())
def test_lines_differ_wherever_two_judges_differ_and_only_there(name: str, shelf: Shelf) -> None:
    shelf.arrange()
    first, again = shelf.lines(name), shelf.lines(name)
    assert first == again
    assert len(set(first.values())) == len(first)


def test_what_a_wheel_holds_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`det:mtcnn-fn2.6.0` and `lin:0.1` name a wheel's version; other bytes under that name are no judge."""
    for package, file in wheel_files.PINNED:
        assert wheel_files.wheel_file(package, file).is_file()
    monkeypatch.setitem(wheel_files.PINNED, ("facenet_pytorch", "data/onet.pt"), "0" * 64)
    with pytest.raises(ImplausibleError, match=r"not the file of facenet-pytorch==2\.6\.0"):
        Mtcnn()
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    with pytest.raises(wheel_files.MissingError, match="not installed"):
        wheel_files.wheel_file("lpips", "weights/v0.1/vgg.pth")
