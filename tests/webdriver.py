"""A browser to look at pages with: the few commands of W3C WebDriver that tests need."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.request

import pytest

__all__ = ["browser"]

_OPTIONS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


class Browser:
    """A session of headless Chromium."""

    def __init__(self, address):
        self.address = address
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": _OPTIONS}}
        value = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.path = f"/session/{value['sessionId']}"

    def open(self, url):
        self._send("POST", f"{self.path}/url", {"url": url})

    def run(self, script, *arguments):
        """Run a script and return what it returns."""
        body = {"script": script, "args": list(arguments)}
        return self._send("POST", f"{self.path}/execute/sync", body)

    def wait_for(self, script, *arguments):
        """Run a script that calls its last argument when it is done."""
        body = {"script": script, "args": list(arguments)}
        return self._send("POST", f"{self.path}/execute/async", body)

    def resize(self, width, height):
        self._send("POST", f"{self.path}/window/rect", {"width": width, "height": height})

    def press(self, keys):
        """Press keys one after the other on what has the focus."""
        steps = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keyboard", "actions": steps}]}
        self._send("POST", f"{self.path}/actions", body)

    def quit(self):
        self._send("DELETE", self.path)

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextlib.contextmanager
def browser():
    """Give a browser; the test is skipped where there is none."""
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("chromedriver is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL)
    try:
        yield _opened(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(20)


def _opened(address):
    for _ in range(100):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{address}/status", timeout=1).close()
            break
        time.sleep(0.1)
    return Browser(address)
