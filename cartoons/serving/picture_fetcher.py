"""A picture's address, given by a visitor, to its bytes: through the guard that scraping has, within tighter bounds.

data = await PictureFetcher().fetch("https://example.org/mickey.png", "who asks")
"""

from cartoons.download.downloader import Downloader
from cartoons.download.http import PROJECT_URL, USER_AGENT_NAME, DownloadResult, HttpConfig
from cartoons.download.rate_limiter import Limits
from cartoons.download.ssrf_guard import SsrfGuard
from cartoons.errors import BusyError, ImageError

USER_AGENT = f"{USER_AGENT_NAME}/0.1 (+{PROJECT_URL}; one picture, for a visitor who gave its address)"
LIMITS = Limits(
    connect_timeout_s=4.0,
    read_timeout_s=5.0,
    total_timeout_s=10.0,
    max_tries=1,
    max_redirects=3,
    respect_opt_out=False,  # a person's own wish to see one picture, not a program's to collect many
)
MAX_ADDRESS = 2_000
MAX_AT_ONCE = 8
"""Of all visitors; one visitor may wait for one picture at a time."""

NO_ADDRESS = "That is no picture's address: give one that begins with https:// or http://."


class PictureFetcher:
    """Fetches pictures for visitors. It never asks through a proxy, whose addresses the guard could not check."""

    def __init__(self, guard: SsrfGuard | None = None) -> None:
        """guard: which hosts may be asked, by default the public ones."""
        self._guard, self._visitors = guard, set[str]()

    async def fetch(self, address: object, visitor: str) -> bytes:
        """The bytes at an address, not yet known to be a picture. Raises ImageError and BusyError, in a sentence."""
        if not isinstance(address, str) or not 0 < len(address.strip()) <= MAX_ADDRESS:
            raise ImageError(NO_ADDRESS)
        if visitor in self._visitors:
            raise BusyError("The picture before is still being fetched: wait for it, then give this address again.")
        if len(self._visitors) >= MAX_AT_ONCE:
            raise BusyError("Too many pictures are being fetched at once: try again in a few seconds.")
        self._visitors.add(visitor)
        try:
            async with (
                Downloader(LIMITS, HttpConfig(user_agent=USER_AGENT), self._guard) as downloader,
                downloader.fetch(address) as result,
            ):
                if result.data is None:
                    raise ImageError(in_words(result))
                return result.data
        finally:
            self._visitors.discard(visitor)


def in_words(result: DownloadResult) -> str:
    """Why an address gave nothing, and what to do."""
    if result.reason == "not a usable address" or result.reason.startswith("not a web address"):
        return NO_ADDRESS
    if result.status == "refused":
        return f"That address is not asked ({result.reason}): give one that is on the public web."
    return f"The picture at that address could not be had ({result.reason}): save it, then choose the file."
