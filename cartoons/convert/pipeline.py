"""What a fastai learner does to a picture file before its network sees it, found by measuring its own data loader.

Files of drawn pictures go through the learner's opening and its item transforms and are compared with each rule of
resize.py; its batch transforms are asked about black, white and single lit rows and columns, which tells the normalisation
and any resizing within the batch (the presizing of fastai's book) without knowing which transforms there are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fastai.data.all import TfmdDL
from PIL import Image
from torch import nn

from cartoons.convert.inference import FilePredictor, transforms_fail
from cartoons.convert.pictures import probes
from cartoons.errors import ConvertError
from cartoons.resize import RESIZES

SIDES = range(16, 2049)
"""Sides of squares that a model folder may ask for, in pixels."""

PIXEL_TOLERANCE = 0.5
"""Grey levels of 255, on average over a picture, by which a rule may be off: the right one is off by none."""

BATCH_TOLERANCE = 1e-3
"""Of a channel's range 0..1: what grid sampling costs in float32, and no more."""

LIT_AT_ONCE = 8
NO_WEIGHT = 1e-6
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
    one_channel: bool
    """Whether the network takes grey pictures of a single channel, where the page gives three equal ones."""
    resample: "Resample | None"
    """What the batch transforms do to the square's size, for the graph to do; None when they leave it as it is."""

    def front(self) -> nn.Module:
        """What the graph does between the page's pixels, (n, 3, size_px, size_px), and the network."""
        return nn.Sequential(*([FirstChannel()] if self.one_channel else []), *([self.resample] if self.resample else []))


class FirstChannel(nn.Module):
    """One of three equal channels."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 3, height, width) to (n, 1, height, width)."""
        return pixels[:, :1]


