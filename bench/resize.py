"""Padding against cropping against squeezing, on the real pictures: which square should the network see?

    python -m bench.resize [FOLDER]

A linear probe on the frozen network's features, measured leaving sources out, balanced over the characters.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cartoons import dataset, near_duplicates, splits
from cartoons.dataset import Item
from cartoons.images import load, square_pad, to_batch
from cartoons.model_folder import OTHER_LABEL
from cartoons.packages import ROOT
from cartoons.training.arch import DEFAULT_ARCH
from cartoons.training.network import build_learner, find_network, plain_loaders

FOLDER = ROOT.parent / "shared" / "data" / "four"
SIDE_PX = 224
FOLDS = 8
REGULARISATION = (1e-3, 1e-2, 1e-1)
"""Inverse strengths; each way of resizing is shown at its best."""

RESIZES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "padded on white": lambda picture: square_pad(picture, SIDE_PX),
    "centre crop": lambda picture: ImageOps.fit(picture, (SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC),
    "squeezed": lambda picture: picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC),
}


@torch.no_grad()
def features(items: Sequence[Item], resize: Callable[[Image.Image], Image.Image]) -> NDArray[np.float32]:
    """What the ImageNet network makes of the resized pictures: (items, channels)."""
    network = find_network(DEFAULT_ARCH)
    body = build_learner(plain_loaders(items, sorted({item.label for item in items}), network), network, 0.0).model[0].eval()
    rows = []
    for start in range(0, len(items), 16):
        squares = [resize(load(item.path)) for item in items[start : start + 16]]
        maps = body(torch.from_numpy(to_batch(squares, (0.5,) * 3, (0.5,) * 3)))
        rows.append(maps.mean(dim=(2, 3)).numpy())
    return np.concatenate(rows)


def left_out(items: Sequence[Item], values: NDArray[np.float32], strength: float) -> float:
    """Balanced accuracy over the characters, each source held out in turn."""
    labels = np.array([item.label for item in items])
    answers = np.full(len(items), "", dtype=labels.dtype)
    for fold in splits.by_source(items, FOLDS).folds:
        held = np.array([i for i in fold.held_out if labels[i] != OTHER_LABEL])
        train = np.array(fold.train)
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=strength, class_weight="balanced", max_iter=300))
        probe.fit(values[train], labels[train])
        characters = probe.classes_ != OTHER_LABEL
        scores = probe.decision_function(values[held])[:, characters]
        answers[held] = probe.classes_[characters][scores.argmax(axis=1)]
    known = labels != OTHER_LABEL
    return float(balanced_accuracy_score(labels[known], answers[known]))


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if not folder.is_dir():
        print(f"{folder} is not here: padding against cropping is not measured.")
        return 0
    warnings.simplefilter("ignore")
    items = near_duplicates.group_near_duplicates(dataset.read(folder)).items
    for name, resize in RESIZES.items():
        values = features(items, resize)
        best, strength = max((left_out(items, values, strength), strength) for strength in REGULARISATION)
        print(f"{name:16s} balanced accuracy {best:.3f} (C = {strength:g})", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
