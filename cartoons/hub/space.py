"""What a Space is made of: app.py, the modules it imports, the model, drawings, and a README whose front matter is checked.

The project itself is the template: its README.md gives what no model changes, its requirements.txt the versions.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from huggingface_hub import RepoCard

from cartoons.errors import HubError
from cartoons.examples import DRAWINGS, of_model
from cartoons.markdown import markdown, plain
from cartoons.model_card import credit_lines
from cartoons.model_folder import EXAMPLES, FILES, Example, ModelInfo
from cartoons.packages import ROOT
from cartoons.page.link_preview import picture_of

THUMBNAIL = "thumbnail.png"
"""What a shared link to the Space on the Hub shows, if the model has examples."""

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
LONGEST_DESCRIPTION, LONGEST_TITLE = 60, 80
ASSETS = {".css", ".js", ".svg"}
"""What a module may read from beside itself."""

ZERO_GPU_PYTHONS = ("3.12", "3.12.12")
"""Those this project runs on, of the two that ZeroGPU offers."""

PRELOAD = re.compile(r"([\w.-]+/[\w.-]+) (\S+) ([0-9a-f]{40})")

BODY = """
# {name}

Drop a picture into the page, and it names the character, or says that it does not know this one.
{model}

{credits}
## Ask it from a program

```python
from gradio_client import Client, handle_file

print(Client("{space}").predict(handle_file("picture.png"), api_name="/predict"))
```

## A page of your own model

Duplicate this Space, and set its variables `MODEL_REPO` to your model (`user/name`) and `MODEL_REVISION` to its commit.
"""


@dataclass(frozen=True)
class SpaceModel:
    """The model of a Space."""

    folder: Path
    info: ModelInfo
    repo: str | None = None
    """user/name on the Hub, for a model that is served from there; the folder's files are then the copy for bad days."""
    commit: str = ""

    @cached_property
    def examples(self) -> list[tuple[Path, Example]]:
        """Pictures to try it with."""
        return of_model(self.info, self.folder)


def imported_modules(program: Path) -> list[Path]:
    """The files of this project that a program of it imports, at once or later, through however many others."""
    found: set[Path] = set()
    waiting = [program]
    while waiting:
        for name in _imports(waiting.pop()):
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                place = program.parent.joinpath(*parts[:depth])
                new = {path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()} - found
                found |= new
                waiting += new
    return sorted(found)


def _imports(path: Path) -> set[str]:
    """Every dotted name that a file imports, names of a `from` included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def space_files(source: SpaceModel, card: RepoCard) -> dict[str, Path | bytes]:
    """Exactly what a Space needs to serve a model, by path in its repository; card: its README.md."""
    program = ROOT / "app.py"
    modules = imported_modules(program)
    assets = {
        path for module in modules for path in module.parent.glob("*.*") if path.suffix in ASSETS and module.parent != ROOT
    }
    files = [program, *modules, *sorted(assets)]
    content: dict[str, Path | bytes] = {path.relative_to(ROOT).as_posix(): path for path in files}
    content["requirements.txt"] = ROOT / "requirements.txt"
    content |= {f"{'' if path.parent == DRAWINGS else 'model/'}{EXAMPLES}/{path.name}": path for path, _ in source.examples}
    content |= {f"model/{name}": source.folder / name for name in FILES}
    if source.examples:
        content[THUMBNAIL] = picture_of([path for path, _ in source.examples])
    content["README.md"] = str(card).encode()
    return content


def space_card(source: SpaceModel, space: str) -> RepoCard:
    """README.md of the Space `space`, with the project's own front matter but for what this model changes."""
    info = source.info
    card = RepoCard((ROOT / "README.md").read_text(encoding="utf-8"))
    for key in ("models", "preload_from_hub"):
        card.data.pop(key)
    name = plain(info.name)
    title = name if len(name) <= LONGEST_TITLE else f"{name[: LONGEST_TITLE - 1].rstrip()}…"
    card.data["title"], card.data["short_description"] = title, short_description(list(map(plain, info.characters)))
    if source.examples:
        card.data["thumbnail"] = f"https://huggingface.co/spaces/{space}/resolve/main/{THUMBNAIL}"
    model = f"Model {markdown(info.name)}, revision `{info.revision}`, in this Space's folder `model`."
    if source.repo:
        files = [*FILES, *(f"{EXAMPLES}/{path.name}" for path, _ in source.examples if path.parent != DRAWINGS)]
        card.data["models"] = [source.repo]
        card.data["preload_from_hub"] = [f"{source.repo} {','.join(files)} {source.commit}"]
        model = f"Model [{source.repo}](https://huggingface.co/{source.repo}) at its commit `{source.commit}`."
    card.text = BODY.format(
        name=markdown(info.name), model=model, space=space, credits="".join(f"- {each}\n" for each in credit_lines(info))
    )
    return card


def front_matter(card: RepoCard) -> dict[str, Any]:
    """A card's front matter, plain."""
    return dict(card.data.to_dict())  # type: ignore[no-untyped-call]  # huggingface_hub gives it no types


def short_description(characters: Sequence[str]) -> str:
    """What the page asks, in as many characters as the Hub takes."""
    names = f"{', '.join(characters[:-1])} or {characters[-1]}" if len(characters) > 1 else characters[0]
    long = f"Is it {names}?"
    return long if len(long) <= LONGEST_DESCRIPTION else f"Which of {len(characters)} characters is it? Or none it knows."


def pins() -> dict[str, str]:
    """requirements.txt: each package's version."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def check_space(content: Mapping[str, Path | bytes], front: Mapping[str, Any], *, zero_gpu: bool) -> None:
    """Raise HubError for what the Hub would refuse, or would build into a Space that does not start."""
    python, description = front.get("python_version"), str(front.get("short_description", ""))
    wanted = {
        "title is empty": bool(str(front.get("title", "")).strip()),
        f"emoji is {front.get('emoji')!r}, no emoji": bool(front.get("emoji")) and not str(front["emoji"]).isascii(),
        f"short_description has {len(description)} characters, at most {LONGEST_DESCRIPTION} are taken": (
            0 < len(description) <= LONGEST_DESCRIPTION
        ),
        f"sdk_version is {front.get('sdk_version')}, but requirements.txt pins gradio {pins().get('gradio')}": (
            front.get("sdk") == "gradio" and front.get("sdk_version") == pins().get("gradio")
        ),
        f"python_version is {python!r}; write it in quotes, from 3.11 on": (
            isinstance(python, str) and bool(re.fullmatch(r"3\.1[1-9](\.\d+)?", python))
        ),
        f"python_version is {python!r}, but ZeroGPU has {' and '.join(ZERO_GPU_PYTHONS)} only": (
            not zero_gpu or python in ZERO_GPU_PYTHONS
        ),
        f"app_file is {front.get('app_file')!r}, which is not uploaded": front.get("app_file") in content,
    }
    for key in ("colorFrom", "colorTo"):
        wanted[f"{key} is {front.get(key)!r}, none of {', '.join(COLOURS)}"] = front.get(key) in COLOURS
    for line in front.get("preload_from_hub", []):
        wanted[f'preload_from_hub has {line!r}, not "user/name file,file commit"'] = bool(PRELOAD.fullmatch(line))
    for name, data in content.items():
        wanted[f"{name} is not there"] = isinstance(data, bytes) or data.is_file()
    if wrong := [words for words, fine in wanted.items() if not fine]:
        raise HubError(f"Nothing was uploaded, because the Space would not work: {'; '.join(wrong)}.")
