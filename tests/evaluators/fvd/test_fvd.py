"""FVD: windows, the pinned program, the converted network, laws of the distance, refusals."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluators.fvd import windows
from evaluators.fvd.collector import Collector, Pictures
from evaluators.fvd.fvd import Fvd, PairFvd
from evaluators.fvd.networks import OnnxI3d, ScriptedI3d
from evaluators.fvd.windows import Spread, Windows
from evaluators.packing import unpack
from harness.digest import digest
from harness.errors import MissingError, UsageError
from harness.evaluator import Chunk
from harness.records import Scored, Unscored
from networks.files.plausibility import ImplausibleError
from tests import onnx_bytes
from tests.reference_pairs import Frames, context, film, judged, noisy


class _Moves(torch.nn.Module):
    """A small network with the published call: it answers to pictures and to how they change."""

    def __init__(self) -> None:
        super().__init__()
        self.look = torch.nn.Conv3d(3, 6, (3, 5, 5), stride=(1, 4, 4))
        with torch.random.fork_rng():
            torch.manual_seed(0)
            torch.nn.init.normal_(self.look.weight)

    def forward(
        self, video: torch.Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> torch.Tensor:
        assert rescale
        assert resize
        assert return_features
        small = torch.nn.functional.interpolate(video / 255, size=(video.shape[2], 32, 32))
        seen = self.look(small)
        moved = seen[:, :, 1:] - seen[:, :, :-1]
        return torch.cat((seen.mean((2, 3, 4)), moved.abs().mean((2, 3, 4))), 1)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "i3d.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.script(_Moves().eval()).save(str(path))
    return path


@pytest.fixture
def judge(program: Path) -> Fvd:
    made = Fvd({"preset": "own", "frames": "4", "weights": str(program)}, "cpu")
    made.net = ScriptedI3d({"weights": str(program)}, "cpu", digest(program))
    made.load()
    return made


def _features(judge: Fvd, frames: Frames) -> np.ndarray:
    collector = Collector(judge.net, Pictures("frame", 0, "cpu"), judge.rule.of(len(frames)))
    for first in range(0, len(frames), 7):
        collector.feed(Chunk(first, frames[first : first + 7]))
    return collector.finish()


def _distance(judge: Fvd, clips: list[Frames], references: list[Frames]) -> float:
    pairs = zip(clips, references, strict=True)
    rows = [{"clip": _features(judge, one), "reference": _features(judge, other)} for one, other in pairs]
    return judge.combine("fvd", rows)


def _films(count: int, frames: int = 24) -> list[Frames]:
    return [_film(frames, seed) for seed in range(count)]


def _film(frames: int, seed: int) -> Frames:
    return noisy(np.roll(film(frames), 7 * seed, axis=2), 4, seed)


def test_windows_are_whole_and_never_padded() -> None:
    assert Windows(16, 16, 0, 0).of(47).tolist() == [list(range(16)), list(range(16, 32))]
    assert Windows(16, 8, 0, 0).of(32)[:, 0].tolist() == [0, 8, 16]
    assert Windows(16, 16, 20, 1).of(100).tolist() == [list(range(20, 36))]  # LatentSync's frames 20 to 36
    assert Windows(16, 16, 20, 1).of(35).shape == (0, 16)
    assert Spread(15).of(15).tolist() == [list(range(15))]
    assert Spread(15).of(99)[0, [0, 7, 14]].tolist() == [0, 49, 98]
    assert Spread(15).of(14).shape == (0, 15)


def test_a_preset_is_a_published_choice_and_takes_no_other_setting() -> None:
    assert windows.preset({}).windows.text() == "16/16@0"
    assert windows.preset({"preset": "latentsync"}) == windows.Preset(Windows(16, 16, 20, 1), "face", 224)
    with pytest.raises(UsageError, match="no use for 'frames'"):
        windows.preset({"preset": "latentsync", "frames": "8"})
    with pytest.raises(UsageError, match="no size of their own"):
        windows.preset({"preset": "own", "crop": "face", "size": "0"})


def test_only_the_published_program_is_opened(program: Path) -> None:
    net = ScriptedI3d({"weights": str(program)}, "cpu")
    assert "is not the published program" in net.missing()[0].what
    with pytest.raises(MissingError, match="expected SHA-256 bec6519f66ea"):
        net.load()
    with pytest.raises(UsageError, match="runs only as published"):
        ScriptedI3d({"weights": str(program), "hash": "any"}, "cpu")


def test_a_file_of_the_right_hash_that_is_no_program_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "i3d_torchscript.pt"
    path.write_bytes(b"no archive")
    with pytest.raises(ImplausibleError, match="cannot read the TorchScript file"):
        ScriptedI3d({"weights": str(path)}, "cpu", digest(path)).load()


def test_laws(judge: Fvd) -> None:
    films = _films(6)
    assert _distance(judge, films, films) == 0.0
    other = _films(12)[6:]
    assert _distance(judge, films, other) == pytest.approx(_distance(judge, films[::-1], other[::-1]), rel=1e-9)
    frozen = [np.repeat(one[:1], len(one), axis=0) for one in films]
    shuffled = [one[np.random.default_rng(3).permutation(len(one))] for one in films]
    assert _distance(judge, frozen, films) > 1e-3
    assert _distance(judge, shuffled, films) > 1e-3


def test_chunks_of_any_size_give_the_same_rows_and_overlapping_windows_too(judge: Fvd) -> None:
    judge.rule = Windows(4, 3, 1, 0)
    frames = _film(20, 1)
    whole = Collector(judge.net, Pictures("frame", 16, "cpu"), judge.rule.of(20))
    whole.feed(Chunk(0, frames))
    pieces = Collector(judge.net, Pictures("frame", 16, "cpu"), judge.rule.of(20))
    for first in range(20):
        pieces.feed(Chunk(first, frames[first : first + 1]))
    assert whole.finish().shape == (6, 12)
    assert np.array_equal(whole.finish(), pieces.finish())


def test_a_clip_gives_features_and_the_set_a_number_with_its_sizes(judge: Fvd, tmp_path: Path) -> None:
    rows = judged(judge, context(tmp_path, _film(12, 1), _film(17, 2)))
    assert isinstance(rows[0], Scored)
    kept = unpack(rows[0].statistics)
    assert (rows[0].value, kept["clip"].shape, kept["reference"].shape) == (None, (3, 12), (4, 12))
    line = str(judge.measured("fvd", [kept, kept]))
    assert "|win:4/4@0|" in line
    assert "|n1:6|n2:8|cov:n-1|" in line
    assert "fewer than 48: biased upwards" in judge.note("fvd", [kept, kept])


@pytest.mark.parametrize(("clip", "reference", "side"), [(3, 9, "clip"), (9, 3, "reference")])
def test_films_shorter_than_a_window_are_rows_with_that_reason(
    judge: Fvd, tmp_path: Path, clip: int, reference: int, side: str
) -> None:
    row = _refused(judged(judge, context(tmp_path, film(clip), film(reference))))
    assert (row.reason, row.detail) == ("too_short", f"3 frames of the {side}; a window needs 4")


def test_windows_without_a_face_are_no_windows(program: Path, tmp_path: Path) -> None:
    made = Fvd({"preset": "own", "frames": "4", "crop": "face", "size": "32", "weights": str(program)}, "cpu")
    made.net = ScriptedI3d({"weights": str(program)}, "cpu", digest(program))
    made.load()
    blank = np.zeros((9, 64, 64, 3), np.uint8)
    row = _refused(judged(made, context(tmp_path, blank, blank)))
    detail = "windows with a face in every frame: 0 of the clip, 0 of its reference"
    assert (row.reason, row.detail) == ("no_face", detail)


@pytest.mark.parametrize("shape", [(1, 3, 15, 224, 224), (1, 15, 224, 224, 3)])
def test_the_papers_pair_is_the_squared_distance_of_two_answers(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "i3d.onnx"
    onnx_bytes.write_means(path, shape)
    made = PairFvd({"weights": str(path), "gate": "off"}, "cpu")
    made.load()
    clip, truth = _film(20, 1), _film(33, 2)
    row = judged(made, context(tmp_path, clip, truth))[0]
    assert isinstance(row, Scored)
    assert row.value is not None
    assert row.value > 0
    same = judged(made, context(tmp_path, clip, clip, name="same"))[0]
    assert isinstance(same, Scored)
    assert same.value == 0.0
    assert "|win:even15|cov:none|agg:pair-mean|" in row.signature
    assert {"net:i3d-tfhub", "hash:any"} <= set(row.signature.split("|"))


def test_a_network_that_takes_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "i3d.onnx"
    onnx_bytes.write_linear(path, np.zeros((3 * 8 * 8, 4)), 8)
    with pytest.raises(ImplausibleError, match="no video"):
        OnnxI3d({"weights": str(path)}, "cpu").load()
    onnx_bytes.write_means(path, (1, 3, 15, 224, 224))
    with pytest.raises(ImplausibleError, match="answers 3 numbers a film, not 400"):
        OnnxI3d({"weights": str(path)}, "cpu").load()


def _refused(rows: object) -> Unscored:
    assert isinstance(rows, list)
    (row,) = rows
    assert isinstance(row, Unscored), row
    return row
