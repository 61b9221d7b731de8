"""Activity of the population: trials aligned to events, condition averages, principal components.

What users call is offered by :mod:`psychrnn.analysis.dynamics`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.analysis.array_checks import FLAT, checked_states, columns, levels, projected

_ROUNDING = 1e-9  # of a time step: quotients of times are not exact


class Aligned(NamedTuple):
    """Trials moved in time.

    Attributes:
        values: values around the event, ``[N_batch, n, ...]``; NaN outside of a trial.
        time: time since the event (ms), ``[n]``.

    """

    values: np.ndarray
    time: np.ndarray


class ConditionAverages(NamedTuple):
    """Mean activity in each condition.

    Attributes:
        averages: mean states, ``[N_cond, N_steps, N_rec]``.
        conditions: for each name the value in each condition, ``[N_cond]``.
        counts: number of trials of each condition, ``[N_cond]``.

    """

    averages: np.ndarray
    conditions: dict[str, np.ndarray]
    counts: np.ndarray

    @property
    def labels(self) -> list[str]:
        """A name for each condition, such as ``"coherence 0.1, choice 0"``."""
        columns = [[f"{name} {_short(v)}" for v in of] for name, of in self.conditions.items()]
        return [", ".join(row) for row in zip(*columns)]


class PCA(NamedTuple):
    """Principal components, from the largest to the smallest.

    Attributes:
        components: one direction of unit length in each row, ``[k, N_rec]``.
        explained: fraction of the total variance along each, ``[k]``.
        mean: mean state, which is taken off before a projection, ``[N_rec]``.
        variances: variance along each, ``[k]``.

    """

    components: np.ndarray
    explained: np.ndarray
    mean: np.ndarray
    variances: np.ndarray

    def project(self, states: Any) -> np.ndarray:
        """Return states in the space of the components.

        Arguments:
            states: states of any trials, conditions or fixed points, ``[..., N_rec]``.

        Returns:
            Their coordinates, ``[..., k]``; NaN where a state has NaN.

        Raises:
            ParameterError: if the number of units differs from that of the components.

        """
        states = states.averages if isinstance(states, ConditionAverages) else states
        return projected("dynamics.PCA.project", states, self.components, self.mean)


def align(values: Any, times: Any, dt: float, window: tuple[float, float]) -> Aligned:
    r"""Move each trial so that an event in it, such as the choice, is at time 0.

    Step 0 is the first one at or after the event. The steps with
    :math:`before \le k\,dt < after` are returned.

    Arguments:
        values: states, outputs or any other values over time, ``[N_batch, N_steps, ...]``.
        times: time of the event since the start of the trial (ms), ``[N_batch]``, or one number
            for all trials, such as ``table["onset_time"]``; to align to choices add the reaction
            time to the moment it is measured from. A trial with NaN, such as one without a
            response, is NaN throughout.
        dt: length of a time step (ms).
        window: ``(before, after)``, relative to the event (ms), such as ``(-200, 800)``.

    Returns:
        Aligned: the values, NaN outside of a trial, and the time of each step.

    Raises:
        ParameterError: if an event lies outside of its trial, no trial has an event, or the window
            has no step or goes beyond the length of a trial.

    Example:
        >>> outputs = np.array([[[0.0], [1.0], [2.0], [3.0]], [[4.0], [5.0], [6.0], [7.0]]])
        >>> moved = align(outputs, times=[20, 10], dt=10, window=(-10, 20))
        >>> moved.time
        array([-10.,   0.,  10.])
        >>> moved.values[..., 0]
        array([[1., 2., 3.],
               [4., 5., 6.]])

    """
    where = "dynamics.align"
    values = checked_states(f"{where}.values", values, "values [N_batch, N_steps, ...]", axes=None)
    dt = _checks.positive(f"{where}.dt", dt)
    N_batch, N_steps = values.shape[:2]
    events = _event_steps(f"{where}.times", times, dt, N_batch, N_steps)
    offsets = _offsets(f"{where}.window", window, dt, N_steps)
    steps = np.nan_to_num(events).astype(int)[:, np.newaxis] + offsets
    inside = (steps >= 0) & (steps < N_steps) & ~np.isnan(events)[:, np.newaxis]
    if not inside.any():
        expected = "a window that meets a trial"
        raise _checks.error(f"{where}.window", expected, f"{tuple(window)}, which meets none")
    moved = values[np.arange(N_batch)[:, np.newaxis], steps.clip(0, N_steps - 1)]
    moved[~inside] = np.nan
    return Aligned(moved, offsets * dt)


def _event_steps(where: str, times: Any, dt: float, N_batch: int, N_steps: int) -> np.ndarray:
    """Return the first step at or after each event, NaN where a trial has none."""
    given = _checks.numeric(where, times, "times of events (ms)").astype(np.float64)
    if given.shape not in ((), (N_batch,)):
        expected = f"one time (ms) for each of {N_batch} trials, or one for all"
        raise _checks.error(where, expected, f"shape {given.shape}")
    given = np.broadcast_to(given, (N_batch,))
    if np.isnan(given).all():
        raise _checks.error(where, "an event in at least one trial", "NaN in every one")
    with np.errstate(over="ignore"):
        steps = np.ceil(given / dt - _ROUNDING)
    wrong = np.flatnonzero((given < 0) | (steps >= N_steps))
    if len(wrong):
        expected = f"times within a trial, which has steps from 0 to {(N_steps - 1) * dt:g} ms"
        got = f"{given[wrong[0]]:g} ms in trial {wrong[0]}"
        raise _checks.error(where, expected, got, "Set it to NaN to leave the trial out.")
    return steps


def _offsets(where: str, window: Any, dt: float, N_steps: int) -> np.ndarray:
    expected = "(before, after), two times (ms)"
    pair = _checks.numeric(where, window, expected)
    if pair.shape != (2,):
        raise _checks.error(where, expected, _checks.shown(window))
    before, after = (_checks.number(where, float(time)) for time in pair)
    length = N_steps * dt
    if before < -length * (1 + _ROUNDING) or after > length * (1 + _ROUNDING):
        expected = f"times from {-length:g} to {length:g} ms, for a trial lasts {length:g} ms"
        raise _checks.error(where, expected, f"({before:g}, {after:g})")
    first, end = (math.ceil(time / dt - _ROUNDING) for time in (before, after))
    if end <= first:
        expected = f"before < after with a time step (every {dt:g} ms) between them"
        raise _checks.error(where, expected, f"({before:g}, {after:g})")
    return np.arange(first, end)


def condition_averages(
    states: Any, conditions: Any, select: Any = None, min_trials: int = 1
) -> ConditionAverages:
    """Average the states over the trials of each condition, time step by time step.

    A condition is a combination of values that occurs. They are sorted by the first name, then
    the second, and so on. Give values that repeat: group a continuous parameter first, for
    example with ``numpy.digitize``.

    Arguments:
        states: states, ``[N_batch, N_steps, N_rec]``, NaN where there is none, as in aligned
            trials.
        conditions: numbers or strings ``[N_batch]``, or a dict of such arrays by name. Trials with
            NaN or None, such as those without a choice, are left out.
        select: True for each trial that counts, ``[N_batch]``, such as the correct ones; all
            where None. NaN counts as False.
        min_trials: number of trials that a condition must have. Steps which fewer of its trials
            reach are NaN.

    Returns:
        ConditionAverages: the averages, the conditions and their numbers of trials.

    Raises:
        ParameterError: if the arrays do not have one value for each trial, or no condition has
            enough trials.

    Example:
        >>> states = np.arange(12.0).reshape(3, 2, 2)
        >>> result = condition_averages(states, {"coherence": [0.5, 0.1, 0.5]})
        >>> result.labels
        ['coherence 0.1', 'coherence 0.5']
        >>> result.averages[1]
        array([[4., 5.],
               [6., 7.]])

    """
    where = "dynamics.condition_averages"
    states = checked_states(f"{where}.states", states)
    min_trials = _checks.count(f"{where}.min_trials", min_trials)
    if not isinstance(conditions, Mapping):
        conditions = {"condition": conditions}
    named = columns(f"{where}.conditions", conditions)
    found = {n: levels(f"{where}.conditions[{n!r}]", v, len(states)) for n, v in named.items()}
    codes = np.stack([code for _, code in found.values()], axis=1)
    kept = _selected(f"{where}.select", select, len(states)) & (codes >= 0).all(axis=1)
    kept &= ~np.isnan(states).all(axis=(1, 2))
    if not kept.any():
        expected = "at least one trial that is selected and has a condition and states"
        raise _checks.error(where, expected, "none")
    combinations, member, counts = np.unique(
        codes[kept], axis=0, return_inverse=True, return_counts=True
    )
    enough = np.flatnonzero(counts >= min_trials)
    if not len(enough):
        expected = f"a condition with at least min_trials = {min_trials} trials"
        raise _checks.error(where, expected, f"at most {counts.max()}")
    trials = np.flatnonzero(kept)
    averages = [_mean(states[trials[member.ravel() == c]], min_trials) for c in enough]
    of_each = {
        name: distinct[combinations[enough, k]]
        for k, (name, (distinct, _)) in enumerate(found.items())
    }
    return ConditionAverages(np.stack(averages), of_each, counts[enough])


def _mean(states: np.ndarray, min_trials: int) -> np.ndarray:
    """Return the mean over trials, NaN where there are too few."""
    present = ~np.isnan(states)
    counts, sums = present.sum(axis=0), np.where(present, states, 0).sum(axis=0, dtype=np.float64)
    result = np.full(sums.shape, np.nan)
    return np.divide(sums, counts, out=result, where=counts >= min_trials)


def _selected(where: str, select: Any, N_batch: int) -> np.ndarray:
    if select is None:
        return np.ones(N_batch, dtype=bool)
    expected = f"True or False for each of {N_batch} trials"
    array = _checks.numeric(where, select, expected)
    if array.shape != (N_batch,):
        raise _checks.error(where, expected, f"shape {array.shape}")
    if not np.isin(array[~np.isnan(array)], (0, 1)).all():
        raise _checks.error(where, expected, "other numbers")
    return array == 1


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def pca(averages: Any, n_components: int | None = None) -> PCA:
    """Find the directions along which states vary most, over conditions and time together.

    They are the eigenvectors of the covariance of the states of all conditions and steps, from
    the largest eigenvalue on (Cunningham and Yu 2014, Nat. Neurosci. 17). Fit on condition
    averages they leave out the variability from trial to trial; single trials, fixed points or
    other states can then be projected. The largest entry of each is positive.

    Arguments:
        averages: the result of :func:`condition_averages`, or an array
            ``[N_cond, N_steps, N_rec]``. Steps with NaN are left out.
        n_components: number of components to keep; where None, all with a variance above 0.

    Returns:
        PCA: components, explained variance, and ``project`` for any states.

    Raises:
        ParameterError: if there is one condition only, the states do not vary, or they have
            fewer dimensions than ``n_components``.

    Example:
        >>> states = np.random.default_rng(1).normal(size=(100, 20, 5)) * [3, 1, 1, 1, 1]
        >>> fit = pca(condition_averages(states, np.arange(100) % 4), n_components=2)
        >>> fit.project(states).shape
        (100, 20, 2)
        >>> int(fit.components[0].argmax())
        0

    """
    return fit_pca("dynamics.pca", averages, n_components)


def fit_pca(where: str, averages: Any, n_components: int | None) -> PCA:
    """Do the work of :func:`pca` for any function, whose name stands in the errors."""
    if isinstance(averages, ConditionAverages):
        averages = averages.averages
    expected = "averages [N_cond, N_steps, N_rec]"
    averages = checked_states(f"{where}.averages", averages, expected)
    if len(averages) == 1:
        advice = (
            "One condition shows its course in time only: average by more of the task's "
            "variables, or pass single trials."
        )
        raise _checks.error(f"{where}.averages", "at least two conditions", "one", advice)
    rows, mean = _centred(f"{where}.averages", averages)
    triangle = np.linalg.qr(rows, mode="r")  # small, with the same singular values
    _, scales, components = np.linalg.svd(triangle, full_matrices=False)
    rank = int((scales > scales[0] * max(rows.shape) * np.finfo(float).eps).sum())
    kept = rank if n_components is None else _checks.count(f"{where}.n_components", n_components)
    if kept > rank:
        expected = f"at most {rank}, the number of dimensions of the averages"
        raise _checks.error(f"{where}.n_components", expected, str(kept))
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), largest])[:, np.newaxis]
    variances = scales**2 / (len(rows) - 1)
    return PCA(components[:kept], (variances / variances.sum())[:kept], mean, variances[:kept])


def participation_ratio(states: Any) -> float:
    r"""Return the number of dimensions that the states fill.

    .. math:: \frac{\left(\sum_i \lambda_i\right)^2}{\sum_i \lambda_i^2}

    with the eigenvalues of the covariance of the units (Rajan, Abbott and Sompolinsky 2010,
    Advances in Neural Information Processing Systems 23): 1 where all states lie on a line,
    N_rec where they vary equally in all directions.

    Arguments:
        states: states or condition averages, ``[..., N_rec]``; the covariance is taken over all
            axes but the last. States with NaN are left out.

    Raises:
        ParameterError: if there are fewer than two states, or they do not vary.

    Example:
        >>> round(participation_ratio(np.random.default_rng(1).normal(size=(5000, 10))), 1)
        10.0

    """
    where = "dynamics.participation_ratio.states"
    if isinstance(states, ConditionAverages):
        states = states.averages
    rows, _ = _centred(where, checked_states(where, states, "states [..., N_rec]", axes=None))
    covariance = (rows / np.abs(rows).max()).T @ rows
    covariance /= covariance.trace()
    return float(1 / (covariance**2).sum())


def _centred(where: str, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return states without NaN as rows, less their mean, and the mean."""
    rows = states.reshape(-1, states.shape[-1])
    rows = rows[~np.isnan(rows).any(axis=1)].astype(np.float64)
    if len(rows) < 2:
        expected = "at least two states without NaN"
        raise _checks.error(where, expected, "one" if len(rows) else "none")
    mean = rows.mean(axis=0)
    largest = np.abs(rows).max()
    rows -= mean
    if np.abs(rows).max() <= FLAT * largest:
        raise _checks.error(where, "states that vary", "the same state everywhere")
    return rows, mean
