r"""The time loop of any network, with a gradient that runs each step again.

Forwards only the states are kept. Backwards the step from :math:`s_{t-1}` to :math:`s_t` is run
once more under a gradient tape, which gives the products of its Jacobian with the error: memory
grows by one state a step, and one step is compiled, however many there are (Chen, Xu, Zhang and
Guestrin 2016, arXiv:1604.06174, with one segment for each step).

What a step uses, other than its arguments, are variables and the tensors that ``bind`` puts in
place for it. It must be the same when it is run twice; ``engine`` sees to that.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from psychrnn.backend._tensorflow import compiled, tf
from psychrnn.backend.noise import Moment
from psychrnn.backend.shards import Parts, Used
from psychrnn.backend.unroll import checked_state


class Cell(NamedTuple):
    """One step of a network.

    Attributes:
        step: ``(x_t, *state) -> state``.
        readout: ``(state) -> output`` of the first part of the state, row by row.
        bind: ``(tensors, moment)`` -> context in which the step uses these tensors and draws its
            noise for that moment.
        variables: the trainable variables that step and readout read.

    """

    step: Callable[..., Any]
    readout: Callable[[Any], Any]
    bind: Callable[[dict[str, Any], Moment | None], AbstractContextManager[None]]
    variables: list[Any]

    def run(self, x_t: Any, state: Any, tensors: dict[str, Any], moment: Moment | None) -> Any:
        """Return output and new state, in that order, as one tuple."""
        with self.bind(tensors, moment):
            new = checked_state(self.step(x_t, *state), state)
            return (self.readout(new[0]), *new)


class Program(NamedTuple):
    """The compiled loops of one cell."""

    forward: Any
    backward: Any


def unroll_generic(
    cell: Cell,
    program: Program,
    x: Any,
    state: tuple[Any, ...],
    tensors: dict[str, Any],
    keys: Any,
    parts: Parts,
) -> tuple[Any, tuple[Any, ...]]:
    """Run a cell over all time points.

    Arguments:
        cell: the cell.
        program: ``compile_cell(cell)``.
        x: inputs, ``[N_batch, N_steps, N_in]``.
        state: start state, a tuple of ``[N_batch, ...]``.
        tensors: what the step uses beside its arguments, by name.
        keys: keys of the noise, ``[N_steps, 2]``, or None.
        parts: how the batch is divided.

    Returns:
        Outputs ``[N_batch, N_steps, N_out]``, and a tuple of states ``[N_batch, N_steps, ...]``.

    """
    names, used = list(tensors), Used()
    n_state, n_parts = len(state), len(parts.sizes)

    @tf.custom_gradient
    def run(x: Any, *rest: Any) -> Any:
        start, values = rest[:n_state], dict(zip(names, rest[n_state:]))
        pieces = parts.ready(*zip(parts.split(x), *(parts.split(part) for part in start)))
        ran = [
            program.forward(u, tuple(s), values, keys, first)
            for (u, *s), first in zip(pieces, parts.first)
        ]
        outputs = tf.concat([output for output, _ in ran], axis=0)

        def gradient(d_outputs: Any, *d_records: Any, variables: Any = None) -> Any:
            errors = parts.split(d_outputs)
            direct = [
                tuple(d_records[part * n_state : (part + 1) * n_state]) if used else None
                for part in range(n_parts)
            ]
            found = [
                program.backward(u, record, values, keys, first, error, given)
                for (u, *_), (_, record), first, error, given in zip(
                    pieces, ran, parts.first, errors, direct
                )
            ]
            d_x, d_start, d_values, d_variables = zip(*found)
            gradients = [tf.concat(d_x, axis=0)]
            gradients += [tf.concat(part, axis=0) for part in zip(*d_start)]
            gradients += [tf.add_n([part[name] for part in d_values]) for name in names]
            if not variables:
                return gradients
            at = {id(v): n for n, v in enumerate(cell.variables)}
            of_variables = [tf.add_n(part) for part in zip(*d_variables)]
            return gradients, [of_variables[at[id(v)]] if id(v) in at else None for v in variables]

        return (outputs, *(part for _, record in ran for part in record)), gradient

    outputs, *records = run(x, *state, *tensors.values())
    records = [used.when_differentiated(part)[1:] for part in records]
    states = (
        tf.concat([_batch_first(part) for part in records[n::n_state]], axis=0)
        for n in range(n_state)
    )
    return outputs, tuple(states)


def compile_cell(cell: Cell, jit: bool = True) -> Program:
    """Return the loops of a cell as compiled functions, for any number of trials and steps."""
    variables = cell.variables

    def forward(x: Any, start: Any, tensors: Any, keys: Any, first: Any) -> Any:
        inputs = tf.transpose(x, [1, 0, 2])
        steps = inputs.shape[0] or tf.shape(inputs)[0]

        def body(time: Any, state: Any, outputs: Any, records: Any) -> Any:
            output, *new = cell.run(inputs[time], state, tensors, _moment(keys, time, first))
            records = tuple(r.write(time + 1, part) for r, part in zip(records, new))
            return time + 1, tuple(new), outputs.write(time, output), records

        records = tuple(
            tf.TensorArray(part.dtype, steps + 1, element_shape=part.shape).write(0, part)
            for part in start
        )
        outputs = tf.TensorArray(x.dtype, steps, infer_shape=True)
        _, _, outputs, records = tf.while_loop(
            lambda time, *_: time < steps,
            body,
            (0, start, outputs, records),
            maximum_iterations=steps,
        )
        return _batch_first(outputs.stack()), tuple(record.stack() for record in records)

    def backward(
        x: Any, records: Any, tensors: Any, keys: Any, first: Any, errors: Any, direct: Any
    ) -> Any:
        inputs, errors = tf.transpose(x, [1, 0, 2]), tf.transpose(errors, [1, 0, 2])
        steps = inputs.shape[0] or tf.shape(inputs)[0]

        def body(time: Any, delta: Any, d_inputs: Any, sums: Any) -> Any:
            x_t, state = inputs[time], tuple(record[time] for record in records)
            # copies, so that the tape sees them used in this loop and not outside it
            local = {name: tf.identity(value) for name, value in tensors.items()}
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                sources = [x_t, *state, *local.values()]
                tape.watch([*sources, *variables])
                reached = cell.run(x_t, state, local, _moment(keys, time, first))
            if direct is not None:
                delta = tuple(d + g[time + 1] for d, g in zip(delta, direct))
            found = tape.gradient(
                reached,
                [*sources, *variables],
                output_gradients=[errors[time], *delta],
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            found = [tf.convert_to_tensor(gradient) for gradient in found]
            sums = tuple(s + g for s, g in zip(sums, found[1 + len(state) :]))
            delta = tuple(found[1 : 1 + len(state)])
            return time - 1, delta, d_inputs.write(time, found[0]), sums

        of_first = tuple(tf.zeros_like(record[0]) for record in records)
        zeros = tuple(tf.zeros_like(value) for value in [*tensors.values(), *variables])
        d_inputs = tf.TensorArray(x.dtype, steps, element_shape=inputs.shape[1:])
        _, delta, d_inputs, sums = tf.while_loop(
            lambda time, *_: time >= 0,
            body,
            (steps - 1, of_first, d_inputs, zeros),
            maximum_iterations=steps,
        )
        if direct is not None:
            delta = tuple(d + g[0] for d, g in zip(delta, direct))
        d_tensors = dict(zip(tensors, sums))
        return _batch_first(d_inputs.stack()), delta, d_tensors, sums[len(tensors) :]

    return Program(compiled(forward, jit), compiled(backward, jit))


def _moment(keys: Any, time: Any, first: Any) -> Moment | None:
    return None if keys is None else Moment(keys[time], first)


def _batch_first(values: Any) -> Any:
    return tf.transpose(values, [1, 0, *range(2, len(values.shape))])
