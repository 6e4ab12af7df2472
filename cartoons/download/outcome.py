"""What became of one address."""

from dataclasses import dataclass

from cartoons.errors import shortened


@dataclass(frozen=True)
class Outcome:
    """The bytes that an address gave, or why it gave none."""

    url: str
    data: bytes | None = None
    status: str = "fetched"
    """"fetched", "failed" (could not be had) or "refused" (must not be had: opted out, private address...)."""
    reason: str = ""
    """Why not, in a few words: "HTTP 404", "no answer within 10 s", "the site opts out (noai)"."""
    final_url: str = ""
    """Where redirects led."""
    tries: int = 1
    may_pass: bool = False
    """A later run may have more luck: time-outs, refused connections, 429, 5xx."""


class NotFetchedError(Exception):
    """Why an address gave no picture; never leaves this package, where it becomes an Outcome.

    again: worth another try at once; may_pass: worth one in a later run (as `again` unless told).
    """

    def __init__(self, reason: str, *, status: str = "failed", again: bool = False, may_pass: bool | None = None) -> None:
        super().__init__(reason)
        self.reason = shortened(reason)
        self.status = status
        self.again = again
        self.may_pass = again if may_pass is None else may_pass
