"""The networks in plain NumPy, in double precision: to check the fast code against, and to ablate.

Weights are used as they are: effective ones, as ``get_weights`` and weight files give them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from psychrnn import _checks, io
from psychrnn.backend import params as options
from psychrnn.backend.numpy_functions import TRANSFER_FUNCTIONS, relu, sigmoid
from psychrnn.backend.schedule import Circuit
from psychrnn.backend.simulator import Simulator

__all__ = ["BasicSimulator", "GRUSimulator", "LSTMSimulator", "Simulator", "relu", "sigmoid"]


class BasicSimulator(Simulator):
    r"""The rate network :class:`~psychrnn.backend.models.basic.Basic` in NumPy.

    Arguments:
        rnn_model: a network, whose weights and settings are copied.
        params: where there is no model, a dict with ``alpha``, or ``dt`` and ``tau`` (ms), and
            ``rec_noise`` (0) and ``unit_groups`` (names and unit numbers, for perturbations).
        weights_path: weight file.
        weights: dict of effective weights, as ``get_weights`` gives them.
        transfer_function: function of a NumPy array. By default that of the model or of the
            weights, or else ``relu``.
        seed: integer that fixes the noise; without it noise follows ``np.random.seed``.

    Raises:
        ParameterError: if there is not exactly one source of weights, weights are missing or of
            the wrong sizes, or the transfer function is another than the model's.

    Example:
        >>> from psychrnn import Basic, PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=4, seed=1)
        >>> model = Basic.for_task(task, N_rec=20, seed=1)
        >>> x = task.get_trial_batch().x
        >>> outputs, states = BasicSimulator(rnn_model=model).run_trials(x)
        >>> bool(np.allclose(outputs, model.test(x).outputs, atol=1e-5))
        True
        >>> model.destruct()

    """

    _record = options.InitializerParams
    _keys = ("W_in", "W_rec", "W_out", "b_rec", "b_out", "init_state")
    _others = ("W_f", "W_z")

    def __init__(
        self,
        rnn_model: Any = None,
        params: Mapping[str, Any] | None = None,
        weights_path: str | None = None,
        weights: Mapping[str, Any] | None = None,
        transfer_function: Callable[[Any], Any] | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(rnn_model, params, weights_path, weights, seed=seed)
        if rnn_model is not None and "_own_init_state" in vars(rnn_model):
            where, expected = f"{self._where}.rnn_model", "a network with one start state"
            advice = "Its init_state was set: give that to run_trials as initial_state."
            raise _checks.error(where, expected, "one with a start state for each trial", advice)
        self.transfer_function = self._function(rnn_model, transfer_function)
        self.init_state: np.ndarray = np.reshape(vars(self)["init_state"], (1, -1))
        settings = rnn_model
        if settings is None:
            given = {} if params is None else params
            settings = options.read_simulator(f"{self._where}.params", given, self.N_rec)
        self.alpha, self.rec_noise = settings.alpha, settings.rec_noise

    def _sizes(self) -> dict[str, int]:
        (N_rec, N_in), (N_out, _) = self._shape("W_in"), self._shape("W_out")
        return {"N_in": N_in, "N_rec": N_rec, "N_out": N_out}

    def _function(self, model: Any, given: Any) -> Callable[[Any], Any]:
        own = self.weights.get("transfer_function")
        name = own if own is None or isinstance(own, str) else io.name_of_function(own)
        where = f"{self._where}.transfer_function"
        if given is not None:
            _checks.function(where, given)
            names = [name, getattr(given, "__name__", None)]
            if model is not None and name is None:
                names[0] = getattr(own, "__name__", None)
            if names[0] != names[1] and (model is not None or names[0] in TRANSFER_FUNCTIONS):
                raise _checks.ParameterError(
                    f"{where}: that of the weights is {names[0]!r} and the one passed in is "
                    f"{names[1]!r}, their names do not match. Leave transfer_function out to "
                    "use that of the weights."
                )
            return given
        if own is None:
            return relu
        if name in TRANSFER_FUNCTIONS:
            return TRANSFER_FUNCTIONS[str(name)]
        if callable(own):  # one of the user's, in TensorFlow
            return lambda state: np.asarray(own(np.float32(state)), dtype=float)
        expected = "the function that the weights were trained with"
        advice = f"The weights name it {name!r}. Pass transfer_function=, a NumPy function."
        raise _checks.error(where, expected, "none", advice)

    def rnn_step(self, state: Any, rnn_in: Any, t_connectivity: Any = 1.0) -> Any:
        """Return output and state after one time step.

        Arguments:
            state: state before it, ``[N_batch, N_rec]``.
            rnn_in: input of this step, ``[N_batch, N_in]``.
            t_connectivity: factor of the recurrent weights, that broadcasts to
                ``[N_rec, N_rec]``.

        """
        rate = self.transfer_function(state)
        drive = rate @ (self.W_rec * t_connectivity).T + rnn_in @ self.W_in.T + self.b_rec
        state = (1 - self.alpha) * state + self.alpha * drive
        if self.rec_noise:
            scale = np.sqrt(2 * self.alpha * self.rec_noise**2)
            state = state + scale * self._normal(size=np.shape(state))
        return self.read_out(state), state

    def read_out(self, states: Any) -> Any:
        """Return the outputs ``[..., N_out]`` of states ``[..., N_rec]``."""
        return super().read_out(self.transfer_function(states))

    def _circuit(self) -> Circuit:
        scales = {"current_scale": self.alpha, "noise_scale": np.sqrt(2 * self.alpha)}
        return super()._circuit()._replace(**scales)

    def run_trials(
        self,
        trial_input: Any,
        t_connectivity: Any = None,
        initial_state: Any = None,
        perturbations: Any = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run trials, with connections that may change over time.

        Arguments:
            trial_input: inputs, ``[N_batch, N_steps, N_in]``, any number of trials and steps.
            t_connectivity: factor of the recurrent weights at each step, ``[N_steps, N_rec,
                N_rec]`` or a list of anything that broadcasts to ``[N_rec, N_rec]``; 0 ablates a
                connection. ``[C] * N_steps`` is the same at each step. None for none.
            initial_state: start state, ``[N_rec]`` or one for each trial, ``[N_batch, N_rec]``.
            perturbations: lesions and stimulation, a list as ``test`` of a network takes it, from
                :mod:`psychrnn.backend.perturbations`.

        Returns:
            Outputs ``[N_batch, N_steps, N_out]`` and states ``[N_batch, N_steps, N_rec]``.

        Raises:
            ParameterError: if an argument has another shape.

        """
        x = self._checked_input(trial_input)
        factors = None if t_connectivity is None else self._factors(t_connectivity, x.shape[1])
        state = self._start(initial_state, self.init_state, len(x), "init_state")
        return self._run(x, [state], perturbations, factors)

    def _factors(self, given: Any, steps: int) -> Any:
        where = f"{self._where}.run_trials, t_connectivity"
        expected = f"a factor of [N_rec, N_rec] = {self.W_rec.shape} for each of {steps} steps"
        if not isinstance(given, (list, tuple, np.ndarray)) or np.shape(given) == ():
            raise _checks.error(where, expected, _checks.shown(given))
        if isinstance(given, np.ndarray) and given.shape == self.W_rec.shape:
            advice = "For the same one at each step give [C] * N_steps."
            raise _checks.error(where, expected, f"one matrix {given.shape}", advice)
        if len(given) < steps:
            raise _checks.error(where, expected, f"{len(given)}")
        for factor in given[:steps]:
            values = _checks.numeric(where, factor)
            try:
                fits = np.broadcast_shapes(values.shape, self.W_rec.shape) == self.W_rec.shape
            except ValueError:
                fits = False
            if not fits:
                raise _checks.error(where, expected, f"one of shape {values.shape}")
            if not _checks.finite(values):
                raise _checks.error(where, "finite factors", "NaN or infinity")
        return given


