"""A model to a running page: a Space of the Hugging Face Hub, uploaded, awaited, and asked one question.

live = deploy("user/space", "user/model", say=print)
live.page, live.embed
"""

import os
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file  # type: ignore[import-untyped]  # it brings no types
from huggingface_hub import HfApi, SpaceRuntime, get_token

from cartoons import model_folder
from cartoons.errors import HubError, shortened
from cartoons.examples import DRAWINGS
from cartoons.hub.errors import check_name, check_private, hub_read, hub_write, is_repo_name, read_failure
from cartoons.hub.pull import pull
from cartoons.hub.push import check_ours, publish
from cartoons.hub.space import SpaceModel, check_space, front_matter, space_card, space_files
from cartoons.model_folder import EMBEDDED_MODEL, OTHER_LABEL, Example

ZERO_GPU, CPU_BASIC = "zero-a10g", "cpu-basic"
PAID = {
    ZERO_GPU: (
        "a free account may have two Gradio Spaces, on ZeroGPU, once its e-mail is verified and it is 30 days old; "
        "delete one, wait, or subscribe at https://huggingface.co/pro"
    ),
    CPU_BASIC: "Gradio Spaces on cpu-basic need a PRO account or an organisation with a plan; see https://huggingface.co/pro",
}
SPACE_FILES = re.compile("(cartoons|examples|model)/.*")
"""What a deployment writes: of these, what it does not bring is removed."""

VARIABLES = ("MODEL_REPO", "MODEL_REVISION")
COMING = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING")
ASLEEP = ("SLEEPING", "PAUSED", "STOPPED")
WAIT_S = 1200.0
POLL_S = 2.0
SETTLE_S = 20.0
"""For so long after an upload, a stage may still be that of before."""

ANSWER_S = 120.0
GLITCHES = 5
"""Questions in a row that the Hub may leave unanswered."""

OF_NONE = (DRAWINGS / "other-1.png", Example("other-1.png", OTHER_LABEL))
"""Asked about where a model has no examples."""

Say = Callable[[str], object]


@dataclass(frozen=True)
class DeployedSpace:
    """A Space that answers."""

    link: str
    """Where it stands on the Hub."""
    page: str
    """The page alone."""
    answer: str
    """What it said of one picture."""
    program: str
    """A line of Python that asks it."""
    embed: str
    """HTML that shows it in another page."""

    def __str__(self) -> str:
        rows = {"On the Hub": self.link, "The page": self.page, "It says": self.answer}
        rows |= {"Python": self.program, "HTML": self.embed}
        return "\n".join(f"{title:12}{value}" for title, value in rows.items())


def deploy(space: str, model: str | None = None, *, private: bool = False, say: Say = print) -> DeployedSpace:
    """Make the Space `space` ("user/name") serve a model, and wait until its page has answered.

    model: a model folder, or "user/name" or "user/name@revision" of a public one on the Hub; the embedded one by default.
    say: is told, line by line, what happens. Raises BundleError or HubError; given again, it goes on, or changes what
    changed.
    """
    say = synchronized(say)
    check_name(space)
    check_ours(space, "space")
    if private:
        check_private(space, "space")
    hardware = _hardware(space)
    source = _source(model)
    card = space_card(source, space)
    content = space_files(source, card)
    check_space(content, front_matter(card), zero_gpu=hardware == ZERO_GPU)
    _make(space, hardware, source, private)
    say(f"Uploading {len(content)} files to {space}, for {hardware.replace(ZERO_GPU, 'ZeroGPU')}.")
    pushed = publish(content, space, "space", f"{source.info.name}, revision {source.info.revision}", SPACE_FILES)
    page = _wait(space, pushed.commit, say)
    return DeployedSpace(
        link=pushed.link,
        page=page,
        answer=_ask(space, page, source),
        program=f'gradio_client.Client("{space}").predict(gradio_client.handle_file("picture.png"), api_name="/predict")',
        embed=f'<iframe src="{page}" title="{space}" width="100%" height="900" style="border: 0"></iframe>',
    )


def synchronized(say: Say) -> Say:
    """The same, for several threads: the build's log comes from one of its own, and `print` ends its lines separately."""
    lock = threading.Lock()

    def told(line: str) -> object:
        with lock:
            return say(line)

    return told


def _hardware(space: str) -> str:
    """cpu-basic where the account pays for it, else ZeroGPU, which a free account has."""
    with hub_write(f"{space} was not deployed"):
        me = HfApi().whoami()
    owner = space.partition("/")[0]
    return CPU_BASIC if me.get("isPro") or owner in {each["name"] for each in me.get("orgs", [])} else ZERO_GPU


def _source(model: str | None) -> SpaceModel:
    """The model, found and verified. Raises BundleError, HubError."""
    folder = Path(os.path.expanduser(model)) if model else EMBEDDED_MODEL  # noqa: PTH111  # of an unknown user, too
    if folder.is_dir() or model is None:
        return SpaceModel(folder, model_folder.read(folder)[0])
    repo, _, revision = model.partition("@")
    if not is_repo_name(repo):
        raise HubError(f"{model} is neither a model folder nor user/name of a model on the Hub.")
    with hub_read(f"There is no folder {model} here, and the model {model}"):
        found = HfApi().model_info(repo, revision=revision or None)
    if found.private:
        raise HubError(
            f"The model {repo} is private, and a Space cannot read it: make it public in its settings on the Hub, "
            "or deploy its folder (--model runs/mine), which puts a copy into the Space."
        )
    commit = str(found.sha)
    folder = pull(repo, commit)
    return SpaceModel(folder, model_folder.read(folder)[0], repo, commit)


