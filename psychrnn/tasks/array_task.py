"""Trials from recorded data: batches of arrays that exist already."""

from __future__ import annotations

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.accuracy import choice_accuracy
from psychrnn.tasks.batch import Batch
from psychrnn.tasks.task import Task


class Split(NamedTuple):
    """Three tasks with different trials."""

    train: ArrayTask
    validation: ArrayTask
    test: ArrayTask


class ArrayTask(Task):
    """Batches from arrays of recorded trials.

    Batches go through all trials again and again, shuffled anew for each pass or in order; the
    last batch of a pass is filled up from the next one. Each call of ``train`` begins a new pass.
    Tests during training are on the same recorded trials, unless ``train`` is given others:
    ``model.train(train, held_out=validation)``. A trial's params have its number as ``trial``.

    Arguments:
        x: inputs, ``[trials, N_steps, N_in]``.
        y: target outputs, ``[trials, N_steps, N_out]``.
        mask: weight of every target, ``[trials, N_steps, N_out]``; 1 everywhere where None.
        params: one dict of trial parameters for each trial, or a dict with one array
            ``[trials]`` for each parameter; none where None.
        dt: length of a time step (ms).
        tau: time constant of the network's units (ms).
        N_batch: number of trials in a batch.
        shuffle: True to shuffle the trials before each pass, False to keep their order.
        accuracy: ``(correct_output, test_output, output_mask) -> number``; by default the
            fraction of right choices between output channels.
        seed: integer that fixes the order. Without it the order follows ``np.random.seed``.

    Raises:
        ParameterError: if the arrays do not have the same number of trials and steps, or hold
            NaN.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> x = rng.normal(size=(10, 30, 2))
        >>> task = ArrayTask(x, np.sign(x), dt=10, tau=100, N_batch=4, shuffle=False)
        >>> bool((task.get_trial_batch().x == x[:4]).all())
        True
        >>> [part.trials for part in task.split(0.5, 0.2, 0.3, seed=1)]
        [5, 2, 3]

    """

    def __init__(
        self,
        x: Any,
        y: Any,
        mask: Any = None,
        params: Any = None,
        *,
        dt: float,
        tau: Any,
        N_batch: int,
        shuffle: bool = True,
        accuracy: Callable[..., float] | None = None,
        seed: int | None = None,
    ) -> None:
        where = type(self).__name__
        self._x, self._y = _three_axes(f"{where}.x", x), _three_axes(f"{where}.y", y)
        self._mask = np.ones_like(self._y) if mask is None else _three_axes(f"{where}.mask", mask)
        trials, steps = self._x.shape[:2]
        expected = f"{trials} trials of {steps} steps, as x has"
        if self._y.shape[:2] != (trials, steps):
            raise _checks.error(f"{where}.y", expected, f"shape {self._y.shape}")
        if self._mask.shape != self._y.shape:
            expected = f"the shape of y, {self._y.shape}"
            raise _checks.error(f"{where}.mask", expected, f"{self._mask.shape}")
        self._params = _dicts(f"{where}.params", params, trials)
        self._own = np.arange(trials)  # trials of this task: a part of them after a split
        N_in, N_out = self._x.shape[2], self._y.shape[2]
        _checks.positive(f"{where}.dt", dt)
        super().__init__(N_in, N_out, dt, tau, steps * dt, N_batch, seed=seed)
        self.N_steps = steps  # steps * dt / dt may be rounded up
        self.shuffle = _checks.flag(f"{where}.shuffle", shuffle)
        self._accuracy = choice_accuracy
        if accuracy is not None:
            self._accuracy = _checks.function(f"{where}.accuracy", accuracy)
        self._drawn_seed = int(np.random.randint(2**31)) if self.seed is None else 0

    @property
    def trials(self) -> int:
        """Number of trials."""
        return len(self._own)

    def generate_trial_params(self, batch: int, trial: int) -> dict[str, Any]:
        """Return the parameters of a trial, with its number among all as ``trial``."""
        return self._batch_of(self._numbers(batch)[trial : trial + 1])[3][0]

    def generate_trial(self, params: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the arrays of the trial ``params["trial"]``."""
        n = params["trial"]
        return self._x[n], self._y[n], self._mask[n]

    def generate_batch(self, batch: int) -> Any:
        """Return batch 1, 2, ... of the order of trials."""
        return self._batch_of(self._numbers(batch))

    def all_trials(self) -> Batch:
        """Return every trial once, in order, such as those of a test set."""
        return Batch(*self._batch_of(self._own)).of_task(self)

    def _batch_of(
        self, chosen: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        params = np.empty(len(chosen), dtype=object)
        for place, n in enumerate(chosen.tolist()):
            params[place] = {**self._params[n], "trial": n}
        return self._x[chosen], self._y[chosen], self._mask[chosen], params

    def _numbers(self, batch: int) -> np.ndarray:
        """Return the numbers of the trials in a batch."""
        place = np.arange(self.N_batch) + (batch - 1) * self.N_batch
        if not self.shuffle:
            return self._own[place % self.trials]
        passes = range(place[0] // self.trials, place[-1] // self.trials + 1)
        order = np.concatenate([self._shuffled(number) for number in passes])
        return self._own[order[place - passes[0] * self.trials]]

    def _shuffled(self, number: int) -> np.ndarray:
        seed = np.random.SeedSequence(self._order_seed, spawn_key=(self._stream, number))
        return np.random.default_rng(seed).permutation(self.trials)

    @property
    def _order_seed(self) -> int:
        return self._drawn_seed if self.seed is None else self.seed

    def accuracy_function(
        self, correct_output: np.ndarray, test_output: np.ndarray, output_mask: np.ndarray
    ) -> float:
        """Score outputs by the function that the task was given."""
        return self._accuracy(correct_output, test_output, output_mask)

    def split(
        self, train: float, validation: float, test: float, seed: int | None = None
    ) -> Split:  # fmt: skip
        """Divide the trials at random into three tasks, each trial in one of them.

        Arguments:
            train: fraction of the trials to learn from.
            validation: fraction to choose settings by.
            test: fraction to report results on; the three add up to 1.
            seed: integer that fixes the division; that of the task where None.

        Raises:
            ParameterError: if the fractions do not add up to 1, or one gets no trial.

        """
        where = f"{type(self).__name__}.split"
        parts = {"train": train, "validation": validation, "test": test}
        for key, part in parts.items():
            _checks.number(f"{where}.{key}", part, low=0, high=1)
        if abs(sum(parts.values()) - 1) > 1e-6:
            raise _checks.error(where, "fractions that add up to 1", f"{sum(parts.values()):g}")
        ends = np.round(np.cumsum([0, *parts.values()]) * self.trials).astype(int)
        owner = self._order_seed if seed is None else _checks.seed(f"{where}.seed", seed)
        order = self._own[np.random.default_rng([owner, 1]).permutation(self.trials)]
        for key, count in zip(parts, np.diff(ends)):
            if not count:
                expected = "at least one trial in each part"
                advice = f"There are {self.trials} trials."
                raise _checks.error(f"{where}.{key}", expected, f"{parts[key]:g}", advice)
        return Split(*(self._part(np.sort(order[a:b])) for a, b in pairwise(ends)))

    def _part(self, chosen: np.ndarray) -> ArrayTask:
        part = copy.copy(self)
        part._own, part._batch_generator = chosen, None
        return part


def _three_axes(where: str, values: Any) -> np.ndarray:
    array = _checks.numeric(where, values).astype(float)
    if array.ndim != 3 or 0 in array.shape:
        raise _checks.error(where, "an array [trials, N_steps, channels]", f"shape {array.shape}")
    if not _checks.finite(array):
        raise _checks.error(where, "finite numbers", "NaN or infinity")
    return array


def _dicts(where: str, params: Any, trials: int) -> list[dict[str, Any]]:
    if params is None:
        return [{} for _ in range(trials)]
    if isinstance(params, dict):
        lengths = {key: np.shape(values)[:1] for key, values in params.items()}
        wrong = [key for key, length in lengths.items() if length != (trials,)]
        if wrong:
            expected = f"{trials} values, one for each trial"
            raise _checks.error(f"{where}, {wrong[0]!r}", expected, _checks.shown(params[wrong[0]]))
        params = [{key: values[n] for key, values in params.items()} for n in range(trials)]
    listed = list(params) if isinstance(params, (list, tuple, np.ndarray)) else []
    if len(listed) != trials or not all(isinstance(p, dict) for p in listed):
        expected = f"{trials} dicts, one for each trial, or a dict of arrays"
        raise _checks.error(where, expected, _checks.shown(params))
    if any("trial" in p for p in listed):
        advice = "It holds the number of the recorded trial: give yours another name."
        raise _checks.error(where, "parameters of other names than 'trial'", "one", advice)
    return [dict(p) for p in listed]
