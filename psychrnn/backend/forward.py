"""Forward passes without training: in parts that bound the memory, or trial after trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks, _html
from psychrnn.backend import engine
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.array_checks import checked_batch
from psychrnn.tasks.batches import Batches
from psychrnn.tasks.task import Task


class TestResult(NamedTuple):
    """What ``test`` returns: ``outputs [N_batch, N_steps, N_out]`` and ``states [..., N_rec]``."""

    outputs: np.ndarray
    states: np.ndarray

    def __repr__(self) -> str:
        return _html.arrays_text(self)

    def _repr_html_(self) -> str:
        return _html.arrays_table(self)


def size_of_parts(where: str, model: Any, x: np.ndarray, given: Any) -> int:
    """Return how many trials to run at once, by default those that have 256 MB of states."""
    own = vars(model).get("_own_init_state")  # one row for each trial of the whole batch
    if own is not None and len(own) not in (1, len(x)):
        expected = f"as many trials as init_state has rows, {len(own)}"
        advice = "Set init_state anew, or give initial_state to test."
        raise _checks.error(where, expected, f"{len(x)}", advice)
    if own is not None and given is not None and given != len(x):
        expected = "all trials at once"
        advice = "init_state was set to a row for each trial: leave batch_size out."
        raise _checks.error(f"{where}.batch_size", expected, _checks.shown(given), advice)
    if given is None:
        given = max(1, 2**26 // (x.shape[1] * model.N_rec)) if own is None else len(x)
    return _checks.count(f"{where}.batch_size", given)


def in_parts(model: Any, x: np.ndarray, start: Any, size: int) -> tuple[Any, Any, Any]:
    """Run ``size`` trials at a time.

    Arguments:
        model: the network.
        x: inputs, ``[N_batch, N_steps, N_in]``.
        start: what ``model.presented`` takes as ``start``, or None.
        size: number of trials to run at once.

    Returns:
        Outputs, states, and a tuple with each part of the state after the last step.

    """
    run = _forward_for(model, x.shape[1], start is not None)
    starts = [] if start is None else list(start)
    found: list[np.ndarray] = []
    for first in range(0, len(x), size):
        part = run(*(tf.constant(values[first : first + size]) for values in (x, *starts)))
        if size >= len(x):
            found = [values.numpy() for values in part]
            break
        if not found:
            found = [np.empty((len(x), *values.shape[1:]), values.dtype.name) for values in part]
        for whole, values in zip(found, part):
            whole[first : first + size] = values.numpy()
    return found[0], found[1], tuple(found[2:])


def _forward_for(model: Any, steps: int, with_start: bool) -> Any:
    """Return the model's forward pass for a number of time steps, made at its first use."""
    if (steps, with_start) not in model._compiled:

        def forward(x: Any, *start: Any) -> Any:
            with model.presented(x, start=start or None):
                return model.predictions, model.states, *vars(model).get("_last_state", ())

        if model.engine != "eager":
            given = [tf.TensorSpec([None, steps, model.N_in], tf.float32)]
            if with_start:
                given += [tf.TensorSpec([None, 1], tf.bool), *model.state_spec()]
            forward = tf.function(forward, autograph=False).get_concrete_function(*given)
        model._compiled[steps, with_start] = forward
    return model._compiled[steps, with_start]


def checked_result(model: Any, result: Any, trials_and_steps: Any) -> dict[str, Any]:
    """Return predictions and states by name, or say what is wrong with a forward pass."""
    where = f"{type(model).__name__}.forward_pass"
    if not (isinstance(result, (tuple, list)) and len(result) == 2):
        raise _checks.error(where, "predictions and states", _checks.shown(result))
    named = dict(zip(("predictions", "states"), result))
    for key, units in (("predictions", model.N_out), ("states", None)):
        wanted = trials_and_steps.concatenate(units)
        if not tf.is_tensor(named[key]) or not wanted.is_compatible_with(named[key].shape):
            got = str(getattr(named[key], "shape", None) or _checks.shown(named[key]))
            expected = f"a tensor [N_batch, N_steps, units] = {wanted}"
            raise _checks.error(f"{where}, {key}", expected, got)
    return named


def check_starts(where: str, model: Any) -> None:
    """Check that a network can start in another state, such as the last one of a trial.

    Raises:
        ParameterError: if it has a forward pass of its own, which need not tell its state.

    """
    if not engine.passes_data(model):
        expected = "a network whose forward pass is the library's"
        advice = "Define recurrent_timestep instead."
        got = "a forward_pass of its own"
        raise _checks.error(where, expected, got, advice)


def carried(model: Any, state: Any, trials: int) -> list[np.ndarray]:
    """Return what ``model.presented`` takes as ``start``, to go on from the last states.

    Arguments:
        model: the network.
        state: each part of the state after the trials before; None before the first.
        trials: number of trials in the batch at hand.

    Raises:
        ParameterError: if batches have different numbers of trials.

    """
    if state is None:
        parts = [np.zeros((trials, *s.shape[1:]), s.dtype.name) for s in model.state_spec()]
        return [np.ones((trials, 1), bool), *parts]
    if len(state[0]) != trials:
        where = f"{type(model).__name__}, carry_state"
        expected = f"batches of {len(state[0])} trials, one for each row that goes on"
        raise _checks.error(where, expected, f"one of {trials}")
    return [np.zeros((trials, 1), bool), *state]


def sessions(
    model: Any, where: str, task: Any, trials: int, carry_state: bool
) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
    """Yield batch, outputs and states of trial after trial, see ``RNN.test_sessions``."""
    if not isinstance(task, Task):
        raise _checks.error(where, "a task", _checks.shown(task))
    if _checks.flag(f"{where}.carry_state", carry_state):
        check_starts(f"{where}.carry_state", model)
    source, state = Batches(task.copied()), None
    for _ in range(trials):
        batch = next(source)
        x = checked_batch(where, model, batch)[0]
        start = carried(model, state, len(x)) if carry_state else None
        outputs, states, last = in_parts(model, x, start, len(x))
        state = last if carry_state else None
        source.observe(batch, outputs)
        yield batch, outputs, states
