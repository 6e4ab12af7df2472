"""Runs benches and writes what they print into bench/README.md, each with its date, commit and processor.

python -m bench.record [NAME ...]    # all of `make bench` without a name; also: soak, fuzz
"""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench.serving import ROOT

RECORD = ROOT / "bench" / "README.md"
DATA, DATA5 = os.environ.get("DATA", "../shared/data/four"), os.environ.get("DATA5", "../shared/data/five")
IMG2DATASET = ".venv-img2dataset/bin/img2dataset"
BENCHES = {
    "page": ["bench"],
    "browser_speed": ["bench.browser_speed"],
    "hashes": ["bench.hashes"],
    "download": ["bench.download", "--img2dataset", IMG2DATASET],
    "link": ["bench.link"],
    "heat": ["bench.heat"],
    "resize": ["bench.resize", DATA],
    "training": ["bench.training", DATA5],
    "soak": ["bench.soak"],
    "fuzz": ["bench.fuzz"],
}
NOT_IN_ALL = {"soak", "fuzz"}


def processor() -> str:
    """The processor's name as Linux says it, and how many cores there are."""
    cpuinfo = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", cpuinfo.read_text()) if cpuinfo.exists() else []
    return f"{names[0] if names else 'a processor without a name'}, {os.cpu_count()} cores"


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""
    git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ":!bench/README.md"], check=False).returncode
    return f"{name} with changes" if changed else name


def main() -> int:
    names = sys.argv[1:] or [name for name in BENCHES if name not in NOT_IN_ALL]
    if unknown := set(names) - BENCHES.keys():
        print(f"{', '.join(unknown)}: no bench of this name; there are {', '.join(BENCHES)}.", file=sys.stderr)
        return 2
    failed = False
    for name in names:
        print(f"{name}: {' '.join(BENCHES[name])}", flush=True)
        stamp = f"*{datetime.now(UTC):%Y-%m-%d}, commit {commit()}, {processor()}.*"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", *BENCHES[name]], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
        )
        print(done.stdout, flush=True)
        failed |= done.returncode != 0
        if not done.stdout.strip():  # it broke off: the figures that stand there are still the last
            continue
        body = f"<!-- {name} -->\n{stamp}\n\n{done.stdout.strip()}\n<!-- end -->"
        pattern = re.compile(rf"<!-- {name} -->.*?<!-- end -->", re.DOTALL)
        RECORD.write_text(pattern.sub(lambda _, body=body: body, RECORD.read_text()))  # type: ignore[misc]
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
