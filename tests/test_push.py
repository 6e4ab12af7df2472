"""A model folder, or pictures, pushed to a loopback Hub by the real client: what arrives, and every way it can fail."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import EXAMPLES, ROOT, colour_graph, colour_info
from hub_server import Hub
from huggingface_hub import ModelCard

from cartoons import model_folder
from cartoons.errors import HubError
from cartoons.hub.push import model_files
from cartoons.model_card import model_card
from cartoons.training.examples import Candidate, store

LEARNER = {"model.pkl", "pyproject.toml", "weights.safetensors"}
PARITY = {"parity": {"pictures": 4, "largest_difference": 1e-7}}
PUSH = """
import sys
from pathlib import Path
from cartoons.errors import CartoonError
from cartoons.hub.push import push_model
try:
    dataset = next((word for word in sys.argv[3:] if word != "private"), None)
    print(push_model(Path(sys.argv[1]), sys.argv[2], private="private" in sys.argv, dataset=dataset).link)
except CartoonError as error:
    print("refused:", error)
"""
PUBLISH = """
import sys
from pathlib import Path
from cartoons.errors import CartoonError
from cartoons.hub.push import publish_dataset
try:
    print(publish_dataset(Path(sys.argv[1]), sys.argv[2:], "toon/pictures"))
except CartoonError as error:
    print("refused:", error)
"""


def run(hub: Hub, home: Path, code: str, *arguments: object, token: str = "hf_free") -> str:
    """What a program says, whose Hub is this one; it must not fail otherwise than in words."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    env = os.environ | hub.env(home, token)
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as train.py leaves it, with a real report on pictures of this machine; to copy, not to change."""
    from test_report import augmented, full

    from cartoons.report import training_report

    home = tmp_path_factory.mktemp("home")
    made = home / "mine"
    info = model_folder.write(made, colour_info(metrics=PARITY), colour_graph())
    (made / "model.pkl").write_bytes(b"\x80learner\0" * 400)
    (made / "weights.safetensors").write_bytes(b"\0weights" * 400)
    (made / "pyproject.toml").write_text('[build-system]\nrequires = ["fastai=2.8.12"]\n')
    (made / "README.md").write_text(model_card(info))
    (made / "work").mkdir()
    (made / "work" / "round.fit").write_bytes(b"not for others")
    findings = full(home / "pictures") | {"revision": info.revision}
    training_report.write(made / "report", findings, augmented())
    return made


@pytest.fixture
def folder(tmp_path: Path, trained: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "mine"))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A model folder with a learner and a report of one figure."""
    folder = tmp_path / "made"
    info = model_folder.write(folder, colour_info(metrics=PARITY), colour_graph())
    (folder / "README.md").write_text(model_card(info))
    for name in LEARNER:
        (folder / name).write_bytes(b"learner")
    (folder / "report").mkdir()
    (folder / "report" / "report.json").write_text(json.dumps({"revision": info.revision}))
    (folder / "report" / "index.html").write_text('<main><img src="confusion.svg"></main>')
    (folder / "report" / "confusion.svg").write_text("<svg/>")
    return folder


@pytest.mark.slow
def test_one_commit_holds_what_others_may_see_and_nothing_else(tmp_path: Path, trained: Path, folder: Path) -> None:
    info, _ = model_folder.read(folder)
    with Hub() as hub:
        assert run(hub, tmp_path, PUSH, folder, "toon/new") == f"{hub.url}/toon/new"
        repo = hub.repos["model", "toon/new"]
        assert [commit.title for commit in repo.commits] == ["initial commit", f"colours, revision {info.revision}"]
        assert repo.tags == {info.revision: repo.head.sha}
        assert not repo.private
    figures = {f"report/{path.name}" for path in (folder / "report").glob("*.svg")}
    assert len(figures) > 5
    kept = {"model.onnx", "model.json", "model.pkl", "pyproject.toml", "weights.safetensors", "README.md"}
    assert repo.files.keys() == kept | figures | {"report/index.html"}
    for name, data in repo.files.items():
        assert str(tmp_path).encode() not in data, name
        assert str(trained.parent).encode() not in data, name
        assert b"pictures.html" not in data, name
    page = repo.files["report/index.html"].decode()
    links = {link for link in re.findall(r'(?:src|href)="([^"]+)"', page) if not link.startswith("data:")}
    assert {f"report/{link}" for link in links} == figures
    (tmp_path / "card.md").write_bytes(repo.files["README.md"])
    card = ModelCard.load(tmp_path / "card.md")
    assert (card.data.library_name, card.data.pipeline_tag) == ("fastai", "image-classification")
    assert "cartoon-classifier" in card.data.tags
    assert "MODEL_REPO=toon/new python app.py" in card.text


