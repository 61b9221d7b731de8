"""Dicts of options -> checked, frozen records: the only file that knows keys and defaults.

Every public entry hands its dict to ``read`` at once; past it, options are attributes. A key that
is None counts as not given, except where None is the default anyway.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from psychrnn import _checks

Record = TypeVar("Record")


def _key(check: Callable[[str, Any, dict[str, Any]], Any], default: Any = MISSING) -> Any:
    """Declare an option; ``check(where, value, options read so far)`` returns its final value."""
    return field(default=default, metadata={"check": check})


def _plain(check: Callable[[str, Any], Any]) -> Callable[[str, Any, dict[str, Any]], Any]:
    return lambda where, value, _: check(where, value)


def _at_least_zero(where: str, value: Any) -> float:
    return _checks.number(where, value, low=0)


def _workers(where: str, value: Any) -> int:
    none = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value == 0
    return 0 if none else _checks.count(where, value)


def _name(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _checks.error(where, "a name (a string that is not empty)", _checks.shown(value))
    return value


def _prefix(where: str, value: Any) -> str:
    """Check the start of file names, which may be a folder: ``weights/`` gives ``weights/100``."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    return text if isinstance(text, str) and text.endswith("/") else _checks.path(where, value)


def _ratio(where: str, value: Any) -> float:
    return _checks.number(where, value, low=0, high=1)


def _tau(where: str, value: Any, known: dict[str, Any]) -> Any:
    tau: Any
    if _checks.numeric(where, value, "a number above 0, or one for each unit").ndim == 0:
        tau = _checks.positive(where, value)
    else:
        tau = _checks.array(where, value, [("N_rec", known["N_rec"])]).astype(np.float32)
        if (tau <= 0).any():
            raise _checks.error(where, "numbers above 0", f"{tau.min():g}")
    if known["dt"] > np.min(tau):
        raise _checks.error(
            where,
            f"at least dt = {known['dt']:g} ms",
            f"{np.min(tau):g} ms",
            "With dt larger than tau the state overshoots at every step: choose a smaller dt.",
        )
    return tau


def _alpha(where: str, value: Any, known: dict[str, Any]) -> Any:
    """Check an ``alpha`` that the user states against dt / tau (a task's own is derived)."""
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


