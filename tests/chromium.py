"""A headless Chromium that tests talk to over a pipe: pages are opened, asked, pressed and photographed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
_PATIENCE_SECONDS = 60.0
_OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --no-first-run --disable-extensions --mute-audio --hide-scrollbars "
    "--autoplay-policy=no-user-gesture-required --remote-debugging-pipe"
)


class Chromium:
    """One browser with one page. `problems` collects console errors and exceptions of the pages that were opened."""

    def __init__(self, profile: Path) -> None:
        assert BROWSER
        down, self._write = os.pipe()
        self._read, up = os.pipe()
        os.set_inheritable(down, True)
        os.set_inheritable(up, True)
        command = f'exec "$0" "$@" 3<&{down} 4>&{up}'  # the browser reads orders from 3 and answers on 4
        options = [*_OPTIONS.split(), f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", command, BROWSER, *options], pass_fds=(down, up), stderr=subprocess.DEVNULL
        )
        os.close(down)
        os.close(up)
        self._rest, self._number, self.problems = b"", 0, list[str]()
        target = next(t for t in self.ask("Target.getTargets")["targetInfos"] if t["type"] == "page")
        self._session = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.ask(f"{domain}.enable")

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        os.close(self._write)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The browser's answer to one order of its DevTools protocol."""
        self._number += 1
        session = {"sessionId": self._session} if hasattr(self, "_session") else {}
        order = {"id": self._number, "method": method, "params": parameters, **session}
        os.write(self._write, json.dumps(order).encode() + b"\0")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            told = self._next()
            if told.get("id") == self._number:
                assert "error" not in told, told
                return told["result"]
            self._note(told)
        raise AssertionError(f"Chromium gave no answer to {method}")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            read = os.read(self._read, 1 << 16)
            assert read, "Chromium has ended"
            self._rest += read
        told, _, self._rest = self._rest.partition(b"\0")
        return json.loads(told)

    def _note(self, told: dict[str, Any]) -> None:
        found = told.get("params", {})
        if told.get("method") == "Runtime.exceptionThrown":
            self.problems.append(json.dumps(found["exceptionDetails"])[:500])
        elif told.get("method") == "Log.entryAdded" and found["entry"]["level"] == "error":
            self.problems.append(f"{found['entry']['text']} {found['entry'].get('url', '')}")
        elif told.get("method") == "Runtime.consoleAPICalled" and found["type"] in ("error", "assert"):
            self.problems.append(json.dumps(found["args"])[:500])

    def open(self, page: str, width: int = 1440, height: int = 900, phone: bool = False, dark: bool = False) -> None:
        """Show a page, on a desktop or a phone, in light or dark, and wait until its scripts ran."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        self.ask("Emulation.setTouchEmulationEnabled", enabled=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url="about:blank")  # the same page with another hash would not load again
        self.ask("Page.navigate", url=page)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page; a promise is awaited."""
        told = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, expression: str, seconds: float = 10.0) -> Any:
        """Wait until an expression is true, and return it."""
        deadline = time.monotonic() + seconds
        while not (found := self.run(expression)):
            assert time.monotonic() < deadline, f"never true: {expression}"
            time.sleep(0.02)
        return found

    def press(self, key: str) -> None:
        """Press and release one key."""
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def photograph(self, path: Path, whole: bool = False) -> None:
        """Write what is seen, or the whole page, as PNG."""
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))
