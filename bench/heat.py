"""What the heat map costs: the default network's graph with its second output and without, taking turns in one run.

The network is not trained here: speed does not depend on its weights.
"""

import statistics
import sys
import time
import warnings

import numpy as np
import onnx
from onnx.utils import Extractor

from bench.serving import ROOT
from cartoons.dataset import Item
from cartoons.onnx_graph import INPUT_NAME, OUTPUT_NAME, open_session
from cartoons.training.arch import DEFAULT_ARCH
from cartoons.training.export import to_onnx
from cartoons.training.network import build_learner, find_network, plain_loaders

TURNS = 300


def main() -> int:
    warnings.simplefilter("ignore")
    drawings = sorted((ROOT / "examples").glob("*.png"))
    items = [Item(path, name, "", path.stem, name, False) for path in drawings for name in [path.stem.rpartition("-")[0]]]
    network = find_network(DEFAULT_ARCH)
    graph = to_onnx(
        build_learner(plain_loaders(items, sorted({item.label for item in items}), network), network, 0.0).model,
        network.size_px,
    )
    alone = Extractor(onnx.load_from_string(graph)).extract_model([INPUT_NAME], [OUTPUT_NAME]).SerializeToString()
    sessions = {"with the heat map": open_session(graph), "without": open_session(alone)}
    pixels = np.random.default_rng(0).random((1, 3, network.size_px, network.size_px), dtype=np.float32)
    times: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(TURNS):
        for name, session in sessions.items():
            started = time.perf_counter()
            session.run(None, {INPUT_NAME: pixels})
            times[name].append((time.perf_counter() - started) * 1000)
    middle = {name: statistics.median(values) for name, values in times.items()}
    more = middle["with the heat map"] / middle["without"] - 1
    print("; ".join(f"{name} {value:.2f} ms" for name, value in middle.items()) + f": {more:+.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