def _matrix(*axes: str) -> Callable[[str, Any, dict[str, Any]], np.ndarray]:
    advice = "Rows are targets, columns are sources." if len(axes) == 2 else ""

    def check(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
        return _checks.array(where, value, _sizes(where, axes, known), advice)

    return check


def _sizes(where: str, axes: tuple[str, ...], known: dict[str, Any]) -> list[tuple[str, int]]:
    missing = [size for axis in axes for size in axis.split(" + ") if size not in known]
    if missing:
        raise _checks.MissingParameterError(
            f"{where}: {missing[0]} is needed to check its shape and was not given."
        )
    return [(axis, sum(known[size] for size in axis.split(" + "))) for axis in axes]


def _row(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
    """Check a start state: N_rec values, whatever their arrangement."""
    values = _checks.numeric(where, value)
    if values.ndim == 2 and len(values) == 1:
        values = values[0]
    return _checks.array(where, values, _sizes(where, ("N_rec",), known))


def _rows(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
    """Check a start state for all trials, or one for each, as PsychRNN 1.0 had it."""
    values = np.atleast_2d(_checks.numeric(where, value))
    axes = [("rows", len(values)), *_sizes(where, ("N_rec",), known)]
    return _checks.array(where, values, axes)


def _mask(*axes: str) -> Callable[[str, Any, dict[str, Any]], np.ndarray]:
    matrix = _matrix(*axes)

    def check(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
        mask = matrix(where, value, known)
        if not np.isin(mask, (0, 1)).all():
            wrong = mask[~np.isin(mask, (0, 1))][0]
            raise _checks.error(where, "1 (connected) or 0 in every entry", f"{wrong:g}")
        if not mask.any():
            raise _checks.error(where, "at least one connection", "0 everywhere")
        return mask

    return check


def _signs(where: str, value: Any, known: dict[str, Any]) -> np.ndarray:
    matrix = _matrix("N_rec", "N_rec")(where, value, known)
    diagonal = np.diag(matrix)
    if not np.array_equal(matrix, np.diag(diagonal)) or not np.isin(diagonal, (-1, 0, 1)).all():
        raise _checks.error(
            where,
            "a diagonal matrix of 1 (excitatory), -1 (inhibitory) and 0 (silent)",
            "other entries",
            "Build it with np.diag(signs).",
        )
    return matrix


def _maximum(where: str, value: Any, known: dict[str, Any]) -> float:
    low = known.get("init_minval", -0.1)
    if _checks.number(where, value) < low:
        raise _checks.error(where, f"at least init_minval = {low:g}", _checks.shown(value))
    return float(value)


def _one_of(*names: str) -> Callable[[str, Any, dict[str, Any]], str]:
    def check(where: str, value: Any, _: dict[str, Any]) -> str:
        if not isinstance(value, str) or value not in names:
            expected = "one of " + ", ".join(map(repr, names))
            raise _checks.error(where, expected, _checks.shown(value))
        return value

    return check


def _function_or_name(where: str, value: Any) -> Any:
    if not (callable(value) or isinstance(value, str)):
        raise _checks.error(where, "a function or the name of one", _checks.shown(value))
    return str(value) if isinstance(value, str) else value


def _anything(_: str, value: Any) -> Any:
    return value


def _clip(where: str, value: Any) -> float | None:
    if isinstance(value, (bool, np.bool_)):
        return 1.0 if value else None
    return _checks.positive(where, value)


def _fixed(where: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _checks.error(where, "a dict of weight names and 0/1 arrays", _checks.shown(value))
    return dict(value)


def _callbacks(where: str, value: Any) -> tuple[Any, ...]:
    callbacks = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    hooks = ("on_train_begin", "on_step_end", "on_train_end")
    for callback in callbacks:
        if isinstance(callback, type) or not all(hasattr(callback, hook) for hook in hooks):
            raise _checks.error(
                where,
                "objects of psychrnn.backend.callbacks.Callback",
                _checks.shown(callback),
            )
    return callbacks


def _unwrapped(key: str, value: Any) -> Any:
    """Take the value out of the 0-d arrays that a weight file makes of numbers and names."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
        if key == "dale_ratio" and isinstance(value, float) and np.isnan(value):
            return None  # how a file says that there is none
    return value


@dataclass(frozen=True)
class SizeParams:
    """The sizes that give every weight its shape."""

    N_in: int = _key(_plain(_checks.count))
    N_rec: int = _key(_plain(_checks.count))
    N_out: int = _key(_plain(_checks.count))


@dataclass(frozen=True)
class FileParams:
    """What is asked of a weight file before it is read: where it is, and sizes it must have."""

    load_weights_path: str | None = _key(_plain(_checks.path), None)
    N_in: int | None = _key(_plain(_checks.count), None)
    N_rec: int | None = _key(_plain(_checks.count), None)
    N_out: int | None = _key(_plain(_checks.count), None)


@dataclass(frozen=True)
class InitializerParams(SizeParams):
    """Options of ``WeightInitializer``: which weights exist and where they start."""

    seed: int | None = _key(_plain(_checks.seed), None)
    load_weights_path: str | None = _key(_plain(_checks.path), None)
    autapses: bool = _key(_plain(_checks.flag), True)
    input_connectivity: Any = _key(_mask("N_rec", "N_in"), None)
    rec_connectivity: Any = _key(_mask("N_rec", "N_rec"), None)
    output_connectivity: Any = _key(_mask("N_out", "N_rec"), None)
    dale_ratio: float | None = _key(_plain(_ratio), None)
    Dale_rec: Any = _key(_signs, None)
    Dale_out: Any = _key(_signs, None)
    transfer_function: Any = _key(_plain(_function_or_name), None)
    which_rand_init: str = _key(
        _one_of("glorot_gauss", "glorot_unif", "const_gauss", "const_unif"), "glorot_gauss"
    )
    which_rand_W_rec_init: str | None = _key(
        _one_of("glorot_gauss", "glorot_unif", "const_gauss", "const_unif"), None
    )
    init_minval: float = _key(_plain(_checks.number), -0.1)
    init_maxval: float = _key(_maximum, 0.1)
    init_state: Any = _key(_row, None)
    W_in: Any = _key(_matrix("N_rec", "N_in"), None)
    W_rec: Any = _key(_matrix("N_rec", "N_rec"), None)
    W_out: Any = _key(_matrix("N_out", "N_rec"), None)
    b_rec: Any = _key(_matrix("N_rec"), None)
    b_out: Any = _key(_matrix("N_out"), None)


@dataclass(frozen=True)
class LSTMParams(SizeParams):
    """Options of ``LSTM`` alone: its gates, where it starts, and its output."""

    init_hidden: Any = _key(_rows, None)
    init_cell: Any = _key(_rows, None)
    W_f: Any = _key(_matrix("N_rec + N_in", "N_rec"), None)
    W_i: Any = _key(_matrix("N_rec + N_in", "N_rec"), None)
    W_c: Any = _key(_matrix("N_rec + N_in", "N_rec"), None)
    W_o: Any = _key(_matrix("N_rec + N_in", "N_rec"), None)
    b_f: Any = _key(_matrix("N_rec"), None)
    b_i: Any = _key(_matrix("N_rec"), None)
    b_c: Any = _key(_matrix("N_rec"), None)
    b_o: Any = _key(_matrix("N_rec"), None)
    LSTM_output_activation: str | None = _key(_one_of("tanh", "sigmoid"), None)


@dataclass(frozen=True)
class GRUParams(SizeParams):
    """Options of ``GRU`` alone: its gates, and where it starts."""

    init_hidden: Any = _key(_rows, None)
    W_z: Any = _key(_matrix("N_rec + N_in", "N_rec"), None)
    W_r: Any = _key(_matrix("N_rec + N_in", "N_rec"), None)
    W_n: Any = _key(_matrix("N_rec + N_in", "N_rec"), None)
    b_z: Any = _key(_matrix("N_rec"), None)
    b_r: Any = _key(_matrix("N_rec"), None)
    b_n: Any = _key(_matrix("N_rec"), None)
    b_h: Any = _key(_matrix("N_rec"), None)


@dataclass(frozen=True)
class NetworkParams:
    """Options of a network that are not the initializer's."""

    name: str = _key(_plain(_name))
    N_in: int = _key(_plain(_checks.count))
    N_rec: int = _key(_plain(_checks.count))
    N_out: int = _key(_plain(_checks.count))
    N_steps: int = _key(_plain(_checks.count))
    dt: float = _key(_plain(_checks.positive))
    tau: Any = _key(_tau)
    N_batch: int = _key(_plain(_checks.count))
    alpha: Any = _key(_alpha, None)
    rec_noise: float = _key(_plain(_at_least_zero), 0.0)
    rec_noise_generator: str = _key(_one_of("hash", "philox"), "hash")
    engine: str = _key(_one_of("auto", "fused", "generic", "eager"), "auto")
    shards: int | None = _key(_plain(_checks.count), None)
    seed: int | None = _key(_plain(_checks.seed), None)
    load_weights_path: str | None = _key(_plain(_checks.path), None)
    initializer: Any = _key(_plain(_anything), None)
    W_in_train: bool = _key(_plain(_checks.flag), True)
    W_rec_train: bool = _key(_plain(_checks.flag), True)
    W_out_train: bool = _key(_plain(_checks.flag), True)
    b_rec_train: bool = _key(_plain(_checks.flag), True)
    b_out_train: bool = _key(_plain(_checks.flag), True)
    init_state_train: bool = _key(_plain(_checks.flag), True)


@dataclass(frozen=True)
class LossParams:
    """Options of ``LossFunction``."""

    loss_function: Any = _key(_plain(_function_or_name), "mean_squared_error")


@dataclass(frozen=True)
class RegularizerParams:
    """Options of ``Regularizer``: coefficients of penalties, 0 for none."""

    L1_in: float = _key(_plain(_at_least_zero), 0.0)
    L1_rec: float = _key(_plain(_at_least_zero), 0.0)
    L1_out: float = _key(_plain(_at_least_zero), 0.0)
    L2_in: float = _key(_plain(_at_least_zero), 0.0)
    L2_rec: float = _key(_plain(_at_least_zero), 0.0)
    L2_out: float = _key(_plain(_at_least_zero), 0.0)
    L2_firing_rate: float = _key(_plain(_at_least_zero), 0.0)
    custom_regularization: Any = _key(_plain(_checks.function), None)


@dataclass(frozen=True)
class TrainParams:
    """Options of ``train``."""

    learning_rate: Any = _key(_plain(_anything), 0.001)
    training_iters: float = _key(_plain(_at_least_zero), 50000)
    loss_epoch: int = _key(_plain(_checks.count), 10)
    verbosity: bool = _key(_plain(_checks.flag), True)
    save_weights_path: str | None = _key(_plain(_checks.path), None)
    save_training_weights_epoch: int = _key(_plain(_checks.count), 100)
    training_weights_path: str | None = _key(_plain(_prefix), None)
    optimizer: Any = _key(_plain(_anything), None)
    clip_grads: float | None = _key(_plain(_clip), 1.0)
    clip_grads_by: str = _key(_one_of("tensor", "global"), "tensor")
    fixed_weights: dict[str, Any] | None = _key(_plain(_fixed), None)
    performance_measure: Any = _key(_plain(_checks.function), None)
    performance_cutoff: float | None = _key(_plain(_checks.number), None)
    performance_epoch: int = _key(_plain(_checks.count), 1)
    callbacks: tuple[Any, ...] = _key(_plain(_callbacks), ())
    workers: int = _key(_plain(_workers), 0)
    curriculum: Any = _key(_plain(_anything), None)


# Keys of tasks and of initializers with options of their own, in the same dict.
_ELSEWHERE = {"T", "spec_rad"}


def _known(*records: type) -> set[str]:
    return {f.name for record in records for f in fields(record)}


NETWORK_KEYS = _ELSEWHERE | _known(
    NetworkParams, InitializerParams, LossParams, RegularizerParams, LSTMParams, GRUParams
)
_INITIALIZER_KEYS = _known(InitializerParams)
TRAIN_KEYS = _known(TrainParams)
WEIGHT_KEYS = ("init_state", "W_in", "W_rec", "W_out", "b_rec", "b_out")
MASK_KEYS = ("input_connectivity", "rec_connectivity", "output_connectivity")
AXES = {
    "init_state": ("1", "N_rec"),
    "W_in": ("N_rec", "N_in"),
    "W_rec": ("N_rec", "N_rec"),
    "W_out": ("N_out", "N_rec"),
    "b_rec": ("N_rec",),
    "b_out": ("N_out",),
}
CONSTRAINT_KEYS = ("Dale_rec", "Dale_out", *MASK_KEYS)


def read(record: type[Record], where: str, given: Mapping[str, Any]) -> Record:
    """Check the options in ``given`` that ``record`` knows, in the record's order.

    Arguments:
        record: one of the dataclasses of this module.
        where: the class the user called, for error sentences.
        given: the user's dict; keys of other records are left alone.

    Raises:
        ParameterError: on a wrong value; MissingParameterError if a required key is missing.

    """
    if not isinstance(given, Mapping):
        raise _checks.error(where, "a dict of options", _checks.shown(given))
    values: dict[str, Any] = {}
    for option in fields(record):  # type: ignore[arg-type]
        value = _unwrapped(option.name, given.get(option.name))
        if value is not None:
            check = option.metadata["check"]
            values[option.name] = check(f"{where}.{option.name}", value, values)
        elif option.default is MISSING:
            raise _checks.MissingParameterError(
                f"{where}.{option.name}: You must pass '{option.name}' to {where}; the dict of "
                f"options has no such key. task.get_task_params() gives the task's part."
            )
    return record(**values)


def initializer_part(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a network's dict of options says to its initializer."""
    return {key: given[key] for key in (*_INITIALIZER_KEYS, "spec_rad") if key in given}


def check_sizes(where: str, sizes: Mapping[str, int], key: str, value: Any) -> Any:
    """Check one weight or constraint, such as one read from a file, against the sizes."""
    (option,) = (f for f in fields(InitializerParams) if f.name == key)
    return option.metadata["check"](f"{where}, {key}", value, dict(sizes))


def read_train(where: str, given: Mapping[str, Any]) -> TrainParams:
    """Check the options of training, and that they agree with each other."""
    switched_off = [key for key in ("clip_grads", "verbosity") if given.get(key, 0) is None]
    options = read(TrainParams, where, {**given, **dict.fromkeys(switched_off, False)})
    _checks.warn_near_misses(where, given, TRAIN_KEYS)
    if (options.performance_measure is None) != (options.performance_cutoff is None):
        have, lack = "performance_measure", "performance_cutoff"
        if options.performance_measure is None:
            have, lack = lack, have
        raise _checks.ParameterError(
            f"{where}.{lack}: {have} was given without {lack}, so training will not be cutoff "
            "based on performance. Give both, or neither."
        )
    if options.curriculum is not None:
        raise _checks.ParameterError(
            f"{where}.curriculum: curriculum learning is not part of this version yet. "
            "Train on one task after the other: train() continues from the current weights."
        )
    if options.save_weights_path is not None:
        _checks.writable(f"{where}.save_weights_path", options.save_weights_path)
    if options.training_weights_path is not None:
        prefix = options.training_weights_path
        _checks.writable(f"{where}.training_weights_path", f"{prefix}1000000")
    return options
