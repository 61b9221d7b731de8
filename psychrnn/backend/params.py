"""Dicts of options -> checked, frozen records: the only file that knows keys and defaults.

Every public entry hands its dict to ``read`` at once; past it, options are attributes. A key that
is None counts as not given, except where None is the default anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any, TypeVar

import numpy as np

from psychrnn import _checks
from psychrnn.backend import option_checks as check

Record = TypeVar("Record")


def _key(rule: Callable[[str, Any, dict[str, Any]], Any], default: Any = MISSING) -> Any:
    """Declare an option; ``rule(where, value, options read so far)`` returns its final value."""
    return field(default=default, metadata={"check": rule})


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

    N_in: int = _key(check.plain(_checks.count))
    N_rec: int = _key(check.plain(check.units))
    N_out: int = _key(check.plain(_checks.count))


@dataclass(frozen=True)
class FileParams:
    """What is asked of a weight file before it is read: where it is, and sizes it must have."""

    load_weights_path: str | None = _key(check.plain(_checks.path), None)
    N_in: int | None = _key(check.plain(_checks.count), None)
    N_rec: int | None = _key(check.plain(_checks.count), None)
    N_out: int | None = _key(check.plain(_checks.count), None)


@dataclass(frozen=True)
class InitializerParams(SizeParams):
    """Options of ``WeightInitializer``: which weights exist and where they start."""

    seed: int | None = _key(check.plain(_checks.seed), None)
    load_weights_path: str | None = _key(check.plain(_checks.path), None)
    autapses: bool = _key(check.plain(_checks.flag), True)
    input_connectivity: Any = _key(check.mask("N_rec", "N_in"), None)
    rec_connectivity: Any = _key(check.mask("N_rec", "N_rec"), None)
    output_connectivity: Any = _key(check.mask("N_out", "N_rec"), None)
    dale_ratio: float | None = _key(check.plain(check.ratio), None)
    Dale_rec: Any = _key(check.signs, None)
    Dale_out: Any = _key(check.signs, None)
    transfer_function: Any = _key(check.plain(check.function_or_name), None)
    which_rand_init: str = _key(
        check.one_of("glorot_gauss", "glorot_unif", "const_gauss", "const_unif"), "glorot_gauss"
    )
    which_rand_W_rec_init: str | None = _key(
        check.one_of("glorot_gauss", "glorot_unif", "const_gauss", "const_unif"), None
    )
    init_minval: float = _key(check.plain(_checks.number), -0.1)
    init_maxval: float = _key(check.maximum, 0.1)
    init_state: Any = _key(check.row, None)
    W_in: Any = _key(check.matrix("N_rec", "N_in"), None)
    W_rec: Any = _key(check.matrix("N_rec", "N_rec"), None)
    W_out: Any = _key(check.matrix("N_out", "N_rec"), None)
    b_rec: Any = _key(check.matrix("N_rec"), None)
    b_out: Any = _key(check.matrix("N_out"), None)


@dataclass(frozen=True)
class LSTMParams(SizeParams):
    """Options of ``LSTM`` alone: its gates, where it starts, and its output."""

    init_hidden: Any = _key(check.rows, None)
    init_cell: Any = _key(check.rows, None)
    W_f: Any = _key(check.matrix("N_rec + N_in", "N_rec"), None)
    W_i: Any = _key(check.matrix("N_rec + N_in", "N_rec"), None)
    W_c: Any = _key(check.matrix("N_rec + N_in", "N_rec"), None)
    W_o: Any = _key(check.matrix("N_rec + N_in", "N_rec"), None)
    b_f: Any = _key(check.matrix("N_rec"), None)
    b_i: Any = _key(check.matrix("N_rec"), None)
    b_c: Any = _key(check.matrix("N_rec"), None)
    b_o: Any = _key(check.matrix("N_rec"), None)
    LSTM_output_activation: str | None = _key(check.one_of("tanh", "sigmoid"), None)


@dataclass(frozen=True)
class GRUParams(SizeParams):
    """Options of ``GRU`` alone: its gates, and where it starts."""

    init_hidden: Any = _key(check.rows, None)
    W_z: Any = _key(check.matrix("N_rec + N_in", "N_rec"), None)
    W_r: Any = _key(check.matrix("N_rec + N_in", "N_rec"), None)
    W_n: Any = _key(check.matrix("N_rec + N_in", "N_rec"), None)
    b_z: Any = _key(check.matrix("N_rec"), None)
    b_r: Any = _key(check.matrix("N_rec"), None)
    b_n: Any = _key(check.matrix("N_rec"), None)
    b_h: Any = _key(check.matrix("N_rec"), None)


@dataclass(frozen=True)
class NetworkParams:
    """Options of a network that are not the initializer's."""

    name: str = _key(check.plain(check.name))
    N_in: int = _key(check.plain(_checks.count))
    N_rec: int = _key(check.plain(check.units))
    N_out: int = _key(check.plain(_checks.count))
    N_steps: int = _key(check.plain(_checks.count))
    dt: float = _key(check.plain(_checks.positive))
    tau: Any = _key(check.tau)
    N_batch: int = _key(check.plain(_checks.count))
    alpha: Any = _key(check.alpha, None)
    rec_noise: float = _key(check.plain(check.at_least_zero), 0.0)
    rec_noise_generator: str = _key(check.one_of("hash", "philox"), "hash")
    engine: str = _key(check.one_of("auto", "fused", "generic", "eager"), "auto")
    shards: int | None = _key(check.plain(_checks.count), None)
    seed: int | None = _key(check.plain(_checks.seed), None)
    unit_groups: Any = _key(check.groups, None)
    load_weights_path: str | None = _key(check.plain(_checks.path), None)
    initializer: Any = _key(check.plain(check.anything), None)
    W_in_train: bool = _key(check.plain(_checks.flag), True)
    W_rec_train: bool = _key(check.plain(_checks.flag), True)
    W_out_train: bool = _key(check.plain(_checks.flag), True)
    b_rec_train: bool = _key(check.plain(_checks.flag), True)
    b_out_train: bool = _key(check.plain(_checks.flag), True)
    init_state_train: bool = _key(check.plain(_checks.flag), True)


