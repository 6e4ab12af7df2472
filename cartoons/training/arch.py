"""A network's name, and the file of its ImageNet weights, as far as they can be refused without loading torch."""

import importlib.util
import re
from functools import cache
from pathlib import Path

from cartoons.errors import DataError

DEFAULT_ARCH = "tf_efficientnet_lite0"
NETWORK = re.compile(r"^@register_model.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
RENAMED = re.compile(r"register_model_deprecations\(__name__, \{(.*?)\}", re.DOTALL)
NEW_NAME = re.compile(r"'(\w+)'\s*:\s*'([\w.]+)'")
"""How the code of timm and torchvision says what networks there are, and timm's what they were called once."""


@cache  # a second to read, and asked for when the network is built too
def check_arch(arch: str) -> str:
    """The name that the network has today; one of timm may be given by its former name.

    Raises DataError when timm and torchvision have no network of that name, or no weights of what follows a dot in it.
    Their code is read for it, not run.
    """
    if arch == DEFAULT_ARCH:
        return arch
    specs = filter(None, map(importlib.util.find_spec, ("timm", "torchvision")))
    places = [Path(place) / "models" for spec in specs for place in spec.submodule_search_locations or ()]
    code = "".join(file.read_text("utf-8") for place in places for file in place.glob("*.py"))
    today: str = dict(NEW_NAME.findall(" ".join(RENAMED.findall(code)))).get(arch, arch)
    name, dot, weights = today.partition(".")
    has_weights = bool(weights) and re.search(rf"\w\.{re.escape(weights)}\*?['\"]", code)
    if name not in NETWORK.findall(code) or (dot and not has_weights):
        raise DataError(unknown_arch(arch))
    return today


def unknown_arch(arch: str) -> str:
    """The sentence about a network that nobody knows."""
    return (
        f"Neither timm nor torchvision knows a network {arch!r} with ImageNet weights: take {DEFAULT_ARCH}, "
        "or see timm.list_pretrained()."
    )


def check_weights(arch: str, weights: Path | None) -> None:
    """Raises DataError for weights that are no file, or one that begins unlike .safetensors and what torch.save writes."""
    if weights is None:
        return
    if not weights.is_file():
        raise DataError(f"{weights} is not a file: give ImageNet weights of {arch} as .pth or .safetensors.")
    with weights.open("rb") as file:
        head = file.read(9)
    if not (head[8:] == b"{" if weights.suffix == ".safetensors" else head.startswith((b"PK", b"\x80"))):
        raise DataError(no_state_dict(weights, arch))


def no_state_dict(weights: Path, arch: str) -> str:
    """The sentence about a file of something else than weights."""
    return f"The weights {weights} cannot be read: give a state dict of {arch}'s ImageNet weights as .pth or .safetensors."
