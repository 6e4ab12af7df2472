"""The page under attack and under load: what a caller may not do, and what is left behind."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pillow_heif
import pytest
from conftest import EXAMPLES, ROOT, Page, draw_shape
from huggingface_hub import InferenceClient
from PIL import Image
from starlette.testclient import TestClient

from cartoons.images import encoded
from cartoons.serving.api_guard import ApiGuard
from cartoons.serving.api_values import picture_value
from cartoons.serving.asgi import SENTENCES, Message, Receive, Send, read_body
from cartoons.serving.lean_api import CLASSIFY
from cartoons.serving.picture_service import MAX_WAITING
from cartoons.serving.uploads import UploadFolder

pytestmark = pytest.mark.slow
MICKEY = EXAMPLES / "mickey-mouse-2.png"
FILE_DATA = {"_type": "gradio.FileData"}
UNWANTED = ("Traceback", "pydantic", "passwd", str(ROOT), "gradio/", "site-packages", "Error:")


@pytest.fixture(scope="module")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gradio")


@pytest.fixture(scope="module")
def own_page(uploads: Path) -> Iterator[Page]:
    running = Page(env={"GRADIO_TEMP_DIR": str(uploads)})
    yield running
    running.stop()


@pytest.fixture
def client(own_page: Page) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=own_page.url, timeout=60) as made:
        yield made


def upload(client: httpx.Client, data: bytes | None = None, name: str = "x.png") -> str:
    """Upload a picture as a browser does: its path."""
    sent = client.post("/gradio_api/upload", files={"files": (name, data or MICKEY.read_bytes())})
    return str(sent.raise_for_status().json()[0])


def assert_one_sentence(answer: httpx.Response) -> str:
    """The error of a 4xx answer, which says no more than it should."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    said = str(answer.json()["error"])
    assert 10 < len(said) < 300
    assert "\n" not in said
    assert not [word for word in UNWANTED if word in said], said
    return said


def values() -> list[Any]:
    """What a caller may send for a picture that is not one it uploaded."""
    paths = [
        "/etc/passwd",
        "/etc/none",
        str(MICKEY),
        "app.py",
        "../app.py",
        "examples/other-1.png",
        "",
        "/",
        "a\0b",
        ["/etc/passwd"],
    ]
    metas: list[Any] = [{}, {"meta": FILE_DATA}, {"meta": {"_type": "gradio.Other"}}, {"meta": None}]
    made: list[Any] = [{"path": path, **meta} for path in paths for meta in metas]
    made += [{"path": "http://127.0.0.1:9/x.png", "meta": FILE_DATA}, {"url": "http://127.0.0.1:9/x.png", "meta": FILE_DATA}]
    made += ["/etc/passwd", "data:image/png;base64,AAAA", {}, [], [{"path": "/etc/passwd"}], 5, True, {"meta": FILE_DATA}]
    made += [
        {"url": f"DATA:image/png;base64,{'A' * 8}"},
        {"url": "data:image/png;base64,%41"},
        {"url": "data:image/png;base64,abc"},
    ]
    made += [{"path": f"/gradio_api/file={MICKEY}", "meta": FILE_DATA}, {"path": {"path": "/etc/passwd"}}]
    return made


def test_whether_the_page_is_there_is_said_without_building_it() -> None:
    def build(*_: Any) -> None:
        raise AssertionError("Gradio asks this at the start, and waits three seconds only")

    head = TestClient(ApiGuard(build, dict)).head("/")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("endpoint", ["run/predict", "run/classify", "api/predict", "call/predict", "run/predict/"])
def test_no_file_of_the_server_is_opened(client: httpx.Client, endpoint: str) -> None:
    for value in values():
        said = assert_one_sentence(client.post(f"/gradio_api/{endpoint}", json={"data": [value]}))
        assert "text" not in said or isinstance(value, str), "it read the file"
    existing, missing = ({"path": path} for path in ("/etc/passwd", "/etc/no-such-file"))
    answers = [client.post(f"/gradio_api/{endpoint}", json={"data": [value]}).text for value in (existing, missing)]
    assert answers[0] == answers[1]


