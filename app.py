"""The page: a picture in, the likeliest characters out, or "I don't know this one".

    python app.py                        serve the embedded model (model/)
    python app.py --model DIR            serve a model folder that train.py wrote
    MODEL_REPO=user/name python app.py   serve a model of the Hugging Face Hub, at MODEL_REVISION if that is set
    python app.py --deploy user/space --model user/name      make a Hugging Face Space that does, and wait for its answer

As a Space it starts unchanged on ZeroGPU and on cpu-basic.
"""

import argparse
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from cartoons import console, malloc, proxies
from cartoons.classifier import Classifier
from cartoons.errors import BundleError, HubError
from cartoons.serving import environment

try:
    import spaces
except ImportError:  # only Hugging Face's ZeroGPU hardware brings it
    spaces = None

HERE = Path(__file__).parent
EMBEDDED_MODEL = HERE / "model"
EXAMPLES = HERE / "examples"
PULL_TIMEOUT_S = 8.0
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
    from cartoons.hub.pull import cached, pull

    why, copies = "", []
    try:
        copies.append(pull(repo, revision, timeout_s=timeout_s))
    except HubError as error:
        why = str(error)
    for copy in dict.fromkeys(path.resolve() for path in (*copies, *cached(repo, revision))):
        try:
            return Classifier.load(copy), why and f"{why} Answering with the copy that was cached earlier."
        except BundleError as error:
            why = why or f"The model {repo} on the Hub is not used: {error}".replace(f"{copy}{os.sep}", "")
    return Classifier.load(EMBEDDED_MODEL, trusted=True), f"{why} Answering with the embedded model."


def upload_folder() -> Path:
    """Where uploads are kept: $GRADIO_TEMP_DIR, or a folder of this user's in the system's place for temporary files."""
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    return Path(os.environ.get("GRADIO_TEMP_DIR") or Path(tempfile.gettempdir()) / f"cartoon-classifier{user}")


def serve(classifier: Classifier, notice: str, *, metrics: bool) -> int:
    """Open the page, until it is told to stop; `environment.prepare` comes first. metrics: answer /metrics as well."""
    environment.import_gradio()
    from cartoons.images import MAX_BYTES
    from cartoons.page.layout import CSS, build_demo, theme
    from cartoons.serving.lean_api import METRICS, lean_api
    from cartoons.serving.picture_service import PictureService
    from cartoons.serving.server import Server
    from cartoons.serving.uploads import UploadFolder

    uploads = UploadFolder(Path(os.environ["GRADIO_TEMP_DIR"]))
    observers, pages = [], {}
    if metrics:
        from cartoons.serving.metrics import Metrics

        counted = Metrics()
        observers, pages = [counted.observe], {METRICS: counted.page}
    service = PictureService(classifier, observers)
    demo = build_demo(service, uploads, sorted(EXAMPLES.glob("*.png")), notice)
    uploads.keep_present_files()
    return Server(demo, lean_api(service, pages), service, uploads).run(
        theme=theme(),
        css=CSS,
        footer_links=["api"],
        max_file_size=MAX_BYTES,
        enable_monitoring=False,
        run_history=False,
        show_error=False,  # what gr.Error says is shown all the same
        ssr_mode=False,
        state_session_capacity=1000,
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = console.ArgumentParser(prog="app.py", description="Serve a cartoon classifier as a web page.")
    made.add_argument("--model", metavar="DIR", help="a model folder, as train.py writes it")
    made.add_argument(
        "--deploy",
        metavar="USER/SPACE",
        help="instead, make a Hugging Face Space that serves it; --model may then be user/name of a model there",
    )
    made.add_argument("--metrics", action="store_true", help="count requests, for Prometheus to fetch from /metrics")
    made.add_argument("--private", action="store_true", help="let nobody else see the Space")
    return made


def run(arguments: argparse.Namespace) -> int:
    """Serve the page or deploy it, as the command line asks. Raises CartoonError."""
    if arguments.deploy:
        from cartoons.hub.deploy import deploy

        proxies.prepare()
        print(deploy(arguments.deploy, arguments.model, private=arguments.private))
        return 0
    for name in ("app", "page"):
        logging.getLogger(name).setLevel(logging.INFO)
    os.environ["GRADIO_TEMP_DIR"] = str(upload_folder())
    environment.prepare()
    malloc.give_back()  # before the model's threads begin
    if arguments.model:
        classifier, notice = Classifier.load(Path(arguments.model)), ""
    else:
        classifier, notice = choose_model(os.environ.get("MODEL_REPO"), os.environ.get("MODEL_REVISION"))
    if notice:
        log.warning(notice)
    log.info("Model %s, revision %s.", classifier.info.name, classifier.info.revision)
    return serve(classifier, notice, metrics=arguments.metrics)


def main(argv: list[str] | None = None) -> int:
    """Serve the page until interrupted, or deploy it; 2 with one sentence when that cannot be."""
    return console.run("app.py", lambda: run(parser().parse_args(argv)))


if __name__ == "__main__":
    console.leave(main())
