"""A Space deployed to a loopback Hub by the real client: what is uploaded, what starts from it, and what is said."""

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT, colour_graph, colour_info, plain
from gradio_client import Client, handle_file
from hub_server import SHA, Hub
from hub_spaces import RunningSpaces
from huggingface_hub import RepoCard
from PIL import Image

from cartoons import model_folder
from cartoons.errors import HubError
from cartoons.hub.deploy import synchronized
from cartoons.hub.space import (
    ASSETS,
    SpaceModel,
    check_space,
    front_matter,
    imported_modules,
    short_description,
    space_card,
    space_files,
)
from cartoons.model_folder import EMBEDDED_MODEL, Example

TIMEOUT_S = 180
DEPLOY = """
import sys
from cartoons import console
from cartoons.hub.deploy import deploy
space, model, private = (*sys.argv[1:], "", "")[:3]
console.leave(console.run("deploy", lambda: print(deploy(space, model or None, private=bool(private))) or 0))
"""


@pytest.fixture
def source(colour_model: Path) -> SpaceModel:
    return SpaceModel(colour_model, model_folder.read(colour_model)[0], "toon/model", SHA)


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | bytes]:
    """What a Space of the model that knows red from green is made of, not to be changed: many files are parsed for it."""
    folder = tmp_path_factory.mktemp("colours")
    source = SpaceModel(folder, model_folder.write(folder, colour_info(), colour_graph()), "toon/model", SHA)
    return space_files(source, space_card(source, "toon/demo"))


@pytest.mark.slow
def test_what_app_imports_is_uploaded_and_nothing_of_training(source: SpaceModel) -> None:
    content = space_files(source, space_card(source, "toon/demo"))
    modules = ("hub.pull", "hub.corrections", "page.layout", "page.link_preview", "serving.server")
    imports = ", ".join(["sys", "app", *(f"cartoons.{module}" for module in modules)])
    files = "(m.__file__ for m in sys.modules.values() if 'cartoons' in m.__name__)"
    code = f"import {imports}; print(*sorted({files}), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {Path(line).relative_to(ROOT).as_posix() for line in done.stdout.split()}
    assets = {f"cartoons/page/{path.name}" for path in (ROOT / "cartoons" / "page").iterdir() if path.suffix in ASSETS}
    assert loaded | assets == {name for name in content if name.startswith("cartoons/")}
    others = {name for name in content if not name.startswith("cartoons/")}
    assert others == {"app.py", "requirements.txt", "README.md", "model/model.onnx", "model/model.json"}


def test_imports_are_followed_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "parts" / "deep").mkdir(parents=True)
    (tmp_path / "app.py").write_text("import os, parts.one\ndef later():\n    from parts.deep import two\n")
    for name, code in (("__init__", ""), ("one", ""), ("never", ""), ("deep/__init__", ""), ("deep/two", "import app")):
        (tmp_path / "parts" / f"{name}.py").write_text(code)
    names = {path.relative_to(tmp_path).as_posix() for path in imported_modules(tmp_path / "app.py")}
    assert names == {"app.py", "parts/__init__.py", "parts/one.py", "parts/deep/__init__.py", "parts/deep/two.py"}


def test_the_front_matter_is_the_projects_own_but_for_the_model(source: SpaceModel) -> None:
    card = space_card(source, "toon/demo")
    front, own = front_matter(RepoCard(str(card))), front_matter(RepoCard((ROOT / "README.md").read_text()))
    assert front == own | {
        "title": "colours",
        "short_description": "Is it red fox or green frog?",
        "models": ["toon/model"],
        "preload_from_hub": [f"toon/model model.onnx,model.json {SHA}"],
    }
    check_space(space_files(source, card), front, zero_gpu=True)
    assert 'Client("toon/demo")' in card.text
    drawn = SpaceModel(EMBEDDED_MODEL, model_folder.read(EMBEDDED_MODEL)[0])
    thumbnail = front_matter(space_card(drawn, "toon/demo"))["thumbnail"]
    assert thumbnail == "https://huggingface.co/spaces/toon/demo/resolve/main/thumbnail.png"
    shown = Image.open(io.BytesIO(bytes(space_files(drawn, card)["thumbnail.png"])))
    assert (shown.format, shown.size) == ("PNG", (1200, 630))
    embedded = front_matter(space_card(SpaceModel(source.folder, source.info), "toon/demo"))
    assert not {"models", "preload_from_hub"} & embedded.keys()


