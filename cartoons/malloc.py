"""The C library's memory: given back once it is free. glibc else keeps hundreds of megabytes of large pictures."""

import ctypes
import sys
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Parameters of mallopt(3)."""

LARGE_BYTES = 2**20
"""From this size on, a piece of memory is the system's again as soon as it is free."""


def give_back() -> None:
    """Let nothing that is free be kept. Has to be called before threads begin; does nothing where there is no glibc."""
    if sys.platform == "linux":
        with suppress(AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
            mallopt(M_TRIM_THRESHOLD, LARGE_BYTES)
            mallopt(M_ARENA_MAX, 1)  # threads with memory of their own each keep what the largest picture took


def trim() -> None:
    """Give back what is free between pieces in use (malloc_trim(3)), which no threshold does; takes a few milliseconds."""
    if sys.platform == "linux":
        with suppress(AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
