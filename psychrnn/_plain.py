"""Plain data as JSON text: numbers, text, lists, dicts and arrays, and nothing that runs."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from psychrnn._checks import ParameterError, shown

_ARRAY = "__array__"


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
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {_ARRAY: value.tolist(), "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, (list, tuple)):
        return [_encoded(where, part) for part in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _encoded(f"{where}.{key}", part) for key, part in value.items()}
    raise ParameterError(f"{where}: expected numbers, text or arrays, got {shown(value)}.")


def _decoded(found: dict[str, Any]) -> Any:
    if _ARRAY not in found:
        return found
    return np.array(found[_ARRAY], dtype=found["dtype"]).reshape(found["shape"])
