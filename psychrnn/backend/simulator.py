"""What all simulators share: where weights come from, and checks of what they are given."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from psychrnn import _checks, io
from psychrnn._random import generator
from psychrnn.backend import constraints
from psychrnn.backend import params as options
from psychrnn.backend.schedule import Circuit, groups, schedule


class Simulator(ABC):
    """Base class of simulators: one source of weights, and a run over trials.

    Arguments:
        rnn_model: a network, whose weights and settings are copied.
        params: dict of options where there is no model, see the subclass.
        weights_path: weight file.
        weights: dict of effective weights, as ``get_weights`` gives them.
        seed: integer that fixes the noise; without it noise follows ``np.random.seed``.

    Raises:
        ParameterError: if there is not exactly one source of weights, or weights are missing or
            of the wrong sizes.

    """

    _record: type[Any]  # the options that check the weights
    _keys: tuple[str, ...]  # the weights that are used
    _optional: tuple[str, ...] = ()
    _has_dale = True  # units may be excitatory or inhibitory
    _others: tuple[str, ...] = ()  # weights that only other networks have

    if TYPE_CHECKING:

        def __getattr__(self, weight: str) -> Any: ...

    def __init__(
        self,
        rnn_model: Any = None,
        params: Mapping[str, Any] | None = None,
        weights_path: str | None = None,
        weights: Mapping[str, Any] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        self._where = where = type(self).__name__
        if rnn_model is not None and params is not None:
            raise _checks.ParameterError(
                f"{where}: params were passed in beside rnn_model, and rnn_model takes precedence. "
                "Leave params out."
            )
        self.weights = self._source(rnn_model, weights_path, weights)
        self._read_weights()
        self.dt, self._groups = self._settings(rnn_model, {} if params is None else params)
        self._normal = np.random.normal
        if seed is not None:
            self._normal = generator(_checks.seed(f"{where}.seed", seed), 3).normal

    def _source(self, model: Any, path: Any, weights: Any) -> dict[str, Any]:
        given = {"rnn_model": model, "weights_path": path, "weights": weights}
        names = [key for key, value in given.items() if value is not None]
        if not names:
            raise _checks.ParameterError(
                f"{self._where}: Either weights, rnn_model, or weights_path must be passed in."
            )
        if "weights" in names and len(names) > 1:
            raise _checks.ParameterError(
                f"{self._where}: Weights and either rnn_model or weights_path were passed in. "
                "Weights from rnn_model and weights_path will be ignored. Pass one of them."
            )
        if len(names) > 1:
            raise _checks.ParameterError(
                f"{self._where}: rnn_model and weights_path were both passed in. Weights from "
                "rnn_model will be ignored. Pass one of them."
            )
        if model is not None:
            self._check_model(model)
            return dict(model.get_weights())
        if path is not None:
            return io.load_weights(_checks.path(f"{self._where}.weights_path", path))
        if not isinstance(weights, Mapping):
            expected = "a dict of weights"
            raise _checks.error(f"{self._where}.weights", expected, _checks.shown(weights))
        return {key: _unwrapped(value) for key, value in weights.items()}

    def _settings(self, model: Any, params: Any) -> tuple[float | None, dict[str, np.ndarray]]:
        """Return the time step (ms), if it is known, and unit numbers by name."""
        given = model
        if model is None:
            where = f"{self._where}.params"
            if not isinstance(params, Mapping):
                raise _checks.error(where, "a dict of options", _checks.shown(params))
            given = options.read(options.SimulatorParams, where, {**params, "N_rec": self.N_rec})
        Dale_rec, ratio = (self.weights.get(key) for key in ("Dale_rec", "dale_ratio"))
        ratio = None if ratio is None or np.isnan(ratio) else ratio
        dale = Dale_rec is not None and constraints.has_dale(ratio, np.asarray(Dale_rec))
        signs = np.diag(np.asarray(Dale_rec)) if dale and self._has_dale else None
        return given.dt, groups(signs, given.unit_groups)

    def _check_model(self, model: Any) -> None:
        """Check that this simulator has the equations of a model."""
        where = f"{self._where}.rnn_model"
        if not hasattr(model, "simulator") or isinstance(model, type):
            raise _checks.error(where, "a network", _checks.shown(model))
        if not type(self).__module__.startswith("psychrnn.backend."):
            return  # the user's own equations
        if model.simulator != self._where:
            expected = f"a network that {self._where} simulates"
            advice = f"Use {model.simulator}." if model.simulator else ""
            raise _checks.error(where, expected, type(model).__name__, advice)
        own = model.replaced_part()
        if own is not None:
            expected = "a network with the equations of the library"
            advice = f"Derive a class from {self._where} with an rnn_step of its own."
            got = f"{type(model).__name__}, with {own} of its own"
            raise _checks.error(where, expected, got, advice)

    def _read_weights(self) -> None:
        """Check the weights that are used and keep them as attributes, in float64."""
        where = f"{self._where}.weights"
        for key in self._others:
            if key in self.weights:
                expected = f"weights that {self._where} simulates"
                raise _checks.error(where, expected, f"those of a network with gates, {key}")
        for key in self._keys:
            if self.weights.get(key) is None:
                advice = "Were they saved by another kind of network?"
                got = ", ".join(map(str, self.weights)) or "nothing"
                raise _checks.error(where, f"an entry {key!r}", got, advice)
        sizes = self._sizes()
        chosen = {k: self.weights[k] for k in self._keys}
        chosen |= {k: self.weights[k] for k in self._optional if k in self.weights}
        for record in (self._record, options.InitializerParams):
            read = options.read(record, where, {**chosen, **sizes})
            for key in chosen:
                if hasattr(read, key):
                    value = getattr(read, key)
                    setattr(self, key, value if isinstance(value, str) else np.float64(value))
        self.N_in, self.N_rec, self.N_out = (sizes[key] for key in ("N_in", "N_rec", "N_out"))

    def _shape(self, key: str) -> tuple[int, int]:
        shape = np.shape(self.weights[key])
        if len(shape) != 2:
            where = f"{self._where}.weights, {key}"
            raise _checks.error(where, "an array of two axes", f"shape {shape}")
        return shape

    @abstractmethod
    def _sizes(self) -> dict[str, int]:
        """Return ``N_in``, ``N_rec`` and ``N_out`` from the shapes of weights."""

    @abstractmethod
    def rnn_step(self, *args: Any) -> Any:
        """Run one time step."""

    @abstractmethod
    def run_trials(self, trial_input: Any) -> Any:
        """Run trials."""

    def read_out(self, states: Any) -> Any:
        """Return the outputs ``[..., N_out]`` of states ``[..., N_rec]``."""
        return states @ self.W_out.T + self.b_out

    def _scaled(self, factors: Mapping[str, np.ndarray]) -> Any:
        """Return a copy whose weights ``W_in, W_rec, W_out`` are multiplied by factors."""
        other = copy.copy(self)
        for key, factor in factors.items():
            setattr(other, key, getattr(self, key) * factor)
        return other

    def _circuit(self) -> Circuit:
        sizes = {key: getattr(self, key) for key in ("N_in", "N_rec", "N_out")}
        return Circuit(sizes, self.dt, 1.0, 1.0, self._groups)

    def _run(self, x: Any, state: list[Any], perturbations: Any, extra: Any = None) -> Any:
        """Run trials, and return outputs and the first part of the states.

        Arguments:
            x: inputs, ``[N_batch, N_steps, N_in]``.
            state: parts of the state to start from.
            perturbations: as ``run_trials`` takes them, or None.
            extra: a further argument of ``rnn_step`` for each step, or None.

        """
        segments = schedule(
            f"{self._where}.run_trials",
            [] if perturbations is None else perturbations,
            self._circuit(),
            *x.shape[:2],
        )
        outputs, states = [], []
        for segment in segments:
            part = self._scaled(segment.factors) if segment.factors else self
            for step in range(segment.first, segment.last):
                more = () if extra is None else (extra[step],)
                output, *state = part.rnn_step(*state, x[:, step], *more)
                if perturbations is not None:
                    part._check_read_out(output, state[0])
                    state[0] = segment.push(state[0], step)
                    output = part.read_out(state[0])
                outputs.append(output)
                states.append(state[0])
        return np.stack(outputs, axis=1), np.stack(states, axis=1)

    def _check_read_out(self, output: Any, state: Any) -> None:
        """Check that a step of the user's own gives the outputs that ``read_out`` gives."""
        own = not type(self).rnn_step.__module__.startswith("psychrnn.")
        if own and not np.allclose(output, self.read_out(state)):
            expected = "outputs of rnn_step that read_out gives for its state"
            advice = "Define read_out(self, states) in the class."
            raise _checks.error(self._where, expected, "others", advice)

    def _checked_input(self, trial_input: Any) -> np.ndarray:
        where = f"{self._where}.run_trials"
        expected = f"inputs [N_batch, N_steps, N_in = {self.N_in}]"
        x = _checks.numeric(where, trial_input, expected)
        if x.ndim != 3 or x.shape[2] != self.N_in or 0 in x.shape:
            advice = "For a single trial pass x[np.newaxis]." if x.ndim == 2 else ""
            raise _checks.error(where, expected, f"{x.shape}", advice)
        if not _checks.finite(x):
            raise _checks.error(where, "finite inputs", "NaN or infinity")
        return x.astype(float)

    def _start(self, given: Any, stored: np.ndarray, trials: int, key: str) -> np.ndarray:
        """Return the start state of every trial, ``[trials, N_rec]``."""
        where = f"{self._where}.run_trials, initial_state"
        rows = np.atleast_2d(stored if given is None else _checks.numeric(where, given))
        if not _checks.finite(rows):
            raise _checks.error(where, "finite numbers", "NaN or infinity")
        if given is not None and rows.shape not in ((1, self.N_rec), (trials, self.N_rec)):
            expected = f"[N_batch, N_rec] = {(trials, self.N_rec)}"
            raise _checks.error(where, expected, f"{rows.shape}")
        if given is None and len(rows) > 1:
            if (rows != rows[0]).any():
                warnings.warn(
                    f"{self._where}: {key} has {len(rows)} rows, one for each trial, as PsychRNN "
                    "1.0 had it. All trials start from row 0. Give initial_state for others.",
                    UserWarning,
                    stacklevel=3,
                )
            rows = rows[:1]
        return np.repeat(rows, trials, axis=0) if len(rows) == 1 else rows.astype(float)


def _unwrapped(value: Any) -> Any:
    """Take the value out of the 0-d arrays that ``np.load`` makes of numbers and names."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
