r"""The time loop of networks whose step is one matrix product, written out with its gradient.

All that is linear in a step goes into one matrix :math:`M`, all that is not acts on each element
alone. With the state :math:`s`, the rates :math:`r(s)` and the column :math:`a_t`,

.. math::

    a_t = \begin{pmatrix} r(s_{t-1}) \\ x_t \\ 1 \end{pmatrix}, \quad
    M a_t = \begin{pmatrix} p_t \\ o_{t-1} \end{pmatrix}, \quad
    s_t = g(p_t, s_{t-1})

so that one product gives what drives the next state and the output of the state before. Backwards
in time, with :math:`q_t = (\partial L / \partial p_t, \partial L / \partial o_{t-1})`, one product
carries the error and one gathers the gradient of all weights:

.. math::

    \frac{\partial L}{\partial M} = \sum_t q_t a_t^T, \quad
    \frac{\partial L}{\partial s_{t-1}} = r'(s_{t-1}) \circ (M^T q_t)_{1..N_{rec}}
        + \frac{\partial L}{\partial s_t} \frac{\partial g}{\partial s_{t-1}}
        + \left.\frac{\partial L}{\partial s_{t-1}}\right|_{direct}

Arrays are laid out as ``[time, unit, trial]``: trials are the long axis of every product.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from psychrnn.backend import noise as noises
from psychrnn.backend._tensorflow import compiled, tf
from psychrnn.backend.shards import Parts, Used
from psychrnn.backend.transfer_functions import TRANSFER_FUNCTIONS


class Units(NamedTuple):
    """What a kind of unit does with the product, element by element.

    States are tuples of ``[N_rec, trials]``, the first part of which gives the rates.

    Attributes:
        rows: rows of the product for each unit.
        keeps: rows of ``kept`` for each unit, 0 where it is None.
        rates: from the first part of the state to what the product takes.
        advance: ``(product, state, constants) -> (new state, kept)``, where ``kept`` is what
            ``retreat`` needs beside the states, or None.
        retreat: ``(errors, state before, state after, kept, constants) -> (errors of the
            product, errors of the state before)``, without what goes through the rates.

    """

    rows: int
    keeps: int
    rates: Callable[[Any], Any]
    advance: Callable[..., Any]
    retreat: Callable[..., Any]


class Network(NamedTuple):
    """A network in the form that this loop runs.

    Attributes:
        units: what its units do.
        matrix: the matrix above, ``[rows * N_rec + N_out, N_rec + N_in + 1]``.
        constants: what ``advance`` and ``retreat`` are given, a tuple.
        noise_scale: standard deviation of the noise added to the first ``N_rec`` rows of each
            product, ``[N_rec, 1]``, or None.
        draw: one of ``noise.GENERATORS``.

    """

    units: Units
    matrix: Any
    constants: tuple[Any, ...] = ()
    noise_scale: Any = None
    draw: Callable[..., Any] = noises.hashed


def unroll_fused(
    network: Network, x: Any, state: tuple[Any, ...], keys: Any, parts: Parts
) -> tuple[Any, tuple[Any, ...]]:
    """Run a network over all time points.

    Arguments:
        network: its units and weights.
        x: inputs, ``[N_batch, N_steps, N_in]``; no gradient is given for them.
        state: start state, a tuple of ``[N_batch, N_rec]``.
        keys: keys of the noise, ``[N_steps, 2]``.
        parts: how the batch is divided.

    Returns:
        Outputs ``[N_batch, N_steps, N_out]`` and a tuple of states ``[N_batch, N_steps, N_rec]``,
        of which only the first part takes a gradient.

    """
    # a user's function may read values that change: its program is not kept for the next model
    known = any(network.units.rates is function for function in TRANSFER_FUNCTIONS.values())
    make = _program if known else _program.__wrapped__
    program = make(network.units, network.noise_scale is not None, network.draw)
    constants = network.constants
    scale = 0.0 if network.noise_scale is None else network.noise_scale
    inputs = parts.split(x)
    used = Used()
    others: list[tuple[Any, ...]] = []  # parts of the state after the first, of each shard

    @tf.custom_gradient
    def run(matrix: Any, *state: Any) -> Any:
        starts = list(zip(*(parts.split(part) for part in state)))
        ready, starts, _ = parts.ready(inputs, starts, matrix)
        ran = [
            program.forward(matrix, constants, scale, u, s, keys, first)
            for u, s, first in zip(ready, starts, parts.first)
        ]
        outputs, records, kept = zip(*ran)
        others.extend(record[1:] for record in records)

        def gradient(d_outputs: Any, *d_records: Any) -> tuple[Any, ...]:
            direct = d_records if used else parts.nothing
            errors, direct = parts.ready(parts.split(d_outputs), direct)
            carried = [
                program.backward(matrix, constants, *of_part)
                for of_part in zip(inputs, records, kept, errors, direct)
            ]
            d_matrix, d_states = zip(*carried)
            return tf.add_n(d_matrix), *(tf.concat(part, axis=0) for part in zip(*d_states))

        return (tf.concat(outputs, axis=0), *(record[0] for record in records)), gradient

    outputs, *records = run(network.matrix, *state)
    first = [used.when_differentiated(part) for part in records]
    return outputs, tuple(
        tf.concat([tf.transpose(part[1:], [2, 0, 1]) for part in shards], axis=0)
        for shards in (first, *zip(*others))
    )


class _Program(NamedTuple):
    forward: Any
    backward: Any


@lru_cache(maxsize=64)
def _program(units: Units, noisy: bool, draw: Any) -> _Program:
    """Return the compiled loops; kept ones serve all models, so a shape is compiled once."""

    def forward(
        matrix: Any, constants: Any, scale: Any, x: Any, state: Any, keys: Any, first: Any
    ) -> Any:
        trials, N_rec = state[0].shape
        steps = x.shape[1] or tf.shape(x)[1]  # known to XLA in either case
        inputs = tf.transpose(x, [1, 2, 0])
        start = tuple(tf.transpose(part) for part in state)
        one = tf.ones([1, trials], x.dtype)
        driven = units.rows * N_rec

        def array(size: Any, rows: int) -> Any:
            return tf.TensorArray(x.dtype, size, element_shape=[rows, trials])

        def body(time: Any, state: Any, records: Any, kept: Any, outputs: Any) -> Any:
            column = tf.concat([units.rates(state[0]), inputs[time], one], axis=0)
            product = tf.matmul(matrix, column)
            # the output of the start state lands in row 0, which the last line drops
            outputs, product = outputs.write(time, product[driven:]), product[:driven]
            if noisy:
                moment = noises.Moment(keys[time], first)
                product += scale * tf.cast(draw(moment, trials, N_rec, unit_first=True), x.dtype)
            state, keep = units.advance(product, state, constants)
            records = tuple(r.write(time + 1, part) for r, part in zip(records, state))
            kept = tuple(k.write(time, keep) for k in kept)
            return time + 1, state, records, kept, outputs

        records = tuple(array(steps + 1, N_rec).write(0, part) for part in start)
        kept = (array(steps, units.keeps * N_rec),) if units.keeps else ()
        outputs = array(steps + 1, matrix.shape[0] - driven)
        _, last, records, kept, outputs = tf.while_loop(
            lambda time, *_: time < steps,
            body,
            (0, start, records, kept, outputs),
            maximum_iterations=steps,
        )
        final = tf.matmul(matrix[driven:, :N_rec], units.rates(last[0])) + matrix[driven:, -1:]
        outputs = tf.transpose(outputs.write(steps, final).stack()[1:], [2, 0, 1])
        return outputs, tuple(r.stack() for r in records), tuple(k.stack() for k in kept)

    def backward(
        matrix: Any, constants: Any, x: Any, records: Any, kept: Any, errors: Any, direct: Any
    ) -> Any:
        times, N_rec, trials = records[0].shape
        last = (times or tf.shape(records[0])[0]) - 2  # the last step
        inputs = _with_zero(tf.transpose(x, [1, 0, 2]), at_end=True)  # none follows the last state
        errors = _with_zero(tf.transpose(errors, [1, 2, 0]))  # the start state has no output
        one = tf.ones([trials, 1], x.dtype)
        back = tf.transpose(matrix[:, :N_rec])

        def body(time: Any, delta: Any, d_matrix: Any) -> Any:
            # From the errors of the state at time + 1 to those at time. Nothing follows the last
            # state: there the errors are 0, and XLA takes the last entry for one past the end.
            before, after = (tuple(record[at] for record in records) for at in (time, time + 1))
            keep = kept[0][time] if kept else None
            d_product, d_state = units.retreat(delta, before, after, keep, constants)
            with tf.GradientTape() as tape:
                tape.watch(before[0])
                rates = units.rates(before[0])
            # rows, made anew: with few trials the product of columns takes XLA a third longer
            row = tf.concat([units.rates(tf.transpose(before[0])), inputs[time], one], axis=1)
            q = tf.concat([d_product, errors[time]], axis=0)
            d_matrix += tf.matmul(q, row)
            carried = tape.gradient(rates, before[0], output_gradients=tf.matmul(back, q))
            carried = carried if direct is None else carried + direct[time]
            return time - 1, (d_state[0] + carried, *d_state[1:]), d_matrix

        zeros = tuple(tf.zeros([N_rec, trials], x.dtype) for _ in records)
        # one loop and little around it: XLA runs such a program on the thread that calls it
        _, delta, d_matrix = tf.while_loop(
            lambda time, *_: time >= 0,
            body,
            (last + 1, zeros, tf.zeros_like(matrix)),
            maximum_iterations=last + 2,
        )
        return d_matrix, tuple(tf.transpose(part) for part in delta)

    return _Program(compiled(forward), compiled(backward))


def _with_zero(values: Any, at_end: bool = False) -> Any:
    none = tf.zeros_like(values[:1])
    return tf.concat([values, none] if at_end else [none, values], axis=0)
