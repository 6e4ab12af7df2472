"""A fastai Learner as files for others: model.pkl and pyproject.toml as the Hub's fastai users load them, and weights."""

import functools
import json
import os
import platform
import types
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cloudpickle
import safetensors.torch
from fastai.learner import Learner

import cartoons
from cartoons.errors import DataError, in_a_line
from cartoons.files import write_atomically
from cartoons.model_folder import LEARNER_FILE
from cartoons.picture_files import file_sha256

WEIGHTS_FILE = "weights.safetensors"
CACHED = type(functools.cache(len))


class Placeless(cloudpickle.Pickler):  # type: ignore[misc]  # cloudpickle has no types
    """Pickles functions and modules without a word on where their files lie on this machine."""

    def reducer_override(self, obj: Any) -> Any:
        """Called for each object: of code, only the name of its file is kept."""
        if isinstance(obj, types.CodeType):
            return self.dispatch_table[types.CodeType](obj.replace(co_filename=Path(obj.co_filename).name))
        if isinstance(obj, CACHED) and obj.__module__.startswith(f"{cartoons.__name__}."):
            return functools.cache, (obj.__wrapped__,)  # cloudpickle would name the module, which is not there
        if isinstance(obj, types.ModuleType) and obj.__name__.startswith(f"{cartoons.__name__}."):
            held = {name: value for name, value in vars(obj).items() if not name.startswith("__")}
            return types.ModuleType, (obj.__name__,), held  # cloudpickle would keep its loader, with the file's path
        reduced = super().reducer_override(obj)
        if isinstance(obj, types.FunctionType) and isinstance(reduced, tuple):
            for argument in reduced[1]:  # the new function's globals are among them
                if isinstance(argument, dict):
                    argument.pop("__file__", None)
                    argument.pop("__path__", None)  # of a package's
        return reduced


def save_learner(learn: Learner, folder: Path, about: Mapping[str, str]) -> dict[str, str]:
    """model.pkl and pyproject.toml as huggingface_hub's from_pretrained_fastai takes them, and weights.safetensors; returns
    the sha256 of the two that hold the weights, by name.

    The pickle carries this project's loader and resize by value, so that it loads where this project is not installed.
    Raises DataError when torch cannot write it.
    """
    cloudpickle.register_pickle_by_value(cartoons)  # with all its modules
    temporary = folder.resolve() / f".{LEARNER_FILE}.{os.getpid()}-0.tmp"
    try:
        learn.path = Path()
        learn.export(temporary, pickle_module=types.SimpleNamespace(__name__=__name__, Pickler=Placeless))
        temporary.replace(folder / LEARNER_FILE)
    except RuntimeError as error:  # of a full disk, for one, torch says no more
        where = f"{folder / LEARNER_FILE} cannot be written ({in_a_line(error)})"
        raise DataError(f"{where}: see that the disk has room, and give the same command again.") from error
    finally:
        temporary.unlink(missing_ok=True)
        cloudpickle.unregister_pickle_by_value(cartoons)
    needs = [f"{name}={version(name)}" for name in ("fastai", "fastcore")]
    requires = ["setuptools>=40.8.0", "wheel", f"python={platform.python_version()}", *needs]
    build = f'[build-system]\nrequires = {json.dumps(requires)}\nbuild-backend = "setuptools.build_meta"\n'
    write_atomically(folder / "pyproject.toml", build.encode())
    tensors = {name: tensor.contiguous() for name, tensor in learn.model.state_dict().items()}
    write_atomically(folder / WEIGHTS_FILE, safetensors.torch.save(tensors, dict(about)))
    return {name: file_sha256(folder / name) for name in (LEARNER_FILE, WEIGHTS_FILE)}