@pytest.mark.slow
def test_what_is_to_be_private_does_not_go_to_where_all_may_see_it(tmp_path: Path, folder: Path) -> None:
    public = "is on the Hub already, and public: make it private in its settings, or give another name."
    with Hub() as hub:
        run(hub, tmp_path, PUSH, folder, "toon/new")
        repo = hub.repos["model", "toon/new"]
        space = hub.add("space", "toon/page").commit({"cartoons/__init__.py": b""})
        (folder / "README.md").write_text("---\nlibrary_name: fastai\n---\nnot for others")
        assert run(hub, tmp_path, PUSH, folder, "toon/new", "private") == f"refused: toon/new {public}"
        for where in (["--push", "toon/new"], ["--deploy", "toon/page"]):
            command = [sys.executable, "-W", "ignore", ROOT / "train.py", "--out", folder, *where, "--private"]
            done = subprocess.run(command, env=os.environ | hub.env(tmp_path, "hf_free"), capture_output=True, text=True)
            assert (done.returncode, done.stderr) == (2, f"train.py: {where[1]} {public}\n")
        assert len(repo.commits) == 2
        assert hub.repos["space", "toon/page"].head is space
        repo.private = True
        assert run(hub, tmp_path, PUSH, folder, "toon/new", "private") == f"{hub.url}/toon/new"


def test_a_card_that_its_owner_changed_goes_with_it_and_is_spoken_of(made: Path, caplog: pytest.LogCaptureFixture) -> None:
    info, _ = model_folder.read(made)
    assert b"MODEL_REPO=toon/new" in bytes(model_files(made, info, "toon/new", None)["README.md"])
    assert not caplog.messages
    (made / "README.md").write_text(model_card(info) + "\nAnd a word of mine.\n")
    assert b"a word of mine" in bytes(model_files(made, info, "toon/new", None)["README.md"])
    assert caplog.messages == [
        f"{made / 'README.md'} goes with it unchanged, as train.py does not write it so: remove it for a new card."
    ]


@pytest.mark.slow
def test_a_second_push_sends_only_what_changed_and_leaves_the_card(tmp_path: Path, folder: Path) -> None:
    with Hub() as hub:
        run(hub, tmp_path, PUSH, folder, "toon/new", "private")
        repo = hub.repos["model", "toon/new"]
        assert repo.private
        first, uploads = repo.head, hub.count("PUT")
        run(hub, tmp_path, PUSH, folder, "toon/new")
        assert repo.head is first
        [gone, *_] = sorted((folder / "report").glob("*.svg"))
        gone.unlink()
        page = folder / "report" / "index.html"
        page.write_text(re.sub(rf"<figure(?:(?!</figure>).)*{gone.name}.*?</figure>", "", page.read_text(), flags=re.DOTALL))
        (folder / "weights.safetensors").write_bytes(b"\0others")
        repo.commit({"notes.txt": b"somebody's own"})
        run(hub, tmp_path, PUSH, folder, "toon/new")
        assert hub.count("PUT") == uploads + 1
        assert repo.files["weights.safetensors"] == b"\0others"
        assert repo.files["README.md"] == first.files["README.md"]
        assert repo.files.keys() == first.files.keys() - {".gitattributes", f"report/{gone.name}"} | {"notes.txt"}


@pytest.mark.slow
def test_a_cut_push_leaves_the_old_revision_and_the_same_command_goes_on(tmp_path: Path, folder: Path) -> None:
    with Hub() as hub:
        run(hub, tmp_path, PUSH, folder, "toon/new")
        repo = hub.repos["model", "toon/new"]
        first = repo.head
        new = model_folder.write(folder, replace(model_folder.read(folder)[0], name="newer"), colour_graph(gain=9))
        hub.fail("PUT /lfs", cut=True)  # once: the client tries again by itself
        hub.fail("POST .*/commit/", cut=True)
        assert "the connection broke" in (said := run(hub, tmp_path, PUSH, folder, "toon/new"))
        assert "the same command, given again, goes on from there" in said
        assert repo.head is first
        assert repo.tags == {model_folder.read(folder)[0].revision: first.sha} or new.revision not in repo.tags
        uploads = hub.count("PUT")
        assert "refused" not in run(hub, tmp_path, PUSH, folder, "toon/new")
        assert hub.count("PUT") == uploads
        assert repo.tags[new.revision] == repo.head.sha
        assert json.loads(repo.files["model.json"])["name"] == "newer"


