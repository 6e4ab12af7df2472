"""The shape of the project: who imports whom, what the Space installs, how long a file may be."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from conftest import ROOT

LAYERS = (
    {"ctrl_c", "errors", "live_line", "malloc", "markdown", "packages", "strict_json"},
    {"files"},
    {"console", "proxies", "onnx_graph", "image_scan", "metadata", "model_folder", "picture_files"},
    {"folder_layout", "image_modes", "progress", "search"},
    {"picture_folder"},
    {"dataset", "images"},
    {"download", "examples", "near_duplicates", "resize", "splits"},
    {"classifier", "img2dataset"},
    {"answer_table"},
    {"evaluation", "serving"},
    {"model_card", "page"},
    {"dataset_card", "hub", "report"},
    {"review"},
    {"scraping", "training"},
    {"convert"},
    {"app", "scrape", "train", "__main__"},
)
"""Packages and single modules, lowest first. Each imports from lower layers and from its own package alone."""

OWNERS = {
    "gradio": {"page", "review.server"},
    "starlette": {"serving"},
    "prometheus_client": {"serving.lean_api"},
    "ddgs": {"search.ddgs_engine"},
    "httpx": {"download"},
    "httpcore": {"download.connections"},
    "pyarrow": {"img2dataset", "metadata"},
    "rich": {"live_line"},
    "onnxruntime": {"onnx_graph", "training.quantize"},
    "huggingface_hub": {"model_card", "dataset_card", "hub"},
    "gradio_client": {"hub.deploy"},
    "pillow_heif": {"images"},
    "imagehash": {"near_duplicates"},
    "timm": {"training.network"},
    "torchvision": {"training.network"},
    "accelerate": set(),  # fastai asks it
    "onnx": {"training.export", "training.quantize"},
    "cloudpickle": {"training.fastai_export"},
    "safetensors": {"training"},
    "matplotlib": {"report"},
    "jinja2": {"model_card", "report"},
    "sklearn": {"evaluation", "training.quantize", "training.sampling"},
    "scipy": {"evaluation.calibration", "near_duplicates"},
    "cleanlab": {"evaluation.label_issues"},
    "fastai": {"training", "convert"},
    "torch": {"training", "convert"},
}
"""The package or the module that may import a library."""

MOST_LINES, MOST_LINES_OF_A_FUNCTION = 250, 40
SCRIPTS = [ROOT / "app.py", ROOT / "scrape.py", ROOT / "train.py", ROOT / "cartoons" / "__main__.py"]
PAGE = ROOT / "cartoons" / "page"
SOURCES = [*SCRIPTS, *sorted((ROOT / "cartoons").rglob("[a-z]*.py"))]


@cache
def dotted(path: Path) -> str:
    """A source's module, without the name of the package `cartoons`: "search.ddgs_engine", "train"."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removeprefix("cartoons.")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in the file: "cartoons.images", "numpy"..."""
    named = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named.add(node.module)
            if node.module.startswith("cartoons"):
                named |= {f"{node.module}.{alias.name}" for alias in node.names}
    return named


@cache
def imports_of_ours(path: Path) -> set[str]:
    return {dotted(other) for other in SOURCES} & {name.removeprefix("cartoons.") for name in imports(path)}


def test_imports_point_one_way() -> None:
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    found = {(dotted(path), other) for path in SOURCES for other in imports_of_ours(path)}
    parts = {(mine, other): (mine.split(".")[0], other.split(".")[0]) for mine, other in found}
    assert not [pair for pair, (mine, other) in parts.items() if mine != other and layer[mine] <= layer[other]]


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({dotted(path): imports_of_ours(path) for path in SOURCES}).prepare()


def test_every_layer_exists() -> None:
    assert {name for names in LAYERS for name in names} == {dotted(path).split(".")[0] for path in SOURCES}


def test_each_library_has_its_owner() -> None:
    found = {(dotted(path), name.split(".")[0]) for path in SOURCES for name in imports(path)}
    owned = [(module, library) for module, library in found if library in OWNERS]
    assert not [(module, library) for module, library in owned if not {module, module.split(".")[0]} & OWNERS[library]]


def test_onnxruntime_is_imported_only_where_its_telemetry_is_off() -> None:
    """Inside the package, whose __init__ runs first."""
    scripts = [*ROOT.glob("*.py"), *(ROOT / "tests").glob("*.py"), *(ROOT / "bench").rglob("*.py")]
    named = [path for path in scripts if "onnxruntime" in path.read_text()]
    assert not [path.name for path in named if any(name.split(".")[0] == "onnxruntime" for name in imports(path))]


def test_files_and_functions_stay_short() -> None:
    scripts = [path for suffix in ("js", "css") for path in (ROOT / "cartoons").rglob(f"*.{suffix}")]
    assert not [path for path in [*SOURCES, *scripts] if len(path.read_text().splitlines()) > MOST_LINES]
    functions = [
        (dotted(path), node.name, (node.end_lineno or 0) - node.lineno + 1)
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not [function for function in functions if function[2] > MOST_LINES_OF_A_FUNCTION]


def test_the_pages_own_scripts_and_styles_stay_small() -> None:
    """All together, in lines that a person can read."""
    lines = [line for suffix in ("js", "css") for path in PAGE.glob(f"*.{suffix}") for line in path.read_text().splitlines()]
    assert len(lines) < 400
    assert max(map(len, lines)) <= 125


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


@pytest.mark.parametrize(
    "page", ["README.md", "bench/README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
)
def test_every_link_and_picture_of_a_page_exists(page: str) -> None:
    path = ROOT / page
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)[^)]*\)|src=\"(?!https?:)([^\"]+)\"", path.read_text()):
        assert (path.parent / (target[0] or target[1])).exists(), target


def test_the_embedded_model_is_small() -> None:
    sizes = [path.stat().st_size for path in (ROOT / "model").rglob("*") if path.is_file()]
    assert max(sizes) < 10e6
    assert sum(sizes) < 15e6


def test_every_drawing_has_its_source() -> None:
    drawings = ROOT / "tests" / "drawings"
    sources = [*(ROOT / "examples").glob("*.svg"), *drawings.rglob("*.svg")]
    drawn = {*(ROOT / "examples").glob("*.png"), *drawings.rglob("*.png")}
    assert {path.with_suffix(".png") for path in sources} == drawn
    for source in sources:
        text = source.read_text()
        assert "<image" not in text
        assert "<script" not in text
        assert "href" not in text.replace('href="#', "")  # its own shape, drawn again


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


def test_no_support_file_of_the_tests_imports_from_a_test_module() -> None:
    files = [path for path in (ROOT / "tests").glob("*.py") if not path.name.startswith("test_")]
    files += (ROOT / "bench").rglob("*.py")
    named = [path for path in files if re.search(r"(import|from)\s+test_", path.read_text())]
    assert not [(path.name, name) for path in named for name in imports(path) if name.split(".")[0].startswith("test_")]
