"""Small trained files come from installed wheels: signatures name the wheel's version, so they must be its bytes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from harness.digest import digest
from harness.errors import MissingError
from networks.files.plausibility import ImplausibleError

#: (package, file) → SHA-256 as the wheel of that version holds it.
PINNED = {
    ("facenet_pytorch", "data/pnet.pt"): "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    ("facenet_pytorch", "data/rnet.pt"): "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    ("facenet_pytorch", "data/onet.pt"): "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
    ("lpips", "weights/v0.1/alex.pth"): "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    ("lpips", "weights/v0.1/vgg.pth"): "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
}
_INSTALL = {"facenet_pytorch": "facenet-pytorch==2.6.0", "lpips": "lpips==0.1.4"}


def wheel_file(package: str, name: str) -> Path:
    """Returns the file, found without importing the wheel.

    Raises MissingError where it is not installed, ImplausibleError where its bytes are others than the version's.
    """
    cure = f"Type: pip install --no-deps --force-reinstall {_INSTALL[package]}"
    spec = importlib.util.find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / name
        if path.is_file():
            if digest(path) != PINNED[package, name]:
                raise ImplausibleError(f"'{path}' is not the file of {_INSTALL[package]}.", cure)
            return path
    raise MissingError(f"The file {name} of {_INSTALL[package]} is not installed.", cure)
