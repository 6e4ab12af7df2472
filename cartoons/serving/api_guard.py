"""ASGI middleware in front of Gradio's own routes: requests are checked before Gradio acts on them, errors are one sentence.

Gradio trusts a `path` without the mark of an upload, fetches a `url`, answers private endpoints by number, and lets stack
traces and the texts of its libraries out. Here the caller's mistakes are answered in words, by a status of 4xx.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from cartoons.errors import ImageError
from cartoons.images import MAX_BYTES
from cartoons.serving import mcp_guard
from cartoons.serving.api_values import file_values, json_body, named_arguments, picture_value
from cartoons.serving.asgi import (
    SENTENCES,
    App,
    Message,
    PlainErrors,
    Receive,
    RefusedError,
    Scope,
    Send,
    bounded,
    content_length,
    json_object,
    read_body,
    replayed,
    with_head,
    with_length,
)
from cartoons.serving.lean_api import ANSWER, CLASSIFY, HEALTH, METRICS, PREVIEW
from cartoons.serving.uploads import UploadFolder

API = "/gradio_api"
CALL = re.compile(rf"{API}/(?:run|api|call|call/v2)/([^/]*)/?")
DIRECT_CALL = re.compile(rf"{API}/(?:run|api)/[^/]*/?")
JOIN = re.compile(rf"{API}/queue/join/?")
UPLOAD = re.compile(rf"{API}/upload/?")
SERVER_FUNCTION = re.compile(rf"{API}/component_server/?")
MCP = re.compile(rf"{API}/mcp(?:/(?:http/?)?)?")
FILE = re.compile(rf"{API}/file[=/]")
UNUSED = re.compile(rf"{API}/(?:proxy=|file[=/]https?:|process_recording|deep_link|stream/|vibe-|dev/)|/pwa_icon/", re.I)
"""What this page has no use for, and what would fetch addresses, write files or change the page."""

HEAD = '<script>Object.defineProperty(navigator, "language", { get: () => "en" });</script>'
"""In each page: Gradio would translate its own words, and not the page's, into the language of the browser."""

LEAN = frozenset({ANSWER, CLASSIFY, HEALTH, METRICS, PREVIEW})
MAX_JSON_BYTES = MAX_BYTES // 3 * 4 + 65_536
MAX_UPLOAD_BYTES = MAX_BYTES + 2**20
"""More than Gradio takes of one file, so that it is Gradio that stops at too large a one, and deletes what it wrote."""

MAX_OTHER_BYTES = 2**20
MAX_BODIES_BYTES, SMALL_BYTES = 128 * 2**20, 2**16
"""Of request bodies held in memory at once, and of one that has its place whatever the others take."""

SHARED_SESSION = "api"
"""Of all calls without one: Gradio makes one for each, which takes longer than the answer, and nothing is kept in it."""

MAX_UPLOADS = 40
MAX_PATH = 2_000
NO_UPLOAD = "The upload was not understood: send multipart/form-data with the picture, under a name, in the field files."
log = logging.getLogger("page")


