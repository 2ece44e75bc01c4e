"""This module finds the project files that a piece of code is made of: its own and all its imports, transitively.

A method's fingerprint is taken over them, so that a clip is made again when any code changed that had a part in it, in
whatever folder that code lies, and only then: docstrings, comments and layout do not count, nor do files that are
not imported. The files are read as text; nothing is imported or run.

An import of a module counts that module. Packages on the way to it (`baselines` for `baselines.cmet`) count only where
a name is taken from the package itself: a registry that lists all methods is no part of one of them. Names inside
strings of the form "package.module:Class" are imports too. Imports for type checkers alone are none.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

#: The checkout.
ROOT = Path(__file__).resolve().parents[1]
_SPEC = re.compile(r"^([a-z_]\w*(?:\.[a-z_]\w*)+):[A-Za-z_]\w*$")


def imported(start: Iterable[Path], root: Path) -> list[Path]:
    """Returns the files `start` and every file below `root` that they import, directly or by others; sorted."""
    reached: set[Path] = set()
    waiting = [path.resolve() for path in start]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(_direct(path, _state(path), root))
    return sorted(reached)


def digest_of(*parts: object) -> str:
    """Returns sixteen hex digits that change with the code of functions, classes or objects, or of anything they
    import.
    """
    kinds = [part if inspect.isclass(part) or inspect.isroutine(part) else type(part) for part in parts]
    files = {inspect.getsourcefile(kind) for kind in kinds}
    text = hashlib.sha256()
    for path in imported([Path(file) for file in sorted(filter(None, files))], ROOT):
        text.update(code_digest(path).encode())
    return text.hexdigest()[:16]


def code_digest(path: Path) -> str:
    """Returns the SHA-256 of a Python file's syntax tree without docstrings: comments and line breaks do not
    move it.
    """
    return _digest(path, _state(path))


def _state(path: Path) -> tuple[int, int]:
    """The attributes that separate a changed file from the one that was read before."""
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


@lru_cache(maxsize=1024)
def _digest(path: Path, state: tuple[int, int]) -> str:
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _documented(node):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    first = node.body[0] if node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


@lru_cache(maxsize=1024)
def _direct(path: Path, state: tuple[int, int], root: Path) -> tuple[Path, ...]:
    """Files below `root` that one file imports by itself, at its top or inside functions."""
    package = path.parent.relative_to(root).parts if path.is_relative_to(root) else ()
    files: list[Path] = []
    for node in _running(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            files += [file for alias in node.names for file in _module(root, alias.name)]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            files += [file for alias in node.names for file in _member(root, module, alias.name)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and (spec := _SPEC.match(node.value)):
            files += _module(root, spec[1])
    return tuple(dict.fromkeys(files))


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that can run; those under `if TYPE_CHECKING:` cannot."""
    yield node
    only_types = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
    children = node.orelse if only_types and isinstance(node, ast.If) else ast.iter_child_nodes(node)
    for child in children:
        yield from _running(child)


def _module(root: Path, name: str) -> list[Path]:
    """The file of a module below `root`, or a package's __init__; nothing for others' modules."""
    place = root.joinpath(*name.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return [path.resolve() for path in candidates if path.is_file()][:1]


def _member(root: Path, module: str, name: str) -> list[Path]:
    """The file behind `from module import name`: a submodule of that name, else the module that holds the name."""
    return _module(root, f"{module}.{name}") or _module(root, module)
