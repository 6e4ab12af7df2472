"""What a fastai learner does to a picture before its network sees it, found by measuring its own data loader.

Drawn pictures go through the loader's item transforms and are compared with each rule of resize.py; its batch transforms
are asked about black, white and single lit rows and columns, which tells the normalisation and any resizing within the
batch (the presizing of fastai's book) without knowing which transforms there are.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from fastai.data.all import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import Categorize, MultiCategorize
from fastai.vision.core import PILImage
from PIL import Image, ImageDraw
from torch import nn

from cartoons.errors import ConvertError
from cartoons.resize import RESIZES

PROBE_SIZES = ((613, 407), (379, 651), (512, 512), (97, 61), (300, 900), (201, 200))
PIXEL_TOLERANCE = 0.5
"""Grey levels of 255, on average over a picture, by which a rule may be off: the right one is off by none."""

BATCH_TOLERANCE = 1e-3
"""Of a channel's range 0..1: what grid sampling costs in float32, and no more."""

LIT_AT_ONCE = 8
NO_WEIGHT = 1e-6
ONLY = ": only classifiers with one label per picture can be converted."
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Pipeline:
    """A learner's validation-time preparation of pictures."""

    size_px: int
    """The side of the square that the item transforms give."""
    resize: str
    """The rule of resize.py that gives the same square."""
    mean: Triple
    std: Triple
    resample: "Resample | None"
    """What the batch transforms do to the square's size, for the graph to do; None when they leave it as it is."""


class Resample(nn.Module):
    """A fixed resizing of squares, one axis after the other, as a sum of weighted rows and of weighted columns.

    Not as a product with a matrix: large matrices are stored in half precision, which is too coarse for pixels.
    """

    def __init__(self, rows: torch.Tensor, columns: torch.Tensor) -> None:
        """rows: (new height, height), columns: (new width, width), the weights of the old ones in each new one."""
        super().__init__()
        self.rows, self.columns = _taps(rows), _taps(columns)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) to (n, 3, new height, new width)."""
        mixed = torch.stack([pixels.index_select(2, at) * weight.view(-1, 1) for at, weight in self.rows]).sum(0)
        return torch.stack([mixed.index_select(3, at) * weight for at, weight in self.columns]).sum(0)


def _taps(matrix: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """A (new, old) matrix of few weights per row, as pairs of (which old one, its weight), each (new,)."""
    most = int((matrix.abs() > NO_WEIGHT).sum(dim=1).max())
    places = matrix.abs().topk(most, dim=1).indices
    return list(zip(places.T, matrix.gather(1, places).T, strict=True))


def probes() -> list[Image.Image]:
    """Wide, tall, square, small and slim pictures, drawn with something at every edge and of every scale."""
    draw = random.Random(7)
    pictures = []
    for size in PROBE_SIZES:
        picture = Image.new("RGB", size, _colour(draw))
        canvas = ImageDraw.Draw(picture)
        for k in range(60):
            x, y = (draw.randrange(-20, length) for length in size)
            box = (x, y, x + draw.randrange(3, 3 + size[0] // 3), y + draw.randrange(3, 3 + size[1] // 3))
            (canvas.ellipse if k % 2 else canvas.rectangle)(box, fill=_colour(draw))
        pictures.append(picture)
    return pictures


def labels_of(dls: DataLoaders) -> tuple[str, ...]:
    """The labels of a classifier of pictures, in the network's order. Raises ConvertError when it is another kind."""
    _picture_stage(dls)
    targets = list(dls.valid_ds.tls[1].tfms.fs)
    names = ", ".join(type(target).__name__ for target in targets) or "nothing"
    if any(isinstance(target, MultiCategorize) for target in targets):
        raise ConvertError(f"The learner gives a picture several labels at once ({names}){ONLY}")
    for target in targets:
        if isinstance(target, Categorize):
            return tuple(str(label) for label in target.vocab)
    raise ConvertError(f"What the learner predicts is no label: fastai made its targets by {names}{ONLY}")


def loader(dls: DataLoaders, pictures: Sequence[Image.Image], batch_size: int = 8) -> TfmdDL:
    """The learner's own validation loader over PIL pictures, entered after its steps that open a file."""
    stage, kind = _picture_stage(dls)
    items = [kind(picture.copy()) for picture in pictures]  # a copy, because fastai makes it one of its own in place
    return dls.test_dl(items, rm_type_tfms=stage, bs=batch_size, num_workers=0)


def measure(dls: DataLoaders) -> Pipeline:
    """Find out what happens to a picture. Raises ConvertError when no rule of this project does the same."""
    pictures = probes()
    try:
        batches = loader(dls, pictures)
        batches.before_iter()
        items = [batches.do_item(k)[0] for k in range(len(pictures))]
        size_px = _side(items)
        seen = torch.stack([item.as_subclass(torch.Tensor) for item in items])
        resize = _closest(pictures, seen, size_px)
        ask = _Batches(batches, type(items[0]), size_px)
        mean, std = ask.normalisation()
        return Pipeline(size_px, resize, mean, std, _resample(ask.undoing(mean, std), seen))
    except ConvertError:
        raise
    except Exception as error:  # the learner's transforms are anyone's code
        raise ConvertError(
            f"The learner's own transforms fail on a picture ({type(error).__name__}: {error}): "
            "see that learn.predict(picture) works, and export it again."
        ) from error


