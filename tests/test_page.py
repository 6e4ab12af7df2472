"""The page as programs see it: gradio_client, plain HTTP, the command line, ZeroGPU."""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from conftest import EXAMPLES, ROOT, Page, plain
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hub_spaces import ZERO_GPU_MODULE

from cartoons.classifier import Classifier
from cartoons.images import load

MICKEY = EXAMPLES / "mickey-mouse-2.png"


@pytest.fixture(scope="module")
def client(page: Page) -> Client:
    return Client(page.url, verbose=False)


def post(url: str, endpoint: str, picture: dict[str, Any]) -> Any:
    """One call over plain HTTP: the data of the answer."""
    body = json.dumps({"data": [picture]}).encode()
    request = urllib.request.Request(f"{url}/gradio_api/run/{endpoint}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["data"][0]


def data_url(data: bytes) -> dict[str, Any]:
    url = "data:image/png;base64," + base64.b64encode(data).decode()
    return {"url": url, "meta": {"_type": "gradio.FileData"}}


@pytest.mark.slow
def test_predict_gives_four_confidences_in_order(client: Client) -> None:
    answer = client.predict(handle_file(MICKEY), api_name="/predict")
    assert answer["label"] == "mickey mouse"
    values = [row["confidence"] for row in answer["confidences"]]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)
    assert 0.5 < sum(values) <= 1


@pytest.mark.slow
def test_every_way_of_asking_gives_the_same_numbers(page: Page, client: Client) -> None:
    asked = client.predict(handle_file(MICKEY), api_name="/predict")
    facts = client.predict(handle_file(MICKEY), api_name="/classify")
    embedded = post(page.url, "predict", data_url(MICKEY.read_bytes()))
    here = Classifier.load(ROOT / "model").predict([load(MICKEY)])[0]
    for row in [*asked["confidences"], *embedded["confidences"]]:
        assert row["confidence"] == pytest.approx(facts["probabilities"][row["label"]], abs=1e-6)
        assert row["confidence"] == pytest.approx(here.probabilities[row["label"]], abs=1e-6)
    assert facts["known"] is True
    assert facts["label"] == "mickey mouse"
    assert facts["model"]["revision"] == Classifier.load(ROOT / "model").info.revision
    assert 0 < facts["milliseconds"] < 10_000


@pytest.mark.slow
def test_four_endpoints_are_public(client: Client) -> None:
    public = ["/predict", "/classify", "/classify_many", "/classify_url"]
    assert list(client.view_api(return_format="dict")["named_endpoints"]) == public


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["predict", "classify"])
def test_run_call_and_call_v2_answer_alike(page: Page, endpoint: str) -> None:
    picture, found = data_url(MICKEY.read_bytes()), [post(page.url, endpoint, data_url(MICKEY.read_bytes()))]
    for way, body in (("call", {"data": [picture]}), ("call/v2", {"picture": picture})):
        address, head = f"{page.url}/gradio_api/{way}/{endpoint}", {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(address, json.dumps(body).encode(), head), timeout=30) as answer:
            event = json.load(answer)["event_id"]
        with urllib.request.urlopen(f"{page.url}/gradio_api/call/{endpoint}/{event}", timeout=30) as stream:
            found.append(json.loads(stream.read().decode().partition("event: complete\ndata: ")[2])[0])
    for answer in found:
        answer.pop("milliseconds", None)
    assert found[0] == found[1] == found[2]


@pytest.mark.slow
def test_the_page_can_be_installed(page: Page) -> None:
    with urllib.request.urlopen(f"{page.url}/manifest.json", timeout=30) as answer:
        manifest = json.load(answer)
    assert manifest["name"]
    icon = (ROOT / "cartoons" / "page" / "favicon.svg").read_bytes()
    assert urllib.request.urlopen(f"{page.url}/favicon.ico", timeout=30).read() == icon
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        with urllib.request.urlopen(f"{page.url}/{icon['src'].lstrip('/')}", timeout=30) as answer:
            assert answer.headers["content-type"].startswith("image/")
    assert 'rel="manifest"' in urllib.request.urlopen(page.url, timeout=30).read().decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"hello, I am no picture", "text"),
        (b"<!doctype html><title>404</title>", "a web page"),
        (MICKEY.read_bytes()[:9000], "cut short"),
        (b"", "empty"),
    ],
)
def test_what_is_no_picture_gets_a_sentence(client: Client, tmp_path: Path, data: bytes, says: str) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    with pytest.raises(AppError, match=says):
        client.predict(handle_file(path), api_name="/predict")


