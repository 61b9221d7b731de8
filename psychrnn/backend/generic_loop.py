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
from psychrnn.backend.unroll import batch_first, checked_state, read_out


class Cell(NamedTuple):
    """One step of a network.

    Attributes:
        step: ``(x_t, *state) -> state``.
        bind: ``(tensors, moment)`` -> context in which the step uses these tensors and draws its
            noise for that moment.
        variables: the trainable variables that the step reads.

    """

    step: Callable[..., Any]
    bind: Callable[[dict[str, Any], Moment | None], AbstractContextManager[None]]
    variables: list[Any]

    def run(self, x_t: Any, state: Any, tensors: dict[str, Any], moment: Moment | None) -> Any:
        """Return the new state."""
        with self.bind(tensors, moment):
            return checked_state(self.step(x_t, *state), state)


class Program(NamedTuple):
    """The compiled loops of one cell."""

    forward: Any
    backward: Any


def unroll_generic(
    cell: Cell,
    program: Program,
    readout: Callable[[Any], Any],
    x: Any,
    state: tuple[Any, ...],
    tensors: dict[str, Any],
    keys: Any,
    parts: Parts,
    x_is_data: bool = False,
) -> tuple[Any, tuple[Any, ...]]:
    """Run a cell over all time points, and the readout over all states at once.

    Arguments:
        cell: the cell.
        program: ``compile_cell(cell)``.
        readout: ``(state) -> output`` of the first part of the state, row by row.
        x: inputs, ``[N_batch, N_steps, N_in]``.
        state: start state, a tuple of ``[N_batch, ...]``.
        tensors: what the step uses beside its arguments, by name.
        keys: keys of the noise, ``[N_steps, 2]``, or None.
        parts: how the batch is divided.
        x_is_data: True where no gradient has to reach ``x``.

    Returns:
        Outputs ``[N_batch, N_steps, N_out]``, and a tuple of states ``[N_batch, N_steps, ...]``.

    """
    names, n_state, n_parts = list(tensors), len(state), len(parts.sizes)
    used = [Used() for _ in range(n_parts * n_state)]

    @tf.custom_gradient
    def run(x: Any, *rest: Any) -> Any:
        start, values = rest[:n_state], dict(zip(names, rest[n_state:]))
        pieces = parts.ready(*zip(parts.split(x), *(parts.split(part) for part in start)))
        records = [
            program.forward(u, tuple(s), values, keys, first)
            for (u, *s), first in zip(pieces, parts.first)
        ]

        def gradient(*d_records: Any, variables: Any = None) -> Any:
            direct = [d_record if use else None for d_record, use in zip(d_records, used)]
            (direct,) = parts.ready(direct)
            found = [
                program.backward(
                    u, record, values, keys, first, direct[n : n + n_state], not x_is_data
                )
                for n, (u, *_), record, first in zip(
                    range(0, n_parts * n_state, n_state), pieces, records, parts.first
                )
            ]
            d_x, d_start, d_values, d_variables = zip(*found)
            gradients = [None if x_is_data else tf.concat(d_x, axis=0)]
            gradients += [tf.concat(part, axis=0) for part in zip(*d_start)]
            gradients += [tf.add_n([part[name] for part in d_values]) for name in names]
            if not variables:
                return gradients
            at = {id(v): n for n, v in enumerate(cell.variables)}
            of_variables = [tf.add_n(part) for part in zip(*d_variables)]
            return gradients, [of_variables[at[id(v)]] if id(v) in at else None for v in variables]

        return tuple(part for record in records for part in record), gradient

    found = run(x, *state, *tensors.values())
    records = [use.when_differentiated(part) for use, part in zip(used, found)]
    # the start state is read out too and dropped after that, where it is small
    outputs = [read_out(readout, part)[:, 1:] for part in records[::n_state]]
    states = (
        tf.concat([batch_first(part[1:]) for part in records[n::n_state]], axis=0)
        for n in range(n_state)
    )
    return tf.concat(outputs, axis=0), tuple(states)


def compile_cell(cell: Cell, jit: bool = True) -> Program:
    """Return the loops of a cell as compiled functions, for any number of trials and steps."""
    variables = cell.variables

    def forward(x: Any, start: Any, tensors: Any, keys: Any, first: Any) -> Any:
        inputs = tf.transpose(x, [1, 0, 2])
        steps = inputs.shape[0] or tf.shape(inputs)[0]

        def body(time: Any, state: Any, records: Any) -> Any:
            new = cell.run(inputs[time], state, tensors, _moment(keys, time, first))
            return time + 1, new, tuple(r.write(time + 1, part) for r, part in zip(records, new))

        records = tuple(
            tf.TensorArray(part.dtype, steps + 1, element_shape=part.shape).write(0, part)
            for part in start
        )
        _, _, records = tf.while_loop(
            lambda time, *_: time < steps, body, (0, start, records), maximum_iterations=steps
        )
        return tuple(record.stack() for record in records)

    def backward(
        x: Any, records: Any, tensors: Any, keys: Any, first: Any, direct: Any, into_x: bool
    ) -> Any:
        inputs = tf.transpose(x, [1, 0, 2])
        steps = inputs.shape[0] or tf.shape(inputs)[0]

        def with_direct(delta: Any, time: Any) -> Any:
            return tuple(d if g is None else d + g[time] for d, g in zip(delta, direct))

        def body(time: Any, delta: Any, d_inputs: Any, sums: Any) -> Any:
            x_t, state = inputs[time], tuple(record[time] for record in records)
            # copies, so that the tape sees them used in this loop and not outside it
            local = {name: tf.identity(value) for name, value in tensors.items()}
            sources = [*state, *local.values(), *variables, *([x_t] if into_x else [])]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(sources)
                reached = cell.run(x_t, state, local, _moment(keys, time, first))
            found = tape.gradient(
                reached,
                sources,
                output_gradients=list(with_direct(delta, time + 1)),
                unconnected_gradients=tf.UnconnectedGradients.ZERO,
            )
            found = [tf.convert_to_tensor(gradient) for gradient in found]
            sums = tuple(s + g for s, g in zip(sums, found[len(state) :]))
            d_inputs = tuple(array.write(time, found[-1]) for array in d_inputs)
            return time - 1, tuple(found[: len(state)]), d_inputs, sums

        of_first = tuple(tf.zeros_like(record[0]) for record in records)
        zeros = tuple(tf.zeros_like(value) for value in [*tensors.values(), *variables])
        d_inputs: tuple[Any, ...] = ()
        if into_x:
            d_inputs = (tf.TensorArray(x.dtype, steps, element_shape=inputs.shape[1:]),)
        _, delta, d_inputs, sums = tf.while_loop(
            lambda time, *_: time >= 0,
            body,
            (steps - 1, of_first, d_inputs, zeros),
            maximum_iterations=steps,
        )
        d_x = batch_first(d_inputs[0].stack()) if into_x else tf.constant(0)
        d_tensors = dict(zip(tensors, sums))
        return d_x, with_direct(delta, 0), d_tensors, sums[len(tensors) :]

    return Program(compiled(forward, jit), compiled(backward, jit))


def _moment(keys: Any, time: Any, first: Any) -> Moment | None:
    return None if keys is None else Moment(keys[time], first)
