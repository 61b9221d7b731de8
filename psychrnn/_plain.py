"""Plain data as JSON text: numbers, text, lists, dicts and arrays, and nothing that runs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from psychrnn._checks import ParameterError, shown

_ARRAY, _SCALAR, _TUPLE = "__array__", "__scalar__", "__tuple__"


def to_text(where: str, value: Any) -> str:
    """Return plain data as JSON; floats keep every bit.

    Raises:
        ParameterError: if it holds anything else.

    """
    return json.dumps(_encoded(where, value))


def from_text(text: str) -> Any:
    """Return what ``to_text`` was given."""
    return json.loads(text, object_hook=_decoded)


def is_plain(value: Any) -> bool:
    """Tell whether a value is plain data."""
    try:
        _encoded("", value)
    except ParameterError:
        return False
    return True


def _encoded(where: str, value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    numeric = getattr(value, "dtype", None) is not None and value.dtype.kind in "biuf"
    if isinstance(value, np.generic) and numeric and value.dtype.itemsize <= 8:
        return {_SCALAR: value.item(), "dtype": value.dtype.str}
    if isinstance(value, np.ndarray) and numeric and value.dtype.itemsize <= 8:
        return {_ARRAY: value.tolist(), "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, tuple):
        return {_TUPLE: [_encoded(where, part) for part in value]}
    if isinstance(value, list):
        return [_encoded(where, part) for part in value]
    if isinstance(value, dict) and all(isinstance(k, str) and k[:2] != "__" for k in value):
        return {key: _encoded(f"{where}.{key}", part) for key, part in value.items()}
    raise ParameterError(f"{where}: expected numbers, text or arrays, got {shown(value)}.")


def _decoded(found: dict[str, Any]) -> Any:
    if _TUPLE in found:
        return tuple(found[_TUPLE])
    if _SCALAR in found:
        return np.dtype(found["dtype"]).type(found[_SCALAR])
    if _ARRAY not in found:
        return found
    return np.array(found[_ARRAY], dtype=found["dtype"]).reshape(found["shape"])
