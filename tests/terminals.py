"""A program on a terminal of 80 columns: what it writes there, when, and what stays on the screen."""

import codecs
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

CONTROLS = re.compile(r"(\r|\n|\x1b\[[0-9;?]*[A-Za-z])")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Recording:
    returncode: int = 0
    seconds: float = 0.0
    """How long it ran."""
    chunks: list[tuple[float, str]] = field(default_factory=list)
    """Seconds since the start, and what was written then."""

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.chunks)

    def longest_silence_s(self) -> float:
        times = [0.0, *(at for at, _ in self.chunks), self.seconds]
        return max(later - earlier for earlier, later in pairwise(times))

    def live_lines(self) -> list[str]:
        """Every state of the live line, without colours."""
        parts = re.split(r"\r\x1b\[2K|\r\n", self.text)
        return [COLOUR.sub("", part).rstrip() for part in parts if re.match(r"[-\\|/] ", part)]


def record(command: Sequence[object], **env: str) -> Recording:
    """Run a program until it ends."""
    reader, writer = pty.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    recording, started = Recording(), time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"} | {"TERM": "xterm"} | env
    with subprocess.Popen([*map(str, command)], stdin=writer, stdout=writer, stderr=writer, env=environment) as process:
        os.close(writer)
        decoder = codecs.getincrementaldecoder("utf-8")()
        with suppress(OSError):  # when everybody has closed it
            while data := os.read(reader, 65536):
                recording.chunks.append((time.monotonic() - started, decoder.decode(data)))
    os.close(reader)
    recording.returncode, recording.seconds = process.returncode, time.monotonic() - started
    return recording


def screen(text: str) -> list[str]:
    """The lines that are left when all of it was written, without colours."""
    lines, row, column = [""], 0, 0
    for part in filter(None, CONTROLS.split(text)):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\x1b[2K":
            lines[row] = ""
        elif part == "\x1b[1A":
            row -= 1
        elif not part.startswith("\x1b"):
            lines[row] = lines[row].ljust(column)[:column] + part + lines[row][column + len(part) :]
            column += len(part)
    return [line for line in lines if line]
