"""What in the environment keeps a page from starting: gradio's variables, its port, its folder of temporary files.

`prepare` must be called before gradio is imported: it reads some of them then.
"""

import importlib
import inspect
import os
import re
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any

from cartoons import proxies
from cartoons.console import HUB_NUMBERS, environment_number
from cartoons.errors import LaunchError
from cartoons.serving.shared_lock import make_folder
from cartoons.serving.uploads import LOCK_FILE

PORT, PORTS, HOST = "GRADIO_SERVER_PORT", "GRADIO_NUM_PORTS", "GRADIO_SERVER_NAME"
AT_ONCE = "GRADIO_DEFAULT_CONCURRENCY_LIMIT"
TEMPORARY, ROOT_PATH, CERTIFICATES, TLS_LOG = "GRADIO_TEMP_DIR", "GRADIO_ROOT_PATH", "SSL_CERT_FILE", "SSLKEYLOGFILE"
NUMBERS = (
    PORTS,
    "GRADIO_NODE_NUM_PORTS",
    "GRADIO_NODE_SERVER_PORT",
    "GRADIO_NUM_WORKERS",
    "GRADIO_DEBUG",
    "GRADIO_ANALYTICS_MAX_EVENTS",
    "GRADIO_ANALYTICS_CACHE_FREQUENCY",
    *HUB_NUMBERS,
)
"""What gradio, and huggingface_hub which it imports, take for whole numbers, with a ValueError for anything else."""

UNWANTED = ("GRADIO_DEBUG", "GRADIO_WATCH_DIRS")
"""By which gradio would hold up the thread that waits for SIGTERM, or load a page anew that is none of a global `demo`."""


def prepare() -> None:
    """Keep gradio's questions to its own page off every proxy. Raises LaunchError where no page can start."""
    proxies.forget_unusable()
    proxies.prepare()
    os.environ.setdefault("MPLBACKEND", "agg")  # gradio imports matplotlib where it is, and with another backend its windows
    for name in NUMBERS:
        environment_number(name)
    for name in UNWANTED:
        os.environ.pop(name, None)
    if not os.environ.get(HOST):  # which gradio would take for a host without a name
        os.environ.pop(HOST, None)
    if (ports := environment_number(PORTS)) is not None and ports < 1:
        raise LaunchError(f"{PORTS} is {ports}: give at least 1, or unset it.")
    if os.environ.get(AT_ONCE, "").lower() not in ("", "none"):  # which gradio takes for no limit
        environment_number(AT_ONCE)
    _check_port()
    _check_temporary_folder()
    try:
        ssl.create_default_context(cafile=os.environ.get(CERTIFICATES) or None)
    except OSError as error:  # ssl.SSLError among them; httpx opens the file whatever it is asked for
        is_log = error.filename is not None and error.filename == os.environ.get(TLS_LOG)
        name, why = (TLS_LOG, "cannot be written") if is_log else (CERTIFICATES, "holds no certificates in PEM form")
        raise LaunchError(f"{name} is {os.environ.get(name)}, which {why}: unset it.") from error
    if (root := os.environ.get(ROOT_PATH, "")) and not re.match("/|https?://[^/]", root):
        raise LaunchError(f"{ROOT_PATH} is {root!r}: give a path that begins with a slash, or a whole address, or unset it.")


def import_gradio() -> None:
    """Import gradio without its writing of stubs, which takes longer than all else of the import.

    For each component that it defines, gradio parses the component's source and writes a .pyi file beside it, unless
    inspect.getfile says that there is no source. If another gradio does otherwise, it is imported as it is.
    """
    getfile = inspect.getfile

    def getfile_of_others(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.partition(".")[0] == "gradio":
            raise OSError("no stub is wanted")
        return getfile(thing)

    vars(inspect)["getfile"] = getfile_of_others
    try:
        importlib.import_module("gradio")
    finally:
        vars(inspect)["getfile"] = getfile


def _check_port() -> None:
    """Without GRADIO_SERVER_PORT gradio takes the first free port from 7860 on."""
    port, host = environment_number(PORT), os.environ.get(HOST) or "127.0.0.1"
    if port is not None and not 1 <= port <= 65535:
        raise LaunchError(f"{PORT} is {port}: give a port from 1 to 65535, or unset it for the first free one from 7860 on.")
    try:
        with socket.socket() as tried:  # of IPv4, with this option, as gradio tries it
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port or 0))
    except (OSError, TypeError, UnicodeError) as error:
        what = f"{PORT} is {port}, but that port of {host}" if port else f"{HOST} is {host!r}, which"
        why = getattr(error, "strerror", None) or error
        raise LaunchError(f"{what} cannot be listened on ({why}): give another, or unset it.") from error


def _check_temporary_folder() -> None:
    """Name a folder of this user's own for gradio's temporary files, unless one is named, and see that it can be written.

    Where other files are in the one that is named, it is a folder in that: pages delete what lies there.
    """
    named = os.environ.get(TEMPORARY)
    try:
        own = f"cartoon-classifier-{os.getuid()}" if hasattr(os, "getuid") else "cartoon-classifier"
        folder = Path(named or Path(tempfile.gettempdir(), own))
        make_folder(folder)
        if not (folder / LOCK_FILE).exists() and any(folder.iterdir()):
            folder /= own
            make_folder(folder)
        if folder.name == own and hasattr(os, "getuid") and folder.lstat().st_uid != os.getuid():
            raise LaunchError(
                f"{folder} belongs to another user, who could read uploads there: name another by {TEMPORARY}."
            )
        os.environ[TEMPORARY] = str(folder)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        where = f"The folder {named} cannot" if named else "No temporary folder can"
        why = f"{where} be written ({error.strerror or error}), and uploads lie there meanwhile"
        raise LaunchError(f"{why}: name another by {TEMPORARY}.") from error
