"""Protocols as users name them: what they measure, how each number is signed, what happens without any weights."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench
from evaluators import protocol
from evaluators.cost import GenerationCost, counted_seconds
from evaluators.fid.fid import Fid, PairFid
from evaluators.judge import Judge
from harness.errors import MediaError, MissingError, UsageError
from harness.evaluator import NOT_APPLICABLE
from harness.records import Clip, Emotion, Failed, Row, Sample, Scored, Unscored
from harness.signature import Signature
from networks.files import shipped
from reports.published import PATH
from tests.media_samples import film, write_film

NAMES = ("cmet-paper", "demo", "eat", "fvd", "standard")

#: What docs/reference/metrics.md, 'Signature', asks of each metric's signature.
FIELDS = {
    "lse_c": "net dialect fps img rs crop face aud mfcc vs pad win gate minN agg w v",
    "fid": "net dim rs norm ch src crop fps samp cov root eps agg w v",
    "fid_pair": "net dim rs norm ch src crop fps samp cov root eps agg w v",
    "fvd": "net rs norm ch crop size fps win cov root eps agg w v",
    "fvd_pair": "net rs norm ch crop size fps win cov agg w v",
    "identity_sim": "net det crop face fps ref agg samp miss w v",
    "emotion_acc": "net align det fps samp form classes map set miss dec w v",
    "psnr": "data rng col crop enc fps pair agg inf v",
    "ssim": "data rng win cov col crop enc fps pair agg v",
    "lpips": "net lin rng trunk size fps pair samp agg w v",
    "m_lmd": "det in norm fps pair miss agg w v",
    "f_lvd": "det in norm fps pair miss agg fix w v",
    "aitv": "scope first agg dev v",
    "memory_peak": "scope agg dev v",
}


def columns(name: str) -> list[tuple[Any, str, Signature]]:
    """(judge, metric, signature) of a protocol."""
    judges = protocol.build(protocol.read(name), "cpu")
    return [(judge, facts.name, judge.signature(facts.name)) for judge in judges for facts in judge.metrics]


def test_the_protocols_are_those_of_the_design() -> None:
    assert tuple(protocol.names()) == NAMES
    metrics = {name: [metric for _, metric, _ in columns(name)] for name in NAMES}
    emotion = ["emotion_acc", "emotion_acc"]  # one judge a corpus
    cost = ["aitv", "aitv_ratio", "memory_peak"]
    assert metrics["cmet-paper"] == [*emotion, "fid_pair", "fvd_pair", "lse_c", "lse_d", "sync_offset", *cost]
    points = ["m_lmd", "f_lmd", "m_lvd", "f_lvd"]
    eat = ["emotion_acc", "emotion_acc", "fid", "lse_c", "lse_d", "sync_offset", "psnr", "ssim", *points]
    assert metrics["eat"] == eat


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_signed_in_both_forms(name: str) -> None:
    lines = []
    for _, metric, signature in columns(name):
        lines.append(str(signature))
        assert Signature.parse(str(signature)) == signature
        keys = [key for key, _ in signature.fields]
        assert len(set(keys)) == len(keys)
        assert keys[-1] == "v"
        assert set(FIELDS.get(metric, "v").split()) <= set(keys), metric
    assert len(set(lines)) == len(lines)


def test_the_dialects_are_said() -> None:
    eat = {metric: str(signature) for _, metric, signature in columns("eat")}
    forms = [dict(s.fields)["form"] for _, metric, s in columns("eat") if metric == "emotion_acc"]
    assert forms == ["attention-eval", "attention-train"]
    assert "|align:dlib5-jpeg95-224|det:hog1+dlib5@absent|" in eat["emotion_acc"]
    assert "|net:tv-in1k|dim:2048|rs:cv-linear|norm:pm1+in1k|ch:bgr|" in eat["fid"]
    assert "|samp:pair5|" in eat["fid"]
    assert all(f"|{part}|" in eat["ssim"] for part in ("win:u7", "cov:sample", "pair:stretch", "agg:frame", "enc:none"))
    assert "|fix:0|" in eat["f_lvd"]
    assert "|dialect:eat-align68|" in eat["lse_c"]
    paper = {metric: str(signature) for _, metric, signature in columns("cmet-paper")}
    assert "|net:cmet7-crema-d|align:dlib5-cmet-224|det:hog1+mmod@absent+dlib5@absent|" in paper["emotion_acc"]
    assert "|samp:even16|form:mean-logits|" in paper["emotion_acc"]
    assert paper["fid_pair"].count("|agg:pair-mean|") == 1
    assert all(f"|{part}|" in paper["lse_c"] for part in ("aud:mp3@driving", "face:mean", "trk:sp>100avi@100px"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('metric = "x"', "names no [[metric]]"),
        ('[metric]\nevaluator = "fid"', "names no [[metric]]"),
        ('weights = "x"\n[[metric]]\nevaluator = "faces"', "'weights'"),
        ('[[metric]]\nevaluator = "pixels"\nagg = true', "'agg' of 'pixels'"),
        ('[[metric]]\nevaluator = "lse"\nweights = ""', "'weights' of 'lse'"),
        ('[[metric]]\nevaluator = "faces"\n[[metric]]\nevaluator = "faces"', "asks 'faces' twice"),
        ("\u00e9".encode("latin-1"), "is not valid toml"),
        (f"a = {'[' * 20000}{']' * 20000}", "is not valid toml: it nests too deep"),
        (f"a = {'9' * 5000}", "is not valid toml"),
        (f'[[metric]]\nevaluator = "lse"\nvshift = 0x{"f" * 5000}', "has more than 18 digits"),
        (f'[[metric]]\nevaluator = "lse"\nvshift = [{"1," * 10000}]', "'vshift' of 'lse'"),
    ],
)
def test_a_protocol_that_cannot_act_as_it_says_is_refused(text: str | bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError) as caught:
        Judge(str(path), "cpu")
    assert told in caught.value.what
    assert len(caught.value.what) < 500


def test_a_judge_is_found_under_the_names_of_its_metrics(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    names = ("sync_c", "Sync-D", "CSIM", "fid")
    path.write_text("".join(f'[[metric]]\nevaluator = "{name}"\n' for name in names))
    assert [entry.evaluator for entry in protocol.read(str(path)).entries] == ["lse", "identity", "fid"]
    with pytest.raises(UsageError, match="no evaluator 'synk_c'"):
        protocol.single("synk_c", {})


def test_a_sound_stream_without_sound_costs_the_picture_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "two.toml"
    path.write_text('[[metric]]\nevaluator = "pixels"\n[[metric]]\nevaluator = "lse"\ndialect = "demo"')
    clip = replace(sample(tmp_path)[1], path=write_film(tmp_path / "heard.mp4", film(6)[::-1], audio=np.zeros(3840)))

    def empty(path: Path) -> None:
        raise MediaError(f"{path} has a sound stream without sound.", reason="no_audio")

    monkeypatch.setattr("evaluators.judge.read_audio", empty)
    rows = {row.metric: row for row in Judge(str(path), "cpu").rows(sample(tmp_path)[0], clip)}
    assert isinstance(rows["ssim"], Scored)
    assert {row.reason for row in rows.values() if isinstance(row, Unscored)} == {"no_audio"}


def test_judges_that_share_a_line_count_once(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text("\n".join(f'[[metric]]\nevaluator = "pixels"\nwin = "{win}"' for win in ("u7", "g1.5")))
    judge = Judge(str(path), "cpu")
    assert [metric for _, metric, _ in judge.columns()] == ["psnr", "ssim", "ssim"]
    (tmp_path / "clips").mkdir()
    for clip in (sample(tmp_path / "clips")[1], Failed("crashed", "it broke")):
        rows = judge.rows(sample(tmp_path / "clips")[0], clip)
        assert [row.metric for row in rows] == ["psnr", "ssim", "ssim"]
        assert len({row.signature for row in rows}) == 3


def test_published_numbers_name_metrics_that_their_protocol_has() -> None:
    metrics = {name: [metric for _, metric, _ in Judge(name, "cpu", "mead").columns()] for name in NAMES}
    with PATH.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["our_metric"] and row["our_protocol"]]
    assert {row["our_protocol"] for row in rows} == {"cmet-paper", "eat"}
    for row in rows:
        assert metrics[row["our_protocol"]].count(row["our_metric"]) == 1, row
    pairs = {(row["our_protocol"], row["metric"].partition("[")[0], row["our_metric"]) for row in rows}
    assert {metric: ours for name, metric, ours in pairs if name == "cmet-paper"} == {
        "AITV": "aitv",
        "FID": "fid_pair",
        "FVD": "fvd_pair",
        "Sync_conf": "lse_c",
        "Acc_emo": "emotion_acc",
    }
    facts = {f.name: f for judge, _, _ in (*columns("eat"), *columns("cmet-paper")) for f in judge.metrics}
    for row in rows:
        assert facts[row["our_metric"]].higher_is_better == (row["direction"] == "higher"), row
        assert row["unit"] in ("", facts[row["our_metric"]].unit), row


def sample(folder: Path) -> tuple[Sample, Clip]:
    path = write_film(folder / "clip.mp4", film(6))
    fields: dict[str, Any] = {"reference_video": path, "reference_aligned": True, "source_video": path}
    asked = Sample("s", "test", "who", Emotion("happy"), folder / "no.png", folder / "no.wav", 6, **fields)
    return asked, Clip(path, 6, 64, 64, "none", {"load": 9.0, "prepare": 1.0, "generate": 2.0, "write": 5.0}, 3 << 20)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cmet-paper", "eat", "fvd", "standard"])
def test_what_cannot_be_measured_is_a_row_with_the_file_and_the_cure(name: str, tmp_path: Path) -> None:
    judge = Judge(name, "cpu")
    rows = judge.rows(*sample(tmp_path))
    assert [row.metric for row in rows] == [metric for _, metric, _ in columns(name)]
    by_weights = [row for row in rows if isinstance(row, Unscored) and row.reason == "weights_missing"]
    assert len(by_weights) >= {"cmet-paper": 6, "eat": 12, "fvd": 2, "standard": 10}[name]
    for row in by_weights:
        for line in row.detail.split("\n"):
            assert "not on this machine" in line or "not installed" in line
            assert "Type: " in line or "Get " in line
    failed = judge.rows(sample(tmp_path)[0], Failed("crashed", "it broke"))
    reasons = {row.reason for row in failed if isinstance(row, Unscored)}
    assert "generation_failed" in reasons
    assert reasons <= {"generation_failed", NOT_APPLICABLE}


@pytest.mark.slow
@pytest.mark.parametrize("fails", ["generation", "reading"])
@pytest.mark.parametrize("emotion", ["happy", "sarcastic"])
def test_what_failed_counts_only_where_it_is_expected(emotion: str, fails: str, tmp_path: Path) -> None:
    """A clip of an extended emotion is not missing in the accuracy on basic ones, nor the other way round."""
    asked = replace(sample(tmp_path)[0], emotion=Emotion(emotion, intensity=3))
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"not a video")
    clip = Failed("crashed", "it broke") if fails == "generation" else replace(sample(tmp_path)[1], path=path)
    reasons = {row.metric: row.reason for row in Judge("demo", "cpu").rows(asked, clip) if isinstance(row, Unscored)}
    why = "generation_failed" if fails == "generation" else "unreadable"
    basic = emotion == "happy"
    assert reasons["lse_c"] == reasons["fid"] == reasons["av_structure"] == why
    assert reasons["emotion_acc"] == (why if basic else NOT_APPLICABLE)
    assert reasons["ext_identifiability"] == reasons["ext_acc"] == (NOT_APPLICABLE if basic else why)


@pytest.mark.parametrize(("name", "code"), [("eat", 5), ("cmet-paper", 5), ("standard", 0)])
def test_scoring_without_weights_names_every_file_and_leaves_with_the_right_code(
    name: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("clips", "truth"):
        (tmp_path / folder).mkdir()
        write_film(tmp_path / folder / "a.mp4", film(6))
    (tmp_path / "clips" / "labels.csv").write_text("clip,emotion\na.mp4,happy\n")
    command = ["score", "--clips", str(tmp_path / "clips"), "--reference", str(tmp_path / "truth"), "--jobs", "1"]
    assert bench.main([*command, "--protocol", name, "--out", str(tmp_path / "out")]) == code
    printed = capsys.readouterr().out
    told = [" ".join(part.split()) for part in re.findall(r"^Missing: (.*(?:\n    .*)*)", printed, re.MULTILINE)]
    wanted = {"eat": ("syncnet", "emotion-fan-eat", "inception_v3", "dlib-68-points", "dlib-5-points")}
    for weights in wanted.get(name, ("syncnet", "pt_inception-2015-12-05")):
        fetched = f" {weights} " in f"{told[0]} " and "weights fetch" in told[0]
        assert fetched or any(f"'{weights}'" in line and "Get " in line for line in told), weights
    assert len(set(told)) == len(told)


def test_the_demo_without_its_files_is_told_and_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    told = [judge for judge, metric, signature in columns("demo") if dict(signature.fields).get("w") == "absent"]
    assert {type(judge).__name__ for judge in told} >= {"EmotionAccuracy", "LipSync", "Fid", "IdentitySimilarity"}
    for judge in told:
        assert any("git checkout" in one.cure or "weights fetch" in one.cure for one in judge.missing())
        with pytest.raises(MissingError):
            judge.load()
    rows = Judge("demo", "cpu").rows(*sample(tmp_path))
    reasons = {row.metric: row.reason for row in rows if isinstance(row, Unscored)}
    assert {reasons[metric] for metric in ("emotion_acc", "lse_c", "fid", "identity_sim")} == {"weights_missing"}


def test_damaged_demo_files_are_implausible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in shipped.FOLDER.glob("*.safetensors"):
        (tmp_path / path.name).write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    rows = Judge("demo", "cpu").rows(*sample(tmp_path))
    reasons = {row.metric: row.reason for row in rows if isinstance(row, Unscored)}
    assert {reasons[metric] for metric in ("emotion_acc", "lse_c", "fid", "identity_sim")} == {"weights_implausible"}


def cost_rows(made: Clip | None) -> dict[str, Row]:
    from evaluators.judge import rows_of
    from harness.evaluator import Chunk, ClipContext

    context = ClipContext(None, Path("x.mp4"), None, made=made)  # type: ignore[arg-type]
    rows = rows_of(GenerationCost({}, "cpu"), context, [Chunk(0, np.zeros((50, 4, 4, 3), np.uint8))])
    return {row.metric: row for row in rows}


def test_aitv_counts_preparing_and_generating_only(tmp_path: Path) -> None:
    rows = cost_rows(sample(tmp_path)[1])
    values = {name: row.value for name, row in rows.items() if isinstance(row, Scored)}
    assert values == {"aitv": 3.0, "aitv_ratio": 1.5, "memory_peak": 3.0}  # 50 frames are two seconds
    assert counted_seconds(Clip(tmp_path, 1, 1, 1, "none", {"generate": 2.5})) == 2.5
    judge = GenerationCost({}, "cpu")
    assert judge.combine("aitv", [{"value": np.array(3.0)}, {"value": np.array([5.0])}]) == 4.0
    assert np.isnan(judge.combine("aitv", []))
    with pytest.raises(UsageError):
        GenerationCost({"warm": "1"}, "cpu")


@pytest.mark.parametrize("seconds", [None, {}, {"load": 1.0}])
def test_clips_that_existed_have_no_cost(seconds: dict[str, float] | None, tmp_path: Path) -> None:
    made = None if seconds is None else Clip(tmp_path, 1, 1, 1, "none", seconds)
    assert {row.reason for row in cost_rows(made).values() if isinstance(row, Unscored)} == {"not_recorded"}


def test_seconds_of_two_machines_never_share_a_column() -> None:
    own = str(GenerationCost({}, "cpu").signature("aitv"))
    assert own != str(GenerationCost({}, "cuda").signature("aitv"))
    assert "dev:cpu " in own


def fid_row(frames: int, size: tuple[int, int] = (256, 256)) -> dict[str, Any]:
    rows = np.random.default_rng(frames).normal(size=(frames, 4))
    return {"clip": rows, "reference": rows[:3] + 1, "clip_size": np.array(size), "reference_size": np.array((128, 96))}


def test_a_pooled_fid_carries_its_n_and_picture_sizes() -> None:
    judge = Fid({}, "cpu")
    five, four = judge.measured("fid", [fid_row(5), fid_row(5)]), judge.measured("fid", [fid_row(5), fid_row(4)])
    assert "|res:256x256/128x96|n1:10|n2:6|" in str(five)
    assert five != four
    assert five.settings() == four.settings() == judge.signature("fid")
    mixed = str(judge.measured("fid", [fid_row(5), fid_row(5, (512, 512))]))
    assert "|res:256x256+512x512/128x96|" in mixed
    old = {key: value for key, value in fid_row(5).items() if not key.endswith("_size")}
    assert "|res:?/?|" in str(judge.measured("fid", [old]))
    paired = [{"value": np.array([3.0]), "clip_size": np.array((64, 64)), "reference_size": np.array((64, 64))}]
    line = str(PairFid({}, "cpu").measured("fid_pair", paired))
    assert "|res:64x64/64x64|" in line
    assert "|n1:" not in line
