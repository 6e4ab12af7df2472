"""The page: a picture in, the likeliest characters out, or "I don't know this one".

    python app.py                        serve the embedded model (model/)
    python app.py --model DIR            serve a model folder that train.py wrote
    MODEL_REPO=user/name python app.py   serve a model of the Hugging Face Hub, at MODEL_REVISION if that is set

As a Space it starts unchanged on ZeroGPU and on cpu-basic; train.py --deploy makes one.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from cartoons import console, malloc, packages

if __name__ == "__main__":
    packages.require("app.py", packages.PAGE)

from cartoons.classifier import Classifier
from cartoons.download.ssrf_guard import SsrfGuard
from cartoons.errors import BundleError, DataError, HubError
from cartoons.model_folder import EMBEDDED_MODEL
from cartoons.serving import environment
from cartoons.serving.corrections import Corrections

try:
    import spaces
except ImportError:  # only Hugging Face's ZeroGPU hardware brings it
    spaces = None

PULL_TIMEOUT_S = 8.0
COMMANDS = """examples:
  python app.py
  python app.py --model runs/mine --corrections runs/corrections
  MODEL_REPO=USER/NAME GRADIO_SERVER_PORT=8000 python app.py

MODEL_REPO names a model on the Hugging Face Hub, MODEL_REVISION one of its
revisions; without --model or that, the embedded model answers. CORRECTIONS is
a folder, as for --corrections, or user/name of a dataset on the Hub."""
LAUNCH_OPTIONS = {
    "footer_links": ["api"],
    "enable_monitoring": False,
    "run_history": False,
    "pwa": True,
    "show_error": False,  # what gr.Error says is shown all the same
    "ssr_mode": False,
    "state_session_capacity": 1000,
}
log = logging.getLogger("app")


def on_gpu(function: Callable[[], None]) -> Callable[[], None]:
    """ZeroGPU stops an app that decorates no function, though this model answers in milliseconds without a GPU."""
    return spaces.GPU(function) if spaces else function


@on_gpu
def keep_zero_gpu_content() -> None:
    """Never called: it is there to be decorated."""


def choose_model(repo: str | None, revision: str | None, timeout_s: float = PULL_TIMEOUT_S) -> tuple[Classifier, str]:
    """The model asked for, else a cached copy, else the embedded one; and a notice saying which and why, or ""."""
    if not repo:
        return Classifier.load(EMBEDDED_MODEL, trusted=True), ""
    from cartoons.hub.errors import is_repo_name
    from cartoons.hub.pull import cached, pull

    why, copies = "", []
    try:
        if not is_repo_name(repo):
            raise HubError(f"MODEL_REPO is {repo!r}, not a valid model name: set it to user/name of a model on the Hub.")
        copies.append(pull(repo, revision, timeout_s=timeout_s))
    except HubError as error:
        why = str(error)
    for copy in dict.fromkeys(path.resolve() for path in (*copies, *cached(repo, revision))):
        try:
            return Classifier.load(copy), why and f"{why} Answering with the copy that was cached earlier."
        except BundleError as error:
            why = why or f"The model {repo} on the Hub is not used: {error}".replace(f"{copy}{os.sep}", "")
    return Classifier.load(EMBEDDED_MODEL, trusted=True), f"{why} Answering with the embedded model."


def load_folder(model: str) -> Classifier:
    """The model of a folder on this machine. Raises BundleError, which says what to type."""
    if model and Path(model).is_dir():
        return Classifier.load(Path(model))
    from cartoons.hub.errors import is_repo_name

    is_repo = is_repo_name(model) and not Path(model).exists()
    hint = f", or, if it is a model on the Hub: MODEL_REPO={model} python app.py" if is_repo else ""
    raise BundleError(f"--model {model!r} is no folder: give one that train.py wrote, such as runs/mine{hint}.")


def open_corrections(folder: str | None, variable: str | None, classifier: Classifier) -> Corrections | None:
    """Where visitors' corrections are kept: nowhere, unless a folder or CORRECTIONS says so. Raises DataError.

    folder: of --corrections. variable: CORRECTIONS, a folder as well, or user/name of a dataset on the Hub, unless there
    is a folder of that name.
    """
    place = variable if folder is None else folder
    if folder == "":
        raise DataError("--corrections is empty: give a folder.")
    if not place:
        return None
    if folder is None and not Path(place).exists():
        from cartoons.hub.corrections import push_regularly
        from cartoons.hub.errors import is_repo_name

        if is_repo_name(place):
            try:
                at, rows_file = push_regularly(place)
                return Corrections(at, classifier.info, rows_file)
            except HubError as error:
                log.warning("%s Visitors cannot correct answers.", error)
                return None
    return Corrections(Path(place), classifier.info)


def serve(
    classifier: Classifier,
    notice: str,
    *,
    with_metrics: bool,
    guard: SsrfGuard | None = None,
    corrections: Corrections | None = None,
) -> int:
    """Open the page, until it is told to stop; `environment.prepare` comes first.

    with_metrics: answer /metrics as well. guard: which hosts are asked for pictures whose address a visitor gives.
    corrections: where visitors may say what is right.
    """
    environment.import_gradio()
    from cartoons import examples
    from cartoons.images import MAX_BYTES
    from cartoons.page.answers import PageAnswers
    from cartoons.page.layout import CSS, build_demo, look
    from cartoons.page.link_preview import LinkPreview
    from cartoons.page.words import loading
    from cartoons.serving import mcp_guard
    from cartoons.serving.lean_api import Metrics, lean_api
    from cartoons.serving.picture_fetcher import PictureFetcher
    from cartoons.serving.picture_service import PictureService
    from cartoons.serving.server import Server
    from cartoons.serving.uploads import UploadFolder

    uploads = UploadFolder(Path(os.environ["GRADIO_TEMP_DIR"]))
    metrics = Metrics() if with_metrics else None
    service = PictureService(classifier, *([metrics.observe] if metrics else []))
    shown = examples.of_model(classifier.info, classifier.folder)
    answers = PageAnswers(service, uploads, corrections)
    demo = build_demo(answers, shown, notice, PictureFetcher(guard))
    uploads.keep_present_files()
    preview = LinkPreview(str(demo.title), classifier.info.characters, [path for path, _ in shown])
    lean = lean_api(service, preview.picture, answers.answer_upload, metrics)
    return Server(demo, lean, service, uploads, preview.tags, loading(classifier.info.characters, CSS)).run(
        **look(), max_file_size=MAX_BYTES, mcp_server=mcp_guard.IS_INSTALLED, **LAUNCH_OPTIONS
    )


def run(argv: list[str] | None) -> int:
    """Serve the model that the command line or the environment names. Raises CartoonError."""
    parser = console.ArgumentParser(prog="app.py", description="Serve a cartoon classifier as a web page.", epilog=COMMANDS)
    parser.add_argument("--model", metavar="DIR", help="a model folder, as train.py writes it; not MODEL_REPO then")
    parser.add_argument("--metrics", action="store_true", help="count requests, for Prometheus to fetch from /metrics")
    parser.add_argument("--corrections", metavar="DIR", help="keep there what visitors say is right ($CORRECTIONS)")
    arguments = parser.parse_args(argv)
    for name in ("app", "page"):
        logging.getLogger(name).setLevel(logging.INFO)
    environment.prepare()
    malloc.give_back()  # before the model's threads begin
    if arguments.model is not None:
        classifier, notice = load_folder(arguments.model), ""
    else:
        classifier, notice = choose_model(os.environ.get("MODEL_REPO"), os.environ.get("MODEL_REVISION"))
    if notice:
        log.warning(notice)
    log.info("Model %s, revision %s.", classifier.info.name, classifier.info.revision)
    corrections = open_corrections(arguments.corrections, os.environ.get("CORRECTIONS"), classifier)
    return serve(classifier, notice, with_metrics=arguments.metrics, corrections=corrections)


def main(argv: list[str] | None = None) -> int:
    """Serve the page until interrupted; 2 with one sentence when that cannot be."""
    return console.run("app.py", lambda: run(argv))


if __name__ == "__main__":
    console.leave(main())
