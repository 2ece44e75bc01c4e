"""A method's fingerprint follows what it imports: any constant there moves it, docstrings and strangers do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import provenance, sources
from tests.harness.test_runner import go, plan_for

FILES = {
    "mine/method.py": '"""A method."""\nfrom tools import paint\nRED = 1\n',
    "tools/__init__.py": "from tools.inner import paint\n",
    "tools/inner.py": "def paint():\n    from tools import deep\n    return deep.BLUE\n",
    "tools/deep.py": 'from typing import TYPE_CHECKING\nBLUE = 2\nLATE = "tools.late:Late"\n'
    "if TYPE_CHECKING:\n    from tools import never\n",
    "tools/late.py": "class Late:\n    GREEN = 3\n",
    "tools/never.py": "GREY = 4\n",
    "tools/stranger.py": "BLACK = 5\n",
}
PARTS = ("mine/method.py", "tools/__init__.py", "tools/deep.py", "tools/inner.py", "tools/late.py")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path.resolve()


def _mark(project: Path) -> list[str]:
    return [sources.code_digest(path) for path in sources.imported([project / "mine/method.py"], project)]


def test_imports_are_followed_through_packages_functions_and_specs(project: Path) -> None:
    found = sources.imported([project / "mine/method.py"], project)
    assert [str(path.relative_to(project)) for path in found] == sorted(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_any_constant_of_an_imported_file_counts(project: Path, name: str) -> None:
    before = _mark(project)
    with (project / name).open("a") as file:
        file.write("ADDED = 1\n")
    assert _mark(project) != before


@pytest.mark.parametrize("name", ["tools/never.py", "tools/stranger.py"])
def test_a_file_that_is_not_imported_does_not_count(project: Path, name: str) -> None:
    before = _mark(project)
    (project / name).write_text("OTHER = 9\n")
    assert _mark(project) == before


def test_docstrings_comments_and_layout_do_not_count(project: Path) -> None:
    before = _mark(project)
    method = project / "mine/method.py"
    method.write_text('"""Another sentence."""\n\nfrom tools import paint  # why\n\nRED = 1\n')
    (project / "tools/inner.py").write_text('def paint():\n    """Words."""\n' + FILES["tools/inner.py"][13:])
    assert _mark(project) == before


METHOD = '''"""Says nothing."""
from typing import ClassVar

from tests.fakes import Painter


class Mine(Painter):
    """A painter of one's own."""

    name: ClassVar[str] = "painter"
    SHADE = 1
'''


def test_resume_makes_clips_again_after_a_changed_constant_and_not_after_a_changed_docstring(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    file = tmp_path / "mine.py"
    folder = tmp_path / "run"

    def again(text: str) -> tuple[int, int]:
        file.write_text(text)
        done = go(folder, replace(plan_for(folder), methods={"painter": f"{file}:Mine"}), resume=folder.exists())
        return done.made, done.reused

    assert again(METHOD) == (4, 0)
    assert again(METHOD.replace("of one's own", "like any other")) == (0, 4)
    assert again(METHOD.replace("SHADE = 1", "SHADE = 2")) == (4, 0)


def test_the_native_methods_count_the_whole_pipeline() -> None:
    from baselines.cmet import CMet

    found = {path.name for path in provenance.sources(CMet)}
    assert {"rollout.py", "talker.py", "encode.py", "video.py", "winograd.py", "mel.py"} <= found
    assert "trainer.py" not in found
