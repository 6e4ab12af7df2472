"""The exception tree. Each message is one sentence or two: what, which value, what to do next.

CartoonError
├── ImageError    a file is not a picture this project can read
├── BundleError   a model folder is missing, damaged, altered or too new
├── DataError     a picture folder cannot be trained on
├── ExportError   the exported model does not answer as the learner does
├── ConvertError  a fastai learner's file cannot become a model folder
└── HubError      a model on the Hugging Face Hub could not be had
"""


class CartoonError(Exception):
    """Base of every error raised on purpose; `str(error)` can be shown to a user as it is."""


class ImageError(CartoonError):
    """The bytes are not a picture, or one too large to open safely."""


class BundleError(CartoonError):
    """The model folder cannot be used as it stands."""


class DataError(CartoonError):
    """The picture folder cannot be trained on as it stands."""


class ExportError(CartoonError):
    """The learner and its exported model disagree, so nothing was written."""


class ConvertError(CartoonError):
    """The learner's file cannot be loaded here, or is no classifier of pictures that this project can serve."""


class HubError(CartoonError):
    """The Hub did not give the model that was asked for."""
