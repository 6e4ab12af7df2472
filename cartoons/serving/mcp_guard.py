"""What an MCP client may ask: for the one tool that takes a picture's address.

Gradio makes a tool of each endpoint, and calls it by a client of its own on the server, which opens and uploads any file
whose path a caller gives in the form of an upload. So all other calls end here.
Protocol: https://modelcontextprotocol.io/specification, JSON-RPC over Streamable HTTP.
"""

import re
from typing import Any

from cartoons.serving.asgi import RefusedError

TOOL = "classify_url"
"""The tool's name, that of its function and of its endpoint."""

NAME = re.compile(rf"(?:\w+_)?{TOOL}")
"""On a Space Gradio puts the Space's name before it."""

METHODS = {"initialize", "notifications/initialized", "notifications/cancelled", "ping", "tools/list", "tools/call"}


def check(request: dict[str, Any]) -> None:
    """Raise RefusedError for a JSON-RPC message that is not answered here."""
    method, params = request.get("method"), request.get("params")
    if not isinstance(method, str) or method not in METHODS:
        raise RefusedError(400, "This MCP server has one tool, and takes no other requests: see tools/list.")
    if method != "tools/call":
        return
    name = params.get("name") if isinstance(params, dict) else None
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise RefusedError(400, f"There is no such tool: this MCP server has {TOOL}.")
    arguments = params.get("arguments") if isinstance(params, dict) else None
    if not isinstance(arguments, dict) or arguments.keys() != {"picture"} or not isinstance(arguments["picture"], str):
        raise RefusedError(400, 'The tool takes one text: {"picture": an http(s) address, or a data: URL}.')