@pytest.mark.slow
def test_no_picture_gets_a_sentence(client: Client) -> None:
    with pytest.raises(AppError, match="No picture was given"):
        client.predict(None, api_name="/classify")


@pytest.mark.slow
def test_damaged_base64_gets_a_sentence(page: Page) -> None:
    broken = {"url": "data:image/png;base64,abc", "meta": {"_type": "gradio.FileData"}}
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(page.url, "predict", broken)
    assert "damaged" in json.load(caught.value)["error"]


@pytest.mark.slow
def test_a_page_says_what_it_is_before_any_script_has_run(page: Page) -> None:
    with urllib.request.urlopen(page.url) as answer:
        before, _, _ = answer.read().decode().partition("<body")[2].partition("<gradio-app")
    assert "<h1>Cartoon Classifier</h1>" in before
    assert "mickey mouse" in before


@pytest.mark.slow
@pytest.mark.parametrize(
    "query", ["", "?example=mickey-mouse-2", "?example=%22%3E%3Cscript%3E", "?picture=https://a.example/b.png"]
)
def test_a_link_is_previewed_with_our_own_words_and_picture(page: Page, query: str) -> None:
    headers = {"X-Forwarded-Host": "user-name.hf.space", "X-Forwarded-Proto": "https"}
    with urllib.request.urlopen(urllib.request.Request(f"{page.url}/{query}", headers=headers)) as answer:
        ours = answer.read().decode().partition("<head>")[2].partition("<script>Object")[0]
    assert ours.startswith('<meta property="og:type"')  # before any of Gradio's
    assert "<script" not in ours
    assert re.search('<meta name="description" content="It names bugs bunny, donald duck, [^"]+"', ours)  # search engines'
    [picture] = re.findall('<meta property="og:image" content="([^"]+)"', ours)
    assert picture.startswith("https://user-name.hf.space/preview.png")
    assert ("mickey-mouse-2" in picture) == ("mickey-mouse-2" in query)
    with urllib.request.urlopen(picture.replace("https://user-name.hf.space", page.url)) as answer:
        assert answer.headers["content-type"] == "image/png"
        assert answer.read(8) == b"\x89PNG\r\n\x1a\n"


@pytest.mark.slow
def test_files_of_the_server_cannot_be_asked_for(page: Page) -> None:
    """A path that was never uploaded is refused, though it is a picture."""
    with pytest.raises(urllib.error.HTTPError):
        post(page.url, "predict", {"path": str(MICKEY), "meta": {"_type": "gradio.FileData"}})


@pytest.mark.slow
def test_another_model_folder_is_served(colour_model: Path, tmp_path: Path) -> None:
    running = Page("--model", str(colour_model))
    try:
        plain("#00ff00").save(tmp_path / "green.png")
        answer = Client(running.url, verbose=False).predict(handle_file(tmp_path / "green.png"), api_name="/classify")
        assert answer["label"] == "green frog"
        assert answer["model"]["name"] == "colours"
    finally:
        assert "Model colours" in running.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("user/name", "MODEL_REPO=user/name python app.py"),
        ("nowhere", "give one that train.py wrote"),
        ("README.md", "is no folder"),
        ("", "is no folder"),
        ("tests", "cannot be read"),
    ],
)
def test_a_folder_that_is_no_model_ends_with_a_sentence(model: str, says: str) -> None:
    done = subprocess.run([sys.executable, "app.py", "--model", model], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert says in done.stderr
    assert done.stderr.startswith("app.py: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_it_starts_on_zero_gpu(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(ZERO_GPU_MODULE)
    running = Page(env={"PYTHONPATH": str(tmp_path)})
    try:
        assert Client(running.url, verbose=False).predict(handle_file(MICKEY), api_name="/predict")["label"]
    finally:
        running.stop()


@pytest.mark.slow
def test_the_stand_in_for_zero_gpu_refuses_an_app_that_decorates_nothing(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(ZERO_GPU_MODULE)
    code = "import spaces, gradio; gradio.Blocks().launch()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert done.returncode != 0
    assert "No @spaces.GPU function" in done.stderr
