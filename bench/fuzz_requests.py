"""Wrong requests of every kind to a running page, for `make fuzz`, and a good one when they are over."""

import base64
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

from bench.mutations import Outcome, mutated, originals
from bench.serving import BOUNDARY, ROOT, Asker, memory_mb, peak_memory_mb, running

CLIENTS = 4
HANGS_S = 60
MOST_S, MOST_MB = 10.0, 1_000.0
GOOD = (ROOT / "examples" / "mickey-mouse-2.png").read_bytes()
LEAKS = re.compile(rb'Traceback|pydantic|site-packages|File \\?"|\.py\b|/etc/|/tmp/|/root|Errno|object at 0x')
"""What no answer of an error may hold: traces, paths, the words of libraries."""

ENDPOINTS = ["predict", "classify", "answer_page", "share", "lambda", "predict/", "%2e%2e", "a" * 5_000, "", "predict_1"]
PATHS = [
    "/etc/passwd",
    "app.py",
    "../app.py",
    "",
    ".",
    "\0",
    "/proc/self/environ",
    "a" * 5_000,
    "file:///etc/passwd",
    "//x/y",
    7,
]
URLS = [
    "http://127.0.0.1:9/x",
    "data:,",
    "data:image/png;base64,",
    "DATA:image/png;base64,AAAA",
    "data:image/png;base64,%41",
    7,
]
ODD = [
    None,
    True,
    -1,
    1e308,
    10**400,
    "",
    "x" * 10_000,
    "\ud800",
    "\0",
    [],
    {},
    [[]],
    "NaN",
    {"path": None},
    {"__type__": "update"},
]


@dataclass(frozen=True)
class Request:
    """One request to send."""

    kind: str
    method: str
    path: str
    body: bytes
    content_type: str = "application/json"


def picture(rng: random.Random) -> bytes:
    """The bytes of a mutated picture, or of a good one."""
    files = originals()[rng.choice(list(originals()))]
    return GOOD if rng.random() < 0.2 else mutated(rng.choice(files), GOOD, rng)


def value(rng: random.Random, upload: str, depth: int = 0) -> Any:
    """A value for a picture: a path, an address, an odd thing, or several."""
    choice = rng.randrange(8)
    meta = rng.choice([{}, {"meta": {"_type": "gradio.FileData"}}, {"meta": rng.choice(ODD)}])
    if choice == 0:
        return {"path": upload + rng.choice(["", "", "/..", "x", "\0", "/../../../etc/passwd"]), **meta}
    if choice == 1:
        return {"path": rng.choice(PATHS), **meta}
    if choice == 2:
        return {"url": rng.choice(URLS), "path": rng.choice([None, "", *PATHS[:3]])}
    if choice == 3:
        return {"url": "data:image/png;base64," + base64.b64encode(picture(rng)).decode()}
    if choice == 4 and depth < 3:
        return [value(rng, upload, depth + 1) for _ in range(rng.randrange(3))]
    if choice == 5 and depth < 3:
        return {rng.choice(["path", "url", "meta", "data", "\0", "orig_name"]): value(rng, upload, depth + 1)}
    return rng.choice(ODD)


def call(rng: random.Random, upload: str) -> Request:
    """A call of an endpoint, by name or through the queue, with a body that is more or less JSON."""
    asked: Any = {"data": [value(rng, upload) for _ in range(rng.choice((0, 1, 1, 1, 2)))]}
    for name in ("session_hash", "fn_index", "event_id", "trigger_id", "event_data", "api_name"):
        if rng.random() < 0.15:
            asked[name] = rng.choice([*ODD, *range(8), "abc"])
    if rng.random() < 0.1:
        asked = rng.choice([value(rng, upload), [asked], {"data": asked}, {"data": value(rng, upload)}])
    body = json.dumps(asked).encode()
    if rng.random() < 0.3:
        body = mutated(body, GOOD, rng)
    way = rng.choice(("run", "run", "run", "api", "call", "call/v2"))
    path = f"/gradio_api/{way}/{rng.choice(ENDPOINTS)}" if rng.random() < 0.85 else "/gradio_api/queue/join"
    return Request(
        "calls", "POST", path, body, rng.choice(("application/json",) * 4 + ("text/plain", "", "multipart/form-data"))
    )


