"""The doctor names what is installed in versions that do not work, in an environment that is not the lock's."""

from __future__ import annotations

from importlib import metadata

import pytest

from harness.readiness import outside_bounds


def installed(**versions: str) -> list[str]:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    return list(outside_bounds(version))


@pytest.mark.parametrize("version", ["14.4.0", "15.1.0", "16.1.0", "19.0.0"])
def test_versions_that_fail_on_every_file_are_named(version: str) -> None:
    (told,) = installed(av=version, click="8.5.1")
    assert told.startswith(f"package av {version} does not work here: ")
    assert "<19" in told
    assert ">=17" in told


def test_versions_inside_the_bounds_are_not() -> None:
    assert installed(av="17.0.0", numpy="2.9") == []
    assert list(outside_bounds()) == []  # here
