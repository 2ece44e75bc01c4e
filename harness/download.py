"""A file is downloaded over https to a temporary name, resumed if it was cut off, verified, then renamed.

Hugging Face's answers say which revision they give, and what SHA-256 a large file has; that is handed back and checked.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from harness.digest import digest
from harness.errors import MissingError, UsageError

_BLOCK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30.0
_RESUMED = 206  # HTTP: partial content

if TYPE_CHECKING:
    from email.message import Message
    from urllib.request import Request


@dataclass(frozen=True)
class Origin:
    """Holds what the answers to a download said of the file: its revision and its SHA-256, each "" if unsaid."""

    revision: str = ""
    sha256: str = ""


def download(
    url: str,
    target: Path,
    size: int,
    check: Callable[[Path], str],
    progress: Callable[[int, int], None],
    mark: str = "",
) -> Origin:
    """Bring `url` to `target`. `size`: exact bytes or 0; `check(path)` returns the fault, "" if there is none.

    An interrupted transfer leaves `<target>.part`, which the next call with the same `mark` continues. Raises
    MissingError with one sentence: no network, server refusal, a web page for a file, disk too small, wrong bytes
    (which are then deleted).
    """
    if not url.startswith(("https://", "http://")):
        raise UsageError(f"'{url}' is not a web address.")
    part = target.with_name(f"{target.name}{mark}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _exclusive(part) as file:
            origin = _transfer(url, file, size, target, progress)
        problem = check(part) or _unlike(part, origin)
        if problem:
            part.unlink()
            raise MissingError(
                f"The download from {url} was thrown away: {problem}",
                "Try again; if it is the same again, the file there is no longer the one that was published.",
            )
        os.replace(part, target)
        return origin
    except OSError as error:
        raise _explained(error, url, target) from error


def _unlike(part: Path, origin: Origin) -> str:
    """The fault of bytes that are not those which the server itself states; "" if there is none."""
    if not origin.sha256 or digest(part) == origin.sha256:
        return ""
    return f"its server states the SHA-256 {origin.sha256}, what came has {digest(part)}."


def _exclusive(part: Path) -> IO[bytes]:
    """Open for appending, and refuse if another process is at the same file (lock where the system has one)."""
    file = part.open("ab")
    try:
        import fcntl
    except ImportError:  # Windows: two downloads at once end in a wrong hash, not in a wrong file
        return file
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise UsageError(f"Another process is downloading {part.name}.", "Wait for it, then try again.") from error
    return file


def _transfer(url: str, file: IO[bytes], size: int, target: Path, progress: Callable[[int, int], None]) -> Origin:
    from http.client import HTTPException
    from urllib.request import Request

    done = file.tell()
    if size and done >= size:  # complete, or too long and thus wrong: `check` decides
        return Origin()
    request = Request(url, headers={"User-Agent": "cmet-bench", **({"Range": f"bytes={done}-"} if done else {})})
    try:
        answer, heads = _opened(request)
        with answer:
            if answer.headers.get_content_type() == "text/html":
                raise MissingError(f"{url} answers with a web page, not the file.", f"Get it by hand: {target}.")
            if answer.status != _RESUMED:
                file.truncate(0)
                done = 0
            length = int(answer.headers.get("Content-Length") or 0)
            whole = size or (done + length if length else 0)
            _demand_space(target, whole - done)
            while block := answer.read(_BLOCK_BYTES):
                file.write(block)
                done += len(block)
                progress(done, whole)
    except HTTPException as error:
        raise ConnectionError(f"the connection was cut ({type(error).__name__})") from error
    if whole and done < whole:
        raise ConnectionError(f"the connection was cut after {done} of {whole} bytes")
    return Origin(_stated(heads, "X-Repo-Commit", 40), _stated(heads, "X-Linked-Etag", 64))


def _opened(request: Request) -> tuple[Any, list[Message]]:
    """Returns the answer, and the heads of every answer on the way to it: the file itself lies on another server."""
    from urllib.request import HTTPRedirectHandler, build_opener

    heads = []

    class Redirects(HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            heads.append(headers)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    answer = build_opener(Redirects).open(request, timeout=_TIMEOUT_SECONDS)
    return answer, [*heads, answer.headers]


def _stated(heads: Iterable[Message], name: str, digits: int) -> str:
    """The first value of this field that has so many hexadecimal digits; "" where there is none."""
    values = (str(head.get(name) or "").strip('"') for head in heads)
    return next((value for value in values if re.fullmatch(f"[0-9a-f]{{{digits}}}", value)), "")


def _demand_space(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise MissingError(
            f"{target.name} needs {needed / 1e6:.0f} MB more, {target.parent} has {free / 1e6:.0f} MB free.",
            "Make room, or set CMET_BENCH_CACHE to a larger disk.",
        )


def _explained(error: OSError, url: str, target: Path) -> MissingError:
    from urllib.error import HTTPError, URLError

    if isinstance(error, HTTPError):
        if error.code == 416:  # the part on disk is longer than the file: start afresh next time
            target.with_name(target.name + ".part").unlink(missing_ok=True)
        return MissingError(f"{url} answers '{error.code} {error.reason}'.", f"Get {target.name} by hand: {target}.")
    if isinstance(error, (URLError, ConnectionError, TimeoutError)):
        reason = getattr(error, "reason", error)
        reason = getattr(reason, "strerror", None) or reason
        cure = f"Connect and repeat (it continues where it stopped), or put the file at {target}."
        return MissingError(f"{target.name} cannot be fetched from {url}: {reason}.", cure)
    if error.errno == errno.ENOSPC:
        return MissingError(f"The disk of {target.parent} is full.", "Make room, or set CMET_BENCH_CACHE elsewhere.")
    return MissingError(f"{target} cannot be written: {error.strerror or error}.", "Set CMET_BENCH_CACHE elsewhere.")
