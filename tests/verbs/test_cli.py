"""The command line as users meet it: fast help, one sentence and the right exit code for every slip."""

from __future__ import annotations

import importlib
import json
import shlex
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pytest

import bench
from harness import registry
from harness.store import RunStore
from tests.places import GOLDEN, ROOT, shown_in_readme
from verbs.help import Verb

pytestmark = pytest.mark.slow


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = bench.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def one_sentence(err: str) -> bool:
    return 0 < len(err.strip().splitlines()) <= 6 and "Traceback" not in err


def test_help_and_list_import_neither_numpy_nor_torch() -> None:
    program = (
        "import sys, bench; code = bench.main(sys.argv[1:]); "
        "assert not {'numpy', 'torch'} & set(sys.modules); sys.exit(code)"
    )
    for arguments in (["--help"], ["list"]):
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", bench.VERBS)
def test_examples_of_the_help_are_typed_right_and_every_option_has_a_place(name: str) -> None:
    command = importlib.import_module(bench.VERBS[name][0]).command
    if not isinstance(command, Verb):
        return  # weights has verbs of its own, train the options of its preset
    assert command.examples
    for example in command.examples:
        verb, *arguments = shlex.split(example)
        assert verb == name
        command.make_context(name, arguments, resilient_parsing=False)
    with click.Context(command) as context:
        text = command.get_help(context)
    for option in (one for one in command.params if isinstance(one, click.Option) and not one.hidden):
        assert max(option.opts, key=len) in text


def test_the_shell_completes_verbs_and_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_CMET_BENCH_COMPLETE", "bash_complete")
    for words, wanted in (("r", "run"), ("run --method ed", "edtalk"), ("score --protocol st", "standard")):
        monkeypatch.setenv("COMP_WORDS", f"cmet-bench {words}")
        monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
        with pytest.raises(SystemExit):
            bench.main([])
        assert f"plain,{wanted}" in capsys.readouterr().out.splitlines()


