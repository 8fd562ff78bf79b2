"""Chromium without a window, driven by its own protocol (CDP): what a reader would see and do."""

import json
import shutil
import subprocess
import time
import urllib.request
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    "disable-component-update disable-sync remote-allow-origins=* remote-debugging-port=0"
)
PATIENCE = 60  # seconds


class Browser:
    """A page in a browser; everything that it logs or asks of the network is kept."""

    def __init__(self, profile: Path):
        program = next(filter(None, map(shutil.which, NAMES)), None)
        assert program, f"none of {', '.join(NAMES)} is on the PATH: install Chromium"
        options = [f"--{option}" for option in OPTIONS.split()]
        command = [program, *options, f"--user-data-dir={profile}", "about:blank"]
        silent: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, **silent)
        self.socket = websocket.create_connection(self._address(profile), timeout=PATIENCE)
        self.events: list[dict[str, Any]] = []
        self.asked = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def _address(self, profile: Path) -> str:
        """Where the first page listens: the browser writes its port into its profile."""
        port = profile / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if port.exists() and (lines := port.read_text().splitlines()):
                with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json") as answer:
                    pages = [p for p in json.load(answer) if p["type"] == "page"]
                if pages:
                    return pages[0]["webSocketDebuggerUrl"]
            time.sleep(0.1)
        raise TimeoutError("the browser did not start")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command of the protocol."""
        self.asked += 1
        message = {"id": self.asked, "method": method, "params": parameters}
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.asked:
                assert "error" not in answer, answer
                return answer["result"]
            self.events.append(answer)

    def open(self, address: str, width: int = 1400, height: int = 900) -> None:
        """Go to a page and wait until it says that it is whole (``data-ready``)."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        self.send("Page.navigate", url=address)
        self.until("document.documentElement?.dataset.ready === 'true'")

    def until(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + PATIENCE
        while self.ask(expression) is not True:
            assert time.monotonic() < deadline, self.complaints()
            time.sleep(0.1)

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def point(self, x: float, y: float) -> None:
        """Move the mouse to a place of the window."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def serious_faults(self) -> list[tuple[str, list[Any]]]:
        """What axe-core finds that shuts people out: the rule, and the first places."""
        library = files("axe_core_python").joinpath("axe.min.js")
        self.ask(library.read_text(encoding="utf-8"))
        return [
            (rule["id"], [node["target"] for node in rule["nodes"]][:3])
            for rule in self.ask("axe.run()")["violations"]
            if rule["impact"] in ("serious", "critical")
        ]

    def complaints(self) -> list[dict[str, Any]]:
        """What the page logged: errors, exceptions and warnings."""
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in kinds]

    def requests(self) -> list[str]:
        """The addresses that were asked for, the page's own and those inside it left out."""
        sent = [e["params"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        addresses = [p["request"]["url"] for p in sent if p.get("type") != "Document"]
        return [a for a in addresses if not a.startswith(("data:", "blob:"))]

    def __enter__(self) -> "Browser":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.wait(PATIENCE)