@pytest.mark.slow
def test_a_push_cut_before_its_tag_gets_it_the_next_time(tmp_path: Path, folder: Path) -> None:
    with Hub() as hub:
        hub.fail("POST .*/tag/", status=500)
        assert "toon/new is on the Hub, but its revision got no name: the Hub is in trouble" in run(
            hub, tmp_path, PUSH, folder, "toon/new"
        )
        run(hub, tmp_path, PUSH, folder, "toon/new")
        assert hub.repos["model", "toon/new"].tags == {
            model_folder.read(folder)[0].revision: hub.repos["model", "toon/new"].head.sha
        }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "repo", "says"),
    [
        ("", "toon/new", "nobody is logged in to the Hugging Face Hub; make a token with write permission at"),
        ("", "toon/new", "then type: hf auth login"),
        ("hf_wrong", "toon/new", "the Hub does not accept your token"),
        ("hf_read", "toon/new", "your token may not write there"),
        ("hf_free", "other/new", 'the namespace "other"'),
        ("hf_free", "new", "'new' is no name on the Hub: give user/name"),
        ("hf_free", "toon/--", "not a valid name for the Hub"),
    ],
)
def test_who_may_not_push_is_told_what_to_do(tmp_path: Path, folder: Path, token: str, repo: str, says: str) -> None:
    with Hub() as hub:
        said = run(hub, tmp_path, PUSH, folder, repo, token=token)
        assert not hub.repos
    assert said.startswith("refused: ")
    assert says in said
    assert "\n" not in said


