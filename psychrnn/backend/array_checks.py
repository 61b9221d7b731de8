"""Checks of arrays that a network is given: inputs, batches, weights, frozen entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.backend.params import AXES


def checked_inputs(where: str, model: Any, x: Any) -> np.ndarray:
    """Return inputs as float32, or say what is wrong with them."""
    expected = f"inputs [N_batch, N_steps, N_in = {model.N_in}]"
    array = _checks.numeric(where, x, expected).astype(np.float32)
    if array.ndim != 3 or array.shape[2] != model.N_in or 0 in array.shape:
        raise _checks.error(
            where,
            expected,
            f"{array.shape}",
            "For a single trial pass x[np.newaxis]." if array.ndim == 2 else "",
        )
    if not _checks.finite(array):
        raise _checks.error(where, "finite inputs", "NaN or infinity")
    return array


def checked_batch(where: str, model: Any, batch: Any) -> tuple[np.ndarray, ...]:
    """Return ``(x, y, mask, ...)`` of a batch as float32, or say what is wrong with it."""
    if not isinstance(batch, (tuple, list)) or len(batch) < 3:
        got = f"{len(batch)} values" if isinstance(batch, (tuple, list)) else _checks.shown(batch)
        raise _checks.error(f"{where}, batch", "(x, y, mask, params)", got)
    x = checked_inputs(f"{where}, x of a batch", model, batch[0])
    shape = (*x.shape[:2], model.N_out)
    arrays = [x]
    for key, value in zip(("y", "mask"), batch[1:3]):
        of_batch = f"{where}, {key} of a batch"
        array = _checks.numeric(of_batch, value).astype(np.float32)
        if array.shape != shape:
            axes = "[N_batch, N_steps, N_out]"
            raise _checks.error(of_batch, f"{axes} = {shape}", f"{array.shape}")
        if not _checks.finite(array):
            raise _checks.error(of_batch, "finite numbers", "NaN or infinity")
        arrays.append(array)
    return (*arrays, *batch[3:])


def checked_values(where: str, key: str, value: Any, variable: Any) -> np.ndarray:
    """Return values for a variable, or say what is wrong with their shape or type."""
    values = _checks.numeric(where, value)
    if key == "init_state" and values.ndim == 1:
        values = values[np.newaxis]
    names = AXES.get(key, [f"axis {i}" for i in range(len(variable.shape))])
    return _checks.array(where, values, list(zip(names, variable.shape)))


def checked_fixed(model: Any, fixed: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the frozen entries of each weight as booleans, or say what is wrong with them."""
    where = f"{type(model).__name__}.train.fixed_weights"
    variables = model.named_variables()
    own_names = {model.own_name(variable): key for key, variable in variables.items()}
    result = {}
    for name, value in fixed.items():
        key = name if name in variables else own_names.get(name, name)
        if key not in variables:
            raise _checks.error(where, "names among " + ", ".join(variables), key)
        if key in model._idle_keys:
            advice = "Freeze the weights of its gates instead."
            raise _checks.error(where, "weights that this network uses", key, advice)
        entries = _checks.numeric(f"{where}, {key}", value)
        if entries.ndim == 0:  # True freezes the whole weight
            entries = np.full(variables[key].shape, entries)
        array = checked_values(f"{where}, {key}", key, entries, variables[key])
        if not np.isin(array, (0, 1)).all():
            raise _checks.error(f"{where}, {key}", "1 (frozen) or 0 in every entry", "others")
        result[key] = array.astype(bool)
    return result


def checked_start(where: str, model: Any, given: Any, trials: int) -> list[np.ndarray]:
    """Return states to start from as ``model.presented`` takes them, or say what is wrong."""
    specs = model.state_spec()
    several = isinstance(given, (tuple, list)) and (len(specs) > 1 or np.ndim(given[:1]) > 1)
    parts = list(given) if several else [given]
    where = f"{where}.initial_state"
    if len(parts) != len(specs):
        raise _checks.error(where, f"a tuple of {len(specs)} states", f"{len(parts)}")
    result = [np.zeros((trials, 1), bool)]
    for part, spec in zip(parts, specs):
        values = _checks.numeric(where, part)
        shape = (trials, *spec.shape[1:])
        if values.shape not in (shape, (1, *shape[1:]), shape[1:]):
            raise _checks.error(where, f"[N_batch, N_rec] = {shape}", f"{values.shape}")
        if not np.abs(values).max() <= np.finfo(np.float32).max:
            raise _checks.error(where, "finite numbers", "NaN or infinity")
        result.append(np.broadcast_to(values, shape).astype(spec.dtype.name))
    return result
