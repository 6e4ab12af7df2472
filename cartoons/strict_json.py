"""JSON that anybody may have written: parsed strictly, its values checked for type and range.

values = parse(data)                                   # a dictionary, or ValueError
temperature = number(values["temperature"], 0.001, 1000)

Every ValueError says in words what is wrong, and shows no more than the beginning of a value.
"""

import json
import math
import reprlib
import unicodedata
from collections.abc import Callable, Collection
from typing import Any, TypeVar

MAX_DEPTH = 20
MAX_TEXT = 1000
MAX_VALUES = 20_000
"""Of a request. Those of 27 MB could take 600 MB of memory."""

NOT_IN_TEXT = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode's categories of control characters, halves of surrogate pairs, and breaks of lines and paragraphs."""

T = TypeVar("T")


def parse(data: bytes) -> dict[str, Any]:
    """A JSON object as RFC 8259 has it: UTF-8 without a byte order mark, each key once, every number finite."""
    try:
        text = data.decode("utf-8")
        if text.startswith("\ufeff"):
            raise ValueError("it begins with a byte order mark: save it as UTF-8 without one")
        values = json.loads(
            text, object_pairs_hook=_distinct, parse_float=_finite, parse_int=_integer, parse_constant=_finite
        )
        _check_depth(values)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(values, dict):
        raise ValueError(f"it must be an object of named values, not {shown(values)}")
    return values


def loads_bounded(data: bytes) -> Any:
    """As `loads`, but of more than MAX_VALUES, which take far more memory than their text, a ValueError before any.

    Commas and brackets within a text are counted as well.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MAX_VALUES:
        raise ValueError(f"it holds more than {MAX_VALUES} values")
    return loads(data)


def loads(data: str | bytes | bytearray) -> Any:
    """Whatever the JSON says, as json.loads, but of what is nested too deeply a ValueError as well."""
    try:
        return json.loads(data)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def text(value: object, most: int = MAX_TEXT) -> str:
    """A text of 1 to `most` characters that can be shown on a line."""
    if isinstance(value, str) and value.strip() and len(value) <= most:
        if not any(unicodedata.category(character) in NOT_IN_TEXT for character in value):
            return value
        raise ValueError(f"must hold no control characters, and is {shown(value)}")
    raise ValueError(f"must be a text of 1 to {most} characters, not {shown(value)}")


def as_text(value: str) -> str:
    """The nearest that `text` takes: what cannot be shown on a line is a question mark, and the end is cut off."""
    cleaned = "".join("?" if unicodedata.category(character) in NOT_IN_TEXT else character for character in value)
    return cleaned[:MAX_TEXT] if cleaned.strip() else "?"


def number(value: object, low: float, high: float) -> float:
    """A number from low to high, both included; true and false are none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise ValueError(f"must be a number from {low:g} to {high:g}, not {shown(value)}")


def whole_number(value: object, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
        return value
    raise ValueError(f"must be a whole number from {low} to {high}, not {shown(value)}")


def one_of(value: object, known: Collection[str]) -> str:
    """One of the known words."""
    if isinstance(value, str) and value in known:
        return value
    raise ValueError(f"must be {' or '.join(map(repr, known))}, not {shown(value)}")


def listed(value: object, check: Callable[[object], T], least: int, most: int) -> tuple[T, ...]:
    """A list of `least` to `most` values that pass a check."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        long = f"{len(value)} of them" if isinstance(value, list) else shown(value)
        raise ValueError(f"must be a list of {least if least == most else f'{least} to {most}'} values, not {long}")
    return tuple(check(each) for each in value)


def mapping(value: object, check: Callable[[object], Any] = lambda each: each) -> dict[str, Any]:
    """An object whose values pass a check, if there is one."""
    if not isinstance(value, dict):
        raise ValueError(f"must be an object of named values, not {shown(value)}")
    return {key: check(each) for key, each in value.items()}


def shown(value: object) -> str:
    """The beginning of a value, as Python writes it."""
    return reprlib.repr(value)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it has {shown(twice)} more than once")
    return values


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"it holds {shown(digits)[1:-1]}, which is no finite number")
    return value


def _integer(digits: str) -> int:
    _finite(digits)
    return int(digits)


def _check_depth(value: object, left: int = MAX_DEPTH) -> None:
    if not isinstance(value, dict | list):
        return
    if not left:
        raise ValueError("it is nested too deeply")
    for inner in value.values() if isinstance(value, dict) else value:
        _check_depth(inner, left - 1)