def test_named_arguments_are_checked_too(client: httpx.Client) -> None:
    for value in values():
        assert_one_sentence(client.post("/gradio_api/call/v2/predict", json={"picture": value}))
    assert "picture" in assert_one_sentence(client.post("/gradio_api/call/v2/predict", json={"image": None}))
    for name in ("predict", "classify", "classify_many", "classify_url"):
        assert "is missing" in assert_one_sentence(client.post(f"/gradio_api/call/v2/{name}", json={}))


WRONG: list[dict[str, Any]] = [
    {"orig_name": 5},
    {"orig_name": {}},
    {"orig_name": "\ud800.png"},
    {"size": "x"},
    {"mime_type": 5},
    {"is_stream": "x"},
    {"is_stream": True},
    {"meta": 5},
    {"meta": None},
    {"url": 5},
    {},
]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_said_beside_an_upload_is_left_out_where_it_is_wrong(client: httpx.Client, wrong: dict[str, Any]) -> None:
    for name in ("predict", "classify", "classify_many"):
        for way, wrapped in (("run", False), ("run", True), ("call/v2", False)):
            value: Any = {"path": upload(client), **({"meta": FILE_DATA} if "meta" not in wrong and wrong else {}), **wrong}
            value = [value] if wrapped and name == "classify_many" else value
            parameter = "files" if name == "classify_many" else "picture"
            body = json.dumps({parameter: value} if way == "call/v2" else {"data": [value]})
            headers = {"content-type": "application/json"}
            answer = client.post(f"/gradio_api/{way}/{name}", content=body, headers=headers).raise_for_status().json()
            if way == "call/v2":
                stream = client.get(f"/gradio_api/call/{name}/{answer['event_id']}").text
                assert "event: complete" in stream
                answer = {"data": json.loads(stream.partition("data: ")[2])}
            facts = answer["data"][0]
            assert "mickey mouse" in json.dumps(facts[0] if isinstance(facts, list) else facts)


def test_a_list_of_files_is_one_of_uploads(client: httpx.Client) -> None:
    picture = {"url": "data:image/png;base64," + base64.b64encode(MICKEY.read_bytes()).decode()}
    assert client.post("/gradio_api/run/predict", json={"data": [picture | {"orig_name": 5}]}).status_code == 200
    given: list[Any] = [[picture], picture, [None], ["data:image/png;base64,AAAA"], 5, {}, [[]], [{"path": ""}]]
    for value in given:
        for way, body in (("run", {"data": [value]}), ("call", {"data": [value]}), ("call/v2", {"files": value})):
            said = assert_one_sentence(client.post(f"/gradio_api/{way}/classify_many", json=body))
            assert "/gradio_api/upload" in said
            assert "data:" not in said


def test_what_the_page_calls_is_checked_by_number_and_private_by_name(client: httpx.Client) -> None:
    functions = client.get("/config").json()["dependencies"]
    private = [function for function in functions if function["api_visibility"] == "private"]
    assert {function["api_name"] for function in private} >= {"answer_page"}
    for function in functions:
        for value in values():
            body = {"data": [value] * len(function["inputs"]), "fn_index": function["id"], "session_hash": "abc"}
            if function["inputs"]:
                answer = client.post("/gradio_api/queue/join", json=body)
                if not isinstance(value, (int, str)):  # which an example's click sends
                    assert_one_sentence(answer)
            if function in private and function["queue"] is not False:
                assert_one_sentence(client.post("/gradio_api/run/predict", json=body))
                assert_one_sentence(client.post(f"/gradio_api/run/{function['api_name']}", json=body))
                assert_one_sentence(client.post(f"/gradio_api/call/{function['api_name']}", json=body))


def test_a_number_in_a_call_by_name_never_fails(client: httpx.Client) -> None:
    """Some numbers are of the page's own scripts, which no request can call, some of functions that take no picture."""
    for function in client.get("/config").json()["dependencies"]:
        for value in (None, "x", -1, 99, 1.5, True, {}, []):
            for way in ("run", "call/v2"):
                body = {"data": [value] * len(function["inputs"]), "fn_index": function["id"], "session_hash": "abc"}
                answer = client.post(f"/gradio_api/{way}/predict", json=body)
                assert answer.is_success or assert_one_sentence(answer), (function["api_name"], way, value)
                if function["backend_fn"] is False:
                    assert answer.status_code == 404
                    assert client.post("/gradio_api/queue/join", json=body).status_code == 400


