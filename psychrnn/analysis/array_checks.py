"""Checks of what an analysis is given: states, and one value for each trial."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from psychrnn import _checks

STATES = "states [N_batch, N_steps, N_rec]"
FLAT = 1e-12  # what varies by a smaller part of itself does so by rounding alone
_LARGEST = float(np.finfo(np.float32).max)  # products of such numbers still fit in float64


def checked_states(
    where: str, states: Any, expected: str = STATES, axes: int | None = 3
) -> np.ndarray:
    """Return states as float32 or float64, NaN allowed, or say what is wrong with them.

    Arguments:
        where: function and argument, for the error.
        states: what the user gave.
        expected: what is wanted, for the error.
        axes: number of axes; two or more where None.

    """
    if isinstance(states, tuple) and hasattr(states, "values"):  # aligned trials
        states = states.values
    array = _checks.numeric(where, states, expected)
    wrong = array.ndim < 2 if axes is None else array.ndim != axes
    if wrong or 0 in array.shape:
        advice = "For a single trial pass states[np.newaxis]." if array.ndim == 2 else ""
        raise _checks.error(where, expected, f"shape {array.shape}", advice)
    if array.dtype not in (np.float32, np.float64):
        with np.errstate(over="ignore"):
            array = array.astype(np.float64)
    if max(np.fmax.reduce(array, axis=None), -np.fmin.reduce(array, axis=None)) > _LARGEST:
        raise _checks.error(where, "finite numbers", "infinite or too large ones")
    return array


def projected(
    where: str, states: Any, axes: np.ndarray, mean: np.ndarray, scale: Any = 1.0
) -> np.ndarray:
    """Return the coordinates of states ``[..., N_rec]`` along axes ``[k, N_rec]``."""
    expected = f"states [..., N_rec = {axes.shape[1]}]"
    array = _checks.numeric(f"{where}.states", states, expected)
    if array.ndim == 0 or array.shape[-1] != axes.shape[1]:
        raise _checks.error(f"{where}.states", expected, f"shape {array.shape}")
    with np.errstate(all="ignore"):  # NaN and infinity go through
        return np.asarray(((array - mean) / scale) @ axes.T)


def columns(where: str, given: Any) -> dict[str, Any]:
    """Check a dict with a name for each array."""
    if not isinstance(given, Mapping) or not given:
        raise _checks.error(where, "a dict with an array for each name", _checks.shown(given))
    for name in given:
        if not isinstance(name, str) or not name:
            raise _checks.error(where, "names that are strings", _checks.shown(name))
    return dict(given)


def levels(where: str, values: Any, N_batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct values, sorted, and the number of its value for each trial.

    Arguments:
        where: function and argument, for the error.
        values: numbers or strings, ``[N_batch]``.
        N_batch: number of trials.

    Returns:
        Distinct values, and for each trial its place among them: -1 where it is NaN or None.

    """
    expected = f"one number or string for each of {N_batch} trials"
    try:
        array = np.asarray(values)
        if array.dtype.kind == "U" and not isinstance(values, np.ndarray):
            array = np.asarray(values, dtype=object)  # NaN is not the word "nan"
    except (TypeError, ValueError):  # rows of different lengths
        array = np.asarray(None)
    if array.shape != (N_batch,):
        got = f"shape {array.shape}" if array.ndim else _checks.shown(values)
        raise _checks.error(where, expected, got)
    known = np.ones(N_batch, dtype=bool)
    if array.dtype.kind == "O":
        known = np.array([not (v is None or _nan(v)) for v in array])
        array = _of_one_type(array, known)
    if array.dtype.kind == "f":
        known = ~np.isnan(array)
    if array.dtype.kind not in "biufU" or (array.dtype.kind == "f" and np.isinf(array).any()):
        raise _checks.error(where, expected, _checks.shown(values))
    distinct, places = np.unique(array[known], return_inverse=True)
    codes = np.full(N_batch, -1)
    codes[known] = places
    return distinct, codes


def _nan(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))


def _of_one_type(array: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Turn objects into numbers or strings where all that are known are such."""
    if all(isinstance(value, (numbers.Real, np.bool_)) for value in array[known]):
        try:
            return np.where(known, array, np.nan).astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            return array
    if all(isinstance(value, str) for value in array[known]):
        return np.where(known, array, "").astype(str)
    return array