def test_the_description_fits_whatever_the_characters() -> None:
    assert short_description(["asterix"]) == "Is it asterix?"
    assert short_description(["a", "b", "c"]) == "Is it a, b or c?"
    many = short_description([f"character {k}" for k in range(1000)])
    assert many == "Which of 1000 characters is it? Or none it knows."
    assert len(many) <= 60


EVIL = (
    '"><script>alert(1)</script>',
    "a|b",
    "*x*",
    "[x](http://y.example)",
    "---",
    ": yes",
    "\u202ex",
    "x" * 200,
    "🦊",
    "-x",
    "@x",
)


@pytest.mark.parametrize("words", EVIL)
def test_whatever_a_model_and_its_characters_are_called(
    source: SpaceModel, content: dict[str, Path | bytes], words: str
) -> None:
    shown = [Example("red-fox-1.jpg", words, "CC BY 4.0", words)]
    info = replace(source.info, name=words, labels=(words, "green frog"), examples=tuple(shown))
    card = space_card(replace(source, info=info), "toon/demo")
    read = RepoCard(str(card))
    check_space(content | {"README.md": str(card).encode()}, front_matter(read), zero_gpu=True)
    assert read.data["title"] in (words, words[1:], "x" * 79 + "…")
    body = str(card).split("\n---\n", 1)[1]
    assert not re.search(r"(?<!\\)<script|(?<!\\)\]\(http://y|^---|\u202e", body, re.MULTILINE)
    assert "`examples/red-fox-1.jpg`" in body


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"title": " "}, "title is empty"),
        ({"emoji": "x"}, "emoji is 'x'"),
        ({"short_description": "x" * 61}, "short_description has 61 characters, at most 60"),
        ({"short_description": ""}, "short_description has 0"),
        ({"colorFrom": "orange"}, "colorFrom is 'orange', none of red"),
        ({"colorTo": None}, "colorTo is None"),
        ({"sdk": "docker"}, "but requirements.txt pins gradio"),
        ({"sdk_version": "5.0.0"}, "sdk_version is 5.0.0"),
        ({"python_version": 3.12}, "python_version is 3.12; write it in quotes"),
        ({"python_version": "3.11"}, "ZeroGPU has 3.12 and 3.12.12 only"),
        ({"app_file": "main.py"}, "app_file is 'main.py', which is not uploaded"),
        ({"preload_from_hub": ["toon/model model.onnx main"]}, "preload_from_hub has 'toon/model model.onnx main'"),
    ],
)
def test_front_matter_that_the_hub_would_refuse(
    content: dict[str, Path | bytes], change: dict[str, object], says: str
) -> None:
    front = front_matter(RepoCard(content["README.md"].decode()))
    with pytest.raises(HubError, match=r"^Nothing was uploaded, because the Space would not work: ") as refused:
        check_space(content, front | change, zero_gpu=True)
    assert says in str(refused.value)


def test_lines_of_several_threads_stay_whole() -> None:
    said: list[str] = []

    def say(line: str) -> None:  # as print does: the line, then its end
        said.append(line)
        time.sleep(0.001)
        said.append("\n")

    told = synchronized(say)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(told, map(str, range(40))))
    assert said[1::2] == ["\n"] * 40


def test_a_file_that_is_not_there_is_noticed_before_any_upload(content: dict[str, Path | bytes]) -> None:
    front = front_matter(RepoCard(content["README.md"].decode()))
    with pytest.raises(HubError, match=r"examples/gone\.png is not there"):
        check_space(content | {"examples/gone.png": ROOT / "examples" / "gone.png"}, front, zero_gpu=True)