class Resample(nn.Module):
    """A fixed resizing of squares, one axis after the other, as a sum of weighted rows and of weighted columns.

    Not as a product with a matrix: large matrices are stored in half precision, which is too coarse for pixels.
    """

    def __init__(self, rows: torch.Tensor, columns: torch.Tensor) -> None:
        """rows: (new height, height), columns: (new width, width), the weights of the old ones in each new one."""
        super().__init__()
        self.rows, self.columns = _taps(rows), _taps(columns)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, channels, height, width) to (n, channels, new height, new width)."""
        mixed = torch.stack([pixels.index_select(2, at) * weight.view(-1, 1) for at, weight in self.rows]).sum(0)
        return torch.stack([mixed.index_select(3, at) * weight for at, weight in self.columns]).sum(0)


def _taps(matrix: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """A (new, old) matrix of few weights per row, as pairs of (which old one, its weight), each (new,)."""
    most = int((matrix.abs() > NO_WEIGHT).sum(dim=1).max())
    places = matrix.abs().topk(most, dim=1).indices
    return list(zip(places.T, matrix.gather(1, places).T, strict=True))


def measure(learner: FilePredictor, files: Sequence[Path]) -> Pipeline:
    """Find out what happens to a picture, by files of the probes.

    Raises ConvertError when no rule of this project does the same.
    """
    try:
        items = learner.items(files)
        size_px = _side(items)
        seen = torch.stack([item.as_subclass(torch.Tensor) for item in items])
        resize = _closest(probes(), seen, size_px)
        ask = _Batches(learner.loader(files), items[0])
        mean, std = ask.normalisation()
        resample = _resample(ask.undoing(mean, std), seen)
        return Pipeline(size_px, resize, _triple(mean), _triple(std), len(mean) == 1, resample)
    except ConvertError:
        raise
    except Exception as error:  # the learner's transforms are anyone's code
        raise transforms_fail(error) from error


class _Batches:
    """The batch transforms, as a function of uint8 pixels (n, channels, side, side)."""

    def __init__(self, loader: TfmdDL, item: torch.Tensor) -> None:
        """item: what the item transforms give."""
        self.loader, self.kind, self.shape = loader, type(item), item.shape

    def __call__(self, pixels: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = self.loader.after_batch((pixels.as_subclass(self.kind),))[0]
        return changed.detach().as_subclass(torch.Tensor).float()

    def normalisation(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean and the standard deviation of each channel that take a value in 0..1 to what the network gets.

        Grey pictures come out with one channel, or with three where they are normalised as colour ones.
        """
        black, white = (
            self(torch.full((1, *self.shape), value, dtype=torch.uint8))[0].mean(dim=(1, 2)) for value in (0, 255)
        )
        if len(black) not in (self.shape[0], 3) or not (white - black).min() > 0:
            raise ConvertError(
                "The learner's batch transforms do not keep white above black in as many channels as the picture has: "
                "take out the transforms that predicting does not need, and export it again."
            )
        std = 1 / (white - black)
        return -black * std, std

    def undoing(self, mean: torch.Tensor, std: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """The batch transforms without their normalisation: uint8 pixels to values in 0..1, of perhaps another size."""
        offset, scale = mean.view(-1, 1, 1), std.view(-1, 1, 1)
        return lambda pixels: (self(pixels) * scale + offset)[:, : self.shape[0]]


def _triple(values: torch.Tensor) -> Triple:
    """Three values, of one or three."""
    first, second, third = (round(float(value), 6) + 0.0 for value in values.expand(3))  # no "-0.0"
    return first, second, third


def _resample(ask: Callable[[torch.Tensor], torch.Tensor], seen: torch.Tensor) -> Resample | None:
    """What the batch transforms do to the pictures' size, checked on `seen`; None when they leave them as they are."""
    wanted, plain = ask(seen), seen.float() / 255
    if wanted.shape == plain.shape and float((wanted - plain).abs().max()) < BATCH_TOLERANCE:
        return None
    resample = Resample(_weights(ask, seen.shape, axis=2), _weights(ask, seen.shape, axis=3))
    if (off := float((resample(plain) - wanted).abs().max())) > BATCH_TOLERANCE:
        raise ConvertError(
            f"The learner's batch transforms change a picture in a way that is no fixed resizing (off by {off:.3f} of 1): "
            "take out the transforms that predicting does not need, and export it again."
        )
    return resample


def _weights(ask: Callable[[torch.Tensor], torch.Tensor], shape: torch.Size, axis: int) -> torch.Tensor:
    """(new, old): how much each old row (axis 2) or column (axis 3) counts in each new one, by lighting one at a time."""
    _, channels, size_px, _ = shape
    found = []
    for start in range(0, size_px, channels * LIT_AT_ONCE):
        lit = torch.zeros(LIT_AT_ONCE, channels, size_px, size_px, dtype=torch.uint8)
        for k, place in enumerate(range(start, min(start + channels * LIT_AT_ONCE, size_px))):
            lit[k // channels, k % channels].select(axis - 2, place).fill_(255)
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
    *channels, height, width = shapes.pop()
    if channels not in ([1], [3]) or height != width or height not in SIDES or items[0].dtype != torch.uint8:
        raise ConvertError(
            f"The learner opens pictures as {width} x {height} pixels of {' x '.join(map(str, channels)) or 'no'} channels "
            f"as {items[0].dtype}: train it on RGB or greyscale pictures of 8 bits, with a Resize to squares of "
            f"{SIDES[0]} to {SIDES[-1]} pixels."
        )
    return int(height)


def _closest(pictures: Sequence[Image.Image], seen: torch.Tensor, size_px: int) -> str:
    """The rule whose squares are those that the item transforms gave."""
    off = {}
    for name, resize in RESIZES.items():
        squares = np.stack([np.asarray(resize(picture, size_px)) for picture in pictures]).astype(np.float32)
        gaps = np.abs(squares - seen.numpy().transpose(0, 2, 3, 1))  # one grey channel is held against all three
        off[name] = float(gaps.mean(axis=(1, 2, 3)).max())
        if off[name] == 0:
            return name
    best = min(off, key=lambda name: off[name])
    if off[best] > PIXEL_TOLERANCE:
        raise ConvertError(
            f"No resize rule of this project gives the pixels that the learner makes of a file (the closest, {best}, is off "
            f"by {off[best]:.1f} of 255): train it on RGB or greyscale pictures, "
            "with Resize or RandomResizedCrop at their usual settings."
        )
    return best