@pytest.mark.slow
def test_what_somebody_put_there_otherwise_is_left_alone(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text("{}\n")
    with Hub() as hub:
        taken = [hub.add(kind, f"toon/{name}") for kind, name in (("model", "new"), ("dataset", "pictures"))]
        for repo in taken:
            repo.commit({"README.md": b"# mine", "data/train.bin": b"a year of work"})
        said = [run(hub, tmp_path, PUSH, folder, "toon/new"), run(hub, tmp_path, PUBLISH, tmp_path, "metadata.jsonl")]
        assert [len(repo.commits) for repo in taken] == [2, 2]
        package = hub.add("model", "toon/package")
        package.commit(dict.fromkeys(("pyproject.toml", "model.onnx", "report/2025.md"), b"mine"))
        refused = run(hub, tmp_path, PUSH, folder, "toon/package")
        taken[1].commit({"metadata.jsonl": b"{}", "fox/mine.png": b"a picture"}, delete=("data/train.bin",))
        mine = run(hub, tmp_path, PUBLISH, tmp_path, "metadata.jsonl")
        assert "fox/mine.png" in taken[1].files
        assert len(package.commits) == 2
    assert "/toon/package holds something else (model.onnx): give another name" in refused
    assert "/toon/pictures holds something else (fox/mine.png): give another name" in mine
    what = "holds something else (data/train.bin): give another name, or delete it in its settings there."
    assert said == [f"refused: {hub.url}/toon/new {what}", f"refused: {hub.url}/datasets/toon/pictures {what}"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pattern", "status", "says"),
    [
        ("POST /api/repos/create", 402, "the Hub wants a paid plan for that"),
        ("POST /api/repos/create", 429, "too many requests from you; try again in some minutes"),
        ("POST /api/repos/create", 500, "the Hub is in trouble (it answered 500)"),
        ("POST .*/preupload/", 403, "your token may not write there"),
        ("POST .*/preupload/", 404, "there is no such repository"),
        ("POST .*/batch", 401, "the Hub does not accept your token"),
        ("PUT /lfs", 403, "your token may not write there"),
        ("POST .*/commit/", 409, "somebody else is changing it at this moment"),
        ("POST .*/commit/", 422, "the Hub refused it (as told)"),
    ],
)
def test_each_refusal_is_a_sentence(tmp_path: Path, folder: Path, pattern: str, status: int, says: str) -> None:
    with Hub() as hub:
        hub.fail(pattern, times=99, status=status)
        said = run(hub, tmp_path, PUSH, folder, "toon/new")
        assert all(repo.files == {} and not repo.tags for repo in hub.repos.values())
    assert said.startswith("refused: toon/new was not pushed: ")
    assert says in said
    assert "\n" not in said


@pytest.mark.slow
def test_a_hub_that_asks_for_patience_gets_it(tmp_path: Path, folder: Path) -> None:
    with Hub() as hub:
        hub.fail("POST .*/preupload/", status=429, retry_after_s=1)
        hub.fail("PUT /lfs", status=500)
        assert "refused" not in run(hub, tmp_path, PUSH, folder, "toon/new")


@pytest.mark.slow
def test_a_folder_that_was_not_checked_or_was_altered_is_not_uploaded(tmp_path: Path, folder: Path) -> None:
    with Hub() as hub:
        (folder / "model.onnx").write_bytes(colour_graph()[:-1] + b"x")
        assert "altered or cut short" in run(hub, tmp_path, PUSH, folder, "toon/new")
        model_folder.write(folder, colour_info(), colour_graph())
        assert "'pictures' is no name on the Hub" in run(hub, tmp_path, PUSH, folder, "toon/new", "pictures")
        assert "nobody checked that its model answers as its learner" in run(hub, tmp_path, PUSH, folder, "toon/new")
        assert hub.asked == []


def test_a_report_or_learner_of_another_model_stays_at_home(made: Path) -> None:
    info, graph = model_folder.read(made)
    card, report = {"model.onnx", "model.json", "README.md"}, {"report/index.html", "report/confusion.svg"}
    assert model_files(made, info, "toon/new", None).keys() == card | LEARNER | report
    for broken in (b"[" * 200_000, b"[1]", b""):
        (made / "report" / "report.json").write_bytes(broken)
        assert model_files(made, info, "toon/new", None).keys() == card | LEARNER
    stated = {"model.pkl": hashlib.sha256(b"learner").hexdigest(), "weights.safetensors": "0" * 64}
    other = model_folder.write(made, replace(info, sha256=stated), graph)
    with pytest.raises(HubError, match=r"weights\.safetensors is of another model than model\.json: train again"):
        model_files(made, other, "toon/new", None)
    other = model_folder.write(made, replace(info, recipe="by hand"), colour_graph(gain=9))
    assert model_files(made, other, "toon/new", None).keys() == card | LEARNER
    converted = model_folder.write(made, replace(info, recipe="converted"), graph)
    assert model_files(made, converted, "toon/new", None).keys() == card


def test_a_report_that_would_show_what_is_not_published_is_refused(made: Path) -> None:
    page = made / "report" / "index.html"
    page.write_text(page.read_text().replace("<main>", '<main><img src="pictures/0.jpg">'))
    with pytest.raises(HubError, match=r"shows pictures/0.jpg, which is not published"):
        model_files(made, model_folder.read(made)[0], "toon/new", None)


def test_the_card_names_the_pictures_and_offers_examples_to_try(made: Path) -> None:
    info = model_folder.write(made, colour_info(metrics=PARITY), colour_graph())
    draw = [
        Candidate(EXAMPLES / f"{name}.png", label, {}) for name, label in (("shinchan-1", "red fox"), ("other-1", "_other"))
    ]
    (made / "README.md").unlink()
    content = model_files(made, store(made, info, draw), "toon/new", "toon/pictures")
    card = ModelCard(content["README.md"].decode())
    assert card.data.datasets == ["toon/pictures"]
    place = "https://huggingface.co/toon/new/resolve/main/examples"
    titles = {"red-fox-1.jpg": "red fox", "other-1.jpg": "none of these"}
    assert card.data.widget == [{"src": f"{place}/{name}", "example_title": title} for name, title in titles.items()]
    assert [content[f"examples/{name}"] for name in titles] == [made / "examples" / name for name in titles]
    (made / "examples" / "other-1.jpg").write_bytes(b"<svg onload=alert(1)>")
    (made / "examples" / "mine.jpg").write_bytes(content["examples/red-fox-1.jpg"].read_bytes())
    content = model_files(made, model_folder.read(made)[0], "toon/new", None)
    assert {name for name in content if name.startswith("examples/")} == {"examples/red-fox-1.jpg"}


def test_a_card_that_its_owner_changed_is_kept_if_it_is_valid(made: Path) -> None:
    info, _ = model_folder.read(made)
    card = made / "README.md"
    card.write_text(card.read_text() + "\nMy own words.\n")
    assert model_files(made, info, "toon/new", None)["README.md"] == card.read_bytes()
    for wrong, says in (("# no front matter", "it has no library_name"), ("---\n- a list\n---\n", "should be a dict")):
        card.write_text(wrong)
        with pytest.raises(HubError, match=says):
            model_files(made, info, "toon/new", None)


@pytest.mark.slow
def test_pictures_taken_out_here_are_taken_out_there(tmp_path: Path) -> None:
    for name in ("fox/1.png", "fox/2.png", "owl/1.png", "metadata.jsonl", "unnamed.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(f"{name}\0".encode() if name.endswith("png") else b"{}\n")
    with Hub() as hub:
        link = run(hub, tmp_path, PUBLISH, tmp_path, "fox/1.png", "fox/2.png", "owl/1.png", "metadata.jsonl")
        assert link == f"{hub.url}/datasets/toon/pictures"
        repo = hub.repos["dataset", "toon/pictures"]
        assert repo.files.keys() == {"fox/1.png", "fox/2.png", "owl/1.png", "metadata.jsonl"}
        repo.commit({"LICENSE": b"theirs"})
        run(hub, tmp_path, PUBLISH, tmp_path, "fox/1.png", "metadata.jsonl")
        assert repo.files.keys() == {"fox/1.png", "metadata.jsonl", "LICENSE"}
        asked = len(hub.asked)
        for wrong in ("fox/3.png", "../mine/model.onnx", "/etc/passwd"):
            assert f"has no file {wrong}" in run(hub, tmp_path, PUBLISH, tmp_path, wrong)
        assert len(hub.asked) == asked


@pytest.mark.slow
def test_the_command_line_pushes_an_existing_folder(tmp_path: Path, folder: Path) -> None:
    command = [sys.executable, "-W", "ignore", ROOT / "train.py", "--out", folder, "--push", "toon/new", "--private"]
    with Hub() as hub:
        done = subprocess.run(command, env=os.environ | hub.env(tmp_path, "hf_free"), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f"{hub.url}/toon/new: revision {model_folder.read(folder)[0].revision}" in done.stdout
        assert f"python train.py --out {folder} --push toon/new --deploy USER/SPACE" in done.stdout
        assert hub.repos["model", "toon/new"].private
        command[-2] = "someone/new"
        done = subprocess.run(command, env=os.environ | hub.env(tmp_path, "hf_free"), capture_output=True, text=True)
        assert done.returncode == 2
        assert "someone/new cannot be pushed to: you are logged in as toon, so give toon/new." in done.stderr
        command[-2] = "toon/new"
        command.insert(4, "nowhere")  # a folder to train on, looked at only by whoever may push
        done = subprocess.run(command, env=os.environ | hub.env(tmp_path), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("train.py: toon/new cannot be pushed to: nobody is logged in")


LOAD = """
import sys, json, warnings
warnings.simplefilter("ignore")
from huggingface_hub import from_pretrained_fastai
from fastai.vision.all import PILImage
learn = from_pretrained_fastai("toon/new")
assert "cartoons" not in sys.modules
with learn.no_bar():
    print(json.dumps([learn.predict(PILImage.create(path))[2].tolist() for path in sys.argv[1:]]))
"""
CLASSIFY = """
import sys, json
from cartoons.hub.pull import pull
from cartoons.images import load
from cartoons.classifier import Classifier
classifier = Classifier.load(pull("toon/new"))
print(json.dumps(classifier.probabilities([load(path) for path in sys.argv[1:]]).tolist()))
"""


@pytest.mark.slow
def test_the_pushed_learner_and_the_pushed_graph_answer_alike(tmp_path: Path) -> None:
    from conftest import make_picture_folder
    from fastai.vision.all import Resize
    from learners import exported, loaders, tiny

    from cartoons.convert.learner import convert
    from cartoons.training.export import save_learner

    shapes = make_picture_folder(tmp_path / "shapes")
    learn = tiny(loaders(shapes, Resize(64)))
    mine = tmp_path / "mine"
    info = convert(str(exported(learn, tmp_path)), mine)
    model_folder.write(mine, replace(info, recipe="finetune"), (mine / "model.onnx").read_bytes())
    save_learner(learn, mine, {})
    for place in (ROOT, tmp_path):
        assert str(place).encode() not in (mine / "model.pkl").read_bytes()
    pictures = sorted(shapes.glob("*/[0-2].png"))
    with Hub() as hub:
        assert "refused" not in run(hub, tmp_path, PUSH, mine, "toon/new")
        theirs, ours = (json.loads(run(hub, tmp_path, code, *pictures).splitlines()[-1]) for code in (LOAD, CLASSIFY))
    np.testing.assert_allclose(theirs, ours, atol=1e-3)
    assert np.ptp(ours, axis=0).max() > 0.01
