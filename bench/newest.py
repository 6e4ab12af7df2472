"""make newest: which packages are newer than the pinned ones today, and whether all tests pass with them.

Run by the environment that has the newest; prints a table of what differs from requirements*.txt, then what pytest says.
"""

import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version

from bench.serving import ROOT

FILES = ("requirements.txt", "requirements-train.txt", "tests/requirements.txt")


def pins() -> dict[str, str]:
    """The pinned version of each package that the project names."""
    lines = [line for name in FILES for line in (ROOT / name).read_text().splitlines()]
    return dict(pinned.groups() for line in lines if (pinned := re.fullmatch(r"([\w-]+)==([\w.]+)", line)))  # type: ignore[misc]


def main() -> int:
    newer = {name: (pinned, version(name)) for name, pinned in pins().items() if version(name) != pinned}
    print(f"{datetime.now(UTC):%F}, Python {platform.python_version()}: {len(newer)} of {len(pins())} packages are newer")
    for name, (pinned, newest) in newer.items():
        print(f"{name} {newest} ({pinned} is pinned)")
    tests = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]
    return subprocess.run([*tests, "tests"], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