def upload(rng: random.Random, _: str) -> Request:
    """An upload: a picture's form, its parts or its bytes mutated."""
    name = rng.choice(["x.png", "", "..", "../../x", "\\u0000", "a" * 300, "con", "x\r\ny"])
    field = rng.choice(["files", "files", "files", "file", "", "data"])
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    form = head.encode() + picture(rng) + f"\r\n--{BOUNDARY}--\r\n".encode()
    if rng.random() < 0.5:
        form = mutated(form, GOOD, rng)
    kind = rng.choice([f"multipart/form-data; boundary={BOUNDARY}"] * 4 + ["multipart/form-data", "application/json"])
    return Request("uploads", "POST", "/gradio_api/upload", form, kind)


def lean(rng: random.Random, upload: str) -> Request:
    """A request to /api/classify: a picture's bytes, or JSON with base64; or the bytes to /api/answer."""
    if rng.random() < 0.5:
        path = rng.choice(("/api/classify", "/api/answer"))
        return Request(path, "POST", path, picture(rng), rng.choice(("image/png", "", "text/html")))
    inputs = base64.b64encode(picture(rng)).decode() if rng.random() < 0.5 else value(rng, upload)
    asked = {"inputs": inputs, "parameters": rng.choice([*ODD, {"top_k": rng.choice([*ODD, 1, 4])}])}
    body = json.dumps(asked).encode()
    return Request("/api/classify", "POST", "/api/classify", mutated(body, GOOD, rng) if rng.random() < 0.3 else body)


def address(rng: random.Random, upload: str) -> Request:
    """An address that is asked for by some method, near to those that there are."""
    start = rng.choice(
        ["/gradio_api/", "/gradio_api/file=", "/gradio_api/file/", "/static/", "/assets/", "/", "/gradio_api/proxy="]
    )
    end = rng.choice(
        [*map(str, PATHS), upload, "..%2f..%2fapp.py", "info", "config", "queue/data", "stream/x/y/0", "heartbeat"]
    )
    end = "" if end == "heartbeat" else end.replace("\0", "%00")
    method = rng.choice(("GET", "GET", "GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"))
    return Request("addresses", method, f"{start}{end}", b"")


KINDS: list[Callable[[random.Random, str], Request]] = [call, call, upload, lean, address]


def outcome_of(request: Request, status: int, body: bytes) -> str:
    """ "opened" where it was answered, "refused" in words, or what is wrong with the answer."""
    if status < 400:
        return "opened"
    if status >= 500 and status != 503:
        return f"status {status}: {body[:200]!r}"
    if LEAKS.search(body):
        return f"it tells too much: {body[:200]!r}"
    if request.method == "HEAD":
        return "refused"
    try:
        said = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return f"no sentence: {status} {body[:200]!r}"
    return "refused" if said.endswith((".", ")")) and "\n" not in said else f"no sentence: {said[:200]}"


def ask(port: int, pid: int, seed: str, upload_path: str) -> Outcome:
    """Send one request to the page on this port, whose process is `pid`."""
    rng = random.Random(seed)
    request = rng.choice(KINDS)(rng, upload_path)
    started = time.monotonic()
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=HANGS_S)
        connection.request(request.method, request.path, request.body, {"Content-Type": request.content_type})
        answer = connection.getresponse()
        outcome = outcome_of(request, answer.status, answer.read(1_000_000))
        connection.close()
    except (OSError, HTTPException, ValueError) as error:
        outcome = f"no answer: {type(error).__name__} {error}"
    seconds = time.monotonic() - started
    if outcome not in ("opened", "refused"):
        outcome = f"{request.method} {request.path[:80]} {request.body[:120]!r}: {outcome}"
    return Outcome(f"requests: {request.kind}", seed, outcome, seconds, memory_mb(pid), MOST_S, MOST_MB)


def ask_page(seed: int, count: int) -> Iterable[Outcome]:
    """So many requests to a page of this project, by several clients at once; then it must still answer a good one."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder
        with running("app.py", picture=GOOD) as (port, pid, _), ThreadPoolExecutor(CLIENTS) as pool:
            path = f"{folder}/{'0' * 64}/x.png"
            yield from pool.map(lambda number: ask(port, pid, f"{seed}-{number}", path), range(count))
            started = time.monotonic()
            Asker(port).gradio(GOOD)
            yield Outcome(
                "requests: a good one, after all",
                f"{seed}",
                "opened",
                time.monotonic() - started,
                peak_memory_mb(pid),
                MOST_S,
                MOST_MB,
            )