def test_a_link_among_the_uploads_leads_nowhere(client: httpx.Client) -> None:
    path = Path(upload(client, draw_shape("round", 5).tobytes()))
    link = path.with_name("link.png")
    link.symlink_to(MICKEY)
    assert_one_sentence(client.post("/gradio_api/run/predict", json={"data": [{"path": str(link), "meta": FILE_DATA}]}))
    assert client.get(f"/gradio_api/file={link}").status_code == 403


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("run/predict", b"{", 400),
        ("run/predict", b"[" * 200_000, 400),
        ("run/predict", b'"data"', 422),
        ("run/predict", b"\xff\xfe", 400),
        ("run/predict", b"", 400),
        ("run/predict", b'{"data": null}', 422),
        ("run/predict", b'{"data": []}', 422),
        ("run/predict", b'{"data": [null, null]}', 422),
        ("run/predict", b'{"data": [null]}', 400),
        ("run/predict", b'{"data": [null], "session_hash": 5}', 422),
        ("run/predict", b'{"data": [null], "fn_index": "x"}', 404),
        ("run/predict", b'{"data": [null], "fn_index": 12345}', 404),
        ("run/no_such_endpoint", b'{"data": [null]}', 404),
        ("run/%2e%2e", b'{"data": [null]}', 404),
        ("call/no_such_endpoint", b'{"data": [null]}', 404),
        ("call/v2/no_such_endpoint", b'{"picture": null}', 404),
        ("queue/join", b'{"data": [null]}', 400),
        ("queue/join", b'{"data": [null], "fn_index": true, "session_hash": "x"}', 400),
        ("queue/join", b'{"data": [null], "fn_index": 12345, "session_hash": "x"}', 400),
        ("component_server", b"{}", 404),
        ("process_recording", b"{}", 404),
        ("upload", b"no form", 400),
        ("no/such/place", b"{}", 404),
    ],
)
def test_mistakes_of_the_caller_get_a_sentence(client: httpx.Client, path: str, body: bytes, status: int) -> None:
    answer = client.post(f"/gradio_api/{path}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert_one_sentence(answer)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "gradio_api/file=/etc/passwd",
            f"gradio_api/file={MICKEY}",
            "gradio_api/file=app.py",
            "gradio_api/file/etc/passwd",
        ),
        *(
            "gradio_api/file=http://127.0.0.1:9/",
            "gradio_api/proxy=http://127.0.0.1:9/",
            "pwa_icon/512",
            "gradio_api/deep_link?session_hash=x",
        ),
        *(
            "gradio_api/dev/reload",
            "static/" + "x" * 5000,
            "gradio_api/file=" + "x" * 5000,
            "gradio_api/vibe-code/",
            "no/such/page",
            "docs",
            "gradio_api/run-history/records",
            "runs",
        ),
        *("static/../../app.py", "assets/%2e%2e/%2e%2e/routes.py", "svelte/../app.py", "custom_component/x/client/y/z.js"),
    ],
)
def test_nothing_else_is_served_or_fetched(client: httpx.Client, path: str) -> None:
    assert_one_sentence(client.get(f"/{path}"))


@pytest.mark.parametrize(
    "name", ["", "..", ".", "../../x.png", "a" * 300 + ".png", "\N{ROCKET}\n.png", "x\0.png", "con:1.png"]
)
def test_any_name_of_an_upload_is_taken_or_refused_in_words(client: httpx.Client, uploads: Path, name: str) -> None:
    answer = client.post("/gradio_api/upload", files={"files": (name, MICKEY.read_bytes())})
    if answer.status_code == 200:
        assert Path(answer.json()[0]).resolve().is_relative_to(uploads.resolve())
        asked = client.post("/gradio_api/run/predict", json={"data": [{"path": answer.json()[0], "meta": FILE_DATA}]})
        assert asked.status_code == 200
    else:
        assert_one_sentence(answer)


