"""The console: whatever it can show or take, a script does its work, and ends with a sentence and an exit code.

    def main() -> int:
        return console.run("scrape.py", lambda: scrape(parser().parse_args()))

Exit codes: what the work gave; 2 with one sentence when it cannot be done, or when standard output did not take what was
written; 128 + n when signal n ended it, as shells have it (130 for Ctrl-C).
"""

import argparse
import errno
import io
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TextIO

from cartoons import ctrl_c, packages
from cartoons.errors import CartoonError, DataError, LaunchError, shortened

UNUSABLE, STOPPED, INTERRUPTED = 2, 128, 130
"""Exit codes; STOPPED is what a signal ended, less the signal's number."""

HUB_NUMBERS = ("HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT")
"""What huggingface_hub takes for whole numbers as it is imported, with a ValueError for anything else."""

AROUND = 60
"""Characters shown before and behind one that cannot be written."""


def run(program: str, work: Callable[[], int]) -> int:
    """The exit code of a script's work, whatever becomes of it; program: its name, for the sentence on standard error."""
    open_streams()
    set_up_logging()
    with _signals_as_ctrl_c() as received:
        try:
            code = _exit_code(program, work)
        except KeyboardInterrupt:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends already: a second one changes nothing
            print(ctrl_c.STOPPED, file=sys.stderr)
            code = STOPPED + (received[0] if received else signal.SIGINT)
    sys.stdout.flush()
    if (error := _write_error(sys.stdout)) and not code:
        print(f"{program}: It is done, but standard output took no more ({error.strerror}).", file=sys.stderr)
        return UNUSABLE
    return code


def leave(code: int) -> NoReturn:
    """End the program at once: taking apart what torch built takes seconds, and threads may wait for an answer."""
    sys.stdout.flush()
    os._exit(code)


def _exit_code(program: str, work: Callable[[], int]) -> int:
    """What the work returned or raised, as an exit code. Raises KeyboardInterrupt."""
    try:
        _check_working_folder()
        for name in HUB_NUMBERS:
            environment_number(name)
        return work()
    except SystemExit as end:  # argparse has said why
        return int(end.code or 0)
    except CartoonError as error:
        sentence = str(error)
    except ModuleNotFoundError as error:
        if not packages.missing(packages.TRAINING):
            raise
        sentence = packages.how_to_install([str(error.name).partition(".")[0]], packages.TRAINING)
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        sentence = shortened(f"{what}: mend that, and give the same command again.")
    except UnicodeEncodeError as error:
        part = error.object[max(0, error.start - AROUND) : error.end + AROUND]
        sentence = shortened(f"{part!r} cannot be written as {error.encoding}.")
    if sys.getfilesystemencoding() != "utf-8" and ("\\udc" in sentence or not sentence.isascii()):
        sentence += f" In this locale names are {sys.getfilesystemencoding()} only: set PYTHONUTF8=1 for all others."
    print(f"{program}: {sentence}", file=sys.stderr)
    return UNUSABLE


def _check_working_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise CartoonError("The folder that this was started in is gone: go to another, and start it there.") from error


def environment_number(name: str) -> int | None:
    """The whole number that a variable of the environment holds, None where it is not set. Raises LaunchError for others."""
    value = os.environ.get(name)
    try:
        return None if value is None else int(value)
    except ValueError as error:
        raise LaunchError(f"{name} is {value!r}, but must be a whole number: give one, or unset it.") from error


def command(*words: object) -> str:
    """A command as a shell takes it. A path that begins with "-" gets "./", not to be taken for an option."""
    return shlex.join(f"./{word}" if isinstance(word, Path) and str(word).startswith("-") else str(word) for word in words)


def _path(given: str) -> Path:
    """A path of the command line. Raises DataError for an empty one, which Path takes for the folder one is in."""
    if not given.strip():
        raise DataError(f"The path {given!r} is empty: give one, or . for the folder that you are in.")
    return Path(given)


class ArgumentParser(argparse.ArgumentParser):
    """argparse's, with what it repeats shortened, line breaks of its own texts kept, and empty paths refused.

    prog, usage: as there.
    """

    def __init__(self, prog: str, usage: str | None = None, **texts: str | None) -> None:
        super().__init__(prog, usage, formatter_class=argparse.RawDescriptionHelpFormatter, **texts)  # type: ignore[arg-type]
        self.register("type", Path, _path)

    def error(self, message: str) -> NoReturn:
        """As there."""
        super().error(shortened(message))


def is_live(stream: TextIO) -> bool:
    """Whether someone watches a terminal there that can rewrite a line: no file, no pipe, none of an editor."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def spoken_time(seconds: float) -> str:
    """90.4 as "2 min", 42 as "42 s"."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def set_up_logging() -> None:
    """Warnings and errors to standard error, whatever stands there then, a line each, their long values shortened."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[_Lines()])


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(shortened(self.format(record)), file=sys.stderr)


class _Output(io.FileIO):
    """A file descriptor to write to; from its first error on, what is written there goes nowhere."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """The number of bytes taken: all, when they go nowhere."""
        try:
            return super().write(data)
        except OSError as error:
            self.error = error
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())  # for the programs that this one starts as well
            return memoryview(data).nbytes


def open_streams() -> None:
    """Make standard output and error take any text and never fail, closed, full, or of whatever character set they are.

    What they cannot show is written as \\uXXXX. Streams that others, such as a test, put in their place only get that.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: the next file that is opened would get its number, and what is printed there
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None or (stream is getattr(sys, f"__{name}__") and isinstance(_raw(stream), io.FileIO)):
            setattr(sys, name, _stream(number, stream))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stream(number: int, before: io.TextIOWrapper | None) -> io.TextIOWrapper:
    by_line = number == 2 or (before is not None and (before.line_buffering or before.write_through))
    buffer = io.BufferedWriter(_Output(number, "wb", closefd=False))
    encoding = before.encoding if before else "utf-8"
    return io.TextIOWrapper(buffer, encoding=encoding, errors="backslashreplace", line_buffering=by_line)


def _raw(stream: Any) -> object:
    """What of a stream meets the system: a FileIO, but for a console of Windows, which takes any text."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def _write_error(stream: Any) -> OSError | None:
    """Why the stream dropped what was written, unless its reader had enough (`| head`)."""
    error = getattr(_raw(stream), "error", None)
    return error if isinstance(error, OSError) and error.errno != errno.EPIPE else None


@contextmanager
def _signals_as_ctrl_c() -> Iterator[list[int]]:
    """Let the end of a session or an order to end do what Ctrl-C does, meanwhile; gives the signals received.

    Those that were ignored before, as nohup has it, stay so.
    """
    received: list[int] = []

    def stop(number: int, frame: Any) -> None:
        received.append(number)
        interrupt = signal.getsignal(signal.SIGINT)
        if not callable(interrupt):  # ignored, as in the background
            raise KeyboardInterrupt
        interrupt(number, frame)

    ending = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has one of them
    before = {number: signal.signal(number, stop) for number in ending if signal.getsignal(number) is signal.SIG_DFL}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
