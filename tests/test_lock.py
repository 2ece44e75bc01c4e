"""requirements.lock: complete, pinned, one version each on every platform and Python that we name, no host in it."""

from __future__ import annotations

import re
import sys
from itertools import product

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.places import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LINES = [line for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines() if line.strip()]
PYTHONS = ("3.10.14", "3.11.9", "3.12.4", "3.13.1")
PLATFORMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
)


def chosen(python: str, platform: dict[str, str]) -> list[Requirement]:
    """The lines that hold there."""
    versions = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    environment = {**{key: str(value) for key, value in default_environment().items()}, **platform, **versions}
    requirements = [Requirement(line) for line in LINES]
    return [one for one in requirements if one.marker is None or one.marker.evaluate(environment)]


def test_every_line_is_one_pinned_package_and_names_no_host() -> None:
    for line in LINES:
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]*==[0-9][A-Za-z0-9.+]*( ; .+)?", line), line
        assert "//" not in line
        assert "@" not in line


def test_the_lowest_versions_are_the_bounds_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [Requirement(text) for text in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])]
    lines = (ROOT / "requirements.lowest").read_text(encoding="utf-8").splitlines()
    lowest = {canonicalize_name(one.name): one for line in lines if line[:1] != "#" for one in [Requirement(line)]}
    for one in wanted:
        bounds = [spec.version for spec in one.specifier if spec.operator == ">="]
        if not bounds or one.marker is not None or one.name in ("mypy", "ruff"):  # exact pins, and what only CI types
            continue
        version = str(lowest[canonicalize_name(one.name)].specifier).removeprefix("==")
        assert one.specifier.contains(version)
        assert f"{version}.0.0".startswith(f"{bounds[0]}."), (one, version)  # 4.10 is 4.10.0.84, its first


@pytest.mark.parametrize(("python", "platform"), list(product(PYTHONS, PLATFORMS)))
def test_each_platform_gets_one_version_of_everything_we_import(python: str, platform: dict[str, str]) -> None:
    found = [canonicalize_name(one.name) for one in chosen(python, platform)]
    assert len(found) == len(set(found))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [Requirement(text) for text in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])]
    locked = {canonicalize_name(one.name): one for one in chosen(python, platform)}
    for one in wanted:
        if one.marker is not None and not one.marker.evaluate({"python_version": python.rpartition(".")[0]}):
            continue
        version = str(locked[canonicalize_name(one.name)].specifier).removeprefix("==")
        assert one.specifier.contains(version), (one, version)
