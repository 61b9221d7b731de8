r"""The time loop of leaky rate units, written out with its gradient for speed.

All that is linear in

.. math::

    s_t &= (1 - \alpha) s_{t-1} + \alpha (W_{rec} f(s_{t-1}) + W_{in} x_t + b_{rec}) + n_t \\
    o_t &= W_{out} f(s_t) + b_{out}

goes into one matrix, so that each step is one product with the column :math:`a_t`:

.. math::

    M = \begin{pmatrix} \alpha W_{rec} & \alpha W_{in} & \alpha b_{rec} \\
                        W_{out} & 0 & b_{out} \end{pmatrix}, \quad
    a_t = \begin{pmatrix} f(s_{t-1}) \\ x_t \\ 1 \end{pmatrix}, \quad
    M a_t = \begin{pmatrix} s_t - (1 - \alpha) s_{t-1} - n_t \\ o_{t-1} \end{pmatrix}

Backwards in time, with :math:`\delta_t = \partial L / \partial s_t` and
:math:`q_t = (\delta_t, \partial L / \partial o_{t-1})`, one product carries the error and one
gathers the gradient of all weights:

.. math::

    \frac{\partial L}{\partial M} = \sum_t q_t a_t^T, \quad
    \delta_{t-1} = (1 - \alpha) \delta_t + f'(s_{t-1}) \circ (M^T q_t)_{1..N_{rec}}
                   + \left.\frac{\partial L}{\partial s_{t-1}}\right|_{direct}

Arrays are laid out as ``[time, unit, trial]``: trials are the long axis of every product.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from psychrnn.backend import noise as noises
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.shards import Parts, Used
from psychrnn.backend.transfer_functions import TRANSFER_FUNCTIONS


class Leaky(NamedTuple):
    """A network of leaky units in the form that this loop runs.

    Attributes:
        matrix: the matrix above, ``[N_rec + N_out, N_rec + N_in + 1]``.
        keep: ``1 - alpha``, ``[N_rec, 1]``.
        transfer: transfer function, element by element.
        noise_scale: standard deviation of the noise of a step, ``[N_rec, 1]``, or None.
        draw: one of ``noise.GENERATORS``.

    """

    matrix: Any
    keep: Any
    transfer: Callable[[Any], Any]
    noise_scale: Any = None
    draw: Callable[..., Any] = noises.hashed


def unroll_fused(network: Leaky, x: Any, state: Any, keys: Any, parts: Parts) -> tuple[Any, Any]:
    """Run leaky units over all time points.

    Arguments:
        network: the weights.
        x: inputs, ``[N_batch, N_steps, N_in]``; no gradient is given for them.
        state: start state, ``[N_batch, N_rec]``.
        keys: keys of the noise, ``[N_steps, 2]``.
        parts: how the batch is divided.

    Returns:
        Outputs ``[N_batch, N_steps, N_out]`` and states ``[N_batch, N_steps, N_rec]``.

    """
    # a user's function may read values that change: its program is not kept for the next model
    known = any(network.transfer is function for function in TRANSFER_FUNCTIONS.values())
    make = _program if known else _program.__wrapped__
    program = make(network.transfer, network.noise_scale is not None, network.draw)
    fixed = (network.keep, network.keep if network.noise_scale is None else network.noise_scale)
    inputs = parts.split(x)
    used = Used()

    @tf.custom_gradient
    def run(matrix: Any, state: Any) -> Any:
        ran = parts.ready(inputs, parts.split(state), matrix)
        found = [
            program.forward(matrix, *fixed, u, s, keys, first)
            for u, s, first in zip(*ran[:2], parts.first)
        ]
        outputs, records = zip(*found)

        def gradient(d_outputs: Any, *d_records: Any) -> tuple[Any, Any]:
            errors = parts.split(d_outputs)
            direct = d_records if used else parts.nothing
            carried = [
                program.backward(matrix, network.keep, *of_part)
                for of_part in zip(inputs, records, errors, direct)
            ]
            d_matrix, d_state = zip(*carried)
            return tf.add_n(d_matrix), tf.concat(d_state, axis=0)

        return (tf.concat(outputs, axis=0), *records), gradient

    outputs, *records = run(network.matrix, state)
    states = [tf.transpose(used.when_differentiated(part)[1:], [2, 0, 1]) for part in records]
    return outputs, tf.concat(states, axis=0)


class _Program(NamedTuple):
    forward: Any
    backward: Any


@lru_cache(maxsize=64)
def _program(transfer: Any, noisy: bool, draw: Any) -> _Program:
    """Return the compiled loops; kept ones serve all models, so a shape is compiled once."""

    def forward(
        matrix: Any, keep: Any, scale: Any, x: Any, state: Any, keys: Any, first: Any
    ) -> Any:
        trials, N_rec = state.shape
        steps = x.shape[1] or tf.shape(x)[1]  # known to XLA in either case
        inputs = tf.transpose(x, [1, 2, 0])
        start = tf.transpose(state)
        one = tf.ones([1, trials], x.dtype)
        N_out = matrix.shape[0] - N_rec

        def body(time: Any, s: Any, records: Any, outputs: Any) -> Any:
            column = tf.concat([transfer(s), inputs[time], one], axis=0)
            product = tf.matmul(matrix, column)
            new = keep * s + product[:N_rec]
            if noisy:
                moment = noises.Moment(keys[time], first)
                new += scale * tf.cast(draw(moment, trials, N_rec, unit_first=True), x.dtype)
            # the output of the start state lands in row 0, which the last line drops
            return time + 1, new, records.write(time + 1, new), outputs.write(time, product[N_rec:])

        records = tf.TensorArray(x.dtype, steps + 1, element_shape=[N_rec, trials])
        outputs = tf.TensorArray(x.dtype, steps + 1, element_shape=[N_out, trials])
        _, last, records, outputs = tf.while_loop(
            lambda time, *_: time < steps,
            body,
            (0, start, records.write(0, start), outputs),
            maximum_iterations=steps,
        )
        final = tf.matmul(matrix[N_rec:, :N_rec], transfer(last)) + matrix[N_rec:, -1:]
        outputs = outputs.write(steps, final).stack()
        return tf.transpose(outputs[1:], [2, 0, 1]), records.stack()

    def backward(matrix: Any, keep: Any, x: Any, records: Any, errors: Any, direct: Any) -> Any:
        times, N_rec, trials = records.shape
        times = times or tf.shape(records)[0]
        inputs = _with_zero(tf.transpose(x, [1, 2, 0]), at_end=True)  # none follows the last state
        errors = _with_zero(tf.transpose(errors, [1, 2, 0]))  # the start state has no output
        one = tf.ones([1, trials], x.dtype)
        back = tf.transpose(matrix[:, :N_rec])

        def body(time: Any, delta: Any, d_matrix: Any) -> Any:
            s = records[time]
            with tf.GradientTape() as tape:
                tape.watch(s)
                rate = transfer(s)
            column = tf.concat([rate, inputs[time], one], axis=0)
            q = tf.concat([delta, errors[time]], axis=0)
            d_matrix += tf.matmul(q, column, transpose_b=True)
            carried = tape.gradient(rate, s, output_gradients=tf.matmul(back, q))
            delta = keep * delta + carried
            return time - 1, delta if direct is None else delta + direct[time], d_matrix

        start = (times - 1, tf.zeros([N_rec, trials], x.dtype), tf.zeros_like(matrix))
        _, delta, d_matrix = tf.while_loop(
            lambda time, *_: time >= 0, body, start, maximum_iterations=times
        )
        return d_matrix, tf.transpose(delta)

    return _Program(
        tf.function(forward, jit_compile=True, autograph=False),
        tf.function(backward, jit_compile=True, autograph=False),
    )


def _with_zero(values: Any, at_end: bool = False) -> Any:
    none = tf.zeros_like(values[:1])
    return tf.concat([values, none] if at_end else [none, values], axis=0)
