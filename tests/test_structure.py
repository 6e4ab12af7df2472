"""The shape of the project: who imports whom, what the Space installs, how long a file may be."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from conftest import ROOT

MAY_IMPORT = {
    "app": {
        "console",
        "environment",
        "deploy",
        "errors",
        "images",
        "layout",
        "lean_api",
        "malloc",
        "metrics",
        "picture_service",
        "predict",
        "proxies",
        "pull",
        "server",
        "uploads",
    },
    "scrape": {
        "apply",
        "attempts",
        "bars",
        "bundle",
        "clean",
        "console",
        "dataset",
        "decisions",
        "engine",
        "engines",
        "environment",
        "errors",
        "fetch",
        "given",
        "hits",
        "img2dataset",
        "labels",
        "local",
        "malloc",
        "outcome",
        "pace",
        "papers",
        "picture_files",
        "proxies",
        "publish",
        "queries",
        "review.page",
        "rounds",
        "searcher",
        "seeker",
        "web",
    },
    "train": {
        "bundle",
        "card",
        "checkpoint",
        "child",
        "console",
        "convert.learner",
        "deploy",
        "doubts",
        "duplicates",
        "errors",
        "evaluate",
        "job",
        "learn",
        "network",
        "precision",
        "progress",
        "proxies",
        "push",
        "report.index",
        "split",
    },
    "errors": set(),
    "limits": {"errors"},
    "kinds": {"errors"},
    "orientation": set(),
    "bitstreams": set(),
    "jpeg": {"errors", "limits", "orientation"},
    "png": {"limits", "orientation"},
    "gif": {"limits"},
    "webp": {"limits", "orientation"},
    "bmp": {"kinds", "limits"},
    "tiff": {"limits", "orientation"},
    "boxes": {"limits"},
    "heif": {"bitstreams", "boxes", "limits", "orientation"},
    "scan": {"bmp", "errors", "gif", "heif", "jpeg", "kinds", "limits", "png", "tiff", "webp"},
    "image_modes": {"jpeg"},
    "tiff_samples": {"image_modes", "limits", "orientation", "tiff"},
    "images": {"errors", "image_modes", "jpeg", "limits", "orientation", "scan", "tiff_samples"},
    "resize": {"images"},
    "strict_json": set(),
    "bundle": {"errors", "strict_json"},
    "graph": {"errors"},
    "trial": {"errors", "graph"},
    "predict": {"bundle", "graph", "images", "resize", "trial"},
    "page.words": {"bundle", "predict"},
    "layout": {"errors", "page.words", "picture_service", "predict", "uploads"},
    "uploads": {"errors", "images"},
    "request_body": set(),
    "plain_errors": {"images", "request_body"},
    "api_guard": {"errors", "images", "lean_api", "plain_errors", "request_body", "uploads"},
    "lean_api": {"errors", "images", "picture_service"},
    "picture_service": {"errors", "images", "predict", "worker_pool"},
    "worker_pool": {"errors", "graph"},
    "metrics": set(),
    "server": {"api_guard", "malloc", "picture_service", "uploads"},
    "words": {"errors"},
    "pull": {"bundle", "console", "errors", "words"},
    "space": {"bundle", "errors"},
    "push": {"bundle", "card", "card_metadata", "errors", "space", "words"},
    "deploy": {"bundle", "errors", "pull", "push", "space", "words"},
    "converted_card": {"bundle"},
    "card": {"bundle", "card_metadata", "converted_card"},
    "card_metadata": {"bundle"},
    "malloc": set(),
    "console": {"errors"},
    "proxies": {"errors"},
    "environment": {"errors", "proxies"},
    "progress": set(),
    "picture_files": {"errors"},
    "folder_layout": {"errors", "picture_files"},
    "metadata": {"bundle", "errors"},
    "picture_folder": {"errors", "folder_layout", "metadata", "picture_files"},
    "dataset": {"bundle", "errors", "folder_layout", "metadata", "picture_files", "picture_folder"},
    "near": set(),
    "duplicates": {"dataset", "errors", "images", "near", "picture_files"},
    "dataset_card": set(),
    "img2dataset": {"errors", "hits", "images", "outcome"},
    "hits": set(),
    "queries": {"errors"},
    "engine": {"errors"},
    "metasearch": {"engine", "errors", "hits"},
    "openverse": {"engine", "errors", "hits"},
    "commons": {"engine", "errors", "hits"},
    "engines": {"commons", "engine", "errors", "metasearch", "openverse"},
    "pace": {"engine", "errors"},
    "cache": {"bundle", "engine", "errors"},
    "searcher": {"cache", "engine", "errors", "hits", "pace"},
    "given": {"errors", "hits"},
    "outcome": {"errors"},
    "guard": set(),
    "headers": set(),
    "web": {"errors", "headers", "outcome"},
    "line": {"guard", "outcome", "web"},
    "turns": {"line", "outcome"},
    "fetch": {"guard", "headers", "images", "line", "outcome", "turns", "web"},
    "labels": {"bundle", "errors", "folder_layout", "queries"},
    "clean": {"duplicates", "errors", "images"},
    "attempts": {"bundle", "errors", "hits", "metadata"},
    "decide": {"attempts", "near"},
    "settle": {
        "attempts",
        "bundle",
        "decide",
        "decisions",
        "errors",
        "folder_layout",
        "labels",
        "metadata",
        "picture_files",
    },
    "seeker": {"hits"},
    "memory": {"hits", "outcome"},
    "rounds": {
        "attempts",
        "clean",
        "decide",
        "decisions",
        "errors",
        "hits",
        "labels",
        "memory",
        "outcome",
        "seeker",
        "settle",
    },
    "local": {"errors", "hits", "images", "outcome", "picture_files", "picture_folder"},
    "bars": {"attempts", "errors", "progress"},
    "child": {"bundle", "console", "dataset", "errors", "labels", "picture_files"},
    "papers": {"attempts", "bundle", "dataset_card", "metadata", "scraped"},
    "publish": {"attempts", "bundle", "dataset_card", "errors", "metadata", "picture_files", "push"},
    "decisions": {"errors", "metadata"},
    "shelf": {"bundle", "decisions", "metadata", "picture_files", "picture_folder"},
    "order": {"bundle", "errors", "images", "metadata", "predict", "progress", "shelf"},
    "apply": {"bundle", "dataset", "decisions", "errors", "metadata", "shelf"},
    "desk": {"apply", "decisions", "errors", "images", "order", "predict", "shelf"},
    "review.page": {"api_guard", "decisions", "desk", "errors", "predict", "shelf"},
    "split": {"bundle", "dataset", "errors", "folder_layout"},
    "calibration": {"predict"},
    "evaluate": {"bundle", "calibration", "dataset", "predict"},
    "doubts": {"evaluate", "predict"},
    "robustness": {"images"},
    "augment": {"images"},
    "network": {"dataset", "errors", "images"},
    "checkpoint": {"bundle", "errors"},
    "pickled": {"bundle"},
    "export": {"bundle", "errors", "graph", "images", "network", "pickled", "predict"},
    "fast": {
        "augment",
        "bundle",
        "checkpoint",
        "dataset",
        "export",
        "images",
        "network",
        "graph",
        "split",
        "errors",
        "frozen",
    },
    "hardware": set(),
    "frozen": set(),
    "finetune": {"augment", "bundle", "checkpoint", "dataset", "hardware", "images", "network", "split", "frozen"},
    "learn": {
        "bundle",
        "checkpoint",
        "dataset",
        "errors",
        "evaluate",
        "fast",
        "finetune",
        "images",
        "network",
        "progress",
        "robustness",
        "split",
    },
    "job": {
        "bundle",
        "dataset",
        "duplicates",
        "errors",
        "hardware",
        "learn",
        "network",
        "picture_files",
        "picture_folder",
        "split",
    },
    "precision": {"bundle", "errors", "export", "graph", "images", "learn", "predict", "split"},
    "drawing": {"bundle"},
    "figures": {"drawing"},
    "curves": {"drawing"},
    "readings": {"bundle", "drawing"},
    "plates": {"bundle", "curves", "drawing", "figures", "readings"},
    "document": {"drawing"},
    "scraped": {"bundle", "document", "drawing", "errors"},
    "contact": {"bundle", "document", "drawing", "errors", "images", "readings"},
    "report.index": {"bundle", "contact", "document", "drawing", "plates", "readings"},
    "unpickle": {"errors", "pull"},
    "pictures": {"images", "jpeg"},
    "inference": {"errors", "predict"},
    "pipeline": {"errors", "inference", "pictures", "resize"},
    "parity": {"errors", "export", "images", "inference", "pictures", "predict"},
    "convert.learner": {
        "bundle",
        "converted_card",
        "errors",
        "export",
        "inference",
        "parity",
        "pictures",
        "pipeline",
        "predict",
        "pull",
        "unpickle",
    },
}
OWNERS = {
    "gradio": {"layout", "review.page"},
    "starlette": {"lean_api", "metrics", "server"},
    "prometheus_client": {"metrics"},
    "ddgs": {"metasearch"},
    "httpx": {"web"},
    "httpcore": {"line"},
    "pyarrow": {"img2dataset", "metadata"},
    "rich": {"bars"},
    "onnxruntime": {"graph", "precision"},
    "huggingface_hub": {"deploy", "pull", "push", "space", "words"},
    "gradio_client": {"deploy"},
    "pillow_heif": {"images"},
    "imagehash": {"duplicates"},
    "timm": {"network"},
    "torchvision": {"network"},
    "accelerate": set(),  # fastai asks it
    "onnx": {"export"},
    "cloudpickle": {"pickled"},
    "safetensors": {"network", "pickled"},
    "matplotlib": {"curves", "drawing", "figures"},
    "sklearn": {"evaluate", "precision"},
    "scipy": {"calibration"},
    "cleanlab": {"doubts"},
}
TORCH = {"checkpoint", "export", "fast", "finetune", "frozen", "hardware", "learn", "network", "precision"}
TORCH |= {"inference", "parity", "pickled", "pipeline", "unpickle"}
OWNERS |= {"fastai": TORCH | {"convert.learner"}, "torch": TORCH | {"convert.learner"}}
SOURCES = [ROOT / "app.py", ROOT / "scrape.py", ROOT / "train.py", *sorted((ROOT / "cartoons").rglob("[a-z]*.py"))]


def named(path: Path) -> str:
    """The module as the maps above call it: its name, with its folder's where two would else be called alike."""
    whole = f"{path.parent.name}.{path.stem}"
    return whole if whole in MAY_IMPORT else path.stem