def test_list_names_everything_that_is_registered(capsys: pytest.CaptureFixture[str]) -> None:
    from baselines import METHODS
    from datasets import DATASETS
    from evaluators import EVALUATORS

    code, out, _ = call(capsys, "list", "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found["methods"]) == set(METHODS)
    assert set(found["datasets"]) == set(DATASETS)
    assert set(found["evaluators"]) == set(EVALUATORS)
    for kind in found.values():
        assert all(text and text != "(not in this checkout)" for text in kind.values())


def test_what_list_reads_from_a_source_file_is_what_the_class_has() -> None:
    from datasets import DATASETS
    from verbs.list import literals

    for spec in DATASETS.values():
        kind, found = registry.load(spec), literals(spec, ("name", "lists", "options"))
        assert found["name"] == kind.name
        assert dict(found.get("lists", {})) == dict(getattr(kind, "lists", {}))
        assert tuple(found.get("options", ())) == tuple(getattr(kind, "options", ()))


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["rnu"], 2, "Did you mean 'run'"),
        (["run"], 2, "--method"),
        (["run", "--method", "cmte"], 2, "Did you mean 'cmet'"),
        (["run", "--method", "cmet", "--dataset", "pupets"], 2, "Did you mean 'puppets'"),
        (["run", "--method", "cmet", "--protocol", "demmo"], 2, "Did you mean 'demo'"),
        (["run", "--method", "cmet", "--lane", "speach"], 2, "Did you mean 'speech'"),
        (["run", "--method", "cmet", "--device", "cdua"], 2, "Did you mean 'cuda'"),
        (["run", "--method", "cmet", "--device", "cpu:one"], 2, "There is no device 'cpu:one'"),
        (["run", "--method", "cmet", "--set", "cmet"], 2, "NAME.KEY=VALUE"),
        (["run", "--method", "cmet", "--set", "eat.a=1"], 2, "Add --method eat"),
        (["run", "--method", "cmet", "--set", "cmet.inensity=2"], 2, "no option 'inensity'"),
        (["run", "--method", "cmet", "--set", "cmet.weights=demmo"], 2, "Did you mean 'demo'"),
        (["run", "--method", "cmet", "--set", "puppets.lisst_name=a"], 2, "Did you mean 'list_name'"),
        (["run", "--method", "cmet", "--limit", "1", "--out", f"{__file__}/run"], 2, "is a file, not a folder"),
        (["run", "--method", "nowhere.py:Mine"], 2, "There is no file"),
        (["run", "--method", "my.py"], 2, "Type: my.py:YourClass"),
        (["run", "--method", "cmet", "--dataset", "mead"], 5, "needs"),
        (["run", "--method", "cmet", "--dataset", "mead", "--root", "/no/such/root"], 2, "/no/such/root"),
        (["score", "--clips", "/no/such/folder"], 2, "There is no"),
        (["score", "--clips", str(GOLDEN), "--reference", "/no/such/folder"], 2, "/no/such/folder"),
        (["calibrate", "--clips", "/no/such/folder"], 2, "There is no"),
        (
            [
                "train",
                "--preset",
                "speech-to-code",
                "--speech",
                "/no/x",
                "--codes",
                "/no/x",
                "--test-identity",
                "W009",
                "--out",
                "/tmp/x",
            ],
            2,
            "'/no/x' is not a folder",
        ),
        (["reproduce", "cmet", "/no/such/run"], 2, "not a run folder"),
        (["train", "--preset", "cmet", "--data", "/no/such/folder", "--out", "/tmp/x"], 2, "There is no"),
        (["score", "--clips", __file__], 2, "is a file, and neither a clip nor a csv"),
        (["run", "--method", "CMET"], 2, "Did you mean 'cmet'"),
        (["run", "--method", "zzz"], 2, "Known: cmet"),
        (["run", "--method", "foo"], 2, "Known: cmet"),
        (["run", "--method", "sadtalker"], 2, "Known: cmet"),
        (["run", "--method", "cmet", "--dataset", "crema"], 2, "Did you mean 'crema_d'"),
        (["run", "--metod", "cmet"], 2, "Did you mean '--method'?"),
        ([], 2, "Verbs:"),
        (["weights"], 2, "Commands:"),
        (["report", "/no/such/run"], 2, "not a run folder"),
        (["compare", "/no/a", "/no/b"], 2, "There is no run"),
        (["reproduce", "cmte"], 2, "Did you mean"),
        (["verify", "maed", "/tmp"], 2, "Did you mean 'mead'"),
        (["verify", "mead", "/no/such/root"], 2, "/no/such/root"),
        (["prepare", "mead", "/no/such/root", "/tmp/x"], 2, "/no/such/root"),
        (["train", "--preset", "cmte"], 2, "Did you mean 'cmet'"),
        (["weights", "fetch", "edtlak"], 2, "Did you mean 'edtalk'"),
        (["list", "--check", "nowhere.py:Mine"], 2, "There is no file"),
    ],
)
def test_slips_are_one_sentence_and_the_right_exit_code(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    found, _, err = call(capsys, *arguments)
    assert found == code, err
    assert says in err
    assert one_sentence(err) or says.endswith(":")  # a verb alone is answered by its help


def test_official_weights_missing_is_exit_5_with_the_command_that_fetches(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = call(capsys, "run", "--method", "cmet", "--set", "cmet.weights=official")
    assert code == 5
    assert "weights fetch cmet" in err


def test_the_method_in_the_readme_passes_the_contract_test(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code = shown_in_readme("class Mine")
    (tmp_path / "my.py").write_text(code, encoding="utf-8")
    found, out, err = call(capsys, "list", "--check", f"{tmp_path / 'my.py'}:Mine")
    assert found == 0, out + err
    assert "FAIL" not in out


def test_what_is_no_contestant_is_one_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text("class Mine: pass", encoding="utf-8")
    found, _, err = call(capsys, "list", "--check", f"{tmp_path / 'my.py'}:Mine")
    assert (found, one_sentence(err)) == (2, True), err
    assert "is no method, metric or dataset" in err


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("x = 1 / 0", "line 1 cannot be loaded: ZeroDivisionError"),
        ("class Mine:\n  oops", "line 2 cannot be loaded: NameError"),
        ("class Mine:\n  def", "line 2: invalid syntax"),
        ("class Mine: pass", "no attribute `name`"),
        ("class Mine:\n  name = '../a b'", "the name '../a b'"),
        ("class Mine:\n  name = 'mine'\n  def __init__(self, options, device): options['no']", "cannot be built"),
    ],
)
def test_a_slip_in_a_method_of_yours_is_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, code: str, says: str
) -> None:
    (tmp_path / "my.py").write_text(code, encoding="utf-8")
    found, _, err = call(capsys, "run", "--method", f"{tmp_path / 'my.py'}:Mine", "--out", tmp_path / "run")
    assert (found, one_sentence(err)) == (2, True), err
    assert says in err


@pytest.mark.parametrize("name", ["source", "audio", "pose"])
def test_edit_names_the_missing_file(capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str) -> None:
    from PIL import Image

    picture = tmp_path / "a.png"
    Image.new("RGB", (64, 64)).save(picture)
    files = {"source": picture, "audio": picture, "pose": picture, name: tmp_path / "näx'y.mp4"}
    given = [part for key, path in files.items() for part in (f"--{key}", path)]
    code, _, err = call(
        capsys, "edit", *given, "--emotion-speech", tmp_path, "-o", tmp_path / "o.mp4", "--no-face-check"
    )
    assert code == 2
    assert "näx'y.mp4" in err
    assert not (tmp_path / "o.mp4").exists()


