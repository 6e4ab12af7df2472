"""A loopback Hugging Face Hub for reading: enough of its protocol for the real client to pull a model, and its faults."""

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """One model repository and how the server behaves."""

    repo: str = "toon/model"
    files: dict[str, bytes] = field(default_factory=dict)
    status: int = 200
    """Answer every request with this status instead."""
    drip_s: float = 0.0
    """Wait this long before each 4 kB of a file."""
    cut: bool = False
    """Close the connection in the middle of a file."""
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> "Hub":
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        hub, path = self.hub, self.path.split("?")[0]
        hub.asked.append(f"{self.command} {self.path}")
        if hub.status != 200:
            self.send(hub.status, b'{"error":"as told"}', body, {"X-Error-Message": "as told"})
        elif path.startswith(f"/api/models/{hub.repo}"):
            rest = path.removeprefix(f"/api/models/{hub.repo}")
            if rest not in ("", "/revision/main", f"/revision/{SHA}") and not rest.startswith("/tree/"):
                self.send(404, b"{}", body, {"X-Error-Code": "RevisionNotFound"})
            elif rest.startswith("/tree/"):
                rows = [{"type": "file", "path": n, "size": len(d), "oid": oid(d)} for n, d in hub.files.items()]
                self.send(200, json.dumps(rows).encode(), body)
            else:
                siblings = [{"rfilename": name} for name in hub.files]
                facts = {"id": hub.repo, "modelId": hub.repo, "sha": SHA, "siblings": siblings, "private": False}
                self.send(200, json.dumps(facts | {"tags": [], "downloads": 0, "likes": 0}).encode(), body)
        elif path.startswith(f"/{hub.repo}/resolve/"):
            name = path.removeprefix(f"/{hub.repo}/resolve/").partition("/")[2]
            if name in hub.files:
                data = hub.files[name]
                self.send(200, data, body, {"ETag": f'"{oid(data)}"', "X-Repo-Commit": SHA})
            else:
                self.send(404, b"", body, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": SHA})
        else:
            self.send(401, b"{}", body, {"X-Error-Code": "RepoNotFound"})

    def send(self, status: int, data: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not body:
            return
        is_file = "/resolve/" in self.path
        if is_file and self.hub.cut:
            data = data[: len(data) // 2]
            self.close_connection = True
        try:
            for start in range(0, len(data), 4096):
                if is_file and self.hub.drip_s:
                    time.sleep(self.hub.drip_s)
                self.wfile.write(data[start : start + 4096])
                self.wfile.flush()
        except OSError:
            pass  # the client gave up


def oid(data: bytes) -> str:
    """git's name for a blob, as the Hub's ETag of a small file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
