"""What a model thinks of the pictures of a folder: from the disk where it is known, else made in the background."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from cartoons.classifier import Classifier
from cartoons.errors import CartoonError
from cartoons.review.decisions import Picture
from cartoons.review.ranking import UNSEEN, Opinion, cached, check_model, classified, opinion


class Opinions:
    """The opinions of one model. Whoever calls a method holds the lock, which is taken for every change here too."""

    def __init__(self, root: Path, classifier: Classifier, lock: threading.RLock, done: Callable[[], None]) -> None:
        """done: called, with the lock held, when every picture was looked at that was not known before."""
        self.name, self.trouble = classifier.info.name, ""
        self.by_file: dict[str, Opinion] = {}
        self.thread: threading.Thread | None = None
        """While it is looking."""
        self._root, self._classifier, self._lock, self._done = root, classifier, lock, done
        self._rows = cached(root, classifier.info)
        self._pictures: Sequence[Picture] = ()
        self._labels: Sequence[str] = ()

    def __getitem__(self, picture: Picture) -> Opinion:
        return self.by_file.get(picture.file_name, UNSEEN)

    def update(self, pictures: Sequence[Picture], labels: Sequence[str]) -> None:
        """These are the folder's pictures and labels now. Raises DataError when the model knows none of the labels."""
        check_model(self._root, labels, self._classifier.info)
        self._pictures, self._labels, self.by_file, self.trouble = pictures, labels, {}, ""
        self._judge(pictures)
        if self.thread is None and len(self.by_file) < len(pictures):
            self.thread = threading.Thread(target=self._look, daemon=True)
            self.thread.start()

    def _judge(self, pictures: Sequence[Picture]) -> None:
        for each in pictures:
            if each.sha256 in self._rows:
                mine = opinion(each.label, self._rows[each.sha256], self._labels, self._classifier.info)
                self.by_file[each.file_name] = mine

    def _look(self) -> None:
        tried: set[str] = set()  # a file that was taken away meanwhile gets no opinion, and is not tried for ever
        try:
            while new := self._untried(tried):
                tried |= {picture.file_name for picture in new}
                for rows in classified(self._root, new, self._classifier):
                    with self._lock:
                        self._rows |= rows
                        self._judge([picture for picture in self._pictures if picture.sha256 in rows])
        except (OSError, CartoonError) as error:
            self.trouble = f"The model stopped looking ({error}): mend that, then start the review again."
        finally:
            with self._lock:
                self.thread = None
                self._done()

    def _untried(self, tried: set[str]) -> list[Picture]:
        with self._lock:
            return [each for each in self._pictures if each.sha256 not in self._rows and each.file_name not in tried]
