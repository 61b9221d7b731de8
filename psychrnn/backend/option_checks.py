"""Checks of single options: each takes where, value and the options read so far.

:func:`plain` makes one of a check that needs only where and value.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from psychrnn import _checks

_MOST_UNITS = 100_000


def plain(check: Callable[[str, Any], Any]) -> Callable[[str, Any, dict[str, Any]], Any]:
    """Return a check that ignores the options read so far."""
    return lambda where, value, _: check(where, value)


def at_least_zero(where: str, value: Any) -> float:
    """Check a number of at least 0."""
    return _checks.number(where, value, low=0)


def workers(where: str, value: Any) -> int:
    """Check a number of processes, 0 for none."""
    none = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value == 0
    return 0 if none else _checks.count(where, value)


def name(where: str, value: Any) -> str:
    """Check a name."""
    if not isinstance(value, str) or not value.strip():
        raise _checks.error(where, "a name (a string that is not empty)", _checks.shown(value))
    return value


def prefix(where: str, value: Any) -> str:
    """Check the start of file names, which may be a folder: ``weights/`` gives ``weights/100``."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    return text if isinstance(text, str) and text.endswith("/") else _checks.path(where, value)


def ratio(where: str, value: Any) -> float:
    """Check a number from 0 to 1."""
    return _checks.number(where, value, low=0, high=1)


def tau(where: str, value: Any, known: dict[str, Any]) -> Any:
    """Check time constants (ms) against dt."""
    result: Any
    if _checks.numeric(where, value, "a number above 0, or one for each unit").ndim == 0:
        result = _checks.positive(where, value)
    else:
        result = _checks.array(where, value, [("N_rec", known["N_rec"])]).astype(np.float32)
        if (result <= 0).any():
            raise _checks.error(where, "numbers above 0", f"{result.min():g}")
    if known.get("dt", 0) > np.min(result):
        raise _checks.error(
            where,
            f"at least dt = {known['dt']:g} ms",
            f"{np.min(result):g} ms",
            "With dt larger than tau the state overshoots at every step: choose a smaller dt.",
        )
    return result


def alpha(where: str, value: Any, known: dict[str, Any]) -> Any:
    """Check an ``alpha`` that the user states against dt / tau (a task's own is derived)."""
    if not {"dt", "tau"} <= known.keys():  # of a simulator, which needs no more than alpha
        if _checks.numeric(where, value, "numbers from 0 to 1").ndim == 0:
            return _checks.number(where, value, above=0, high=1)
        values = _checks.array(where, value, [("N_rec", known["N_rec"])])
        for number in values:
            _checks.number(where, number, above=0, high=1)
        return values
    wanted = known["dt"] / known["tau"]
    if getattr(value, "derived", False):
        return wanted
    try:
        agrees = np.allclose(np.asarray(value, dtype=float), wanted, rtol=1e-5)
    except (TypeError, ValueError):
        agrees = False
    if not agrees:
        raise _checks.error(
            where,
            f"dt / tau = {_checks.shown(wanted)}",
            _checks.shown(value),
            "Leave alpha out: it follows from dt and tau.",
        )
    return wanted