@dataclass(frozen=True)
class LossParams:
    """Options of ``LossFunction``."""

    loss_function: Any = _key(check.plain(check.loss), "mean_squared_error")


@dataclass(frozen=True)
class RegularizerParams:
    """Options of ``Regularizer``: coefficients of penalties, 0 for none."""

    L1_in: float = _key(check.plain(check.at_least_zero), 0.0)
    L1_rec: float = _key(check.plain(check.at_least_zero), 0.0)
    L1_out: float = _key(check.plain(check.at_least_zero), 0.0)
    L2_in: float = _key(check.plain(check.at_least_zero), 0.0)
    L2_rec: float = _key(check.plain(check.at_least_zero), 0.0)
    L2_out: float = _key(check.plain(check.at_least_zero), 0.0)
    L2_firing_rate: float = _key(check.plain(check.at_least_zero), 0.0)
    custom_regularization: Any = _key(check.plain(check.penalty), None)


@dataclass(frozen=True)
class SimulatorParams:
    """Options of a simulator that was given weights and no model."""

    N_rec: int = _key(check.plain(check.units))
    dt: float | None = _key(check.plain(_checks.positive), None)
    tau: Any = _key(check.tau, None)
    alpha: Any = _key(check.alpha, None)
    rec_noise: float = _key(check.plain(check.at_least_zero), 0.0)
    unit_groups: Any = _key(check.groups, None)


@dataclass(frozen=True)
class TrainParams:
    """Options of ``train``."""

    learning_rate: Any = _key(check.plain(check.anything), 0.001)
    training_iters: float = _key(check.plain(check.at_least_zero), 50000)
    loss_epoch: int = _key(check.plain(_checks.count), 10)
    verbosity: bool = _key(check.plain(_checks.flag), True)
    save_weights_path: str | None = _key(check.plain(_checks.path), None)
    save_training_weights_epoch: int = _key(check.plain(_checks.count), 100)
    training_weights_path: str | None = _key(check.plain(check.prefix), None)
    optimizer: Any = _key(check.plain(check.anything), None)
    clip_grads: float | None = _key(check.plain(check.clip), 1.0)
    clip_grads_by: str = _key(check.one_of("tensor", "global"), "tensor")
    fixed_weights: dict[str, Any] | None = _key(check.plain(check.fixed), None)
    performance_measure: Any = _key(check.plain(check.measure), None)
    performance_cutoff: float | None = _key(check.plain(_checks.number), None)
    performance_epoch: int = _key(check.plain(_checks.count), 1)
    callbacks: tuple[Any, ...] = _key(check.plain(check.callbacks), ())
    workers: int = _key(check.plain(check.workers), 0)
    curriculum: Any = _key(check.plain(check.curriculum), None)
    carry_state: bool = _key(check.plain(_checks.flag), False)
    held_out: Any = _key(check.plain(check.task), None)
    checkpoint_path: str | None = _key(check.plain(_checks.path), None)
    checkpoint_epoch: int = _key(check.plain(_checks.count), 100)
    resume: bool = _key(check.plain(_checks.flag), False)
    on_nan: str = _key(check.one_of("raise", "stop"), "raise")