def test_too_large_a_file_is_refused_however_it_comes(client: httpx.Client, uploads: Path) -> None:
    before = sorted(uploads.rglob("*"))
    large = b"\x89PNG" + b"x" * (21 * 2**20)
    sent = client.post("/gradio_api/upload", files={"files": ("x.png", large)})
    many = client.post("/gradio_api/upload", files=[("files", (f"{k}.png", large[: 2**20])) for k in range(40)])
    form = client.build_request("POST", "/gradio_api/upload", files={"files": ("x.png", large)})
    drip = client.post(
        "/gradio_api/upload", content=iter([form.read()]), headers={"content-type": form.headers["content-type"]}
    )
    for answer in (sent, many, drip, client.post("/api/classify", content=large)):
        assert answer.status_code == 413
        assert "20 MB" in assert_one_sentence(answer)
    wrapped = {"url": "data:image/png;base64," + base64.b64encode(large).decode()}
    assert_one_sentence(client.post("/gradio_api/run/predict", json={"data": [wrapped]}))
    assert [path for path in sorted(uploads.rglob("*")) if path not in before and path.is_file()] == []


def test_bodies_that_never_come_hold_nothing_up(own_page: Page) -> None:
    head = b"POST /%s HTTP/1.1\r\nHost: page\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ExitStack() as idle:
        for path in [b"api/classify", b"gradio_api/run/predict"] * 10:
            idle.enter_context(socket.create_connection(("127.0.0.1", own_page.port))).sendall(head % path)
        time.sleep(0.2)
        sent = httpx.post(f"{own_page.url}/api/classify", content=iter([MICKEY.read_bytes()]))
    assert sent.json()[0]["label"] == "mickey mouse"


def test_more_bodies_at_once_than_memory_is_for_are_refused() -> None:
    answered = asyncio.Event()
    statuses: list[int] = []

    async def answer(_: Any, receive: Receive, send: Send) -> None:
        await read_body(receive)
        await answered.wait()
        await send({"type": "http.response.start", "status": 200})

    async def note(message: Message) -> None:
        statuses.append(message.get("status", 0))

    async def post(guard: ApiGuard, size: int) -> None:
        parts = [bytes(2**20)] * size

        async def receive() -> Message:
            return {"type": "http.request", "body": parts.pop(), "more_body": bool(parts)}

        head = {"type": "http", "method": "POST", "path": CLASSIFY, "headers": [(b"transfer-encoding", b"chunked")]}
        await guard(head, receive, note)

    async def post_all() -> None:
        guard = ApiGuard(answer, dict, lean=answer)
        posts = [asyncio.create_task(post(guard, size)) for size in [20] * 6 + [1]]
        await asyncio.sleep(0.1)
        await post(guard, 20)
        assert statuses == [429, 0]
        answered.set()
        await asyncio.gather(*posts, post(guard, 20))

    asyncio.run(post_all())
    assert statuses == [429, 0] + [200] * 8