def matrix(*axes: str) -> Callable[[str, Any, dict[str, Any]], np.ndarray]:
    """Return a check of an array with these axes."""
    advice = "Rows are targets, columns are sources." if len(axes) == 2 else ""

    def check(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
        return _checks.array(where, value, sizes(where, axes, known), advice)

    return check


def sizes(where: str, axes: tuple[str, ...], known: dict[str, Any]) -> list[tuple[str, int]]:
    """Return name and size of each axis, from the options read so far."""
    missing = [size for axis in axes for size in axis.split(" + ") if size not in known]
    if missing:
        raise _checks.MissingParameterError(
            f"{where}: {missing[0]} is needed to check its shape and was not given."
        )
    return [(axis, sum(known[size] for size in axis.split(" + "))) for axis in axes]


def row(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
    """Check a start state: N_rec values, whatever their arrangement."""
    values = _checks.numeric(where, value)
    if values.ndim == 2 and len(values) == 1:
        values = values[0]
    return _checks.array(where, values, sizes(where, ("N_rec",), known))


def rows(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
    """Check a start state for all trials, or one for each, as PsychRNN 1.0 had it."""
    values = np.atleast_2d(_checks.numeric(where, value))
    axes = [("rows", len(values)), *sizes(where, ("N_rec",), known)]
    return _checks.array(where, values, axes)


def mask(*axes: str) -> Callable[[str, Any, dict[str, Any]], np.ndarray]:
    """Return a check of a connectivity array."""
    shaped = matrix(*axes)

    def check(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
        entries = shaped(where, value, known)
        if not np.isin(entries, (0, 1)).all():
            wrong = entries[~np.isin(entries, (0, 1))][0]
            raise _checks.error(where, "1 (connected) or 0 in every entry", f"{wrong:g}")
        if not entries.any():
            raise _checks.error(where, "at least one connection", "0 everywhere")
        return entries

    return check


def signs(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
    """Check a diagonal matrix of signs."""
    given = matrix("N_rec", "N_rec")(where, value, known)
    diagonal = np.diag(given)
    if not np.array_equal(given, np.diag(diagonal)) or not np.isin(diagonal, (-1, 0, 1)).all():
        raise _checks.error(
            where,
            "a diagonal matrix of 1 (excitatory), -1 (inhibitory) and 0 (silent)",
            "other entries",
            "Build it with np.diag(signs).",
        )
    return given


def maximum(where: str, value: Any, known: dict[str, Any]) -> float:
    """Check a maximum against ``init_minval``."""
    low = known.get("init_minval", -0.1)
    if _checks.number(where, value) < low:
        raise _checks.error(where, f"at least init_minval = {low:g}", _checks.shown(value))
    return float(value)


def one_of(*names: str) -> Callable[[str, Any, dict[str, Any]], str]:
    """Return a check of a word."""

    def check(where: str, value: Any, _: dict[str, Any]) -> str:
        if not isinstance(value, str) or value not in names:
            expected = "one of " + ", ".join(map(repr, names))
            raise _checks.error(where, expected, _checks.shown(value))
        return value

    return check


def function_or_name(where: str, value: Any) -> Any:
    """Check a function, or the name of one."""
    if isinstance(value, str):
        return str(value)
    if not callable(value) or isinstance(value, type):
        raise _checks.error(where, "a function or the name of one", _checks.shown(value))
    return value


def loss(where: str, value: Any) -> Any:
    """Check a loss, or the name of one."""
    if isinstance(value, str):
        return str(value)
    return _checks.takes(where, function_or_name(where, value), "predictions, y, output_mask")


def penalty(where: str, value: Any) -> Any:
    """Check a penalty."""
    return _checks.takes(where, value, "model, params")


def measure(where: str, value: Any) -> Any:
    """Check a measure of performance."""
    arguments = "x, y, mask, output, epoch, losses, verbosity"
    return _checks.takes(where, value, arguments)


def units(where: str, value: Any) -> int:
    """Check a number of units, whose weights must fit in memory."""
    number = _checks.count(where, value)
    if number > _MOST_UNITS:
        advice = "Its matrix of N_rec x N_rec weights would not fit in memory."
        raise _checks.error(where, f"at most {_MOST_UNITS} units", f"{number}", advice)
    return number


def anything(_: str, value: Any) -> Any:
    """Let a value pass, which is checked where it is used."""
    return value


def clip(where: str, value: Any) -> float | None:
    """Check the norm at which gradients are clipped; None for no clipping."""
    if isinstance(value, (bool, np.bool_)):
        return 1.0 if value else None
    return _checks.positive(where, value)


def fixed(where: str, value: Any) -> dict[str, Any]:
    """Check a dict of frozen entries."""
    if not isinstance(value, Mapping):
        raise _checks.error(where, "a dict of weight names and 0/1 arrays", _checks.shown(value))
    return dict(value)


def unit_numbers(where: str, units: Any, N_rec: int) -> np.ndarray:
    """Check a choice of units: a number, several, a slice, or a mask of booleans."""
    expected = f"unit numbers from 0 to {N_rec - 1}"
    if isinstance(units, slice):
        units = np.arange(N_rec)[units]
    several = sorted(units) if isinstance(units, (range, set, frozenset)) else units
    values = np.atleast_1d(_checks.numeric(where, several, expected))
    if values.dtype == bool and values.shape == (N_rec,):
        values = np.flatnonzero(values)
    if values.size == 0:
        raise _checks.error(where, expected, "none")
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise _checks.error(where, expected, _checks.shown(units))
    wrong = values[(values < 0) | (values >= N_rec)]
    if len(wrong):
        raise _checks.error(where, expected, f"{wrong[0]}")
    if len(np.unique(values)) < len(values):
        raise _checks.error(where, "each unit once", _checks.shown(units))
    return values


_TAKEN = ("all", "excitatory", "inhibitory", "inputs", "outputs")


def groups(where: str, value: Any, known: dict[str, Any]) -> dict[str, list[int]]:
    """Check named groups of units."""
    if not isinstance(value, Mapping):
        expected = "a dict of names and unit numbers, such as {'motor': [0, 1, 2]}"
        raise _checks.error(where, expected, _checks.shown(value))
    found = {}
    for key, units in value.items():
        if not isinstance(key, str) or key in _TAKEN:
            expected = "names other than " + ", ".join(map(repr, _TAKEN))
            raise _checks.error(where, expected, repr(key))
        found[key] = unit_numbers(f"{where}[{key!r}]", units, known["N_rec"]).tolist()
    return found


def callbacks(where: str, value: Any) -> tuple[Any, ...]:
    """Check callbacks; one alone counts too."""
    given = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    hooks = ("on_train_begin", "on_step_end", "on_train_end")
    for callback in given:
        if isinstance(callback, type) or not all(hasattr(callback, hook) for hook in hooks):
            raise _checks.error(
                where,
                "objects of psychrnn.backend.callbacks.Callback",
                _checks.shown(callback),
            )
    return given


def functions(where: str, value: Any, known: dict[str, Any]) -> list[Any]:
    """Check one function for each stage of a curriculum."""
    found = list(value) if isinstance(value, (list, tuple)) else []
    if len(found) != known["stages"]:
        expected = f"{known['stages']} functions, one for each task"
        raise _checks.error(where, expected, _checks.shown(value))
    return [_checks.function(f"{where}[{n}]", one) for n, one in enumerate(found)]


def per_stage(where: str, value: Any, known: dict[str, Any]) -> list[float]:
    """Check one number for each stage of a curriculum, or one for all."""
    given = _checks.numeric(where, value, "numbers")
    if given.shape not in ((), (known["stages"],)):
        expected = f"{known['stages']} numbers, one for each task"
        raise _checks.error(where, expected, _checks.shown(value))
    values = np.broadcast_to(given, known["stages"]).tolist()
    return [_checks.number(f"{where}[{n}]", one) for n, one in enumerate(values)]


def curriculum(where: str, value: Any) -> Any:
    """Check a curriculum."""
    if not (hasattr(value, "metric_test") and hasattr(value, "check_for")):
        advice = "Make one: Curriculum([easy_task, hard_task])."
        raise _checks.error(where, "a Curriculum", _checks.shown(value), advice)
    return value


def metric(where: str, value: Any) -> Any:
    """Check a metric of a curriculum."""
    arguments = "curriculum_params, input_data, correct_output, output_mask, output, epoch, losses"
    return _checks.takes(where, value, f"{arguments}, verbosity")


def task(where: str, value: Any) -> Any:
    """Check a task, or another object with batches."""
    if not hasattr(value, "batch_generator") or isinstance(value, type):
        raise _checks.error(where, "a task", _checks.shown(value))
    return value
