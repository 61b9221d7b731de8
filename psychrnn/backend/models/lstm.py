"""The long short-term memory network."""

from __future__ import annotations

from typing import Any

from psychrnn.backend import fused_loop
from psychrnn.backend import params as options
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.models.gated import Gated, sigmoid


class LSTM(Gated):
    r"""A network of long short-term memory units.

    .. math::

        f, i, o &= \sigma(z_t W_{f,i,o} + b_{f,i,o}), \quad z_t = [h_{t-1}, x_t] \\
        c_t &= f \circ c_{t-1} + i \circ \tanh(z_t W_c + b_c), \quad h_t = o \circ \tanh(c_t) \\
        y_t &= W_{out} h_t + b_{out}

    (Hochreiter and Schmidhuber 1997, Neural Comput. 9(8); Gers, Schmidhuber and Cummins 2000,
    Neural Comput. 12(10)). All trials start from ``init_hidden`` and ``init_cell``. The states
    that ``test`` returns are :math:`h_t`. Of the constraints only ``output_connectivity`` can
    apply; time constants, transfer function and recurrent noise do not act either. ``W_in``,
    ``W_rec``, ``b_rec`` and ``init_state`` are kept for the files' sake and are not used.

    Arguments:
        params: dict of options, see :class:`~psychrnn.backend.rnn.RNN`. Besides, weights of
            gates ``W_f, W_i, W_c, W_o`` (``[N_rec + N_in, N_rec]``, by default
            :math:`N(0, 0.1^2)`), ``b_f, b_i, b_c, b_o`` (``[N_rec]``, 1), ``init_hidden`` and
            ``init_cell`` (``[1, N_rec]``, :math:`N(0, 0.1^2)`), and ``LSTM_output_activation``:
            'tanh', or 'sigmoid' for :math:`h_t = o \circ \sigma(c_t)`, which PsychRNN 1.0 had
            and its files get.

    Raises:
        ParameterError: on any wrong option, in one sentence.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=16)
        >>> model = LSTM.for_task(task, N_rec=20, seed=1)
        >>> result = model.train(task, training_iters=32, verbosity=False)
        >>> model.test(task.get_trial_batch().x).states.shape
        (16, 50, 20)
        >>> model.destruct()

    """

    simulator = "LSTMSimulator"
    _record = options.LSTMParams
    _starts = ("init_hidden", "init_cell")
    _gates = ("W_f", "W_i", "W_c", "W_o")
    _biases = ("b_f", "b_i", "b_c", "b_o")
    _start_of_biases = 1.0

    def _read_own(self) -> Any:
        own = super()._read_own()
        self._shown = own.LSTM_output_activation
        if self._shown is None:  # weights of PsychRNN 1.0 do not say it
            stored = {**self.params, **self.initializer.initializations}
            whole = {*options.CONSTRAINT_KEYS, *self._own_keys}
            self._shown = "sigmoid" if whole <= stored.keys() else "tanh"
        return own

    @property
    def LSTM_output_activation(self) -> str:
        """What the hidden state shows of the cell: 'tanh' or 'sigmoid'."""
        return self._shown

    def _settings(self) -> dict[str, Any]:
        return {**super()._settings(), "LSTM_output_activation": self.LSTM_output_activation}

    def recurrent_timestep(self, rnn_in: Any, hidden: Any, cell: Any) -> Any:
        """Return hidden and cell state after one time step.

        Arguments:
            rnn_in: input of this step, ``[N_batch, N_in]``.
            hidden: hidden state before it, ``[N_batch, N_rec]``.
            cell: cell state before it, ``[N_batch, N_rec]``.

        """
        z = tf.concat([hidden, rnn_in], axis=1)
        forget = tf.sigmoid(tf.matmul(z, self.W_f) + self.b_f)
        write = tf.sigmoid(tf.matmul(z, self.W_i) + self.b_i)
        read = tf.sigmoid(tf.matmul(z, self.W_o) + self.b_o)
        cell = forget * cell + write * tf.tanh(tf.matmul(z, self.W_c) + self.b_c)
        shown = tf.tanh if self.LSTM_output_activation == "tanh" else tf.sigmoid
        return read * shown(cell), cell

    def fused_step(self) -> fused_loop.Network:
        """Return the equations of both time steps in the form of the fused engine."""
        matrix = self._matrix(
            (self.W_f, self.b_f), (self.W_i, self.b_i), (self.W_o, self.b_o), (self.W_c, self.b_c)
        )
        return fused_loop.Network(_UNITS[self.LSTM_output_activation], matrix)


def _units(shown: Any, slope: Any) -> fused_loop.Units:
    """Return units whose output is ``read * shown(cell)``; ``slope`` is from shown to shown'."""

    def advance(product: Any, state: Any, constants: Any) -> Any:
        N_rec = state[0].shape[0]
        gates = sigmoid(product[: 3 * N_rec])
        forget, write, read = tf.split(gates, 3)
        new = tf.tanh(product[3 * N_rec :])
        cell = forget * state[1] + write * new
        return (read * shown(cell), cell), tf.concat([gates, new], axis=0)

    def retreat(delta: Any, before: Any, after: Any, kept: Any, constants: Any) -> Any:
        forget, write, read, new = tf.split(kept, 4)
        output = shown(after[1])
        of_cell = delta[1] + delta[0] * read * slope(output)
        of_product = [
            of_cell * before[1] * forget * (1 - forget),
            of_cell * new * write * (1 - write),
            delta[0] * output * read * (1 - read),
            of_cell * write * (1 - new * new),
        ]
        return tf.concat(of_product, axis=0), (tf.zeros_like(of_cell), of_cell * forget)

    return fused_loop.Units(4, 4, tf.identity, advance, retreat)


_UNITS = {
    "tanh": _units(tf.tanh, lambda value: 1 - value * value),
    "sigmoid": _units(sigmoid, lambda value: value * (1 - value)),
}
