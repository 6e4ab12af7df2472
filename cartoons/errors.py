"""The exception tree. Each message is one sentence or two: what, which value (shortened), what to do next.

CartoonError
├── ImageError    a file is not a picture this project can read
├── BusyError     more pictures wait to be answered than can be answered soon
├── BundleError   a model folder is missing, damaged, altered or too new
├── DataError     a picture folder or a list cannot be used
├── ExportError   the exported model does not answer as the learner does
├── ConvertError  a fastai learner's file cannot become a model folder
├── HubError      a model could not be had from the Hugging Face Hub, or something not put there
├── SearchError   an image search gave nothing, or was asked for what it does not know
├── DownloadError the given way to the web (proxy, certificates) cannot work
└── LaunchError   a page cannot be started on this machine (port, temporary folder)
"""

import re

LONGEST_WORD = 200
LONGEST_TEXT = 2000
"""Characters of a text for a person: a data: address has tens of thousands, without a space."""


def shortened(text: str) -> str:
    """The text for a terminal, a log or a report: long words and the whole cut in the middle, control characters escaped."""

    def cut(words: str, most: int) -> str:
        return f"{words[: most // 2]}...({len(words)} characters)...{words[-most // 4 :]}"

    text = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", lambda word: cut(word[0], LONGEST_WORD), text)
    text = text if len(text) <= LONGEST_TEXT else cut(text, LONGEST_TEXT)
    return re.sub(
        r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]",
        lambda control: control[0].encode("unicode_escape").decode(),
        text,
    )


def counted(number: int, noun: str, plural: str = "s") -> str:
    """A number of things: "1 picture", "1,234 addresses"."""
    return f"{number:,} {noun}{'' if number == 1 else plural}"


class CartoonError(Exception):
    """Base of every error raised on purpose; `str(error)`, shortened, can be shown to a user as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(message))


class ImageError(CartoonError):
    """The bytes are not a picture, or one too large to open safely."""


class BusyError(CartoonError):
    """Too many pictures wait already; asking again a little later helps."""


class BundleError(CartoonError):
    """The model folder cannot be used as it stands."""


class DataError(CartoonError):
    """The picture folder, or a list for it, cannot be used as it stands."""


class ExportError(CartoonError):
    """The learner and its exported model disagree, so nothing was written."""


class ConvertError(CartoonError):
    """The learner's file cannot be loaded here, or is no classifier of pictures that this project can serve."""


class HubError(CartoonError):
    """The Hub did not give the model that was asked for."""


class SearchError(CartoonError):
    """No answer from an engine (the message is then the cause in a few words: "HTTP 503"), or a question it cannot take."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """How long the server asked to be left alone (Retry-After), if it said so."""


class DownloadError(CartoonError):
    """The way to the web that was given (a proxy, a file of certificates) cannot work."""


class LaunchError(CartoonError):
    """A program cannot be started with what the environment names: a port, a host, a temporary folder, a number."""


def in_a_line(error: BaseException) -> str:
    """An error of another library for a sentence of ours, in one line: "ValueError: what it says"."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
