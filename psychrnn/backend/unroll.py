"""The plain time loop, which runs every model and needs no compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psychrnn import _checks
from psychrnn.backend._tensorflow import tf


def unroll(
    step: Callable[..., Any],
    readout: Callable[[Any], Any],
    x: Any,
    state: tuple[Any, ...],
) -> tuple[Any, tuple[Any, ...]]:
    """Run a step over all time points, and the readout over all states at once.

    Arguments:
        step: ``(time, x_t, *state) -> state``, where ``time`` counts steps from 0 and ``x_t`` is
            ``[N_batch, N_in]``.
        readout: ``(state) -> output``, row by row: ``[rows, N_rec] -> [rows, N_out]``. It sees
            the first part of the state, for all trials and times in one call.
        x: inputs, ``[N_batch, N_steps, N_in]``.
        state: start state, a tuple of tensors ``[N_batch, ...]``.

    Returns:
        Outputs ``[N_batch, N_steps, N_out]``, and a tuple of states after each step,
        ``[N_batch, N_steps, ...]``.

    Raises:
        ParameterError: if the step returns another number of states, or other shapes.

    """
    inputs = tf.transpose(x, [1, 0, 2])
    steps = inputs.shape[0] or tf.shape(inputs)[0]
    records = tuple(
        tf.TensorArray(part.dtype, size=steps, element_shape=part.shape) for part in state
    )

    def body(time: Any, state: tuple[Any, ...], records: tuple[Any, ...]) -> Any:
        new = checked_state(step(time, inputs[time], *state), state)
        records = tuple(record.write(time, part) for record, part in zip(records, new))
        return time + 1, new, records

    _, _, records = tf.while_loop(
        lambda time, *_: time < steps,
        body,
        (tf.constant(0), state, records),
        maximum_iterations=steps,
    )
    states = tuple(record.stack() for record in records)
    for part, start in zip(states, state):
        part.set_shape([inputs.shape[0], *start.shape])
    first = states[0]  # [N_steps, N_batch, ...]
    return read_out(readout, first), tuple(batch_first(part) for part in states)


def read_out(readout: Callable[[Any], Any], states: Any) -> Any:
    """Return outputs ``[N_batch, N_steps, N_out]`` of states ``[N_steps, N_batch, ...]``."""
    outputs = readout(tf.reshape(states, [-1, *states.shape[2:]]))
    if not tf.is_tensor(outputs) or outputs.shape.rank != 2:
        got = str(getattr(outputs, "shape", None) or _checks.shown(outputs))
        raise _checks.error("output_timestep", "a tensor [rows, N_out]", got)
    return batch_first(tf.reshape(outputs, [*tf.unstack(tf.shape(states)[:2]), outputs.shape[-1]]))


def batch_first(values: Any) -> Any:
    """Exchange the first two axes."""
    return tf.transpose(values, [1, 0, *range(2, len(values.shape))])


def checked_state(new: Any, old: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a step returned as a tuple, or say how it differs from the state before."""
    new = tuple(new) if isinstance(new, (tuple, list)) else (new,)
    same = len(new) == len(old) and all(
        tf.is_tensor(n) and n.dtype == o.dtype and n.shape.is_compatible_with(o.shape)
        for n, o in zip(new, old)
    )
    if not same:
        wanted, got = (", ".join(_described(part) for part in parts) for parts in (old, new))
        expected = f"new states of the shapes and types of the old ones, {wanted}"
        raise _checks.error("recurrent_timestep", expected, got)
    return tuple(tf.ensure_shape(n, o.shape) for n, o in zip(new, old))


def _described(part: Any) -> str:
    return f"{part.shape} {part.dtype.name}" if tf.is_tensor(part) else _checks.shown(part)