class _GatedSimulator(Simulator):
    """What the simulators of networks with gates share."""

    _optional = ("W_in", "W_rec", "b_rec", "init_state", "LSTM_output_activation")
    _starts: tuple[str, ...]
    _has_dale = False

    def _sizes(self) -> dict[str, int]:
        (columns, N_rec), (N_out, _) = self._shape(self._keys[0]), self._shape("W_out")
        return {"N_in": columns - N_rec, "N_rec": N_rec, "N_out": N_out}

    def run_trials(
        self, trial_input: Any, initial_state: Any = None, perturbations: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Run trials.

        Arguments:
            trial_input: inputs, ``[N_batch, N_steps, N_in]``, any number of trials and steps.
            initial_state: state to start from, ``[N_rec]`` or ``[N_batch, N_rec]``; of an LSTM a
                tuple of hidden and cell state.
            perturbations: lesions and stimulation, a list as ``test`` of a network takes it, from
                :mod:`psychrnn.backend.perturbations`.

        Returns:
            Outputs ``[N_batch, N_steps, N_out]`` and hidden states ``[N_batch, N_steps, N_rec]``.

        Raises:
            ParameterError: if an argument has another shape.

        """
        x = self._checked_input(trial_input)
        given = (None,) * len(self._starts) if initial_state is None else initial_state
        if len(self._starts) == 1 and not isinstance(given, (tuple, list)):
            given = (given,)
        if not isinstance(given, (tuple, list)) or len(given) != len(self._starts):
            where = f"{self._where}.run_trials, initial_state"
            expected = f"a tuple of {len(self._starts)}: {', '.join(self._starts)}"
            raise _checks.error(where, expected, _checks.shown(given))
        state = [
            self._start(part, getattr(self, key), len(x), key)
            for part, key in zip(given, self._starts)
        ]
        return self._run(x, state, perturbations)

    def _scaled(self, factors: Mapping[str, np.ndarray]) -> Any:
        other = super()._scaled({k: v for k, v in factors.items() if k == "W_out"})
        ones = {"W_rec": np.ones((self.N_rec, 1)), "W_in": np.ones((self.N_rec, 1))}
        sources = (("W_rec", self.N_rec), ("W_in", self.N_in))
        rows = np.concatenate(
            [np.broadcast_to({**ones, **factors}[key].T, (n, self.N_rec)) for key, n in sources]
        )
        for key in self._keys:
            if key.startswith("W_") and key != "W_out":
                setattr(other, key, getattr(self, key) * rows)
        return other


class LSTMSimulator(_GatedSimulator):
    """The network :class:`~psychrnn.backend.models.lstm.LSTM` in NumPy.

    Arguments:
        rnn_model: a network, whose weights are copied.
        params: where there is no model, a dict with ``dt`` (ms), for perturbations in windows of
            time, and ``unit_groups``.
        weights_path: weight file.
        weights: dict of weights, as ``get_weights`` gives them. Where they do not say
            ``LSTM_output_activation`` they are those of PsychRNN 1.0, and it is 'sigmoid'.
        seed: has no effect, for this network has no noise.

    Raises:
        ParameterError: if there is not exactly one source of weights, or weights are missing or
            of the wrong sizes.

    Example:
        >>> from psychrnn import LSTM, PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=4, seed=1)
        >>> model = LSTM.for_task(task, N_rec=20, seed=1)
        >>> LSTMSimulator(rnn_model=model).run_trials(task.get_trial_batch().x)[1].shape
        (4, 50, 20)
        >>> model.destruct()

    """

    _record = options.LSTMParams
    _keys = ("W_f", "W_i", "W_c", "W_o", "b_f", "b_i", "b_c", "b_o", "init_hidden", "init_cell",
             "W_out", "b_out")  # fmt: skip
    _starts = ("init_hidden", "init_cell")
    LSTM_output_activation = "sigmoid"

    def rnn_step(self, hidden: Any, cell: Any, rnn_in: Any) -> Any:
        """Return output, hidden and cell state after one time step.

        Arguments:
            hidden: hidden state before it, ``[N_batch, N_rec]``.
            cell: cell state before it, ``[N_batch, N_rec]``.
            rnn_in: input of this step, ``[N_batch, N_in]``.

        """
        z = np.concatenate([hidden, rnn_in], axis=1)
        forget, write, read = (
            sigmoid(z @ W + b)
            for W, b in ((self.W_f, self.b_f), (self.W_i, self.b_i), (self.W_o, self.b_o))
        )
        cell = forget * cell + write * np.tanh(z @ self.W_c + self.b_c)
        shown = np.tanh if self.LSTM_output_activation == "tanh" else sigmoid
        hidden = read * shown(cell)
        return self.read_out(hidden), hidden, cell


class GRUSimulator(_GatedSimulator):
    """The network :class:`~psychrnn.backend.models.gru.GRU` in NumPy.

    Arguments:
        rnn_model: a network, whose weights are copied.
        params: where there is no model, a dict with ``dt`` (ms), for perturbations in windows of
            time, and ``unit_groups``.
        weights_path: weight file.
        weights: dict of weights, as ``get_weights`` gives them.
        seed: has no effect, for this network has no noise.

    Raises:
        ParameterError: if there is not exactly one source of weights, or weights are missing or
            of the wrong sizes.

    Example:
        >>> from psychrnn import GRU, PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=500, N_batch=4, seed=1)
        >>> model = GRU.for_task(task, N_rec=20, seed=1)
        >>> GRUSimulator(rnn_model=model).run_trials(task.get_trial_batch().x)[1].shape
        (4, 50, 20)
        >>> model.destruct()

    """

    _record = options.GRUParams
    _keys = ("W_z", "W_r", "W_n", "b_z", "b_r", "b_n", "b_h", "init_hidden", "W_out", "b_out")
    _starts = ("init_hidden",)

    def rnn_step(self, hidden: Any, rnn_in: Any) -> Any:
        """Return output and hidden state after one time step.

        Arguments:
            hidden: hidden state before it, ``[N_batch, N_rec]``.
            rnn_in: input of this step, ``[N_batch, N_in]``.

        """
        z = np.concatenate([hidden, rnn_in], axis=1)
        update, reset = sigmoid(z @ self.W_z + self.b_z), sigmoid(z @ self.W_r + self.b_r)
        recalled = hidden @ self.W_n[: self.N_rec] + self.b_h
        new = np.tanh(rnn_in @ self.W_n[self.N_rec :] + self.b_n + reset * recalled)
        hidden = (1 - update) * hidden + update * new
        return self.read_out(hidden), hidden