def _make(space: str, hardware: str, source: SpaceModel, private: bool) -> None:
    """The Space's repository with its variables; one that is there keeps its hardware, which its owner may have chosen."""
    api = HfApi()
    wanted = dict(zip(VARIABLES, (source.repo, source.commit), strict=True)) if source.repo else {}
    with hub_write(f"{space} was not deployed", PAID[hardware]):
        api.create_repo(
            space,
            repo_type="space",
            space_sdk="gradio",
            space_hardware=hardware,  # type: ignore[arg-type]  # its enumeration is of strings
            space_variables=[{"key": key, "value": str(value)} for key, value in wanted.items()],
            private=private,
            exist_ok=True,
        )
        there = {key: each.value for key, each in api.get_space_variables(space).items()}
        for key in VARIABLES:
            if key in wanted and there.get(key) != wanted[key]:
                api.add_space_variable(space, key, str(wanted[key]))
            elif key in there and key not in wanted:
                api.delete_space_variable(space, key)


def _wait(space: str, commit: str, say: Say) -> str:
    """The page's address, once the commit's page is up. Raises HubError when it does not come."""
    api, started = HfApi(), time.monotonic()
    said, built, glitches, woken = "", False, 0, False
    threading.Thread(target=_show_log, args=(space, say), daemon=True, name="build-log").start()
    while time.monotonic() - started < WAIT_S:
        try:
            runtime = api.get_space_runtime(space)
        except Exception as error:
            glitches += 1
            if glitches > GLITCHES:
                raise HubError(f"{space} was uploaded, but how it is doing is unknown: {read_failure(error)}.") from error
            time.sleep(POLL_S)
            continue
        glitches, built = 0, built or runtime.stage in COMING
        if runtime.stage != said:
            said = runtime.stage
            say(f"{space}: {said.lower().replace('_', ' ')}")
        if runtime.stage in ASLEEP and not woken:
            with hub_write(f"{space} was uploaded, but sleeps on"):
                api.restart_space(space)
            woken = True
        elif runtime.stage not in COMING and _is_of(runtime, commit, built or time.monotonic() - started > SETTLE_S):
            break
        time.sleep(POLL_S)
    else:
        raise HubError(f"{space} is still {said} after {WAIT_S / 60:.0f} minutes: look at {api.endpoint}/spaces/{space}.")
    if runtime.stage != "RUNNING":
        _show_log(space, say, build=False)
        raise HubError(
            f"{space} was uploaded, but does not run ({runtime.stage}): see {api.endpoint}/spaces/{space}?logs=build."
        )
    with hub_read(f"The address of {space}"):
        info = api.space_info(space)
        return info.host or f"https://{info.subdomain}.hf.space"


def _is_of(runtime: SpaceRuntime, commit: str, settled: bool) -> bool:
    """Whether a last stage is that of this commit, and not what was before it."""
    running = runtime.raw.get("sha")
    return running == commit or (settled and (running is None or runtime.stage != "RUNNING"))


def _show_log(space: str, say: Say, build: bool = True) -> None:
    """The build's log, as it comes; else the last lines that the app itself printed."""
    try:
        lines = HfApi().fetch_space_logs(space, build=build, follow=build)
        for line in lines if build else list(lines)[-20:]:
            say(f"  {shortened(line.rstrip())}")
    except Exception as error:
        say(f"  (no {'build ' if build else ''}log: {read_failure(error)})")


def _ask(space: str, page: str, source: SpaceModel) -> str:
    """What the live page says of an example, tried until it has woken up. Raises HubError."""
    picture, example = min(source.examples or [OF_NONE], key=lambda each: each[1].label in ("", OTHER_LABEL))
    token = get_token() if HfApi().space_info(space).private else None  # a public page has no use for it
    started = time.monotonic()
    while True:
        try:
            answer: Any = Client(page, token=token, verbose=False).predict(handle_file(picture), api_name="/classify")
            return _in_words(example, answer)
        except Exception as error:
            if time.monotonic() - started > ANSWER_S:
                raise HubError(f"{space} runs, but its /classify does not answer ({error}): look at {page}.") from error
            time.sleep(POLL_S)


def _in_words(example: Example, answer: Mapping[str, Any]) -> str:
    """An answer of /classify, and whether it is wrong."""
    label, known = answer["label"], answer["known"]
    said = f"{label} ({answer['probabilities'][label]:.0%})" if known else "none that it knows"
    is_right = (label if known else OTHER_LABEL) == example.label
    wrong = f", which is wrong: it shows {'none of its characters' if example.label == OTHER_LABEL else example.label}"
    return f"{example.file_name} is {said}{wrong if example.label and not is_right else ''}"
