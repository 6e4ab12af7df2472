"""A fastai learner's file, unpickled, with the real reason when that fails."""

import logging
import pickle
import platform
import re
import tomllib
import types
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from fastai.learner import Learner

from cartoons.convert.learner_file import check_head
from cartoons.errors import ConvertError, in_a_line

REQUIREMENT = re.compile(r"\s*(fastai|python)\s*[=~<>]+\s*([\w.]+)\s*")
GONE_SINCE_28 = ("fastcore.dispatch", "fastcore.transform")
"""Modules that the learners of fastai before 2.8 need, and that fastai 2.8 left for another package."""

PATHLIB = ("pathlib", "pathlib._local")
"""Where a pickle has its paths from: the latter in Python 3.13, and in no other."""

PATHS = ("PosixPath", "WindowsPath")
LOCAL_PATH = type(Path()).__name__

log = logging.getLogger("convert")


class _MissingError(Exception):
    """The pickle names something that cannot be imported here."""

    def __init__(self, module: str, name: str, cause: Exception) -> None:
        super().__init__(module, name)
        self.module, self.name, self.cause = module, name, cause


class _Unpickler(pickle.Unpickler):
    """Says which name of which module was missing, whatever words this Python has for it.

    Paths of another operating system, which cannot be made here, become paths of this one.
    """

    def find_class(self, module: str, name: str) -> Any:
        if module in PATHLIB:
            module, name = "pathlib", LOCAL_PATH if name in PATHS else name
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError) as error:
            raise _MissingError(module, name, error) from error


_PICKLE = types.SimpleNamespace(
    __name__="pickle", Unpickler=_Unpickler, load=lambda file, **options: _Unpickler(file, **options).load()
)
"""What torch.load needs of a pickle module."""


def load_learner_file(path: Path) -> Learner:
    """Unpickle a Learner onto the CPU, in float32. That runs code in the file, and a warning says so first.

    Raises ConvertError with the cause when it is no Learner, or one that needs what is not installed here.
    """
    check_head(path)
    log.warning("Unpickling %s runs the code in it: convert only learners whose makers you trust.", path)
    try:
        learn = torch.load(path, map_location="cpu", weights_only=False, pickle_module=_PICKLE)
    except _MissingError as missing:
        raise ConvertError(_why_missing(path, missing)) from missing.cause
    except ImportError as error:
        raise ConvertError(_needs(path, error.name or str(error))) from error
    except Exception as error:  # unpickling calls whatever the file names, with whatever errors
        raise ConvertError(
            f"{path} could not be unpickled ({in_a_line(error)}){_made_by(path)}: "
            "export it again with the versions installed here, or convert it with those it was saved with."
        ) from error
    if not isinstance(learn, Learner):
        raise ConvertError(
            f"{path} holds a {type(learn).__name__}, not a fastai Learner: give the file that learn.export() wrote."
        )
    if not (isinstance(getattr(learn, "model", None), torch.nn.Module) and getattr(learn, "dls", None) is not None):
        raise ConvertError(f"The Learner in {path} has no network or no data loaders: export it again with learn.export().")
    return _at_rest(learn)


def versions_beside(path: Path) -> dict[str, str]:
    """The versions of fastai and Python in the pyproject.toml beside a learner's file, as fastai's Hub models have one."""
    try:
        wanted = tomllib.loads((path.parent / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
        found = [REQUIREMENT.fullmatch(line) for line in wanted]
    except (OSError, ValueError, KeyError, TypeError):  # it is only a hint: none, or one in another form, is no error
        return {}
    return {match[1]: match[2] for match in found if match}


def _at_rest(learn: Learner) -> Learner:
    """The learner on the CPU without what training left: mixed precision, channels last."""
    learn.dls.cpu()
    if hasattr(learn, "channels_last"):
        learn = learn.to_contiguous(to_fp32=True)
    elif hasattr(learn, "mixed_precision"):
        learn = learn.to_fp32()
    elif hasattr(learn, "non_native_mixed_precision"):
        learn = learn.to_non_native_fp32()
    learn.model.float().eval()
    return learn


def _why_missing(path: Path, missing: _MissingError) -> str:
    if missing.module in GONE_SINCE_28:
        return (
            f"{path} was saved by fastai before 2.8, which fastai {version('fastai')} cannot load{_made_by(path)}: where it "
            "loads, learn.save() its weights; build the same learner here, learn.load() them and export that."
        )
    if missing.module == "__main__":
        return (
            f"{path} needs {missing.name}, which was defined in the notebook or script that exported it and is not in the "
            f"file: export it again there with fastai {version('fastai')}, which stores such functions, or import "
            f"{missing.name} from a module that can be imported here too."
        )
    if isinstance(missing.cause, ImportError):
        return _needs(path, missing.cause.name or missing.module)
    return (
        f"{path} needs {missing.name} of {missing.module}, which the installed one has not{_made_by(path)}: "
        "install the version it was saved with, or export it again with this one."
    )


def _needs(path: Path, module: str) -> str:
    return (
        f"{path} needs the module {module}, which is not installed here{_made_by(path)}: "
        "install it, or put its file on PYTHONPATH, and convert again."
    )


def _made_by(path: Path) -> str:
    """What is known of the versions on both sides, to go into a sentence; "" when nothing is known of the file's."""
    then = versions_beside(path)
    if not then:
        return ""
    now = {"fastai": version("fastai"), "python": platform.python_version()}
    return (
        f" (its pyproject.toml says it was saved with {' and '.join(f'{name} {then[name]}' for name in sorted(then))}; "
        f"here is {' and '.join(f'{name} {now[name]}' for name in sorted(then))})"
    )
