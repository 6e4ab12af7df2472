"""make bench: the page against the usual fastai + gr.Interface template, both measured in this run, on this machine."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path
from statistics import median

from bench.serving import ROOT, Serving, installed_mb, measure
from cartoons.predict import Classifier

PICTURE = ROOT / "examples" / "mickey-mouse-2.png"
PAGE_PACKAGES = [line.split("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
TEMPLATE_PACKAGES = ["fastai", "timm", "gradio"]
ROWS = {
    "request, median (ms)": "p50_ms",
    "requests per second, 16 clients": "per_second",
    "start to first answer (s)": "start_s",
    "peak memory (MB)": "memory_mb",
}


def main() -> int:
    labels = Classifier.load(ROOT / "model").info.labels
    with tempfile.TemporaryDirectory() as folder:
        exported = str(Path(folder) / "export.pkl")
        subprocess.run([sys.executable, "-m", "bench.template", "make", exported, *labels], cwd=ROOT, check=True)
        rounds = [
            (measure("app.py", picture=PICTURE), measure("-m", "bench.template", "serve", exported, picture=PICTURE))
            for _ in range(3)
        ]
    page, template = [middle(pair[side] for pair in rounds) for side in (0, 1)]
    sizes = installed_mb(*PAGE_PACKAGES), installed_mb(*TEMPLATE_PACKAGES)
    print("| | this page | fastai + gr.Interface | ratio |\n|---|---|---|---|")
    for words, field in ROWS.items():
        print(row(words, getattr(page, field), getattr(template, field)))
    print(row("installed packages (MB)", *sizes))
    return 0


def middle(rounds: Iterable[Serving]) -> Serving:
    """Field by field the median of the rounds."""
    return Serving(*(median(column) for column in zip(*map(astuple, rounds), strict=True)))


def row(words: str, mine: float, theirs: float) -> str:
    """A line of the table; the ratio says how many times better the page is."""
    better = mine / theirs if "per second" in words else theirs / mine
    digits = 0 if min(mine, theirs) >= 100 else 1
    return f"| {words} | {mine:.{digits}f} | {theirs:.{digits}f} | {better:.1f} |"


if __name__ == "__main__":
    sys.exit(main())
