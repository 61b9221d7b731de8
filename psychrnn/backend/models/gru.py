"""The network of gated recurrent units."""

from __future__ import annotations

from typing import Any

from psychrnn.backend import fused_loop
from psychrnn.backend import params as options
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.models.gated import Gated, sigmoid


class GRU(Gated):
    r"""A network of gated recurrent units.

    .. math::

        u, r &= \sigma(z_t W_{z,r} + b_{z,r}), \quad z_t = [h_{t-1}, x_t] \\
        n &= \tanh(x_t W_n^{(x)} + b_n + r \circ (h_{t-1} W_n^{(h)} + b_h)) \\
        h_t &= (1 - u) \circ h_{t-1} + u \circ n, \quad y_t = W_{out} h_t + b_{out}

    where :math:`W_n^{(h)}` are the first ``N_rec`` rows of ``W_n`` (Cho et al. 2014, EMNLP; Chung
    et al. 2014, arXiv:1412.3555; with the reset gate after the product, as in cuDNN). The update
    gate :math:`u` takes the place that :math:`\alpha = dt/\tau` has in a rate network. The states
    that ``test`` returns are :math:`h_t`. Of the constraints only ``output_connectivity`` can
    apply, as for :class:`~psychrnn.backend.models.lstm.LSTM`.

    Arguments:
        params: dict of options, see :class:`~psychrnn.backend.rnn.RNN`. Besides, weights of
            gates ``W_z`` (update), ``W_r`` (reset), ``W_n`` (new) (``[N_rec + N_in, N_rec]``, by
            default :math:`N(0, 0.1^2)`), ``b_z, b_r, b_n, b_h`` (``[N_rec]``, 0) and
            ``init_hidden`` (``[1, N_rec]``, :math:`N(0, 0.1^2)`).

    Raises:
        ParameterError: on any wrong option, in one sentence.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=16)
        >>> model = GRU.for_task(task, N_rec=20, seed=1)
        >>> result = model.train(task, training_iters=32, verbosity=False)
        >>> model.test(task.get_trial_batch().x).states.shape
        (16, 50, 20)
        >>> model.destruct()

    """

    simulator = "GRUSimulator"
    _record = options.GRUParams
    _starts = ("init_hidden",)
    _gates = ("W_z", "W_r", "W_n")
    _biases = ("b_z", "b_r", "b_n", "b_h")
    _start_of_biases = 0.0

    def recurrent_timestep(self, rnn_in: Any, hidden: Any) -> Any:
        """Return the hidden state after one time step.

        Arguments:
            rnn_in: input of this step, ``[N_batch, N_in]``.
            hidden: hidden state before it, ``[N_batch, N_rec]``.

        """
        z = tf.concat([hidden, rnn_in], axis=1)
        update = tf.sigmoid(tf.matmul(z, self.W_z) + self.b_z)
        reset = tf.sigmoid(tf.matmul(z, self.W_r) + self.b_r)
        recalled = tf.matmul(hidden, self.W_n[: self.N_rec]) + self.b_h
        new = tf.tanh(tf.matmul(rnn_in, self.W_n[self.N_rec :]) + self.b_n + reset * recalled)
        return (1 - update) * hidden + update * new

    def fused_step(self) -> fused_loop.Network:
        """Return the equations of both time steps in the form of the fused engine."""
        of_hidden, of_input = self.W_n[: self.N_rec], self.W_n[self.N_rec :]
        recalled = tf.concat([of_hidden, tf.zeros_like(of_input)], axis=0)
        read = tf.concat([tf.zeros_like(of_hidden), of_input], axis=0)
        gates = (self.W_z, self.b_z), (self.W_r, self.b_r)
        matrix = self._matrix(*gates, (recalled, self.b_h), (read, self.b_n))
        return fused_loop.Network(_UNITS, matrix)


def _advance(product: Any, state: Any, constants: Any) -> Any:
    N_rec = state[0].shape[0]
    gates = sigmoid(product[: 2 * N_rec])
    update, reset = tf.split(gates, 2)
    recalled = product[2 * N_rec : 3 * N_rec]
    new = tf.tanh(product[3 * N_rec :] + reset * recalled)
    hidden = (1 - update) * state[0] + update * new
    return (hidden,), tf.concat([gates, recalled, new], axis=0)


def _retreat(delta: Any, before: Any, after: Any, kept: Any, constants: Any) -> Any:
    update, reset, recalled, new = tf.split(kept, 4)
    of_new = delta[0] * update * (1 - new * new)
    of_product = [
        delta[0] * (new - before[0]) * update * (1 - update),
        of_new * recalled * reset * (1 - reset),
        of_new * reset,
        of_new,
    ]
    return tf.concat(of_product, axis=0), (delta[0] * (1 - update),)


_UNITS = fused_loop.Units(4, 4, tf.identity, _advance, _retreat)
