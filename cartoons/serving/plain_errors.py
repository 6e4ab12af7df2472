"""ASGI answers of errors as one sentence each, whatever Gradio and its libraries say."""

import json
from contextlib import suppress

from cartoons.images import MAX_BYTES
from cartoons.serving.request_body import Message, Send

KEPT_HEADERS = {b"retry-after", b"access-control-allow-origin", b"access-control-expose-headers", b"allow"}
ANSWERS = {
    400: "The request is not as this page's API takes it: see /?view=api.",
    403: "There is no such file here.",
    404: "There is nothing of that name here: see /?view=api.",
    405: "That address does not take this method: see /?view=api.",
    408: "The request did not arrive in time: send it again.",
    413: f"The file has more than the {MAX_BYTES >> 20} MB allowed: give a smaller picture.",
    422: 'The request is not as this page\'s API takes it: send {"data": [the picture]}, see /?view=api.',
    429: "Too many pictures at once: try again in a few seconds.",
    503: "The page is busy or about to restart: try again in a few seconds.",
}
FAILED = "The page failed at this request: try another picture, or tell whoever runs it."


class PlainErrors:
    """An ASGI `send` that turns any answer of 400 or more into {"error": one sentence}."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._headers: list[tuple[bytes, bytes]] = []
        self.keeps_body = self.is_sent = False
        self.status = 0
        self.body = b""
        """What was answered: of errors, and where keeps_body is set."""

    async def __call__(self, message: Message) -> None:
        """Pass a message of an answer on; an error's waits for `finish`."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = [pair for pair in message.get("headers", ()) if pair[0].lower() in KEPT_HEADERS]
        elif self.keeps_body or self.status >= 400:
            self.body += message.get("body", b"")
        if self.status < 400:
            self.is_sent = True
            await self._send(message)

    async def finish(self) -> None:
        """Send the error that waits, if one does."""
        if self.status >= 400 and not self.is_sent:
            await self.error(*rewritten(self.status, self.body))

    async def error(self, status: int, sentence: str) -> None:
        """Send a whole answer of an error, in Gradio's form and FastAPI's, unless another answer was begun."""
        if self.is_sent:
            return
        self.is_sent = True
        body = json.dumps({"error": sentence, "detail": sentence}, ensure_ascii=False).encode()
        headers = [*self._headers, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status in (429, 503) and b"retry-after" not in dict(headers):
            headers.append((b"retry-after", b"5"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def rewritten(status: int, body: bytes) -> tuple[int, str]:
    """The status and the sentence for an answer of Gradio's: what gr.Error says is the caller's mistake and stays."""
    with suppress(ValueError, AttributeError):
        said = json.loads(body).get("error")
        if isinstance(said, str) and said:
            return (400 if status == 500 else status), " ".join(said.split())
    return status, ANSWERS.get(status, FAILED if status >= 500 else ANSWERS[400])
