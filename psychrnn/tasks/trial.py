"""One trial, built from named periods and channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.task import Task

Names = str | int | Sequence[str | int]
_ROUNDING = 1e-9  # of a time: sums of durations are not exact


def in_sequence(**durations: float) -> dict[str, tuple[float, float]]:
    """Return start and end of periods that follow each other, for ``Task.periods``.

    Arguments:
        **durations: length of each named period (ms), in order.

    Raises:
        ParameterError: if a duration is negative.

    Example:
        >>> in_sequence(fixation=200, stimulus=500)
        {'fixation': (0, 200), 'stimulus': (200, 700)}

    """
    result: dict[str, tuple[float, float]] = {}
    end: float = 0
    for name, duration in durations.items():
        _checks.number(f"in_sequence.{name}", duration, low=0)
        result[name] = (end, end + duration)
        end += duration
    return result


class Trial:
    r"""Inputs, targets and mask of one trial, built up by named periods and channels.

    Everything starts at 0. A time step at :math:`t = k\,dt` belongs to a period where
    :math:`start \le t < end`. Channels have the names in the task's ``input_names`` and
    ``output_names`` or, where it has none, 'input 0', 'input 1', ..., 'output 0', ...

    Arguments:
        task: the task, which has ``periods``.
        params: parameters of this trial, which tell its periods.

    Attributes:
        x: inputs, ``[N_steps, N_in]``.
        y: target outputs, ``[N_steps, N_out]``.
        mask: weight of every target, ``[N_steps, N_out]``.
        times: time of each step (ms), ``[N_steps]``.
        periods: start and end (ms) of each named period.

    Raises:
        ParameterError: if the task names no periods, or they go beyond the trial.

    Example:
        >>> from psychrnn import Task
        >>> class Remember(Task):
        ...     input_names, output_names = ("pulse",), ("answer",)
        ...     def generate_trial_params(self, batch, trial):
        ...         return {"sign": self.rng.choice([-1, 1]), "delay": self.rng.uniform(200, 600)}
        ...     def periods(self, params):
        ...         return in_sequence(pulse=100, delay=params["delay"], answer=300)
        ...     def generate_trial(self, params):
        ...         trial = Trial(self, params)
        ...         trial.add("pulse", params["sign"], during="pulse")
        ...         trial.add_noise(0.1)
        ...         trial.target("answer", params["sign"], during="answer")
        ...         return trial.arrays()
        >>> task = Remember(N_in=1, N_out=1, dt=10, tau=100, T=1000, N_batch=4, seed=1)
        >>> float(task.get_trial_batch().mask[0].sum())
        30.0

    """

    def __init__(self, task: Task, params: dict[str, Any]) -> None:
        self._task = task
        self._where = type(task).__name__
        self.periods = task.periods(params)
        if not self.periods:
            expected, advice = "named periods", "Define periods(self, params) in the task."
            raise _checks.error(f"{self._where}.periods", expected, "none", advice)
        self.times = np.arange(task.N_steps) * task.dt
        for name, start, end in self._checked_periods():
            if not 0 <= start <= end <= task.T * (1 + _ROUNDING):
                expected = f"periods between 0 and T = {task.T:g} ms"
                got = f"{name!r} from {start:g} to {end:g} ms"
                advice = "Make T longer, or the periods shorter."
                raise _checks.error(f"{self._where}.periods", expected, got, advice)
        self.x = np.zeros((task.N_steps, task.N_in))
        self.y = np.zeros((task.N_steps, task.N_out))
        self.mask = np.zeros((task.N_steps, task.N_out))
        self._inputs = _columns("input", task.input_names, task.N_in)
        self._outputs = _columns("output", task.output_names, task.N_out)

    def _checked_periods(self) -> list[tuple[str, float, float]]:
        where, found = f"{self._where}.periods", []
        if not isinstance(self.periods, dict):
            raise _checks.error(where, "a dict of periods", _checks.shown(self.periods))
        for name, times in self.periods.items():
            if not (isinstance(times, (tuple, list)) and len(times) == 2):
                expected = f"start and end of {name!r} (ms)"
                raise _checks.error(where, expected, _checks.shown(times))
            start, end = (_checks.number(f"{where}, {name!r}", time) for time in times)
            found.append((name, start, end))
        return found

    def during(self, periods: Names) -> np.ndarray:
        """Return which time steps belong to one period, or to one of several, ``[N_steps]``.

        Arguments:
            periods: name or names of periods.

        Raises:
            ParameterError: if there is no such period.

        """
        steps, rounding = np.zeros(len(self.times), dtype=bool), _ROUNDING * self._task.T
        for name in self._listed("periods", periods):
            start, end = self._found("periods", self.periods, name)
            steps |= (start - rounding <= self.times) & (self.times < end - rounding)
        return steps

    def add(self, channels: Names, value: Any, during: Names) -> None:
        """Add a value to input channels during periods.

        Arguments:
            channels: name or names of input channels, or their numbers.
            value: a number, or one for each time step of the periods.
            during: name or names of periods.

        Raises:
            ParameterError: if a name is unknown, or the value has another length.

        """
        steps = self.during(during)
        self._put("add", self.x, self._inputs, "input_names", channels, value, steps, add=True)

    def add_noise(self, sigma: float, channels: Names | None = None, tau: Any = None) -> None:
        r"""Add white noise to input channels, scaled so that ``dt`` does not change its effect.

        .. math:: x_t \leftarrow x_t + \sigma \sqrt{2 \tau / dt}\, \epsilon_t

        with standard normal :math:`\epsilon_t` (Song, Yang and Wang 2016, PLoS Comput. Biol.
        12(2)). A leaky unit that reads the channel with weight 1 then fluctuates with standard
        deviation :math:`\sigma`, up to terms of order ``dt / tau``.

        Arguments:
            sigma: standard deviation of such a unit.
            channels: name or names of input channels; all where None.
            tau: time constant (ms) of that unit; the mean of the task's where None.

        Raises:
            ParameterError: if a name is unknown or ``sigma`` is negative.

        """
        where = f"{self._where}, Trial.add_noise"
        sigma = _checks.number(f"{where}, sigma", sigma, low=0)
        tau = np.mean(self._task.tau) if tau is None else _checks.positive(f"{where}, tau", tau)
        names = list(self._inputs)
        if channels is not None:
            names = self._listed("input_names", channels)
        columns = [self._found("input_names", self._inputs, name) for name in names]
        noise = self._task.rng.standard_normal((len(self.times), len(columns)))
        self.x[:, columns] += sigma * np.sqrt(2 * tau / self._task.dt) * noise

    def target(
        self, channels: Names, value: Any, during: Names, weight: float | None = 1.0
    ) -> None:
        """Set the target of output channels during periods, and let all outputs count there.

        All, because a mask that differs between the channels would give the answer away to an
        accuracy that compares them.

        Arguments:
            channels: name or names of output channels.
            value: a number, or one for each time step of the periods.
            during: name or names of periods.
            weight: value of the mask there, in all channels; None leaves the mask as it is.

        Raises:
            ParameterError: if a name is unknown, or the value has another length.

        """
        steps = self.during(during)
        self._put("target", self.y, self._outputs, "output_names", channels, value, steps)
        if weight is not None:
            self.count(during, weight)

    def count(
        self, during: Names, weight: float = 1.0, channels: Names | None = None
    ) -> None:  # fmt: skip
        """Set the mask during periods: how much an error counts there.

        Arguments:
            during: name or names of periods.
            weight: value of the mask; the loss of PsychRNN 1.0 counts its square.
            channels: name or names of output channels; all where None.

        Raises:
            ParameterError: if a name is unknown.

        """
        steps, names = self.during(during), self._outputs if channels is None else channels
        self._put("count", self.mask, self._outputs, "output_names", names, weight, steps)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return inputs, targets and mask, as ``generate_trial`` is to return them."""
        return self.x, self.y, self.mask

    def _put(
        self, method: str, array: np.ndarray, columns: dict[str, int], kind: str,
        channels: Any, value: Any, steps: np.ndarray, add: bool = False,
    ) -> None:  # fmt: skip
        values = _checks.numeric(f"{self._where}, Trial.{method}, value", value, "numbers")
        if values.shape not in ((), (steps.sum(),)):
            expected = f"a number, or {steps.sum()} of them, one for each time step"
            raise _checks.error(f"{self._where}, Trial.{method}", expected, f"{values.shape}")
        for name in self._listed(kind, channels):
            column = self._found(kind, columns, name)
            array[steps, column] = array[steps, column] * add + values

    def _found(self, kind: str, known: dict[str, Any], name: Any) -> Any:
        if isinstance(name, (int, np.integer)) and kind != "periods" and 0 <= name < len(known):
            return int(name)
        if not isinstance(name, str) or name not in known:
            expected = "one of " + ", ".join(map(repr, known))
            raise _checks.error(f"{self._where}.{kind}", expected, _checks.shown(name))
        return known[name]

    def _listed(self, kind: str, names: Any) -> list[Any]:
        if isinstance(names, (str, int, np.integer)):
            return [names]
        if not isinstance(names, (tuple, list, dict, np.ndarray)):
            raise _checks.error(f"{self._where}.{kind}", "names", _checks.shown(names))
        return list(names)


def _columns(kind: str, names: tuple[str, ...] | None, channels: int) -> dict[str, int]:
    named = [f"{kind} {k}" for k in range(channels)] if names is None else names
    return {name: k for k, name in enumerate(named)}