@pytest.mark.parametrize("part", ["{},", "[],", '"ab",', "1.5,"])
def test_json_of_millions_of_values_is_refused_before_it_is_read(client: httpx.Client, part: str) -> None:
    body = '{"data": [' + part * 2_000_000 + "0]}"
    for path in ("gradio_api/run/predict", "api/classify"):
        assert "JSON" in assert_one_sentence(client.post(f"/{path}", content=body))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_json_in_another_encoding_is_read(client: httpx.Client, encoding: str) -> None:
    for path in ("run/predict", "call/predict"):
        body = json.dumps({"data": [{"path": upload(client), "meta": FILE_DATA}]}).encode(encoding)
        answer = client.post(f"/gradio_api/{path}", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 200


def test_an_answered_upload_is_gone_and_the_same_picture_can_come_again(client: httpx.Client) -> None:
    path = upload(client)
    body = {"data": [{"path": path, "meta": FILE_DATA}]}
    assert client.post("/gradio_api/run/predict", json=body).status_code == 200
    assert not Path(path).exists()
    assert "deleted once" in assert_one_sentence(client.post("/gradio_api/run/predict", json=body))
    assert upload(client) == path
    assert client.post("/gradio_api/run/classify", json=body).status_code == 200


def test_the_same_picture_from_many_at_once_is_answered_to_all(own_page: Page) -> None:
    failed: list[str] = []

    def ask() -> None:
        with httpx.Client(base_url=own_page.url, timeout=60) as client:
            for _ in range(12):
                body = {"data": [{"path": upload(client, name="same.png"), "meta": FILE_DATA}]}
                answer = client.post("/gradio_api/run/predict", json=body)
                if answer.status_code != 200:
                    failed.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_the_inference_client_of_huggingface_hub_just_works(own_page: Page, client: httpx.Client) -> None:
    inference = InferenceClient(model=f"{own_page.url}/api/classify", token="none")
    for picture in (str(MICKEY), MICKEY.read_bytes()):
        every, two = inference.image_classification(picture), inference.image_classification(picture, top_k=2)
        assert [row.label for row in two] == [row.label for row in every[:2]]
        assert len(every) == 4
        assert every[0].label == "mickey mouse"
        assert [row.score for row in every] == sorted((row.score for row in every), reverse=True)
    facts = client.post("/gradio_api/run/classify", json={"data": [{"path": upload(client), "meta": FILE_DATA}]}).json()[
        "data"
    ][0]
    assert {row.label: row.score for row in every} == pytest.approx(facts["probabilities"])


def test_the_lean_route_says_more_in_its_headers_and_lets_web_pages_ask(client: httpx.Client) -> None:
    answer = client.post("/api/classify", content=MICKEY.read_bytes(), headers={"origin": "https://example.org"})
    assert answer.headers["x-known"] == "true"
    assert answer.headers["x-model-revision"] == client.get("/healthz").json()["revision"]
    assert float(answer.headers["x-milliseconds"]) > 0
    assert answer.headers["access-control-allow-origin"] == "*"
    asking = {"origin": "https://example.org", "access-control-request-method": "POST"}
    preflight = client.options("/api/classify", headers=asking | {"access-control-request-headers": "content-type"})
    assert preflight.status_code < 300
    assert preflight.headers["access-control-allow-origin"] == "*"
    unknown = client.post("/api/classify", content=(EXAMPLES / "other-1.png").read_bytes())
    assert unknown.headers["x-known"] == "false"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("api/classify", bytes(30 << 20), 413),
        ("api/classify", b"no picture", 400),
        ("gradio_api/run/predict", b"{", 400),
        ("gradio_api/upload", b"", 400),
    ],
)
def test_a_web_page_of_another_site_can_read_what_is_wrong(
    client: httpx.Client, path: str, body: bytes, status: int
) -> None:
    answer = client.post(path, content=body, headers={"origin": "https://other.example", "host": "page.example"})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] in ("*", "https://other.example")


def test_the_pages_script_has_the_answer_with_the_upload(client: httpx.Client, uploads: Path) -> None:
    pillow_heif.register_heif_opener()
    heic = encoded(Image.open(MICKEY).convert("RGB"), "HEIF")
    for data, format in ((MICKEY.read_bytes(), "PNG"), (heic, "JPEG")):  # browsers show no HEIC
        given = client.post("/api/answer", content=data).raise_for_status().json()
        assert Image.open(given["path"]).format == format
        assert f'data-picture="{Path(given["path"]).parent.name}"' in given["answer"]
        assert "mickey mouse" in given["answer"]
        assert client.get(f"/gradio_api/file={given['path']}").status_code == 200
    refused = client.post("/api/answer", content=b"no picture").raise_for_status().json()
    assert refused["answer"] == ""
    assert Path(refused["path"]).read_bytes() == b"no picture"  # for the page to ask about, as about any upload
    assert Path(refused["path"]).is_relative_to(uploads)
    assert assert_one_sentence(client.get("/api/answer"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"hello, I am no picture", "text"),
        (b"{", "JSON"),
        (b"[1]", "not a picture"),
        (b'{"inputs": 5}', "base64"),
        (b'{"inputs": "/etc/passwd"}', "base64"),
        (b'{"inputs": "http://127.0.0.1:9/x.png"}', "base64"),
        (b'{"inputs": "AAAA", "parameters": {"top_k": 0}}', "top_k"),
        (b'{"inputs": "AAAA", "parameters": {"top_k": "4"}}', "top_k"),
        (b'{"inputs": "AAAA", "parameters": {"top_k": true}}', "top_k"),
        (b'{"inputs": "AAAA", "parameters": {"threshold": 1}}', "threshold"),
        (b'{"inputs": "AAAA", "parameters": {"function_to_apply": "sigmoid"}}', "softmax"),
        (b'{"inputs": "AAAA", "parameters": [1]}', "JSON"),
        (b'{"picture": "AAAA"}', "JSON"),
        (b'{"inputs": "AAAA"}', "not a picture"),
    ],
)
def test_what_the_lean_route_does_not_take_gets_a_sentence(client: httpx.Client, body: bytes, says: str) -> None:
    assert says in assert_one_sentence(client.post("/api/classify", content=body))


