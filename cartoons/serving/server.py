"""Gradio's server with this page's own routes and checks in front of it, until it is told to stop."""

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette

from cartoons import malloc
from cartoons.serving.api_guard import ApiGuard
from cartoons.serving.asgi import Scope, public_address
from cartoons.serving.picture_service import PictureService
from cartoons.serving.uploads import SWEEP_EVERY_S, UploadFolder

STOPPING_S = 10.0
"""So long running answers may take to finish after SIGTERM or Ctrl-C."""

FLUSH_S = 0.3
"""For an answer that is finished to leave by Gradio's event stream."""

log = logging.getLogger("page")


class Server:
    """A gr.Blocks being served."""

    def __init__(
        self,
        demo: Any,
        lean: Starlette,
        service: PictureService,
        uploads: UploadFolder,
        tags: Callable[[str, str], str],
        loading: str,
    ) -> None:
        """demo: gr.Blocks, built; lean: the routes beside Gradio's.

        tags: HTML for the head of the page of that address that a link to that example opens, "" for none.
        loading: HTML that is seen until Gradio has built the page.
        """
        self._demo, self._lean, self._service, self._uploads, self._tags = demo, lean, service, uploads, tags
        self._loading = loading
        self._guard: ApiGuard | None = None
        self._stop = threading.Event()

    def run(self, **launch_options: Any) -> int:
        """Serve until SIGTERM or Ctrl-C, then let running answers finish, delete the uploads, and give 0."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        logging.getLogger("python_multipart").setLevel(logging.ERROR)
        self._demo.launch(quiet=True, prevent_thread_lock=True, app_kwargs={"lifespan": self._lifespan}, **launch_options)
        log.info("* Running on local URL:  %s", self._demo.local_url.rstrip("/"))
        self._stop.wait()
        self._finish()
        return 0

    def _on_signal(self, number: int, _: object) -> None:
        """Begin to stop; a second Ctrl-C does not wait."""
        signal.signal(number, signal.SIG_DFL)
        self._stop.set()

    @asynccontextmanager
    async def _lifespan(self, app: Any) -> AsyncIterator[None]:
        """Put the guard in front of everything: middleware given to Gradio would come behind its CORS checks."""
        self._guard = ApiGuard(
            app.middleware_stack,
            lambda: self._demo.fns,
            uploads=self._uploads,
            lean=self._lean,
            head=self._head,
            loading=self._loading,
        )
        app.middleware_stack = self._guard
        self._uploads.loop = asyncio.get_running_loop()
        sweeping = asyncio.create_task(self._sweep())
        yield
        sweeping.cancel()

    def _head(self, scope: Scope) -> str:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        return self._tags(public_address(scope), query.get("example", ""))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                self._uploads.sweep()
                malloc.trim()
            except OSError as error:
                log.warning("The upload folder could not be swept (%s).", error)

    def _finish(self) -> None:
        """Answer what was asked, refuse what comes now, then close."""
        deadline = time.monotonic() + STOPPING_S
        if self._guard is not None:
            self._guard.is_stopping = True
            while (self._guard.running or self._service.pool.pending) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(FLUSH_S)
        late = bool(self._service.pool.pending)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # it complains of open event streams
        self._demo.server.config.timeout_graceful_shutdown = 1
        self._demo.close(verbose=False)
        self._uploads.close()
        if late:
            os._exit(0)  # a thread that is still at a picture would hold the process up
