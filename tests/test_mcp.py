"""MCP clients: the one tool, asked by the protocol's own client where it is installed, and what a hostile one gets."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import EXAMPLES, ROOT, Page
from gradio_client import Client

from cartoons.serving.asgi import RefusedError
from cartoons.serving.mcp_guard import check

MICKEY = EXAMPLES / "mickey-mouse-2.png"
DATA_URL = "data:image/png;base64," + base64.b64encode(MICKEY.read_bytes()).decode()
HEADERS = {"accept": "application/json, text/event-stream"}
UPLOAD = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}


def call(name: Any = "classify_url", **arguments: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


def test_one_tool_takes_one_text() -> None:
    check(call(picture="https://example.org/a.png"))
    check(call("my_space_classify_url", picture=DATA_URL))
    for method in ("initialize", "notifications/initialized", "ping", "tools/list"):
        check({"method": method})


REFUSED: dict[str, Any] = {
    "another tool": call("predict", picture="https://example.org/a.png"),
    "another tool's dict": call("classify", picture=UPLOAD),
    "a dict": call(picture=UPLOAD),
    "a list": call(picture=[UPLOAD]),
    "no picture": call(),
    "more": call(picture="x", session="y"),
    "a number for a name": call(5, picture="x"),
    "a tool within": call("classify_url/../predict", picture="x"),
    "no parameters": {"method": "tools/call"},
    "a list of parameters": {"method": "tools/call", "params": [1]},
    "a resource": {"method": "resources/read", "params": {"uri": "file:///etc/passwd"}},
    "a prompt": {"method": "prompts/get", "params": {"name": "predict"}},
    "no method": {},
    "a number for a method": {"method": 7},
    "a list for a method": {"method": ["ping"]},
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_nothing_else_is_asked_for(request_: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        check(request_)
    assert caught.value.status == 400


# ---------------------------------------------------------------- the same through a real page


@pytest.fixture
def served(page: Page) -> Page:
    pytest.importorskip("mcp", reason="MCP is optional: pip install 'gradio[mcp]'")
    return page


def ask_tool(page: Page, picture: str) -> tuple[list[str], bool, str]:
    """What the protocol's own client gets: the tools' names, whether the call failed, and its text."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def ask() -> tuple[list[str], bool, str]:
        async with (
            streamablehttp_client(f"{page.url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = (await session.list_tools()).tools
            answer = await session.call_tool("classify_url", {"picture": picture})
            return [tool.name for tool in tools], bool(answer.isError), answer.content[0].text

    return asyncio.run(ask())


@pytest.mark.slow
def test_a_real_client_has_a_local_picture_named(served: Page) -> None:
    names, failed, text = ask_tool(served, DATA_URL)
    assert names == ["classify_url"]
    assert not failed
    assert "'label': 'mickey mouse', 'known': True" in text


@pytest.mark.slow
def test_a_real_client_sends_an_upload_by_its_address(served: Page) -> None:
    [path] = httpx.post(f"{served.url}/gradio_api/upload", files={"files": ("m.png", MICKEY.read_bytes())}).json()
    address = f"{served.url}/gradio_api/file={path}"
    assert "mickey mouse" in ask_tool(served, address)[2]
    assert not Path(path).exists()
    assert "not among the uploads" in ask_tool(served, address)[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "says"),
    [
        ("/etc/passwd", "no picture's address"),
        (str(MICKEY), "no picture's address"),
        (f"file://{MICKEY}", "no picture's address"),
        ("http://x/gradio_api/file=/etc/passwd", "not among the uploads"),
        ("http://127.0.0.1:{port}/gradio_api/file/x", "is not asked"),
        ("http://localhost:{port}/preview.png", "is not asked"),
        ("http://[::1]:{port}/preview.png", "is not asked"),
        ("http://169.254.169.254/latest/meta-data", "is not asked"),
        ("http://10.0.0.1/x.png", "is not asked"),
        ("data:text/html;base64,PGI+", "not a picture"),
        ("data:image/png;base64,%%%", "damaged"),
        ("", "no picture's address"),
    ],
)
def test_a_hostile_address_gets_a_sentence(served: Page, picture: str, says: str) -> None:
    _, failed, text = ask_tool(served, picture.format(port=served.port) if "{port}" in picture else picture)
    assert failed
    assert says in text
    assert not [word for word in ("passwd", str(ROOT), "Traceback", "pydantic") if word in text]


@pytest.mark.slow
def test_what_is_not_the_protocol_gets_a_sentence(served: Page) -> None:
    with httpx.Client(base_url=f"{served.url}/gradio_api", headers=HEADERS, timeout=30) as client:
        answers = [client.post("/mcp/", json=request) for request in REFUSED.values()]
        answers += [client.post("/mcp/", content=content) for content in (b"", b"[]", b"{", b"7", b"\xff")]
        answers += [
            client.get(path) for path in ("/mcp", "/mcp/sse", "/mcp/schema", "/mcp/x", "/mcp/../mcp/sse", "/mcp//sse")
        ]
        answers += [client.post(path, json=call(picture="x")) for path in ("/mcp/messages/", "/mcp/x", "/mcp/http/x")]
        answers.append(client.post("/mcp/", content=b'{"method": "ping", "x": "' + b"a" * 30_000_000 + b'"}'))
    for answer in answers:
        assert 400 <= answer.status_code < 500, (answer.request, answer.text)
        assert len(answer.json()["error"]) < 300
    assert answers[-1].status_code == 413


@pytest.mark.slow
def test_programs_ask_by_address_too(page: Page) -> None:
    answer = Client(page.url, verbose=False).predict(DATA_URL, api_name="/classify_url")
    assert (answer["label"], answer["known"]) == ("mickey mouse", True)
    for place in ("run/classify_url", "call/classify_url", "call/v2/classify_url"):
        for value in (UPLOAD, [UPLOAD], {"path": str(MICKEY)}):
            body = {"picture": value} if "v2" in place else {"data": [value]}
            refused = httpx.post(f"{page.url}/gradio_api/{place}", json=body)
            assert 400 <= refused.status_code < 500, (place, value, refused.text)
    for value in ("/etc/passwd", "http://127.0.0.1:1/x.png", 5, None):
        refused = httpx.post(f"{page.url}/gradio_api/run/classify_url", json={"data": [value]})
        assert refused.status_code == 400, refused.text
        assert "passwd" not in refused.text


@pytest.mark.slow
def test_each_endpoint_says_what_it_gives_and_shows_it(page: Page) -> None:
    endpoints = httpx.get(f"{page.url}/gradio_api/info").json()["named_endpoints"]
    assert list(endpoints) == ["/predict", "/classify", "/classify_many", "/classify_url"]
    for endpoint in endpoints.values():
        [given], [gives] = endpoint["parameters"], endpoint["returns"]
        assert len(endpoint["description"]) > 50
        assert not given["label"].startswith("parameter")
        assert not gives["label"].startswith("value")
        assert json.loads(gives["type"]["description"].removeprefix("for example ")) == gives["type"]["examples"][0]
        assert "github" not in json.dumps(given["example_input"])
