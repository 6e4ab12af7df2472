"""A loopback Hugging Face Hub: the real client runs against it unchanged, through HF_ENDPOINT, and meets its faults.

with Hub(files={"model.onnx": b"..."}) as hub:      # toon/model holds them
    hub.fail("POST /api/repos/create", status=402)
    subprocess.run(..., env=os.environ | hub.env(tmp_path, token="hf_free"))
    hub.repos["model", "toon/model"].files
"""

import re
import threading
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hub_repos import Fault, Files, Repo, Run
from hub_routes import Handler

SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """Its repositories, and how it behaves; `files`, if given, are those of the model `repo` at revision SHA."""

    repo: str = "toon/model"
    files: Files = field(default_factory=dict)
    status: int = 200
    """Answer every request with this status instead."""
    drip_s: float = 0.0
    """Wait this long before each 4 kB of a file."""
    sizes: dict[str, int] = field(default_factory=dict)
    """What the listings say of these files, whatever they are."""
    run: Run | None = None
    """Starts a Space's page."""
    stages: tuple[str, ...] = ("BUILDING", "APP_STARTING", "RUNNING")
    """What becomes of a Space after each commit."""
    build_log: tuple[str, ...] = ("Installing gradio\n", "Built.\n")
    faults: list[Fault] = field(default_factory=list)
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    """What was uploaded by LFS, by sha256, committed or not."""
    asked: list[str] = field(default_factory=list)
    lock: Any = field(default_factory=threading.RLock)
    url: str = ""

    def __enter__(self) -> "Hub":
        if self.files:
            self.add("model", self.repo).commit(self.files, sha=SHA)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("OfThisHub", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def add(self, kind: str, name: str, **values: Any) -> Repo:
        return self.repos.setdefault((kind, name), Repo(kind, name, **values))

    def fail(self, pattern: str, times: int = 1, **how: Any) -> None:
        """Let requests ("METHOD /path") that the pattern is found in go wrong; how: the fields of Fault."""
        self.faults.append(Fault(pattern, times, **how))

    def fault(self, request: str) -> Fault | None:
        """The first fault that is due at this request."""
        with self.lock:
            found = next((fault for fault in self.faults if fault.times > 0 and re.search(fault.pattern, request)), None)
            if found:
                found.times -= 1
            return found

    def env(self, home: Path, token: str = "") -> dict[str, str]:
        """What makes the client of another process talk to this Hub alone."""
        quiet = {f"HF_HUB_DISABLE_{name}": "1" for name in ("XET", "TELEMETRY")}
        return quiet | {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_TOKEN": token}

    def count(self, start: str, end: str = "") -> int:
        """How many requests there were like this one."""
        return sum(line.startswith(start) and line.endswith(end) for line in self.asked)