Deploy = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def hub(tmp_path: Path, colour_model: Path) -> Iterator[Hub]:
    """A Hub that runs Spaces, and has the model that knows red from green as toon/model."""
    files = {path.name: path.read_bytes() for path in colour_model.iterdir()}
    with Hub(files=files) as made:
        made.run = spaces = RunningSpaces(tmp_path, made)
        yield made
        spaces.stop()


@pytest.fixture
def deploy(hub: Hub, tmp_path: Path) -> Deploy:
    def run(*arguments: str, token: str = "hf_free") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "ignore", "-c", DEPLOY, *arguments]
        env = os.environ | hub.env(tmp_path / "cache", token)
        return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)

    return run


@pytest.mark.slow
@pytest.mark.parametrize("is_on_the_hub", [False, True])
def test_train_py_deploys_a_model_made_earlier(hub: Hub, tmp_path: Path, colour_model: Path, is_on_the_hub: bool) -> None:
    model = "toon/model" if is_on_the_hub else colour_model
    command = [sys.executable, ROOT / "train.py", "--out", model, "--deploy", "toon/earlier"]
    env = os.environ | hub.env(tmp_path / "cache", "hf_free")
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert f"The page    {hub.repos['space', 'toon/earlier'].host}" in done.stdout
    files = hub.repos["space", "toon/earlier"].files
    assert files["model/model.onnx"] == (colour_model / "model.onnx").read_bytes()


@pytest.mark.slow
def test_from_a_model_to_a_page_that_answers(hub: Hub, deploy: Deploy, tmp_path: Path) -> None:
    done = deploy("toon/demo", "toon/model")
    assert done.returncode == 0, done.stderr
    space = hub.repos["space", "toon/demo"]
    assert space.hardware == "zero-a10g"
    assert space.variables == {"MODEL_REPO": "toon/model", "MODEL_REVISION": SHA}
    lines = done.stdout.splitlines()
    seen = [line.strip() for line in lines if "building" in line or "running" in line or "Built." in line]
    assert sorted(seen) == ["Built.", "toon/demo: building", "toon/demo: running"]
    page = space.host
    assert f"On the Hub  {hub.url}/spaces/toon/demo" in lines
    assert f"The page    {page}" in lines
    wrong = "which is wrong: it shows none of its characters"
    assert re.search(
        rf"^It says     other-1\.png is (none that it knows|\w+ \w+ \(\d+%\), {wrong})$", done.stdout, re.MULTILINE
    )
    assert 'Client("toon/demo").predict(gradio_client.handle_file("picture.png"), api_name="/predict")' in done.stdout
    assert f'<iframe src="{page}"' in done.stdout
    plain("#00ff00").save(tmp_path / "green.png")
    answer = Client(page, verbose=False).predict(handle_file(tmp_path / "green.png"), api_name="/classify")
    assert answer["label"] == "green frog"
    assert answer["model"]["name"] == "colours"

    first, uploads = space.head, hub.count("PUT")
    assert deploy("toon/demo", "toon/model").returncode == 0
    assert (space.head, hub.count("PUT")) == (first, uploads)
    assert hub.count("POST /api/spaces/toon/demo/variables") == 0

    done = deploy("toon/demo")  # the embedded model now
    assert done.returncode == 0
    assert re.search(
        r"^It says     bugs-bunny-1\.png is (bugs bunny \(\d+%\)$|none that it knows, which)", done.stdout, re.MULTILINE
    )
    assert space.variables == {}
    changed = {name for name in space.files.keys() | first.files.keys() if space.files.get(name) != first.files.get(name)}
    changed -= {name for name in changed if name.startswith("examples/")}
    assert changed - {".gitattributes"} == {"README.md", "thumbnail.png", "model/model.onnx", "model/model.json"}
    assert space.files["model/model.onnx"] == (ROOT / "model" / "model.onnx").read_bytes()
    assert "examples/bugs-bunny-1.png" in space.files


