"""The rate network of leaky units."""

from __future__ import annotations

from typing import Any

import numpy as np

from psychrnn.backend import fused_loop, noise
from psychrnn.backend._tensorflow import tf
from psychrnn.backend.rnn import RNN
from psychrnn.backend.transfer_functions import acts_on_elements


class Basic(RNN):
    r"""A recurrent network of leaky rate units.

    .. math::

        s_t &= (1 - \alpha) s_{t-1} + \alpha (W_{rec} f(s_{t-1}) + W_{in} x_t + b_{rec})
               + \sqrt{2 \alpha \sigma_{rec}^2} \, \epsilon_t \\
        o_t &= W_{out} f(s_t) + b_{out}

    with effective weights, :math:`\alpha = dt/\tau`, the transfer function :math:`f` and standard
    normal noise :math:`\epsilon` (Song, Yang and Wang 2016, PLoS Comput. Biol. 12(2); Ehrlich et
    al. 2021, eNeuro 8(1)). The states that ``test`` returns are :math:`s_t`.

    Arguments:
        params: dict of options, see :class:`~psychrnn.backend.rnn.RNN`.

    Raises:
        ParameterError: on any wrong option, in one sentence.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=16)
        >>> model = Basic.for_task(task, N_rec=20, seed=1)
        >>> result = model.train(task, training_iters=32, verbosity=False)
        >>> model.test(task.get_trial_batch().x).outputs.shape
        (16, 50, 2)
        >>> model.destruct()

    """

    simulator = "BasicSimulator"

    def recurrent_timestep(self, rnn_in: Any, state: Any) -> Any:
        """Return the state after one time step.

        Arguments:
            rnn_in: input of this step, ``[N_batch, N_in]``.
            state: state before it, ``[N_batch, N_rec]``.

        """
        rate = self.transfer_function(state)
        drive = (
            tf.matmul(rate, self.get_effective_W_rec(), transpose_b=True)
            + tf.matmul(rnn_in, self.get_effective_W_in(), transpose_b=True)
            + self.b_rec
        )
        return (1 - self.alpha) * state + self.alpha * drive + self.recurrent_noise(state)

    def output_timestep(self, state: Any) -> Any:
        """Return the outputs ``[rows, N_out]`` of states ``[rows, N_rec]``."""
        rate = self.transfer_function(state)
        return tf.matmul(rate, self.get_effective_W_out(), transpose_b=True) + self.b_out

    def forward_pass(self) -> tuple[Any, Any]:
        """Run the batch ``self.x``; return outputs and states, ``[N_batch, N_steps, ...]``."""
        return self._unrolled(self.recurrent_timestep, self.output_timestep)

    def why_no_fused_step(self) -> str | None:
        """Return what keeps this network from the fused engine, or None."""
        if isinstance(self.alpha, (tf.Tensor, tf.Variable)):
            return "an alpha that is a tensor"
        if not acts_on_elements(self.transfer_function):
            return "a transfer_function that is not a fixed function of single elements"
        return None

    def fused_step(self) -> fused_loop.Network:
        r"""Return the equations of both time steps in the form of the fused engine.

        .. math::

            M = \begin{pmatrix} \alpha W_{rec} & \alpha W_{in} & \alpha b_{rec} \\
                                W_{out} & 0 & b_{out} \end{pmatrix}, \quad
            r(s) = f(s), \quad g(p, s) = (1 - \alpha) s + p
        """
        a = np.broadcast_to(np.float32(self.alpha), (self.N_rec,))[:, np.newaxis]
        b_rec = tf.broadcast_to(self.b_rec, [self.N_rec])[:, tf.newaxis]
        b_out = tf.broadcast_to(self.b_out, [self.N_out])[:, tf.newaxis]
        into = [a * self.get_effective_W_rec(), a * self.get_effective_W_in(), a * b_rec]
        out = [self.get_effective_W_out(), tf.zeros([self.N_out, self.N_in]), b_out]
        scale = None
        if self.rec_noise:
            scale = np.broadcast_to(self.noise_scale(), (self.N_rec,))[:, np.newaxis]
        return fused_loop.Network(
            leaky(self.transfer_function),
            tf.concat([tf.concat(into, axis=1), tf.concat(out, axis=1)], axis=0),
            constants=(1 - a,),
            noise_scale=scale,
            draw=noise.GENERATORS[self._options.rec_noise_generator],
        )


def leaky(transfer_function: Any) -> fused_loop.Units:
    """Return leaky units for the fused engine, whose constant is ``1 - alpha``."""
    return fused_loop.Units(1, 0, transfer_function, _advance, _retreat)


def _advance(product: Any, state: Any, constants: Any) -> Any:
    return (constants[0] * state[0] + product,), None


def _retreat(delta: Any, before: Any, after: Any, kept: Any, constants: Any) -> Any:
    return delta[0], (constants[0] * delta[0],)


class BasicScan(Basic):
    """The same network as :class:`Basic`, with the argument order of PsychRNN 1.0's scan.

    Its steps are ``recurrent_timestep(state, rnn_in)`` and ``output_timestep(dummy, state)``.

    Arguments:
        params: dict of options, see :class:`~psychrnn.backend.rnn.RNN`.

    Raises:
        ParameterError: on any wrong option, in one sentence.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=16)
        >>> model = BasicScan.for_task(task, N_rec=20, seed=1)
        >>> model.test(task.get_trial_batch().x).states.shape
        (16, 50, 20)
        >>> model.destruct()

    """

    def recurrent_timestep(self, state: Any, rnn_in: Any) -> Any:  # type: ignore[override]
        """Return the state after one time step, see :class:`Basic`."""
        return super().recurrent_timestep(rnn_in, state)

    def output_timestep(self, dummy: Any, state: Any) -> Any:  # type: ignore[override]
        """Return the outputs of states; the first argument is not used."""
        return super().output_timestep(state)

    def forward_pass(self) -> tuple[Any, Any]:
        """Run the batch ``self.x``; return outputs and states, ``[N_batch, N_steps, ...]``."""
        return self._unrolled(
            lambda rnn_in, state: self.recurrent_timestep(state, rnn_in),
            lambda state: self.output_timestep(None, state),
        )
