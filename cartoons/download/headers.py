"""What an answer's headers say: to wait, to keep off."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

AGENT = "cartoon-classifier"
OPT_OUTS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
WITH_VALUES = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def opt_out(values: Iterable[str]) -> str:
    """The directive of X-Robots-Tag headers that keeps this program off ("noai"), "" when none does.

    "name: noai" speaks to the program of that name alone, up to the next name or the header's end.
    """
    for value in values:
        agent = ""
        for item in value.lower().split(","):
            before, colon, after = (part.strip() for part in item.partition(":"))
            if colon and before not in WITH_VALUES and re.fullmatch(r"[\w.*-]+", before):
                agent, before = before, after
            if before in OPT_OUTS and agent in ("", "*", AGENT):
                return before
    return ""


def wait_s(value: str, now: datetime) -> float:
    """Seconds that a Retry-After header (seconds or an HTTP date) asks for; 0 where it says nothing sensible."""
    if re.fullmatch(r"\d{1,9}", value.strip()):
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())
