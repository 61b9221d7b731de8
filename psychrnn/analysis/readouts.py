"""How a choice is read from the outputs of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.tasks.batch import Batch


class Readout(NamedTuple):
    """What was read from the outputs of a batch.

    Attributes:
        choice: number of the chosen output channel, ``[N_batch]``; NaN where there was none.
        reaction_time: time of the choice (ms), ``[N_batch]``; NaN where it is not known.
        confidence: how clear the choice was, ``[N_batch]``, in units of the outputs.

    """

    choice: np.ndarray
    reaction_time: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class _MaskedMean:
    boundary: float | None

    def __call__(self, batch: Any, outputs: Any) -> Readout:
        batch, outputs = checked("behavior.masked_mean", batch, outputs)
        choice, confidence = choices(outputs, batch.mask, middle(batch, self.boundary))
        return Readout(choice, np.full(len(choice), np.nan), confidence)


@dataclass(frozen=True)
class _ThresholdCrossing:
    threshold: float
    since: str | float | None
    boundary: float | None

    def __call__(self, batch: Any, outputs: Any) -> Readout:
        where = "behavior.threshold_crossing"
        batch, outputs = checked(where, batch, outputs)
        boundary = middle(batch, self.boundary)
        steps, dt = np.arange(outputs.shape[1]), _time_step(where, batch)
        counts = batch.mask.any(axis=2)
        asked = counts.any(axis=1)
        last = outputs.shape[1] - 1 - np.argmax(counts[:, ::-1], axis=1)
        if self.since is None:
            start = np.where(asked, np.argmax(counts, axis=1) * dt, np.nan)
        else:
            start = np.where(asked, _start(f"{where}.since", batch, self.since), np.nan)
        rounding = 1e-9 * dt * len(steps)
        in_time = (steps * dt >= start[:, np.newaxis] - rounding) & (steps <= last[:, np.newaxis])
        if outputs.shape[2] == 1 and self.threshold <= boundary:
            expected = f"a number above the boundary, {boundary:g}, for a single channel"
            raise _checks.error(f"{where}.threshold", expected, self.threshold)
        if outputs.shape[2] == 1:  # two choices: up to the threshold, or down to its mirror image
            signed = outputs - boundary
            distances, height = np.concatenate([-signed, signed], 2), self.threshold - boundary
        else:
            distances, height = outputs, self.threshold
        reached = (distances >= height) & in_time[:, :, np.newaxis]
        first = np.argmax(reached.any(axis=2), axis=1)
        trials = np.arange(len(first))
        highest = np.where(reached, distances, -np.inf)[trials, first].argmax(axis=1)
        responded = reached.any(axis=(1, 2))
        return Readout(
            np.where(responded, highest, np.nan),
            np.where(responded, np.maximum(first * dt - start, 0), np.nan),
            choices(outputs, batch.mask, boundary)[1],
        )


def masked_mean(boundary: float | None = None) -> Callable[[Any, Any], Readout]:
    r"""Return a readout that chooses the channel with the highest output where it counts.

    The choice is :math:`\arg\max_k \sum_t m_{tk} o_{tk}` (ties: the lowest channel), the rule of
    :func:`~psychrnn.tasks.accuracy.choice_accuracy`. Confidence is the best minus the second best
    mean output, weighted by the mask. With one output channel the choice is 1 where that mean is
    above ``boundary``, else 0, and confidence is the distance from it. There is no reaction time.
    Trials in which the mask is 0 throughout ask for no choice: NaN.

    Arguments:
        boundary: between choice 0 and choice 1 of a single output channel; where None half way
            between the lowest and the highest target of the batch, 0 where all are the same.

    Returns:
        A function ``(batch, outputs) -> Readout``, for ``trials_table`` or by itself.

    Raises:
        ParameterError: if ``boundary`` is not a number; from the readout, if the outputs do not
            have the shape of the mask, ``[N_batch, N_steps, N_out]``, or are not finite.

    Example:
        >>> mask = np.ones((2, 3, 2))
        >>> outputs = np.array([[[0.9, 0.2]] * 3, [[0.3, 0.4]] * 3])
        >>> masked_mean()((mask, mask, mask, [{}, {}]), outputs).choice
        array([0., 1.])

    """
    where = "behavior.masked_mean.boundary"
    return _MaskedMean(None if boundary is None else _checks.number(where, boundary))


def threshold_crossing(
    threshold: float, since: str | float | None = None, boundary: float | None = None
) -> Callable[[Any, Any], Readout]:
    r"""Return a readout that chooses the output channel that is first to reach a threshold.

    Time step :math:`k` is at :math:`k\,dt`. The reaction time is that of the first step at or
    after ``since`` with :math:`o_{tk} \ge` ``threshold``, minus ``since``. What is crossed before
    does not count; an output that is above the threshold already then answers at once. Nor does
    what is crossed after the last step where the mask is above 0. If channels cross in the same
    step, the highest wins. A trial in which none does, one without the period ``since``, and one
    whose mask is 0 throughout have choice NaN and reaction time NaN, without a warning. Confidence
    is that of :func:`masked_mean`.

    With one output channel the choice is 1 where it reaches the threshold first, and 0 where it
    first falls to the mirror image of it, ``2 * boundary - threshold``. The time of the choice in
    the trial, to align states to it, is the time of ``since`` plus the reaction time.

    Arguments:
        threshold: output that makes a choice.
        since: the moment from which time is measured: name of a period, from its start; a time
            in the trial (ms); or None for the first step where the mask is above 0.
        boundary: between choice 0 and choice 1 of a single output channel; where None half way
            between the lowest and the highest target of the batch, 0 where all are the same.

    Returns:
        A function ``(batch, outputs) -> Readout``, for ``trials_table`` or by itself.

    Raises:
        ParameterError: if an argument is of the wrong kind; from the readout, if the outputs do
            not fit the mask, the batch does not know its task, no trial has such a period, or
            the threshold for a single channel is not above ``boundary``.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> batch = PerceptualDiscrimination(10, 100, 1000, 4, seed=1).get_trial_batch()
        >>> outputs = np.zeros_like(batch.y)
        >>> outputs[:, 90:, 1] = 1.0
        >>> threshold_crossing(0.8, since=500)(batch, outputs).reaction_time
        array([400., 400., 400., 400.])

    """
    where = "behavior.threshold_crossing"
    threshold = _checks.number(f"{where}.threshold", threshold)
    if boundary is not None:
        boundary = _checks.number(f"{where}.boundary", boundary)
    if since is not None and not isinstance(since, str):
        since = _checks.number(f"{where}.since", since, low=0)
    return _ThresholdCrossing(threshold, since, boundary)


def checked(where: str, batch: Any, outputs: Any, task: Any = None) -> tuple[Batch, np.ndarray]:
    """Check a batch and outputs for it; return the batch with its task, and the outputs."""
    if not isinstance(batch, (tuple, list)) or len(batch) != 4:
        raise _checks.error(f"{where}.batch", "x, y, mask and params", _checks.shown(batch))
    x, y, mask, params = batch
    task = getattr(batch, "task", None) if task is None else task
    outputs = getattr(outputs, "outputs", outputs)
    parts = {"y": y, "mask": mask, "outputs": outputs}
    arrays = {key: _checks.numeric(f"{where}, {key}", part) for key, part in parts.items()}
    shape = arrays["mask"].shape
    for key, array in arrays.items():
        if array.ndim != 3 or array.shape != shape or 0 in shape:
            expected = f"the shape of the mask, {shape}" if len(shape) == 3 else "three axes"
            got = f"{array.shape}"
            raise _checks.error(f"{where}, {key} [N_batch, N_steps, N_out]", expected, got)
        if not _checks.finite(array):
            raise _checks.error(f"{where}, {key}", "finite numbers", "NaN or infinity")
    params = list(params) if isinstance(params, (list, tuple, np.ndarray)) else [params]
    if len(params) != shape[0] or not all(isinstance(p, dict) for p in params):
        expected = f"{shape[0]} dicts of parameters, one for each trial"
        raise _checks.error(f"{where}, params", expected, _checks.shown(batch[3]))
    rows = np.empty(len(params), dtype=object)
    rows[:] = params
    return Batch(x, arrays["y"], arrays["mask"], rows).of_task(task), arrays["outputs"]


def middle(batch: Any, boundary: float | None) -> float:
    """Return the boundary between the choices of one channel, from the targets where None."""
    targets = batch.y[batch.mask > 0]
    if boundary is not None or not targets.size or targets.min() == targets.max():
        return boundary or 0.0
    return float((targets.min() + targets.max()) / 2)


def choices(outputs: np.ndarray, mask: np.ndarray, boundary: float) -> tuple[Any, Any]:
    """Return choice and confidence by the masked mean output."""
    asked = np.asarray(mask.any(axis=(1, 2)))
    means = (outputs * mask).mean(axis=1)
    weight = np.abs(mask).mean(axis=1).max(axis=1, keepdims=True)  # one for all channels
    means = means / np.where(asked[:, np.newaxis], weight, 1)
    if outputs.shape[2] == 1:
        choice = (means[:, 0] > boundary).astype(float)
        confidence = np.abs(means[:, 0] - boundary)
    else:
        choice = np.argmax(means, axis=1).astype(float)
        best = np.sort(means, axis=1)
        confidence = best[:, -1] - best[:, -2]
    return np.where(asked, choice, np.nan), np.where(asked, confidence, np.nan)


def _time_step(where: str, batch: Batch) -> float:
    if batch.task is None:
        expected, advice = "a batch that knows its task, for times", "Use trials_table(task, ...)."
        raise _checks.error(f"{where}.batch", expected, "x, y, mask and params alone", advice)
    return float(batch.task.dt)


def _start(where: str, batch: Batch, since: str | float) -> Any:
    """Return the moment from which time is measured (ms), one for each trial or for all."""
    if not isinstance(since, str):
        return since
    try:
        periods = batch.periods
    except (KeyError, TypeError) as reason:
        expected = "the task that made the batch, to name its periods"
        got = f"{type(batch.task).__name__}, whose periods() fails with {reason!r}"
        raise _checks.error(f"{where}, task", expected, got) from reason
    if not any(since in period for period in periods):
        known = sorted({name for period in periods for name in period})
        expected = f"one of {', '.join(map(repr, known))}" if known else "a time, or None"
        advice = "" if known else "The task names no periods."
        raise _checks.error(where, expected, _checks.shown(since), advice)
    return np.array([period[since][0] if since in period else np.nan for period in periods])
