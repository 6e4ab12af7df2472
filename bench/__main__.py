"""make bench: the page against the usual fastai + gr.Interface template, both measured in this run, on this machine.

Beside them the floors: a gr.Interface that does nothing with its picture, and the model alone, without any server.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from PIL import Image

from bench.serving import ROOT, Asker, Cost, Latency, installed_mb, latency, peak_memory_mb, running
from cartoons.classifier import Classifier
from cartoons.images import encoded, load

DRAWING = ROOT / "examples" / "mickey-mouse-2.png"
PAGE_PACKAGES = [line.split("==")[0] for line in (ROOT / "requirements.txt").read_text().splitlines() if "==" in line]
TEMPLATE_PACKAGES = ["fastai", "timm", "gradio"]
ROUNDS = 3
WAYS = {"this page, /api/classify": Asker.lean, "this page, Gradio's API": Asker.gradio}
Measured = dict[tuple[str, str], Latency]
"""By the side and the picture."""


def main() -> int:
    labels = Classifier.load(ROOT / "model").info.labels
    with tempfile.TemporaryDirectory() as folder:
        exported = str(Path(folder) / "export.pkl")
        subprocess.run([sys.executable, "-m", "bench.template", "make", exported, *labels], cwd=ROOT, check=True)
        rounds = [round_of(exported) for _ in range(ROUNDS)]
    latencies = {key: middle([measured[key] for measured, _ in rounds]) for key in rounds[0][0]}
    print(serving_table(latencies))
    costs = [[costs[side] for _, costs in rounds] for side in ("page", "template")]
    start, memory = (
        [statistics.median(getattr(cost, field) for cost in side) for side in costs] for field in ("start_s", "memory_mb")
    )
    sizes = installed_mb(*PAGE_PACKAGES), installed_mb(*TEMPLATE_PACKAGES)
    print("\n| | this page | fastai + gr.Interface | ratio |\n|---|---|---|---|")
    for words, (mine, theirs) in {
        "start to first answer (s)": start,
        "peak memory (MB)": memory,
        "installed packages (MB)": sizes,
    }.items():
        print(f"| {words} | {mine:.1f} | {theirs:.1f} | {theirs / mine:.1f} |")
    return 0


@cache
def pictures() -> dict[str, bytes]:
    """A drawing of 512 px as PNG, and larger photographs of it: with the grain of a camera, as JPEG."""
    drawing = Image.open(DRAWING).convert("RGB")
    made = {"512 px PNG": DRAWING.read_bytes()}
    for name, size in {"1 MP JPEG": (1155, 866), "12 MP JPEG": (4032, 3024)}.items():
        grain = Image.effect_noise(size, 20).convert("RGB")
        made[name] = encoded(Image.blend(drawing.resize(size), grain, 0.2), "JPEG", quality=85)
    return made


def round_of(exported: str) -> tuple[Measured, dict[str, Cost]]:
    """Each side once."""
    shown, measured, costs = pictures(), {}, {}
    first = shown["512 px PNG"]
    with running("app.py", picture=first) as (port, pid, start_s):
        for name, picture in shown.items():
            for way, ask in WAYS.items():
                measured[way, name] = latency(port, ask, picture)
        costs["page"] = Cost(start_s, peak_memory_mb(pid))
    with running("-m", "bench.template", "serve", exported, picture=first) as (port, pid, start_s):
        for name, picture in shown.items():
            measured["fastai + gr.Interface", name] = latency(port, Asker.gradio, picture)
        costs["template"] = Cost(start_s, peak_memory_mb(pid))
    with running("-m", "bench.template", "floor", picture=first) as (port, _, _):
        for name, picture in shown.items():
            measured["floor: gr.Interface that does nothing", name] = latency(port, Asker.gradio, picture)
    for name, picture in shown.items():
        measured["floor: the model alone", name] = alone(picture)
    return measured, costs


def alone(picture: bytes) -> Latency:
    """Opening and classifying without a server, in this process, one after the other."""
    classifier, seconds = Classifier.load(ROOT / "model"), []
    for _ in range(40):
        started = time.perf_counter()
        classifier.predict([load(picture)])
        seconds.append(time.perf_counter() - started)
    return Latency(statistics.median(seconds) * 1000, 1 / statistics.median(seconds))


def middle(rounds: Sequence[Latency]) -> Latency:
    """The medians."""
    return Latency(statistics.median(one.p50_ms for one in rounds), statistics.median(one.per_second for one in rounds))


def serving_table(latencies: Measured) -> str:
    """A row per side: milliseconds and requests per second for each picture, and how many times better than the template."""
    names = list(dict.fromkeys(name for _, name in latencies))
    lines = [f"| p50 in ms, requests per second by 16 clients | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
    for side in dict.fromkeys(side for side, _ in latencies):
        cells = []
        for name in names:
            mine, theirs = latencies[side, name], latencies["fastai + gr.Interface", name]
            ratio = (
                f" ({theirs.p50_ms / mine.p50_ms:.1f}x, {mine.per_second / theirs.per_second:.1f}x)" if side in WAYS else ""
            )
            cells.append(f"{mine.p50_ms:.1f} ms, {mine.per_second:.0f}/s{ratio}")
        lines.append(f"| {side} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
