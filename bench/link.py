"""Names to a link by the real command, all on loopback: search, 4 x 200 drawings and 200 of none of them, training, the Hub.

    python -m bench.link [FLAGS of train.py]

The drawings are made beforehand; servers and the Space's page run on the same cores as the command. CPU seconds are the
command's own, so they say what a busy machine hides.
"""

import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from bench.serving import ROOT

sys.path.insert(0, str(ROOT / "tests"))
from loopback_services import DrawnPictures, figure_jpeg, loopback_services

NAMES = {"bugs bunny": "round", "donald duck": "square", "mickey mouse": "triangle", "shinchan": "star"}
EACH, SIZE, HOSTS, WAIT_S = 200, (800, 600), 40, 0.05
FOUND, FOUND_OF_OTHERS = 120, 40
"""Drawings that each of a name's three queries finds, and each of the ten queries for none of them."""

AIM_S = 180
ROWS = {
    "start": "start of train.py",
    "pictures": "search and download",
    "training": "training",
    "push": "push",
    "deploy": "deploy, to the first answer",
}


def cpu_s(pid: int) -> float:
    """What a process and the children it waited for have used; Linux says."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    for kind in (*NAMES.values(), "lines"):
        for number in range(10 * FOUND_OF_OTHERS if kind == "lines" else 3 * FOUND):
            figure_jpeg(kind, number, SIZE)
    counts = {**dict.fromkeys(NAMES, FOUND), "lines": FOUND_OF_OTHERS}
    pictures = DrawnPictures(NAMES, counts, SIZE, HOSTS, WAIT_S)
    flags = ["--per-class", EACH, "--push", "toon/cartoons", "--deploy", "toon/cartoons", *sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder, loopback_services(Path(folder), pictures) as services:
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
        marks = [("start", time.monotonic(), 0.0)]
        with services.start(ROOT / "train.py", "--names", *NAMES, *flags) as process:
            for line in process.stdout or ():
                print(line.rstrip(), flush=True)
                if " of 4: " in line:
                    marks.append((line.rpartition(": ")[2].strip(), time.monotonic(), cpu_s(process.pid)))
                elif line.startswith("It says"):
                    ended, used = time.monotonic(), cpu_s(process.pid)
            said = process.stderr.read() if process.stderr else ""
        if process.returncode:
            print(said, file=sys.stderr)
            return 1
    marks.append(("", ended, used))
    print("| | seconds | CPU seconds |\n|---|---|---|")
    for (stage, began, before), (_, over, after) in pairwise(marks):
        print(f"| {ROWS[stage]} | {over - began:.0f} | {after - before:.0f} |")
    print(f"| in all (aim: {AIM_S}) | {ended - marks[0][1]:.0f} | {used:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