@dataclass(frozen=True)
class CurriculumParams:
    """Options of ``Curriculum``."""

    stages: int = _key(check.plain(_checks.count))
    metric: Any = _key(check.plain(check.metric), None)
    accuracies: Any = _key(check.functions, None)
    thresholds: Any = _key(check.per_stage, None)
    metric_epoch: int = _key(check.plain(_checks.count), 10)
    output_file: str | None = _key(check.plain(_checks.path), None)
    n_trials: int | None = _key(check.plain(_checks.count), None)
    patience: int = _key(check.plain(_checks.count), 1)
    demote_below: Any = _key(check.per_stage, None)


# Keys of tasks and of initializers with options of their own, in the same dict.
_ELSEWHERE = {"T", "spec_rad"}


def _known(*records: type) -> set[str]:
    return {f.name for record in records for f in fields(record)}


NETWORK_KEYS = _ELSEWHERE | _known(
    NetworkParams, InitializerParams, LossParams, RegularizerParams, LSTMParams, GRUParams
)
_INITIALIZER_KEYS = _known(InitializerParams)
TRAIN_KEYS = _known(TrainParams)
_CURRICULUM_KEYS = _known(CurriculumParams) - {"stages"}
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
            rule = option.metadata["check"]
            values[option.name] = rule(f"{where}.{option.name}", value, values)
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


def read_simulator(where: str, given: Mapping[str, Any], N_rec: int) -> SimulatorParams:
    """Check the options of a simulator; ``alpha`` is given, or follows from dt and tau."""
    if not isinstance(given, Mapping):
        raise _checks.error(where, "a dict of options", _checks.shown(given))
    options = read(SimulatorParams, where, {**given, "N_rec": N_rec})
    _checks.warn_near_misses(where, given, NETWORK_KEYS)
    if options.alpha is None:
        for key in ("dt", "tau"):
            if getattr(options, key) is None:
                raise _checks.MissingParameterError(
                    f"{where}.{key}: give alpha, or dt and tau (ms); without a model they are "
                    "not known."
                )
        return replace(options, alpha=options.dt / options.tau)
    return options


def read_curriculum(where: str, given: Mapping[str, Any], stages: int) -> CurriculumParams:
    """Check the options of a curriculum; lists have one entry for each stage."""
    options = read(CurriculumParams, where, {**given, "stages": stages})
    _checks.warn_near_misses(where, given, _CURRICULUM_KEYS)
    if options.output_file is not None:
        _checks.writable(f"{where}.output_file", options.output_file)
    return options if options.thresholds else replace(options, thresholds=[0.9] * stages)


def has_curriculum(where: str, given: Any) -> bool:
    """Tell whether options of training name a curriculum."""
    if not isinstance(given, Mapping):
        raise _checks.error(where, "a dict of options", _checks.shown(given))
    return given.get("curriculum") is not None


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
    if options.save_weights_path is not None:
        _checks.writable(f"{where}.save_weights_path", options.save_weights_path)
    if options.checkpoint_path is not None:
        _checks.writable(f"{where}.checkpoint_path", f"{options.checkpoint_path}-00000000")
    elif options.resume:
        expected = "a checkpoint_path beside resume=True"
        raise _checks.error(f"{where}.checkpoint_path", expected, "none")
    if options.training_weights_path is not None:
        prefix = options.training_weights_path
        _checks.writable(f"{where}.training_weights_path", f"{prefix}1000000")
    return options
