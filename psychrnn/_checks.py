"""Argument checks, and the sentences in which they fail: where, expected, got, what to do."""

from __future__ import annotations

import difflib
import inspect
import numbers
import operator
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np


class ParameterError(ValueError, UserWarning):
    """A wrong argument, described in one sentence.

    It is a ``UserWarning`` too because PsychRNN 1.0 raised those, and scripts catch them.
    """


class MissingParameterError(ParameterError, KeyError):
    """A required argument that was not given."""

    __str__ = Exception.__str__  # KeyError would show the sentence in quotes


def shown(value: Any) -> str:
    """Describe ``value`` in a few words, for the "got" of an error."""
    if getattr(value, "shape", None) and hasattr(value, "dtype"):
        dtype = getattr(value.dtype, "name", value.dtype)
        return f"an array of shape {tuple(value.shape)} and type {dtype}"
    if isinstance(value, (tuple, list, dict)) and len(repr(value)) > 60:
        return f"a {type(value).__name__} of {len(value)}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:60]}... ({type(value).__name__})"


def error(where: str, expected: str, got: Any, advice: str = "") -> ParameterError:
    """Build the error sentence; ``got`` that is not a string is described by :func:`shown`."""
    got = got if isinstance(got, str) else shown(got)
    return ParameterError(f"{where}: expected {expected}, got {got}. {advice}".rstrip())


def count(where: str, value: Any) -> int:
    """Check a whole number of at least 1."""
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    if number < 1 or isinstance(value, (bool, np.bool_)):
        raise error(where, "a whole number of at least 1", shown(value))
    return number


def number(
    where: str, value: Any, low: float = -np.inf, high: float = np.inf, above: float = -np.inf
) -> float:
    """Check one finite number with ``low <= value <= high`` and ``value > above``."""
    array = np.asarray(value) if isinstance(value, (numbers.Real, np.generic, np.ndarray)) else None
    result = np.nan
    if array is not None and array.ndim == 0 and array.dtype.kind in "iuf":
        result = float(array)
    if not (np.isfinite(result) and low <= result <= high and result > above):
        limits = [f"of at least {low:g}" if np.isfinite(low) else ""]
        limits += [f"of at most {high:g}" if np.isfinite(high) else ""]
        limits += [f"above {above:g}" if np.isfinite(above) else ""]
        expected = "a number " + " and ".join(filter(None, limits))
        raise error(where, expected.strip(), shown(value))
    return result


def positive(where: str, value: Any) -> float:
    """Check a number above zero."""
    return number(where, value, above=0)


def flag(where: str, value: Any) -> bool:
    """Check True or False (0 and 1 are accepted)."""
    if not (isinstance(value, (bool, np.bool_, int, float, np.number)) and value in (0, 1)):
        raise error(where, "True or False", shown(value))
    return bool(value)


def function(where: str, value: Any) -> Callable[..., Any]:
    """Check something that can be called."""
    if not callable(value) or isinstance(value, type):
        raise error(where, "a function", shown(value))
    return value


def takes(where: str, value: Any, arguments: str) -> Callable[..., Any]:
    """Check a function that can be called with these arguments, such as ``"batch, outputs"``."""
    function(where, value)
    try:
        inspect.signature(value).bind(*arguments.split(", "))
    except ValueError:  # a built-in one, which does not tell
        pass
    except TypeError:
        got = f"one with {inspect.signature(value)}"
        raise error(where, f"a function of ({arguments})", got) from None
    return value


def path(where: str, value: Any) -> str:
    """Check a file name: a string or a path object."""
    if not isinstance(value, (str, os.PathLike)) or not os.path.basename(value):
        raise error(where, "a file name", shown(value))
    return str(value)


def seed(where: str, value: Any) -> int:
    """Check a seed: a whole number that is not negative."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < 0:
        raise error(where, "a whole number of at least 0, or None", shown(value))
    return int(value)


def writable(where: str, file: str) -> None:
    """Check, before hours of training, that a weight file can be written."""
    path = os.path.abspath(file if file.endswith(".npz") else file + ".npz")
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError):
        raise error(where, "a file name that the disk takes", shown(file)) from None
    if os.path.isdir(path):
        raise error(where, "the name of a file", f"{path!r}, which is a folder")
    folder = os.path.dirname(path)
    while not os.path.exists(folder) and os.path.dirname(folder) != folder:
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise error(where, "a file in a folder", f"{folder!r}, which is a file")
    if not os.access(folder, os.W_OK):
        raise error(where, "a folder that can be written", f"{folder!r}, which cannot")


def numeric(where: str, value: Any, expected: str = "an array of numbers") -> np.ndarray:
    """Check something that NumPy takes as an array of real numbers; it may be a view."""
    try:
        result = np.asarray(value)
    except (TypeError, ValueError):  # rows of different lengths
        result = np.asarray(None)
    if result.dtype.kind not in "biuf":
        raise error(where, expected, shown(value))
    return result


def finite(values: np.ndarray) -> bool:
    """Tell whether all numbers are finite; their sum tells it in most cases, and quickly."""
    with np.errstate(all="ignore"):
        return bool(np.isfinite(values.sum()) or np.isfinite(values).all())


def array(where: str, value: Any, axes: Sequence[tuple[str, int]], advice: str = "") -> np.ndarray:
    """Check a finite array and return a float copy of it.

    Arguments:
        where: class and argument, for the error.
        value: anything that NumPy can turn into an array.
        axes: name and size of each axis, such as ``[("N_rec", 50), ("N_in", 2)]``.
        advice: what to do, appended to the error of a wrong shape.

    Raises:
        ParameterError: if the shape differs, or an entry is not a finite number.
    """
    given = numeric(where, value)
    result = np.array(given, dtype=np.float32 if given.dtype == np.float32 else np.float64)
    wanted = tuple(size for _, size in axes)
    if result.shape != wanted:
        names = ", ".join(name for name, _ in axes)
        raise error(where, f"[{names}] = {wanted}", f"{result.shape}", advice)
    wrong = ~(np.abs(result) <= np.finfo(np.float32).max)
    if wrong.any():
        index = tuple(np.argwhere(wrong)[0].tolist())
        raise error(where, "finite numbers", f"{result[index]} at index {list(index)}")
    return result


def warn_near_misses(where: str, keys: Iterable[str], known: Iterable[str]) -> None:
    """Warn of keys that are not known but nearly spelled like one that is."""
    known = sorted(known)
    for key in keys:
        if not isinstance(key, str) or key in known or "/" in key:
            continue
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.86)
        if near:
            warnings.warn(
                f"{where}: unknown key {key!r} has no effect. Did you mean {near[0]!r}?",
                UserWarning,
                stacklevel=2,
            )