def test_a_form_is_told_how_to_send_a_picture(client: httpx.Client) -> None:
    answer = client.post("/api/classify", files={"file": ("mickey.png", MICKEY.read_bytes())})
    assert answer.status_code == 400
    assert assert_one_sentence(answer).startswith("This is a form: send the picture's bytes alone")


def test_the_log_names_neither_pictures_nor_characters(tmp_path: Path) -> None:
    running = Page(env={"GRADIO_TEMP_DIR": str(tmp_path)})
    with httpx.Client(base_url=running.url, timeout=60) as client:
        path = upload(client, name="my-secret-holiday.png")
        client.post("/gradio_api/run/classify", json={"data": [{"path": path, "meta": FILE_DATA}]})
        client.post("/api/classify", content=b"no picture")
        with socket.create_connection(("127.0.0.1", running.port)) as line:  # broken off, for a smaller picture
            line.sendall(b"POST /api/answer HTTP/1.1\r\nHost: page\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000))
        form = b"Content-Type: multipart/form-data; boundary=b\r\n"
        begun = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.png"\r\n\r\n'
        for route, more in ((b"api/classify", b""), (b"gradio_api/upload", form), (b"gradio_api/run/predict", b"")):
            with socket.create_connection(("127.0.0.1", running.port)) as line:
                head = b"POST /" + route + b" HTTP/1.1\r\nHost: page\r\n" + more + b"Content-Length: 1000000\r\n\r\n"
                line.sendall(head + begun + bytes(1000))
                time.sleep(0.1)
        for path in ("call/predict/none", "call/v2/predict/none", "queue/data?session_hash=none"):
            assert "data: " in client.get(f"/gradio_api/{path}").text
        client.get("/healthz")
    printed = running.stop()
    assert "Traceback" not in printed
    assert "failed" not in printed
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert [(line["route"], line["outcome"]) for line in lines] == [("/classify", "known"), ("/api/classify", "refused")]
    assert all(line["ms"] > 0 and len(line["revision"]) == 12 for line in lines)
    assert "holiday" not in printed
    assert "mickey" not in printed.replace("Four cartoon", "")


@pytest.fixture(scope="module")
def slow() -> bytes:
    """A picture that takes a moment to open, within all limits."""
    return encoded(Image.effect_noise((3600, 3600), 60).convert("RGB"), "WEBP", quality=20, method=0)


def test_metrics_are_counted_where_they_are_asked_for(client: httpx.Client, tmp_path: Path) -> None:
    assert client.get("/metrics").status_code == 404
    running = Page("--metrics", env={"GRADIO_TEMP_DIR": str(tmp_path)})
    with httpx.Client(base_url=running.url, timeout=60) as asking:
        for data in (MICKEY.read_bytes(), MICKEY.read_bytes(), b"no picture"):
            asking.post("/api/classify", content=data)
        counted = asking.get("/metrics").text
    running.stop()
    assert 'pictures_total{outcome="known",route="/api/classify"} 2.0' in counted
    assert 'pictures_total{outcome="refused",route="/api/classify"} 1.0' in counted
    assert 'picture_seconds_count{route="/api/classify"} 3.0' in counted


def test_sigterm_lets_running_answers_finish_and_leaves_nothing(tmp_path: Path, slow: bytes) -> None:
    running, answers = Page(env={"GRADIO_TEMP_DIR": str(tmp_path / "up")}), []
    with httpx.Client(base_url=running.url, timeout=60) as client:
        upload(client, name="never-asked-about.png")
        asking = threading.Thread(target=lambda: answers.append(client.post("/api/classify", content=slow)))
        asking.start()
        time.sleep(0.15)
        running.process.send_signal(signal.SIGTERM)
        asking.join()
    printed = running.process.communicate(timeout=15)[0]
    assert answers[0].status_code == 200
    assert running.process.returncode == 0, printed
    assert "Traceback" not in printed
    assert not (tmp_path / "up").exists()


@pytest.mark.parametrize("more", [{}, {"GRADIO_DEBUG": "1", "GRADIO_WATCH_DIRS": ".", "GRADIO_SERVER_NAME": ""}])
def test_ctrl_c_ends_it_quietly(tmp_path: Path, more: dict[str, str]) -> None:
    running = Page(env={"GRADIO_TEMP_DIR": str(tmp_path / "up")} | more)
    running.process.send_signal(signal.SIGINT)
    printed = running.process.communicate(timeout=15)[0]
    assert running.process.returncode == 0
    assert "Traceback" not in printed


def test_what_a_killed_page_left_is_swept_when_the_next_one_starts(tmp_path: Path) -> None:
    env = {"GRADIO_TEMP_DIR": str(tmp_path / "up")}
    first = Page(env=env)
    with httpx.Client(base_url=first.url, timeout=60) as client:
        left = Path(upload(client, name="left.png"))
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.communicate()
    assert left.exists()
    second = Page(env=env)
    assert not left.exists()
    assert httpx.get(f"{second.url}/gradio_api/file={left}").status_code == 403
    second.stop()


def test_more_calls_than_may_wait_are_told_to_come_again_however_they_come(tmp_path: Path) -> None:
    picture = encoded(Image.new("RGB", (6000, 6000), "red"), "PNG")  # small to send, and a second's work
    body = {"data": [{"url": f"data:image/png;base64,{base64.b64encode(picture).decode()}"}]}
    running, statuses = Page(env={"GRADIO_TEMP_DIR": str(tmp_path)}), []
    with httpx.Client(base_url=running.url, timeout=60) as asking:
        while 503 not in statuses and len(statuses) < 8 * MAX_WAITING:
            sent = asking.post("/gradio_api/call/predict", json=body)
            statuses.append(sent.status_code)
    running.process.kill()
    running.process.wait()
    assert statuses == [200] * (len(statuses) - 1) + [503]
    assert len(statuses) > MAX_WAITING
    assert sent.json()["error"] == SENTENCES[503]
    assert sent.headers["retry-after"]


def test_a_picture_in_a_call_waits_on_the_disk_and_not_in_memory(client: httpx.Client, uploads: Path) -> None:
    folder = UploadFolder(uploads)
    url = "data:image/png;base64," + base64.b64encode(MICKEY.read_bytes()).decode()
    value = picture_value({"url": url}, folder)
    assert len(str(value)) < 500
    answer = client.post("/gradio_api/run/classify", json={"data": [value]}).raise_for_status().json()
    assert answer["data"][0]["label"] == "mickey mouse"
    assert not Path(value["path"]).exists()
    folder.close()


def test_slow_files_do_not_hold_good_ones_up(own_page: Page, client: httpx.Client, slow: bytes) -> None:
    bad = [
        threading.Thread(target=lambda: httpx.post(f"{own_page.url}/api/classify", content=slow, timeout=60))
        for _ in range(4)
    ]
    for thread in bad:
        thread.start()
    time.sleep(0.2)
    assert client.get("/healthz").status_code == 200
    assert client.post("/api/classify", content=MICKEY.read_bytes()).status_code == 200
    for thread in bad:
        thread.join()


def test_gradio_is_imported_without_writing_into_its_package() -> None:
    code = (
        "import inspect; from cartoons.serving import environment; getfile = inspect.getfile; environment.import_gradio(); "
        "assert inspect.getfile is getfile; import gradio.components.image as image, gradio.component_meta as meta; "
        "assert getfile(image.Image).endswith('image.py'); print(hasattr(image.Image, 'change'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("call/classify", lambda value: {"data": [value]}),
        ("call/v2/classify", lambda value: {"picture": value}),
        ("run/classify", lambda value: {"data": [value], "session_hash": "mine"}),
        ("api/classify", lambda value: {"data": [value]}),
    ],
)
def test_every_way_of_gradios_api_answers_and_deletes(client: httpx.Client, endpoint: str, body: Any) -> None:
    path = upload(client, name="every-way.png")
    answer = client.post(f"/gradio_api/{endpoint}", json=body({"path": path, "meta": FILE_DATA})).raise_for_status().json()
    if "event_id" in answer:
        stream = client.get(f"/gradio_api/call/classify/{answer['event_id']}").text
        assert "event: complete" in stream
        answer = {"data": json.loads(stream.partition("data: ")[2])}
    assert answer["data"][0]["label"] == "mickey mouse"
    assert not Path(path).exists()