@pytest.mark.slow
def test_a_pro_account_gets_cpu_basic_and_a_failed_build_is_told(hub: Hub, deploy: Deploy, colour_model: Path) -> None:
    hub.stages = ("BUILDING", "BUILD_ERROR")
    done = deploy("toon/demo", str(colour_model), "--private", token="hf_pro")
    space = hub.repos["space", "toon/demo"]
    assert (space.hardware, space.private, space.variables) == ("cpu-basic", True, {})
    assert json.loads(space.files["model/model.json"])["name"] == "colours"
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"deploy: toon/demo was uploaded, but does not run (BUILD_ERROR): see {hub.url}/spaces/toon/demo?logs=build."
    )


@pytest.mark.slow
def test_a_sleeping_space_is_woken_and_a_faltering_hub_asked_again(hub: Hub, deploy: Deploy) -> None:
    hub.run = None  # no page is needed to see it reach the end
    hub.stages = ("SLEEPING", "BUILDING", "RUNTIME_ERROR")
    hub.fail("GET .*/runtime", times=2, status=500)
    hub.fail("GET .*/logs/build", status=404)
    done = deploy("toon/demo")
    assert "does not run (RUNTIME_ERROR)" in done.stderr
    assert hub.count("POST /api/spaces/toon/demo/restart") == 1
    assert "(no build log: " in done.stdout


REFUSED = [
    (["toon/demo"], "POST /api/repos/create", 402, "a free account may have two Gradio Spaces, on ZeroGPU"),
    (["toon/demo"], "POST .*/commit/", 500, "toon/demo was not pushed: the Hub is in trouble"),
    (["toon/demo"], "GET /api/whoami-v2", 429, "toon/demo was not deployed: the Hub has had too many requests"),
    (["toon/demo", "toon/model"], "GET .*/model.onnx", 500, "The model toon/model@"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "pattern", "status", "says"), REFUSED, ids=[row[1] for row in REFUSED])
def test_each_refusal_is_a_sentence(
    hub: Hub, deploy: Deploy, arguments: list[str], pattern: str, status: int, says: str
) -> None:
    hub.fail(pattern, times=99, status=status)
    done = deploy(*arguments)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("deploy: ")
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_models_that_no_space_could_serve(hub: Hub, deploy: Deploy) -> None:
    hub.add("model", "toon/secret", private=True).commit(hub.files)
    hub.add("model", "toon/pickle").commit({"model.pkl": b"x"})
    said = [deploy("toon/demo", name).stderr.splitlines()[-1] for name in ("toon/secret", "toon/pickle", "no/where")]
    assert "The model toon/secret is private, and a Space cannot read it" in said[0]
    assert "python train.py --from-learner toon/pickle --out runs/theirs" in said[1]
    assert "There is no folder no/where here, and the model no/where could not be had from the Hub: no such model" in said[2]
    assert ("space", "toon/demo") not in hub.repos


@pytest.mark.slow
def test_a_space_of_something_else_is_left_alone(deploy: Deploy, hub: Hub) -> None:
    space = hub.add("space", "toon/demo", variables={"MODEL_REPO": "theirs"})
    space.commit({"README.md": b"# mine", "app.py": b"print()", "model/weights.bin": b"a year of work"})
    assert f"{hub.url}/spaces/toon/demo holds something else (app.py): give another name" in deploy("toon/demo").stderr
    assert len(space.commits) == 2
    assert space.variables == {"MODEL_REPO": "theirs"}


@pytest.mark.slow
def test_names_that_are_none(deploy: Deploy, hub: Hub) -> None:
    assert "'demo' is no name on the Hub" in deploy("demo").stderr
    assert hub.asked == []
    said = deploy("toon/demo", "a/b/c").stderr
    assert "a/b/c is neither a model folder nor user/name of a model on the Hub" in said


@pytest.mark.slow
def test_an_altered_folder_is_not_deployed(deploy: Deploy, hub: Hub, colour_model: Path) -> None:
    model_folder.write(colour_model, colour_info(), colour_graph())
    (colour_model / "model.onnx").write_bytes(b"x")
    done = deploy("toon/demo", str(colour_model))
    assert "altered or cut short" in done.stderr
    assert ("space", "toon/demo") not in hub.repos
