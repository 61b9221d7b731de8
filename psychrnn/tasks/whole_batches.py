"""Experiments that are formulas of time: one point, one trial or a whole batch at once."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.accuracy import choice_accuracy
from psychrnn.tasks.task import Task


class WholeBatchTask(Task):
    """Base class of the library's experiments, which make a whole batch at once.

    A subclass draws the parameters of some trials (``_drawn``) and computes them for some times
    (``_at``). A subclass of it that has a ``trial_function``, ``generate_trial`` or
    ``generate_trial_params`` of its own is run by that, trial by trial.
    """

    @abstractmethod
    def _drawn(self, trials: int) -> dict[str, np.ndarray]:
        """Draw the parameters of some trials, an array ``[trials]`` for each."""

    @abstractmethod
    def _at(self, times: np.ndarray, params: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Compute input, target and mask ``[..., times, channels]`` for parameters ``[...]``."""

    def generate_trial_params(self, batch: int, trial: int) -> dict[str, Any]:
        """Draw the parameters of a trial; times are in ms."""
        return {key: values[0] for key, values in self._drawn(1).items()}

    def trial_function(self, time: float, params: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Compute input, target and mask at one time (ms)."""
        x, y, mask = self._at(np.array([time]), params)
        return x[0], y[0], mask[0]

    def generate_trial(self, params: dict[str, Any]) -> Any:
        """Compute a whole trial, equal to ``trial_function`` at every step."""
        if self._changed("trial_function"):
            return super().generate_trial(params)
        return self._at(self._times(), params)

    def generate_batch(self, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Draw a whole batch at once, from the same distribution as trial by trial."""
        if self._changed("trial_function", "generate_trial", "generate_trial_params"):
            return super().generate_batch(batch)
        drawn = self._drawn(self.N_batch)
        x, y, mask = self._at(self._times(), {k: v[:, np.newaxis] for k, v in drawn.items()})
        keys, columns = list(drawn), zip(*(values.tolist() for values in drawn.values()))
        params = np.array([dict(zip(keys, column)) for column in columns], dtype=object)
        return x, y, mask, params

    def _changed(self, *names: str) -> bool:
        """Tell whether a subclass has its own way to make a trial, which must then be used."""
        return any(getattr(type(self), name) is not getattr(WholeBatchTask, name) for name in names)

    def _times(self) -> np.ndarray:
        return np.arange(self.N_steps) * self.dt

    def _check_answer(self, start: float, end: float) -> None:
        """Check that some time step lies in the period of the answer, in ms.

        Raises:
            ParameterError: if there is none.

        """
        first = np.ceil(start / self.dt)
        if first >= self.N_steps or first * self.dt >= end:
            where, advice = f"{type(self).__name__}.T", "Make T longer, or the periods shorter."
            expected = f"a time step in the period of the answer, from {start:g} to {end:g} ms"
            got = f"none, for a trial lasts {self.T:g} ms in steps of {self.dt:g} ms"
            raise _checks.error(where, expected, got, advice)

    def accuracy_function(
        self, correct_output: np.ndarray, test_output: np.ndarray, output_mask: np.ndarray
    ) -> np.float64:
        """Return the fraction of trials with the right choice (see ``choice_accuracy``)."""
        return choice_accuracy(correct_output, test_output, output_mask)


def as_pairs(channels: np.ndarray) -> np.ndarray:
    """Return the memory of two channels ``[..., 2]`` as complex numbers ``[...]``.

    Two channels are computed as one complex number: loops over a last axis of 2 would be slow.
    """
    return channels.view(np.complex128)[..., 0]


def diffusion_noise(dt: float, stim_noise: Any) -> Any:
    r"""Return the inputs' standard deviation :math:`\sigma\sqrt{2\cdot 0.01\sqrt{10\,dt}}`."""
    return np.sqrt(2 * 0.01 * np.sqrt(10) * np.sqrt(dt) * stim_noise**2)
