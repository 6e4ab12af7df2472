"""The packages that a program needs: which of them are not installed, and the command that installs them."""

import os
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
"""The folder of this project."""

PAGE, TRAINING = "requirements.txt", "requirements-train.txt"
"""The files of this project that list packages."""

MOST_NAMED = 3


def require(program: str, requirements: str) -> None:
    """End the program with a sentence and exit code 2 unless every package that the file lists is installed."""
    if names := missing(requirements):
        print(f"{program}: {how_to_install(names, requirements)}", file=sys.stderr)
        sys.exit(2)


def missing(requirements: str) -> list[str]:
    """The packages of the file, and of those that it includes by -r, that this Python has not got, of any version."""
    from importlib.metadata import PackageNotFoundError, distribution  # takes as long to load as all that --help needs

    names: list[str] = []
    path = ROOT / requirements  # a Space and a container have those of the page only
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        if included := re.match(r"-r (\S+)", line):
            names += missing(included[1])
        elif package := re.match(r"[\w.-]+", line):
            try:
                distribution(package[0])
            except PackageNotFoundError:
                names.append(package[0])
    return names


def how_to_install(names: list[str], requirements: str) -> str:
    """The sentence about packages or modules that are not installed."""
    few = names if len(names) <= MOST_NAMED + 1 else [*names[:MOST_NAMED], f"{len(names) - MOST_NAMED} more packages"]
    spoken = " and ".join(filter(None, [", ".join(few[:-1]), few[-1]]))
    listed = os.path.relpath(ROOT / requirements)
    said = f"{spoken} {'is' if len(names) == 1 else 'are'} not installed"
    if sys.prefix != sys.base_prefix:  # a virtual environment
        return f"{said}. Install what is missing: {shlex.join([sys.executable, '-m', 'pip', 'install', '-r', listed])}"
    install = f"python3 -m venv .venv && .venv/bin/pip install -r {shlex.quote(listed)}"
    return (
        f"{said} for {sys.executable}. Install what is missing: {install}, and start it with .venv/bin/python from then on."
    )