class ApiGuard:
    """The middleware. It also counts what is running, and refuses what comes when the page is about to stop."""

    def __init__(
        self,
        app: App,
        functions: Callable[[], dict[int, Any]],
        *,
        uploads: UploadFolder | None = None,
        lean: App | None = None,
        head: Callable[[Scope], str] = lambda _: "",
        loading: str = "",
    ) -> None:
        """app: Gradio's. functions: those of its gr.Blocks (`fns`), by number. lean: the routes of LEAN.

        head: what stands first in the <head> of a requested page. loading: what is seen until Gradio has built it.

        uploads: where pictures are taken; without it nothing can be uploaded, and server functions can be called instead.
        """
        self._app, self._functions, self._uploads, self._lean = app, functions, uploads, lean
        self._head, self._loading = head, loading
        self._uploading = self._body_bytes = self.running = 0
        self.is_stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, checked, and its response back, errors as one sentence."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response, is_post = PlainErrors(send), scope["method"] == "POST"
        self.running += is_post
        try:
            await self._route(scope, receive, response)
            await response.finish()
        except RefusedError as refused:
            await response.error(refused.status, str(refused))
        except ClientDisconnect:  # in the middle of a body, which nobody waits for an answer to
            await response.error(400, SENTENCES[400])
        except Exception as error:
            if response.is_sent and isinstance(error.__cause__ or error, HTTPException):
                await response.end()  # Gradio's event stream has said what is wrong
            elif response.is_sent:
                raise
            else:
                log.exception("A request to %s failed.", scope["path"].partition("=")[0])
                await response.error(500, SENTENCES[500])
        finally:
            self.running -= is_post

    async def _route(self, scope: Scope, receive: Receive, send: PlainErrors) -> None:
        path, is_post = scope["path"], scope["method"] == "POST"
        if self.is_stopping and (is_post or path == HEALTH):
            raise RefusedError(503)
        if path in LEAN and self._lean is not None:
            with self._body(scope, receive) as whole:
                await self._lean(scope, whole, send)
        elif UNUSED.match(path) or len(path) > MAX_PATH:
            raise RefusedError(404)
        elif (file := FILE.match(path)) and not self._is_upload(path[file.end() :]):
            raise RefusedError(403)
        elif is_post and UPLOAD.fullmatch(path):
            await self._upload(scope, receive, send)
        elif is_post and (JOIN.fullmatch(path) or CALL.fullmatch(path)):
            with self._body(scope, receive) as whole:
                request = json_object(await read_body(whole))
                self._check(path, request)
                if DIRECT_CALL.fullmatch(path) and not request.get("session_hash"):
                    request["session_hash"] = SHARED_SESSION
                body = json_body(request)
                await self._app(with_length(scope, len(body)), replayed(body, receive), send)
        elif MCP.match(path):
            await self._mcp(scope, receive, send)
        elif SERVER_FUNCTION.fullmatch(path) and self._uploads is not None:
            raise RefusedError(404)
        elif path == "/" and scope["method"] == "HEAD":  # Gradio asks at the start, and ends the program after 3 s
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body"})
        elif path == "/" and scope["method"] == "GET":
            scope, send_page = with_head(scope, send, self._head(scope) + HEAD, self._loading)
            await self._app(scope, receive, send_page)
        else:
            await self._app(scope, bounded(receive, MAX_OTHER_BYTES) if is_post else receive, send)

    async def _mcp(self, scope: Scope, receive: Receive, send: PlainErrors) -> None:
        """Let an MCP client ask for the one tool: no event streams that stay open, no older transport."""
        if scope["method"] != "POST" or not MCP.fullmatch(scope["path"]):
            raise RefusedError(405 if MCP.fullmatch(scope["path"]) else 404)
        with self._body(scope, receive) as whole:
            body = await read_body(whole)
            mcp_guard.check(json_object(body))
            await self._app(scope, replayed(body, receive), send)

    async def _upload(self, scope: Scope, receive: Receive, send: PlainErrors) -> None:
        """Let Gradio store an upload, within bounds, and note what it stored."""
        if self._uploads is None:
            raise RefusedError(404)
        length = content_length(scope, MAX_UPLOAD_BYTES)
        if self._uploading >= MAX_UPLOADS:
            raise RefusedError(429)
        self._uploading += 1
        send.keeps_body = True
        try:
            self._uploads.make_room(length)
            await self._app(scope, bounded(receive, MAX_UPLOAD_BYTES), send)
        except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise RefusedError(400, NO_UPLOAD) from error  # Gradio's parser, of a form that is none or a file without a name
        finally:
            self._uploading -= 1
        if send.status == 200:
            self._uploads.hold(json.loads(send.body))

    def _is_upload(self, path: str) -> bool:
        """Whether a path is a file of the upload folder."""
        try:
            return self._uploads is not None and self._uploads.locate({"path": path})[0] is not None
        except ImageError:
            return False

    @contextmanager
    def _body(self, scope: Scope, receive: Receive) -> Iterator[Receive]:
        """A `receive` that counts a body as it comes. Raises RefusedError when there is too much of all in memory."""
        content_length(scope, MAX_JSON_BYTES)
        receive_bounded, arrived = bounded(receive, MAX_JSON_BYTES), 0

        async def receive_counted() -> Message:
            nonlocal arrived
            message = await receive_bounded()
            arrived += (length := len(message.get("body", b"")))
            self._body_bytes += length
            if arrived > SMALL_BYTES and self._body_bytes > MAX_BODIES_BYTES:
                raise RefusedError(429)
            return message

        try:
            yield receive_counted
        finally:
            self._body_bytes -= arrived

    def _called(self, path: str, request: dict[str, Any]) -> Any:
        """The function that is called: a public one by name; by number, as the page does, also a private one.

        Raises RefusedError for one that is not there, and for a private one of Gradio's queue past that queue.
        """
        functions = {n: each for n, each in self._functions().items() if each.fn}  # the others are the page's own scripts
        number, named = request.get("fn_index"), CALL.fullmatch(path)
        numbered = functions.get(number) if type(number) is int else None
        if not named:
            if numbered is None or not isinstance(request.get("session_hash"), str):
                raise RefusedError(400)
            return numbered
        public = {f.api_name: f for f in functions.values() if f.api_name and f.api_visibility != "private"}
        if named[1] not in public:
            names = " and ".join(f"/{name}" for name in public) or "none"
            raise RefusedError(404, f"There is no such endpoint: this page has {names}.")
        if number is None:
            return public[named[1]]
        if numbered is None or (numbered.queue is not False and numbered not in public.values()):
            raise RefusedError(404, "fn_index is of no public endpoint: leave it out.")
        return numbered

    def _check(self, path: str, request: dict[str, Any]) -> None:
        """Put uploads in Gradio's form. Raises RefusedError for a call of what is not there, or that it does not take."""
        function = self._called(path, request)
        names = list(function.fn.__code__.co_varnames[: len(function.inputs)]) if "/call/v2/" in path else None
        values = request.get("data") if names is None else named_arguments(request, names)
        if not isinstance(values, list) or len(values) != len(function.inputs):
            raise RefusedError(422, f'"data" must be a list of {len(function.inputs)}: send {{"data": [the picture]}}.')
        taken = list(values)
        for k, (value, component) in enumerate(zip(values, function.inputs, strict=True)):
            kind = component.get_block_name()
            if self._uploads is not None and value is not None and kind in ("image", "file"):
                taken[k] = (file_values if kind == "file" else picture_value)(value, self._uploads)
            elif isinstance(value, (dict, list)):  # a file where none is taken
                raise RefusedError(400)
            elif kind == "dataset" and not (type(value) is int and 0 <= value < len(component.raw_samples)):
                raise RefusedError(400, "There is no such example.")
        request.update({"data": taken} if names is None else zip(names, taken, strict=True))