class _Batches:
    """The batch transforms, as a function of uint8 pixels (n, 3, size_px, size_px)."""

    def __init__(self, loader: TfmdDL, kind: type, size_px: int) -> None:
        self.loader, self.kind, self.size_px = loader, kind, size_px

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = self.loader.after_batch((pixels.as_subclass(self.kind),))[0]
        return changed.detach().as_subclass(torch.Tensor).float()

    def normalisation(self) -> tuple[Triple, Triple]:
        """The mean and the standard deviation of each channel that take a value in 0..1 to what the network gets."""
        black, white = (
            self(torch.full((1, 3, self.size_px, self.size_px), value, dtype=torch.uint8))[0].mean(dim=(1, 2))
            for value in (0, 255)
        )
        if len(black) != 3 or (white - black).min() <= 0:
            raise ConvertError(f"The learner's batch transforms do not keep white above black in three channels{ONLY}")
        std = 1 / (white - black)
        return _triple(-black * std), _triple(std)

    def undoing(self, mean: Triple, std: Triple) -> Callable[[torch.Tensor], torch.Tensor]:
        """The batch transforms without their normalisation: uint8 pixels to values in 0..1, of perhaps another size."""
        offset, scale = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
        return lambda pixels: self(pixels) * scale + offset


def _triple(values: torch.Tensor) -> Triple:
    first, second, third = (round(float(value), 6) + 0.0 for value in values)  # no "-0.0"
    return first, second, third


def _resample(ask: Callable[[torch.Tensor], torch.Tensor], seen: torch.Tensor) -> Resample | None:
    """What the batch transforms do to the pictures' size, checked on `seen`; None when they leave them as they are."""
    wanted, plain = ask(seen), seen.float() / 255
    if wanted.shape == plain.shape and float((wanted - plain).abs().max()) < BATCH_TOLERANCE:
        return None
    resample = Resample(_weights(ask, plain.shape[-1], axis=2), _weights(ask, plain.shape[-1], axis=3))
    if (off := float((resample(plain) - wanted).abs().max())) > BATCH_TOLERANCE:
        raise ConvertError(
            f"The learner's batch transforms change a picture in a way that is no fixed resizing (off by {off:.3f} of 1): "
            "take out the transforms that predicting does not need, and export it again."
        )
    return resample


def _weights(ask: Callable[[torch.Tensor], torch.Tensor], size_px: int, axis: int) -> torch.Tensor:
    """(new, old): how much each old row (axis 2) or column (axis 3) counts in each new one, by lighting one at a time."""
    found = []
    for start in range(0, size_px, 3 * LIT_AT_ONCE):
        lit = torch.zeros(LIT_AT_ONCE, 3, size_px, size_px, dtype=torch.uint8)
        for k, place in enumerate(range(start, min(start + 3 * LIT_AT_ONCE, size_px))):
            lit[k // 3, k % 3].select(axis - 2, place).fill_(255)
        changed = ask(lit)
        across = changed.select(5 - axis, changed.shape[5 - axis] // 2)  # it is the same along the lit line
        found.append(across.flatten(0, 1))
    return torch.cat(found)[:size_px].T


def _side(items: Sequence[torch.Tensor]) -> int:
    """The side of the squares that the item transforms give."""
    shapes = {tuple(item.shape) for item in items}
    if len(shapes) > 1:
        raise ConvertError(
            "The learner's item transforms do not bring pictures to one size: "
            "give it a Resize among its item_tfms, and train and export it again."
        )
    [(channels, height, width)] = shapes
    if channels != 3 or height != width or items[0].dtype != torch.uint8:
        raise ConvertError(
            f"The learner's item transforms give {width} x {height} pixels of {channels} channels as {items[0].dtype}: "
            "this project serves squares of 3 channels and 8 bits."
        )
    return int(height)


def _closest(pictures: Sequence[Image.Image], seen: torch.Tensor, size_px: int) -> str:
    """The rule whose squares are those that the item transforms gave."""
    off = {}
    for name, resize in RESIZES.items():
        squares = np.stack([np.asarray(resize(picture, size_px)) for picture in pictures]).astype(np.float32)
        gaps = np.abs(squares - seen.numpy().transpose(0, 2, 3, 1))
        off[name] = float(gaps.mean(axis=(1, 2, 3)).max())
    best = min(off, key=lambda name: off[name])
    if off[best] > PIXEL_TOLERANCE:
        raise ConvertError(
            f"No resize rule of this project gives the pixels of the learner's item transforms (the closest, {best}, is off "
            f"by {off[best]:.1f} of 255): train it with Resize or RandomResizedCrop at their usual settings."
        )
    return best


def _picture_stage(dls: DataLoaders) -> tuple[int, Callable[[Image.Image], Image.Image]]:
    """How many of its steps the learner takes to open a picture, and of which class that picture is."""
    data = dls.valid_ds
    if not isinstance(data, Datasets) or data.n_inp != 1 or len(data.tls) != 2:
        raise ConvertError(f"The learner's data ({type(data).__name__}) are not pairs of one picture and one label{ONLY}")
    types = data.tls[0].types
    for stage, taken in enumerate(types):
        kinds = taken if isinstance(taken, tuple | list) else (taken,)
        if all(isinstance(kind, type) and issubclass(kind, Image.Image) for kind in kinds):
            return stage, PILImage if kinds[0] is Image.Image else kinds[0]
    raise ConvertError(f"The learner's input is no picture but a {getattr(types[-1], '__name__', types[-1])}{ONLY}")


def _colour(draw: random.Random) -> tuple[int, int, int]:
    return draw.randrange(256), draw.randrange(256), draw.randrange(256)
