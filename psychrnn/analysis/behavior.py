"""What the network chose, when and how often: one row per trial, and curves as of an animal."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.analysis import array_checks
from psychrnn.analysis.psychometrics import (
    PsychometricFit,
    levels_of,
    psychometric,
    vector,
    zeros_and_ones,
)
from psychrnn.analysis.readouts import (
    Readout,
    checked,
    choices,
    masked_mean,
    middle,
    threshold_crossing,
)
from psychrnn.tasks.task import Task

__all__ = [
    "Chronometric", "ConfusionMatrix", "PsychometricFit", "Readout", "chronometric",
    "confusion_matrix", "masked_mean", "psychometric", "threshold_crossing", "trials_table",
]  # fmt: skip


def trials_table(
    task: Task, batch: Any, outputs: Any, readout: Callable[[Any, Any], Readout] | None = None
) -> dict[str, np.ndarray]:
    r"""Return one tidy row per trial, as a dict of columns ``[N_batch]``.

    ``pandas.DataFrame(table)`` takes it as it is. First come the trial parameters: numbers,
    truth values and strings as such (NaN, or None, in trials that lack the parameter), anything
    else as objects. Then come ``target``, ``choice``, ``correct``, ``reaction_time`` (ms) and
    ``confidence``. A parameter with one of these names is stored as ``param_<name>``, such as
    ``param_choice`` of :class:`~psychrnn.tasks.delayed_discrim.DelayedDiscrimination`.

    The target is read from ``y`` as :func:`masked_mean` reads outputs, so that the mean of
    ``correct`` is that of :func:`~psychrnn.tasks.accuracy.choice_accuracy` for this readout.
    ``correct`` is 1.0 where choice and target are the same, 0.0 where they differ, and NaN where
    one is missing: use ``np.nanmean``, and count what is missing.

    Arguments:
        task: the task.
        batch: a :class:`~psychrnn.tasks.batch.Batch`, or a tuple ``(x, y, mask, params)``.
        outputs: outputs of the network, ``[N_batch, N_steps, N_out]``, or what ``model.test``
            returned.
        readout: a function ``(batch, outputs) -> Readout``; ``masked_mean()`` where None. One of
            your own returns three arrays ``[N_batch]``: choice, reaction time, confidence.

    Raises:
        ParameterError: if the arrays do not fit each other, or the readout returns other shapes.

    Example:
        >>> from psychrnn import PerceptualDiscrimination
        >>> task = PerceptualDiscrimination(dt=10, tau=100, T=1000, N_batch=4, seed=1)
        >>> batch = task.get_trial_batch()
        >>> table = trials_table(task, batch, batch.y)
        >>> list(table)[:2], table["correct"]
        (['coherence', 'direction'], array([1., 1., 1., 1.]))

    """
    where = "behavior.trials_table"
    if not isinstance(task, Task):
        raise _checks.error(f"{where}.task", "a task", _checks.shown(task))
    batch, outputs = checked(where, batch, outputs, task)
    readout = masked_mean() if readout is None else readout
    _checks.takes(f"{where}.readout", readout, "batch, outputs")
    read = _checked_readout(f"{where}.readout", readout(batch, outputs), len(batch.mask))
    target, _ = choices(batch.y, batch.mask, middle(batch, getattr(readout, "boundary", None)))
    correct = np.where(np.isnan(target) | np.isnan(read.choice), np.nan, read.choice == target)
    own = {"target": target, "choice": read.choice, "correct": correct}
    own |= {"reaction_time": read.reaction_time, "confidence": read.confidence}
    table, names = {}, list(dict.fromkeys(key for params in batch.params for key in params))
    for name in names:
        column = str(name)
        while column in own or column in table or (column != name and column in names):
            column = f"param_{column}"
        table[column] = _column([params.get(name) for params in batch.params])
    return table | own


class Chronometric(NamedTuple):
    """Reaction times by stimulus level.

    Attributes:
        levels: stimulus levels in rising order, ``[k]``.
        reaction_times: median or mean (ms), ``[k]``; NaN where there is no reaction time.
        errors: standard errors (ms), ``[k]``; NaN where there is only one reaction time.
        counts: number of reaction times, ``[k]``.
        missing: number of trials whose reaction time is NaN, ``[k]``.
        statistic: 'median' or 'mean'.
        unit: of the stimulus.

    """

    levels: np.ndarray
    reaction_times: np.ndarray
    errors: np.ndarray
    counts: np.ndarray
    missing: np.ndarray
    statistic: str
    unit: str


def chronometric(
    stimulus: Any, reaction_time: Any, correct: Any = None,
    statistic: str = "median", unit: str = "",
) -> Chronometric:  # fmt: skip
    r"""Return the reaction time at each stimulus level, with its standard error.

    The standard error of a mean is :math:`s/\sqrt n`. That of a median is
    :math:`\sqrt{\sum_i w_i x_{(i)}^2 - (\sum_i w_i x_{(i)})^2}` over the ordered times, where
    :math:`w_i` is the probability that a Beta((n+1)/2, (n+1)/2) variable lies between
    :math:`(i-1)/n` and :math:`i/n` (Maritz and Jarrett 1978, J. Am. Stat. Assoc. 73): what
    bootstrapping a median gives, without random numbers and without a bell-shaped distribution.

    Arguments:
        stimulus: stimulus level of each trial, ``[N_batch]``.
        reaction_time: reaction time of each trial (ms), ``[N_batch]``; NaN is counted and left
            out.
        correct: 1 or 0 for each trial, ``[N_batch]``, to use correct trials alone; all where None.
        statistic: 'median' or 'mean'.
        unit: of the stimulus, for plots.

    Raises:
        ParameterError: if lengths differ, there is no trial, or a value is not a number. Levels
            without a reaction time are NaN, with a warning.

    Example:
        >>> curve = chronometric([0.1, 0.1, 0.1, 0.5], [700, 900, 950, 400])
        >>> curve.reaction_times
        array([900., 400.])

    """
    where = "behavior.chronometric"
    stimulus = vector(f"{where}.stimulus", stimulus)
    times = vector(f"{where}.reaction_time", reaction_time, len(stimulus), missing=True)
    if not isinstance(statistic, str) or statistic not in ("median", "mean"):
        raise _checks.error(f"{where}.statistic", "'median' or 'mean'", _checks.shown(statistic))
    used = ~np.isnan(times)
    if correct is not None:
        used &= zeros_and_ones(f"{where}.correct", correct, len(stimulus)) == 1
    levels, of_level = levels_of(stimulus)
    groups = [times[used & (of_level == k)] for k in range(len(levels))]
    center = np.median if statistic == "median" else np.mean
    spread = _error_of_median if statistic == "median" else _error_of_mean
    if any(len(group) == 0 for group in groups):
        empty = sum(len(group) == 0 for group in groups)
        text = f"{where}: {empty} of {len(levels)} levels have no reaction time; they are NaN."
        warnings.warn(text, UserWarning, stacklevel=2)
    return Chronometric(
        levels,
        np.array([center(group) if len(group) else np.nan for group in groups]),
        np.array([spread(group) if len(group) > 1 else np.nan for group in groups]),
        np.array([len(group) for group in groups]),
        np.bincount(of_level, np.isnan(times), len(levels)).astype(int),
        statistic,
        str(unit),
    )


class ConfusionMatrix(NamedTuple):
    """How often each choice followed each target.

    Attributes:
        counts: number of trials, ``[k, k]``; rows are targets, columns are choices.
        proportions: the same as a fraction of the row's choices; NaN in a row without any.
        missing: number of trials of each target without a choice, ``[k]``.
        labels: of rows and columns, ``[k]``.

    """

    counts: np.ndarray
    proportions: np.ndarray
    missing: np.ndarray
    labels: np.ndarray


def confusion_matrix(
    target: Any, choice: Any, labels: Sequence[Any] | None = None
) -> ConfusionMatrix:  # fmt: skip
    """Count how often each choice followed each target.

    Trials whose choice is NaN are counted as missing; those whose target is NaN asked for no
    choice and are left out.

    Arguments:
        target: right choice of each trial, ``[N_batch]``, numbers or strings.
        choice: choice of each trial, ``[N_batch]``.
        labels: the values in the order of the rows, ``[k]``, by default all that occur, sorted;
            or, where targets are numbers, names of the channels 0, 1, ..., such as
            ``batch.output_names``.

    Raises:
        ParameterError: if lengths differ, there is no trial, or a value has no label. Targets
            without a choice have NaN proportions, with a warning.

    Example:
        >>> matrix = confusion_matrix([0, 0, 1, 1], [0, 1, 1, np.nan], labels=["left", "right"])
        >>> matrix.counts, matrix.missing
        (array([[1, 1],
               [0, 1]]), array([0, 1]))

    """
    where = "behavior.confusion_matrix"
    trials = (
        len(target) if hasattr(target, "__len__") and getattr(target, "shape", None) != () else 0
    )
    targets, rows = array_checks.levels(f"{where}.target", target, trials)
    chosen, columns = array_checks.levels(f"{where}.choice", choice, trials)
    if not len(targets):
        raise _checks.error(f"{where}.target", "at least one trial with a target", "none")
    words = targets.dtype.kind == "U"
    if len(chosen) and (chosen.dtype.kind == "U") != words:
        raise _checks.error(where, "numbers or strings", "one for targets, the other for choices")
    asked, responded = rows >= 0, columns >= 0
    made = np.unique(columns[asked & responded])  # choices of trials that asked for one
    values = shown = np.union1d(targets, chosen[made]) if len(made) else targets
    if labels is not None:
        values = shown = _different(f"{where}.labels", labels)
        if shown.dtype.kind == "U" and not words:
            values = np.arange(len(shown))
    of_target = _places(f"{where}.target", targets, values)[rows]
    of_choice = np.full(len(chosen) + 1, -1)
    of_choice[made] = _places(f"{where}.choice", chosen[made], values)
    of_choice = of_choice[columns]
    counts = np.zeros((len(values), len(values)), dtype=int)
    np.add.at(counts, (of_target[asked & responded], of_choice[asked & responded]), 1)
    missing = np.bincount(of_target[asked & ~responded], minlength=len(values))
    totals = counts.sum(axis=1, keepdims=True)
    if not totals.all():
        text = f"{where}: {(totals == 0).sum()} of {len(values)} targets have no choice; "
        warnings.warn(text + "their proportions are NaN.", UserWarning, stacklevel=2)
    proportions = np.where(totals > 0, counts / np.maximum(totals, 1), np.nan)
    return ConfusionMatrix(counts, proportions, missing, shown)


def _checked_readout(where: str, read: Any, trials: int) -> Readout:
    """Check that a readout returned three arrays of numbers, one for each trial."""
    if not isinstance(read, (tuple, list)) or len(read) != 3:
        expected = "a Readout: choice, reaction time and confidence"
        raise _checks.error(where, expected, _checks.shown(read))
    parts = []
    for name, part in zip(Readout._fields, read):
        values = _checks.numeric(f"{where}, {name}", part).astype(float)
        if np.isinf(values).any():
            raise _checks.error(f"{where}, {name}", "numbers, or NaN for none", "infinity")
        if values.shape != (trials,):
            expected = f"[N_batch] = ({trials},)"
            raise _checks.error(f"{where}, {name}", expected, f"{values.shape}")
        parts.append(values)
    return Readout(*parts)


def _column(values: list[Any]) -> np.ndarray:
    """Return the values of a parameter, None where it is missing, as numbers if they are."""
    values = [v.item() if isinstance(v, (np.generic, np.ndarray)) and v.ndim == 0 else v
              for v in values]  # fmt: skip
    kinds = {type(value) for value in values}
    if kinds in ({bool}, {str}):
        return np.array(values)
    if kinds - {type(None)} <= {int, float} and kinds != {type(None)}:
        return np.array([np.nan if value is None else value for value in values])
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _error_of_mean(times: np.ndarray) -> float:
    return float(times.std(ddof=1) / np.sqrt(len(times)))


def _error_of_median(times: np.ndarray) -> float:
    from scipy.special import betainc

    n, ordered = len(times), np.sort(times)
    weights = np.diff(betainc((n + 1) / 2, (n + 1) / 2, np.arange(n + 1) / n))
    variance = weights @ (ordered - weights @ ordered) ** 2
    return float(np.sqrt(variance))


def _different(where: str, labels: Any) -> np.ndarray:
    """Return labels in their order, which are numbers or strings."""
    number = len(labels) if hasattr(labels, "__len__") else 0
    distinct, places = array_checks.levels(where, labels, number)
    if len(distinct) != number or (places < 0).any() or not number:
        raise _checks.error(where, "labels that differ from each other", _checks.shown(labels))
    return distinct[places]


def _places(where: str, values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the place of each value among labels, ``[k]``."""
    places = {label: place for place, label in enumerate(labels.tolist())}
    unknown = [value for value in values.tolist() if value not in places]
    if unknown:
        expected = f"one of the labels {', '.join(map(repr, labels.tolist()))}"
        raise _checks.error(where, expected, _checks.shown(unknown[0]))
    return np.array([places[value] for value in values.tolist()], dtype=int)