def test_edit_refuses_a_picture_without_a_face(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from PIL import Image

    from harness.media import write_wav

    picture, sound = tmp_path / "a.png", tmp_path / "happy" / "a.wav"
    Image.new("RGB", (256, 256), (90, 120, 90)).save(picture)
    write_wav(sound, np.zeros(16_000, dtype=np.float32))
    files = {"source": picture, "audio": sound, "pose": picture, "emotion-speech": sound.parent}
    given = [part for key, path in files.items() for part in (f"--{key}", path)]
    code, _, err = call(capsys, "edit", *given, "--neutral-speech", sound.parent, "-o", tmp_path / "d.mp4")
    assert (code, one_sentence(err)) == (2, True)
    assert "No face was found" in err


def test_a_run_of_another_schema_is_refused_by_every_reader(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with RunStore(tmp_path) as store:
        store.set_meta("schema_version", 99)
    run = ["run", "--method", "still_face", "--no-anchors", "--limit", "1", "--out", tmp_path, "--resume"]
    for arguments, expected in ((["report", tmp_path], 2), (run, 2), (["compare", tmp_path, tmp_path], 4)):
        code, _, err = call(capsys, *arguments)
        assert code == expected, err
        assert "schema 99" in err


def test_compare_cannot_compare_another_schema_however_it_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    with RunStore(tmp_path / "run") as store:
        store.set_meta("schema_version", 99)
    scores = tmp_path / "scores.json"
    scores.write_text('{"schema_version": 99, "run": "a", "protocol": "b", "summary": [], "rows": []}')
    for place in (tmp_path / "run", scores):
        code, _, err = call(capsys, "compare", place, place)
        assert (code, one_sentence(err)) == (4, True)
        assert "99" in err


def test_several_values_in_a_row_are_an_option_that_is_repeated() -> None:
    from verbs.choices import in_a_row

    given = ["--source", "a", "--emotion-speech", "b", "c", "-o", "d", "e", "--emotion-speech", "f", "g"]
    expected = "--source a --emotion-speech b --emotion-speech c -o d e --emotion-speech f --emotion-speech g"
    assert in_a_row(given, "--emotion-speech") == expected.split()


def test_edit_takes_the_files_of_a_shell_pattern(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    files = [tmp_path / f"{k}.wav" for k in range(3)]
    given = ["--source", tmp_path / "no.png", "--audio", files[0], "--pose", files[0]]
    code, _, err = call(capsys, "edit", *given, "--emotion-speech", *files, "-o", tmp_path / "o.mp4")
    assert code == 2
    assert "no.png" in err  # and not "unexpected extra arguments"


def test_report_of_a_run_that_was_killed_says_so(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    RunStore(tmp_path).close()
    code, _, err = call(capsys, "report", tmp_path)
    assert (code, one_sentence(err)) == (4, True)
    assert "--resume" in err


def test_doctor_names_a_changed_test_list(monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import frozen
    from verbs import doctor

    assert [line.status for line in doctor._lists()] == ["ok"]
    monkeypatch.setattr(frozen, "changed", lambda: ["mead-eat-100"])
    (line,) = doctor._lists()
    assert (line.status, "git checkout" in line.cure) == ("bad", True)


def test_weights_list_tells_where_everything_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "weights", "list", "--json")
    rows = json.loads(out)
    assert code == 0
    assert all(row["licence"] and (row["url"] or row["source"]) for row in rows)
    published = {row["sha256"] for row in rows}
    code, out, _ = call(capsys, "weights", "list")
    assert all(digest in out for digest in published)
    held = {line.split()[0]: lines for line, *lines in zip(*[iter(out.splitlines())] * 3, strict=True)}
    moving = "recorded at first sight (an address follows a branch: which revision came is recorded too)"
    assert moving in held["cmet-connector"][1]
    assert moving in held["audio2lip"][1]
    assert "an address follows a branch: other bytes are refused" in held["edtalk"][1]
    assert held["eat"][0].split(": ", 1)[1].startswith("deepprompt_eam3d_all_final_313.pth.tar; inside ckpt.zip, ")
    code, out, _ = call(capsys, "weights", "verify", "edtalk")
    assert code == 5
    assert "absent" in out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert f'version = "{bench.VERSION}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert bench.main(["--version"]) == 0
    assert f"cmet-bench {bench.VERSION}, suite v:2, commit " in capsys.readouterr().out