@cache
def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in the file: "cartoons.images", "numpy"..."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module.startswith("cartoons"):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_imports_point_one_way(path: Path) -> None:
    modules = {named(other): ".".join(other.relative_to(ROOT).with_suffix("").parts) for other in SOURCES}
    inside = {name for name, module in modules.items() if module in imports(path)}
    assert inside <= MAY_IMPORT[named(path)]
    assert not {"app", "train", "scrape"} & imports(path)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_each_library_has_its_owner(path: Path) -> None:
    for library in {name.split(".")[0] for name in imports(path)} & OWNERS.keys():
        assert named(path) in OWNERS[library], f"{library} belongs to {OWNERS[library]}"


def test_onnxruntime_is_imported_only_where_its_telemetry_is_off() -> None:
    """Inside the package, whose __init__ runs first."""
    scripts = [*ROOT.glob("*.py"), *(ROOT / "tests").glob("*.py"), *(ROOT / "bench").rglob("*.py")]
    assert not [path.name for path in scripts if any(name.split(".")[0] == "onnxruntime" for name in imports(path))]


def test_the_map_has_no_circle() -> None:
    done: set[str] = set()
    while left := {name for name in MAY_IMPORT if name not in done}:
        free = {name for name in left if MAY_IMPORT[name] <= done}
        assert free, f"a circle among {left}"
        done |= free


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name != "build_demo":  # a layout reads best in one piece
            assert (node.end_lineno or 0) - node.lineno < 45, node.name


