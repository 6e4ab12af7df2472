"""A model folder, or a picture folder, to the Hugging Face Hub: in one commit, so that it holds the old one or the new one.

What was uploaded before a cut is kept there by its hash: the same command goes on where it was.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard, get_token
from huggingface_hub.errors import LocalTokenNotFoundError, RepositoryNotFoundError

from cartoons import model_folder, strict_json
from cartoons.errors import HubError
from cartoons.examples import of_model
from cartoons.hub.errors import check_name, check_private, hub_write
from cartoons.metadata import LICENCE_NAME
from cartoons.model_card import Published, model_card, shows, without_place
from cartoons.model_folder import EXAMPLES, ModelInfo
from cartoons.picture_files import file_sha256

CARD = "README.md"
LEARNER = ("model.pkl", "pyproject.toml", "weights.safetensors")
"""What goes on training: model.pkl and pyproject.toml as from_pretrained_fastai wants them."""

REPORT = PurePosixPath("report")
MODEL_FILES = re.compile("|".join(map(re.escape, (*model_folder.FILES, *LEARNER))) + "|(report|examples)/.*")
DATASET_FILES = re.compile(".+/.+")
"""What this project writes in such a repository: of these, what a push does not bring is removed."""

PREFIX = {"model": "", "dataset": "datasets/", "space": "spaces/"}
OURS: dict[str, tuple[set[str], ...]] = {
    "model": ({*model_folder.FILES}, {"model.pkl"}),
    "dataset": ({"metadata.jsonl"},),
    "space": ({"cartoons/__init__.py"},),
}
"""Of each kind of repository the files, one set or the other, that one of this project has; a fastai learner, which has
model.pkl, may become a model folder. Any imagefolder may have a metadata.jsonl, but not the card that ours have."""

PARAGRAPH = re.compile(r"<p>(?:(?!</p>).)*</p>", re.DOTALL)
LINK = re.compile(r'(?:href|src)="(?!\w+:|#)([^"]+)"')

log = logging.getLogger("train")
logging.getLogger("huggingface_hub").handlers.clear()  # else each of its warnings is printed twice, and over a live line
logging.getLogger("huggingface_hub.hf_api").addFilter(lambda record: "No files have been modified" not in record.msg)

Content = Mapping[str, Path | bytes]
"""Files by their path in the repository."""


@dataclass(frozen=True)
class Pushed:
    """What is on the Hub now."""

    link: str
    commit: str
    """40 hex digits."""


def check_login(repo: str, kind: str, private: bool = False) -> None:
    """Raise HubError, which says what to type, before minutes are spent on what could not be pushed to `repo`.

    kind: "model", "dataset" or "space". private: nobody else is to see it.
    """
    check_name(repo)
    with hub_write(f"{repo} cannot be pushed to"):
        account = HfApi().whoami()
    owner, _, name = repo.partition("/")
    owners = [account["name"], *(each["name"] for each in account.get("orgs", []))]
    if owner.lower() not in {each.lower() for each in owners}:
        raise HubError(f"{repo} cannot be pushed to: you are logged in as {owners[0]}, so give {owners[0]}/{name}.")
    check_ours(repo, kind)
    if private:
        check_private(repo, kind)


def check_ours(repo: str, kind: str) -> list[str]:
    """The files of a repository, none if it is not there.

    Raise HubError if it holds what this project did not put there, and a push would remove or replace.
    """
    api = HfApi()
    with hub_write(f"{repo} cannot be pushed to"):
        try:
            there = api.list_repo_files(repo, repo_type=kind)
        except RepositoryNotFoundError:
            return []
    others = sorted({*there} - {".gitattributes", CARD})
    is_ours = any(files.issubset(there) for files in OURS[kind])
    if kind == "dataset" and is_ours and CARD in there:
        with hub_write(f"{repo} cannot be pushed to"):
            is_ours = LICENCE_NAME in Path(api.hf_hub_download(repo, CARD, repo_type=kind)).read_text(errors="replace")
    if others and not is_ours:
        place = f"{api.endpoint}/{PREFIX[kind]}{repo}"
        raise HubError(f"{place} holds something else ({others[0]}): give another name, or delete it in its settings there.")
    return there


def push_model(folder: Path, repo: str, *, private: bool = False, dataset: str | None = None) -> Pushed:
    """Publish a model folder as the Hub model `repo` ("user/name"), and tag the commit with the model's revision.

    dataset: "user/name" of its pictures on the Hub. Raises BundleError or HubError, with nothing uploaded, when the folder
    is damaged or its parity with the learner was never checked; HubError when the Hub refuses.
    """
    if dataset:
        check_name(dataset)
    info, _ = model_folder.read(folder)
    if "parity" not in info.metrics:
        raise HubError(
            f"{folder} was not pushed: nobody checked that its model answers as its learner does (model.json has no "
            "metrics.parity); train or convert it again with train.py."
        )
    content = model_files(folder, info, repo, dataset)
    pushed = publish(content, repo, "model", f"{info.name}, revision {info.revision}", MODEL_FILES, private=private)
    with hub_write(f"{repo} is on the Hub, but its revision got no name"):
        HfApi().create_tag(repo, tag=info.revision, revision=pushed.commit, exist_ok=True)
    return pushed


def publish_dataset(folder: Path, files: Sequence[str], repo: str, *, private: bool = False) -> str:
    """Publish files of a folder (relative POSIX paths) as the Hub data set `repo` ("user/name"); its link.

    What the repository holds in folders besides is removed: a picture taken out here is taken out there. Raises HubError.
    """
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not (folder / path).is_file():
            raise HubError(f"{repo} was not pushed: {folder} has no file {name}.")
    content = {name: folder / name for name in files}
    return publish(content, repo, "dataset", f"{len(files)} files", DATASET_FILES, private=private).link


def publish(content: Content, repo: str, kind: str, title: str, owned: re.Pattern[str], *, private: bool = False) -> Pushed:
    """One commit with what changed to a "model", a "dataset" or a "space", which is made if need be (a Space must be there).

    owned: what is removed if it is not in content. Raises HubError.
    """
    check_name(repo)
    api = HfApi()
    with hub_write(f"{repo} was not pushed"):
        if get_token() is None:
            raise LocalTokenNotFoundError
        if private:
            check_private(repo, kind)
        if kind != "space":
            api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
        there = check_ours(repo, kind)
        gone = [name for name in there if name not in content and owned.fullmatch(name)]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [CommitOperationDelete(name) for name in gone]
        for name, data in content.items():
            operations.append(CommitOperationAdd(name, data if isinstance(data, bytes) else str(data)))
        done = api.create_commit(repo, operations, commit_message=title, repo_type=kind)
    return Pushed(f"{api.endpoint}/{PREFIX[kind]}{repo}", done.oid)


def model_files(folder: Path, info: ModelInfo, repo: str, dataset: str | None) -> dict[str, Path | bytes]:
    """What of a model folder is published: no picture it was trained on but its examples, and no path of this machine."""
    content: dict[str, Path | bytes] = {name: folder / name for name in model_folder.FILES}
    if info.recipe != "converted":
        for path in filter(Path.is_file, (folder / name for name in LEARNER)):
            if info.sha256.get(path.name, "") not in ("", file_sha256(path)):
                raise HubError(f"{repo} was not pushed: {path} is of another model than model.json: train again.")
            content[path.name] = path
        content |= _report(folder, info)
    shown = {f"{EXAMPLES}/{path.name}": (path, shows(each)) for path, each in of_model(info, folder)}
    content |= {name: path for name, (path, _) in shown.items()}
    drawn = [(name, words) for name, (_, words) in shown.items()]
    content[CARD] = _card(folder, info, Published(repo, dataset, drawn))
    return content


def _card(folder: Path, info: ModelInfo, published: Published) -> bytes:
    """The card for the Hub; the folder's own, if its owner has changed it. Raises HubError when that is not valid."""
    own = folder / CARD
    text = without_place(own.read_text(encoding="utf-8")) if own.is_file() else model_card(info)
    if text == model_card(info):
        text = model_card(info, published)
    else:
        log.warning("%s goes with it unchanged, as train.py does not write it so: remove it for a new card.", own)
    with hub_write(f"{published.repo} was not pushed, because of the front matter of {own}"):
        if ModelCard(text).data.get("library_name") is None:
            raise ValueError("it has no library_name; remove the file to get a new one")
    return text.encode()


def _report(folder: Path, info: ModelInfo) -> dict[str, Path | bytes]:
    """The report's index and figures, without report.json, pictures.html and the links to them; none of another model."""
    report = folder / REPORT
    try:
        if strict_json.loads((report / "report.json").read_bytes())["revision"] != info.revision:
            return {}
        page = (report / "index.html").read_text(encoding="utf-8")
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    figures = {path.name: path for path in report.glob("*.svg")}
    page = PARAGRAPH.sub(lambda found: "" if set(LINK.findall(found[0])) - figures.keys() else found[0], page)
    if dead := set(LINK.findall(page)) - figures.keys():
        raise HubError(f"{report / 'index.html'} shows {sorted(dead)[0]}, which is not published: train again.")
    return {str(REPORT / name): path for name, path in figures.items()} | {str(REPORT / "index.html"): page.encode()}
