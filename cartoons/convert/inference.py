"""A learner asked about picture files, as `learn.predict(file)` asks it: its own opening, transforms and network."""

import math
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from fastai.data.all import DataLoaders, Datasets, TfmdDL
from fastai.data.transforms import Categorize, MultiCategorize
from fastai.learner import Learner
from fastai.vision.core import PILImage
from numpy.typing import NDArray
from PIL import Image

from cartoons.classifier import softmax
from cartoons.errors import ConvertError, in_a_line
from cartoons.strict_json import NOT_IN_TEXT

ONLY = ": only classifiers with one label per picture can be converted."
Items = Callable[[Sequence[Path]], tuple[list[Any], int | None]]
"""Files to what the learner's data loader takes, and the step of its opening at which it does (None: it finds out)."""


class Prediction(NamedTuple):
    """What a learner makes of one file."""

    pixels: torch.Tensor
    """What its network gets, (channels, height, width)."""
    probabilities: NDArray[np.float64]
    """(labels,)"""


class FilePredictor:
    """A learner's answers to picture files."""

    def __init__(self, learn: Learner, labels: Sequence[str], files: Sequence[Path]) -> None:
        """Find out how the learner takes a file, by trying plain ones. Raises ConvertError when it does not at all.

        labels: as `labels_of` gives them.
        """
        self.learn, self.labels = learn, labels
        self._items = self._way_in(files)

    def loader(self, files: Sequence[Path]) -> TfmdDL:
        """The learner's validation data loader over files, in their order, all in one batch."""
        items, step = self._items(files)
        loader = self.learn.dls.test_dl(items, rm_type_tfms=step, bs=len(items), num_workers=0)
        loader.before_iter()  # tells the transforms that this is no training
        return loader

    def items(self, files: Sequence[Path]) -> list[torch.Tensor]:
        """Each file as the learner's item transforms give it."""
        loader = self.loader(files)
        return [loader.do_item(k)[0] for k in range(len(files))]

    def predict(self, files: Sequence[Path]) -> list[Prediction]:
        """What it makes of each file. Raises ConvertError when it fails on one, or is no classifier."""
        try:
            with self.learn.no_bar(), self.learn.no_logging():
                pixels, given, _ = self.learn.get_preds(dl=self.loader(files), with_input=True)
            raw = given.numpy().astype(np.float64)
        except Exception as error:
            raise ConvertError(
                f"The learner itself cannot answer a picture ({in_a_line(error)}): "
                "see that learn.predict(file) works, and export it again."
            ) from error
        loss = self.learn.loss_func
        probabilities = raw if hasattr(loss, "activation") else softmax(raw)
        if probabilities.shape[1:] != (len(self.labels),):
            raise ConvertError(
                f"The network answers {raw.shape[1:]} numbers for {len(self.labels)} labels: it is no classifier."
            )
        if not np.abs(probabilities.sum(axis=1) - 1).max() <= 1e-3:  # not a number is wrong too
            raise ConvertError(f"The learner's probabilities do not sum to 1 (its loss is {type(loss).__name__}){ONLY}")
        return [Prediction(seen, row) for seen, row in zip(pixels, probabilities, strict=True)]

    def _way_in(self, files: Sequence[Path]) -> Items:
        """The first way in that takes these files: as learn.predict takes them, else at the step that opens a file."""
        step, kind = _picture_step(self.learn.dls)
        ways: list[Items] = [
            lambda paths: (list(paths), None),
            lambda paths: ([str(path) for path in paths], None),
            lambda paths: (list(paths), max(step - 1, 0)),
            lambda paths: ([kind.create(path) for path in paths], step),
        ]
        for way in ways:
            self._items = way
            try:
                self.items(files)
            except Exception as error:  # the learner's transforms are anyone's code
                failure = error
            else:
                return way
        raise transforms_fail(failure) from failure


def transforms_fail(error: Exception) -> ConvertError:
    """The error for a learner whose own transforms, which are anyone's code, raise another."""
    return ConvertError(
        f"The learner's own transforms fail on a picture ({in_a_line(error)}): "
        "see that learn.predict(file) works, and export it again."
    )


def labels_of(dls: DataLoaders) -> tuple[str, ...]:
    """The labels of a classifier of pictures as text, in the network's order.

    Raises ConvertError when it is another kind of learner, or a label is empty or cannot be told from another one.
    """
    _picture_step(dls)
    targets = list(dls.valid_ds.tls[1].tfms.fs)
    names = ", ".join(type(target).__name__ for target in targets) or "nothing"
    if any(isinstance(target, MultiCategorize) for target in targets):
        raise ConvertError(f"The learner gives a picture several labels at once ({names}){ONLY}")
    for target in targets:
        if isinstance(target, Categorize):
            return _as_text(target.vocab)
    raise ConvertError(f"What the learner predicts is no label: fastai made its targets by {names}{ONLY}")


def _as_text(vocab: Iterable[object]) -> tuple[str, ...]:
    """Labels, which fastai takes of any type, as text. Numbers and truth values become their digits and their words."""
    seen: dict[str, str] = {}
    for place, label in enumerate(vocab):
        rename = f"give it a name (learn.dls.vocab.items[{place}] = ...) and export the learner again."
        text = str(label)
        if label is None or (isinstance(label, float | np.floating) and math.isnan(label)) or not _visible(text):
            raise ConvertError(f"Label {place} of the learner is empty ({label!r}): {rename}")
        if not isinstance(label, str | bool | int | float | np.bool_ | np.number):
            raise ConvertError(f"Label {place} of the learner is no text but a {type(label).__name__} ({text!r}): {rename}")
        if any(unicodedata.category(sign) in NOT_IN_TEXT for sign in text):
            raise ConvertError(
                f"Label {place} of the learner holds a line break or another control character ({text!r}): {rename}"
            )
        alike = " ".join(unicodedata.normalize("NFC", text).split())
        if alike in seen:
            raise ConvertError(f"Label {place} of the learner, {label!r}, looks like another, {seen[alike]}: {rename}")
        seen[alike] = repr(label)
    if len(seen) < 2:
        raise ConvertError(f"The learner knows {len(seen)} label ({', '.join(seen)}): train it on at least two.")
    return tuple(str(label) for label in vocab)


def _visible(text: str) -> bool:
    return any(unicodedata.category(sign)[0] not in "CZ" for sign in text)


def _picture_step(dls: DataLoaders) -> tuple[int, type[PILImage]]:
    """How many of its steps the learner takes to open a picture, and of which class that picture is."""
    data = dls.valid_ds
    if not isinstance(data, Datasets) or data.n_inp != 1 or len(data.tls) != 2:
        raise ConvertError(f"The learner's data ({type(data).__name__}) are not pairs of one picture and one label{ONLY}")
    types = data.tls[0].types
    for step, taken in enumerate(types):
        kinds = taken if isinstance(taken, tuple | list) else (taken,)
        if all(isinstance(kind, type) and issubclass(kind, Image.Image) for kind in kinds):
            return step, kinds[0] if hasattr(kinds[0], "create") else PILImage
    raise ConvertError(f"The learner's input is no picture but a {getattr(types[-1], '__name__', types[-1])}{ONLY}")
