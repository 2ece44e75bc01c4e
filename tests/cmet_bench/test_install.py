"""One name is installed and no other; it points at the checkout, hides nobody's package, and says who hides ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.places import ROOT

pytestmark = pytest.mark.slow

BUILD = "import sys; from setuptools import build_meta; getattr(build_meta, sys.argv[1])(sys.argv[2])"
#: Everything of ours that the front door must never import: the first is Hugging Face's name.
NEVER = ("datasets", "verbs", "baselines", "recipes", "bench")


def python(*arguments: str, cwd: Path, first: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A fresh Python in `cwd`, which is not the checkout; `first` comes first on its path."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"PYTHONPATH": str(first)} if first else {}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


def importing(code: str, foreign: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` where cmet_bench is found as an editable installation finds it, and `foreign` comes first."""
    found = (
        "import sys, importlib.util as u\n"
        f"s = u.spec_from_file_location('cmet_bench', {str(ROOT / 'cmet_bench' / '__init__.py')!r})\n"
        "m = sys.modules['cmet_bench'] = u.module_from_spec(s)\n"
        "s.loader.exec_module(m)\n"
    )
    return python("-c", found + code, cwd=cwd, first=foreign)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that looks like the checkout, so that building leaves nothing behind in the real one."""
    folder = tmp_path_factory.mktemp("checkout")
    for entry in ROOT.iterdir():
        if not entry.name.startswith(".") and entry.suffix != ".egg-info" and entry.name not in ("build", "runs"):
            (folder / entry.name).symlink_to(entry)
    return folder


def built(kind: str, checkout: Path, out: Path) -> zipfile.ZipFile:
    out.mkdir()
    done = python("-c", BUILD, kind, str(out), cwd=checkout)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    return zipfile.ZipFile(wheel)


def test_a_wheel_holds_cmet_bench_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    with built("build_wheel", checkout, tmp_path / "out") as wheel:
        tops = {name.partition("/")[0] for name in wheel.namelist()}
        assert {name for name in tops if not name.endswith(".dist-info")} == {"cmet_bench"}
        modules = {Path(name).name for name in wheel.namelist() if name.startswith("cmet_bench/")}
        assert modules == {path.name for path in (ROOT / "cmet_bench").glob("*.py")}
        wheel.extractall(tmp_path / "site")
    done = python("-c", "import cmet_bench", cwd=tmp_path, first=tmp_path / "site")
    assert "without its checkout" in done.stderr
    assert "pip install --no-deps -e" in done.stderr


def test_an_editable_installation_points_at_the_checkout_by_one_name(checkout: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    with built("build_editable", checkout, tmp_path / "out") as wheel:
        wheel.extractall(site)
    (points,) = site.glob("*.dist-info/entry_points.txt")
    assert "cmet-bench = cmet_bench.command:main" in points.read_text()
    for path in site.glob("*.pth"):
        assert str(checkout) not in path.read_text(), "the checkout itself must not come onto everybody's path"
    code = (
        f"import site, sys; site.addsitedir({str(site)!r}); import importlib.util as u\n"
        f"print([name for name in {(*NEVER, 'harness')!r} if u.find_spec(name)])\n"
        "import cmet_bench, harness; print(cmet_bench.__file__); print(sys.path[-1])"
    )
    done = python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    before, package, last = done.stdout.splitlines()
    assert before == "[]", "what lies in the checkout is found only once cmet_bench is imported"
    assert Path(package).resolve() == ROOT / "cmet_bench" / "__init__.py"
    assert Path(last) == ROOT


def test_hugging_faces_datasets_stays_itself(home: Path, tmp_path: Path) -> None:
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("whose = 'Hugging Face'")
    code = (
        f"found = m.measure({str(home / 'clip.mp4')!r}, protocol={str(home / 'small.toml')!r}, emotion='happy')\n"
        f"table = m.clips({str(home / 'runs' / 'mine')!r})\n"
        "assert len(table) == 9 and found['identity_sim'].value is not None\n"
        f"places = [getattr(x, '__file__', None) or '' for x in list(sys.modules.values())]\n"
        f"print(sorted({{p[{len(str(ROOT)) + 1}:].split('/')[0] for p in places if p.startswith({str(ROOT)!r} + '/')\n"
        "    and '/.venv/' not in p}))\n"
        "import datasets; print(datasets.whose)"
    )
    done = importing(code, tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    imported, whose = done.stdout.splitlines()
    assert whose == "Hugging Face"
    assert imported == str(["cmet_bench", "evaluators", "harness", "networks", "reports"])


def test_transformers_finds_no_datasets_where_there_is_none_but_ours(tmp_path: Path) -> None:
    code = (
        f"import importlib.util as u; print(u.find_spec('datasets'), bool(u.find_spec('cmet')))\n"
        "from transformers.utils import is_datasets_available as hf; print(hf())\n"
        f"sys.path.insert(0, {str(ROOT)!r}); import datasets; print(sorted(datasets.DATASETS)[:1])"
    )
    done = importing(code, tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["None True", "False", "['crema_d']"], "who puts us first gets all of us"


def test_importing_needs_neither_torch_nor_pandas_and_goes_last_on_the_path(tmp_path: Path) -> None:
    code = "print(sys.path[-1]); print([n for n in ('torch', 'pandas', 'av') if n in sys.modules]); m.frame"
    done = importing(code, tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [str(ROOT), "[]"]


@pytest.mark.parametrize("name", ["harness.py", "reports/__init__.py"])
def test_a_package_that_hides_one_of_ours_is_named_with_its_cure(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("raise SystemExit('imported, and should only be found')")
    done = importing("", tmp_path, tmp_path)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("ImportError: ")]
    assert re.match(rf"ImportError: cmet_bench needs its own package '{re.split('[./]', name)[0]}' ", line)
    assert str(tmp_path / name) in line
    assert "Rename it" in line


def test_one_that_was_imported_before_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "evaluators.py").write_text("")
    loaded = python("-c", f"import evaluators, sys; sys.path.append({str(ROOT)!r}); import cmet_bench", cwd=tmp_path)
    assert f"but {tmp_path / 'evaluators.py'} comes first" in loaded.stderr


def test_a_folder_of_that_name_without_python_in_it_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "march.pdf").write_text("")
    done = importing("m.frame", tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_command_is_bench_py_whatever_lies_around(tmp_path: Path) -> None:
    (tmp_path / "harness.py").write_text("raise SystemExit('the wrong harness')")
    start = f"import sys; sys.path.append({str(ROOT)!r}); sys.argv[0] = '/bin/cmet-bench'\n"
    start += "from cmet_bench.command import main; main()"
    done = python("-c", start, "list", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "puppets" in done.stdout
    slip = python("-c", start, "lits", cwd=tmp_path)
    assert slip.returncode == 2
    assert "Did you mean 'list'" in slip.stderr