def test_each_package_lists_what_is_in_it() -> None:
    for package in [ROOT / "cartoons", *(path for path in (ROOT / "cartoons").iterdir() if (path / "__init__.py").exists())]:
        listed = set(re.findall(r"^(\w+)(?:\.py|/)  ", (package / "__init__.py").read_text(), re.MULTILINE))
        files = {path.stem for path in package.glob("[a-z]*.py")}
        assert listed == files | {path.parent.name for path in package.glob("*/__init__.py")}


def test_importing_the_page_loads_no_training_stack_and_does_nothing() -> None:
    code = (
        "import sys, os; before = set(os.listdir()); import app; "
        "print(sorted({'torch', 'fastai', 'timm', 'sklearn', 'scipy', 'onnx'} & sys.modules.keys())); "
        "print(sorted(set(os.listdir()) - before - {'__pycache__'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "[]"], done.stdout


def test_the_space_installs_pinned_packages_and_no_training_stack() -> None:
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w-]+==[\d.]+", line) for line in lines)
    assert not {"torch", "fastai", "timm"} & {line.split("==")[0] for line in lines}


def front_matter() -> dict[str, str]:
    text = (ROOT / "README.md").read_text()
    block = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert block
    return {key: value.strip() for key, _, value in (line.partition(":") for line in block[1].splitlines())}


def test_the_readme_is_a_valid_space_card() -> None:
    card = front_matter()
    pins = dict(line.split("==") for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line)
    assert card["sdk"] == "gradio"
    assert card["sdk_version"] == pins["gradio"]
    assert card["app_file"] == "app.py"
    assert (ROOT / card["app_file"]).exists()
    assert re.fullmatch(r'"3\.1\d(\.\d+)?"', card["python_version"])
    assert 0 < len(card["short_description"].strip('"')) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {card["colorFrom"], card["colorTo"]} <= colours


def test_every_link_and_picture_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text()
    for target in re.findall(r"\]\((?!https?:|#)([^)]+)\)|src=\"(?!https?:)([^\"]+)\"", text):
        assert (ROOT / (target[0] or target[1])).exists(), target


def test_the_embedded_model_is_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "model").rglob("*") if path.is_file()]
    assert max(sizes) < 10e6
    assert sum(sizes) < 15e6


def test_every_drawing_has_its_source() -> None:
    drawn = {path.stem for path in (ROOT / "examples").glob("*.svg")}
    assert drawn == {path.stem for path in (ROOT / "examples").glob("*.png")}
    for source in (ROOT / "examples").glob("*.svg"):
        text = source.read_text()
        assert "<image" not in text
        assert "<script" not in text
        assert "href" not in text


def test_the_container_holds_what_the_page_needs_and_no_more() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    assert all((ROOT / word).exists() for word in copied)
    assert {"app.py", "cartoons", "examples", "model", "requirements.txt"} <= set(copied)
    assert not {"tests", "bench", "train.py"} & set(copied)
    python = front_matter()["python_version"].strip('"')
    assert f"FROM python:{python}-slim" in lines
    assert [line for line in lines if line.startswith("USER ")] == ["USER page"]
    assert any("/healthz" in line for line in lines if line.startswith("HEALTHCHECK "))
