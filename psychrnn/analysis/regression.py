"""Which task variables the units encode, and when: regression, and axes that separate variables.

What users call is offered by :mod:`psychrnn.analysis.dynamics`.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn.analysis.array_checks import FLAT, checked_states, columns, projected
from psychrnn.analysis.population import ConditionAverages, fit_pca

_DEPENDENT = 1e-8  # part of a variable that the others leave unexplained
_PARALLEL = 1e-6  # the same of an axis
_COMPONENTS = 12  # as in Mante et al. 2013


class Regression(NamedTuple):
    """How each unit depends on task variables, at each time step.

    Attributes:
        coefficients: change of the state for a change of each variable by 1, the intercept first,
            ``[N_var + 1, N_steps, N_rec]``.
        names: ``"intercept"`` and the names of the variables.
        standard_errors: standard errors of the coefficients, the same shape.
        r2: fraction of the variance over trials that is explained, ``[N_steps, N_rec]``; NaN where
            a unit has the same state in all trials.
        counts: number of trials used at each step, ``[N_steps]``.
        mean: what was taken off the states first, ``[N_rec]``; 0 unless they were standardized.
        scale: what they were divided by, ``[N_rec]``; 1 unless they were standardized.

    """

    coefficients: np.ndarray
    names: tuple[str, ...]
    standard_errors: np.ndarray
    r2: np.ndarray
    counts: np.ndarray
    mean: np.ndarray
    scale: np.ndarray


class TargetedAxes(NamedTuple):
    """Directions in state space along which single task variables are seen.

    Attributes:
        axes: an orthonormal row for each variable, ``[N_var, N_rec]``.
        names: names of the variables.
        times: time step of each variable's strongest effect, ``[N_var]``.
        raw: the coefficients at that step, before they were made orthogonal, ``[N_var, N_rec]``.
        mean: what is taken off the states before a projection, ``[N_rec]``.
        scale: what they are divided by, ``[N_rec]``.

    """

    axes: np.ndarray
    names: tuple[str, ...]
    times: np.ndarray
    raw: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def project(self, states: Any) -> np.ndarray:
        """Return states along the axes, standardized as those of the regression were.

        Arguments:
            states: states or condition averages, ``[..., N_rec]``.

        Returns:
            Their coordinates, ``[..., N_var]``; NaN where a state has NaN.

        Raises:
            ParameterError: if the number of units differs from that of the axes.

        """
        states = states.averages if isinstance(states, ConditionAverages) else states
        where = "dynamics.TargetedAxes.project"
        return projected(where, states, self.axes, self.mean, self.scale)


def regress(states: Any, variables: Mapping[str, Any], standardize: bool = False) -> Regression:
    r"""Regress each unit's state on task variables, separately at each time step.

    .. math:: r_{i,t}(k) = \beta_{0,i,t} + \sum_v \beta_{v,i,t}\, x_v(k) + \epsilon_{i,t}(k)

    over trials :math:`k`, by ordinary least squares (Mante, Sussillo, Shenoy and Newsome 2013,
    Nature 503). Variables are taken as they are: scale them to a common range, such as -1 to 1,
    where their coefficients are to be compared, and give a product of two as a variable of its own
    to see whether they interact.

    Arguments:
        states: states, ``[N_batch, N_steps, N_rec]``. A trial is left out at steps where it has
            NaN.
        variables: numbers ``[N_batch]`` by name, such as the coherence with its sign and the
            choice. Trials where one is NaN are left out.
        standardize: True to take each unit's mean off its state and divide by its standard
            deviation, both over all trials and times, as Mante et al. did. A unit that never
            varies is not divided.

    Returns:
        Regression: coefficients, standard errors and explained variance. Steps with too few trials
        are NaN, with a warning.

    Raises:
        ParameterError: if there are too few trials, or a variable is constant or a linear
            combination of others.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> coherence, choice = rng.uniform(-1, 1, 200), rng.choice([-1, 1], 200)
        >>> states = rng.normal(size=(200, 30, 4))
        >>> states[:, 20:, 0] += 5 * choice[:, None]
        >>> result = regress(states, {"coherence": coherence, "choice": choice})
        >>> result.names
        ('intercept', 'coherence', 'choice')
        >>> float(result.coefficients[2, 25, 0].round())
        5.0

    """
    where = "dynamics.regress"
    states = checked_states(f"{where}.states", states)
    standardize = _checks.flag(f"{where}.standardize", standardize)
    names, design = _design(f"{where}.variables", variables, len(states))
    known = ~np.isnan(design).any(axis=1)
    _check_design(f"{where}.variables", names, design[known])
    states, design = states[known], design[known]
    N_steps, N_rec = states.shape[1:]
    mean, scale = np.zeros(N_rec), np.ones(N_rec)
    if standardize:
        mean, scale = _spread(f"{where}.states", states)
    result = np.full((2, 1 + len(names), N_steps, N_rec), np.nan)
    r2, counts = np.full((N_steps, N_rec), np.nan), np.zeros(N_steps, dtype=int)
    for step in range(N_steps):
        r = (states[:, step] - mean) / scale
        used = ~np.isnan(r).any(axis=1)
        counts[step] = used.sum()
        if counts[step] > len(names) + 1 and not any(_dependent(design[used])):
            result[0, :, step], result[1, :, step], r2[step] = _fit(design[used], r[used])
    failed = np.flatnonzero(np.isnan(result[0, 0, :, 0]))
    if len(failed) == N_steps:
        expected = (
            f"a step at which more than {len(names) + 1} trials have states, and the variables vary"
        )
        raise _checks.error(f"{where}.states", expected, "none")
    if len(failed):
        warnings.warn(
            f"{where}: {len(failed)} of {N_steps} steps are NaN, the first of them step "
            f"{failed[0]}: they have too few trials, or variables that do not vary there.",
            UserWarning,
            stacklevel=2,
        )
    return Regression(result[0], ("intercept", *names), result[1], r2, counts, mean, scale)


def _design(where: str, variables: Any, N_batch: int) -> tuple[list[str], np.ndarray]:
    """Return the names of the variables, and the variables as columns."""
    given = columns(where, variables)
    design = np.empty((N_batch, len(given)))
    for k, (name, values) in enumerate(given.items()):
        if name == "intercept":
            advice = "The intercept is always there."
            raise _checks.error(where, "names of variables", "'intercept'", advice)
        expected = f"one number for each of {N_batch} trials"
        advice = "Code categories as numbers, such as -1 and 1."
        try:
            column = np.asarray(values)
            column = column.astype(np.float64) if column.dtype.kind in "biufO" else np.asarray("")
        except (TypeError, ValueError, OverflowError):  # objects, rows of different lengths
            column = np.asarray("")
        if column.dtype.kind != "f":
            raise _checks.error(f"{where}[{name!r}]", expected, _checks.shown(values), advice)
        if column.shape != (N_batch,):
            raise _checks.error(f"{where}[{name!r}]", expected, f"shape {column.shape}")
        if np.isinf(column).any() or (np.abs(column) > np.finfo(np.float32).max).any():
            raise _checks.error(f"{where}[{name!r}]", "finite numbers, or NaN", "infinite ones")
        design[:, k] = column
    return list(given), design


def _check_design(where: str, names: list[str], design: np.ndarray) -> None:
    """Check that each variable tells something that the others do not."""
    if len(design) <= len(names) + 1:
        expected = f"more than {len(names) + 1} trials without NaN for {len(names)} variables"
        raise _checks.error(where, expected, str(len(design)))
    for k, wrong in enumerate(_dependent(design)):
        if not wrong:
            continue
        expected, got = "variables that vary", f"{names[k]!r}, which is the same in every trial"
        if np.ptp(design[:, k]) > FLAT * np.abs(design[:, k]).max():
            expected = "variables that are not linear combinations of each other"
            r = _orthogonal(design)[1]
            shares = np.abs(np.linalg.solve(r[:k, :k], r[:k, k]))
            others = " and ".join(repr(n) for n, share in zip(names, shares) if share > _DEPENDENT)
            got = f"{names[k]!r}, which follows from {others}"
        raise _checks.error(where, expected, got, f"Leave {names[k]!r} out.")


def _orthogonal(design: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Q and R of the variables, less their means and of length 1, and their lengths."""
    centred = design - design.mean(axis=0)
    lengths = np.sqrt((centred**2).sum(axis=0))
    flat = lengths <= FLAT * np.abs(design).max(axis=0) * np.sqrt(len(design))
    lengths = np.where(flat, 1, lengths)
    q, r = np.linalg.qr(np.where(flat, 0, centred) / lengths)
    return q, r, lengths


def _dependent(design: np.ndarray) -> np.ndarray:
    """Tell which variables are constant or combinations of those before them."""
    return np.abs(np.diag(_orthogonal(design)[1])) < _DEPENDENT


def _fit(design: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return coefficients and standard errors ``[N_var + 1, N_rec]``, and r2 ``[N_rec]``."""
    q, r, lengths = _orthogonal(design)
    trials, N_var = design.shape
    centre, mean = design.mean(axis=0), states.mean(axis=0)
    centred = states - mean
    total = (centred**2).sum(axis=0)
    flat = total <= trials * (FLAT * mean) ** 2
    centred[:, flat] = 0
    along = q.T @ centred
    inverse = np.linalg.solve(r, np.eye(N_var)) / lengths[:, np.newaxis]
    slopes = inverse @ along
    rest = ((centred - q @ along) ** 2).sum(axis=0)
    covariance = inverse @ inverse.T
    factors = np.append(1 / trials + centre @ covariance @ centre, np.diag(covariance))
    errors = np.sqrt(np.outer(factors, rest / (trials - N_var - 1)))
    r2 = 1 - np.divide(rest, total, out=np.full(len(total), np.nan), where=~flat)
    return np.vstack([mean - centre @ slopes, slopes]), errors, r2


def _spread(where: str, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each unit over all trials and times."""
    rows = states.reshape(-1, states.shape[2])
    rows = rows[~np.isnan(rows).any(axis=1)]
    if not len(rows):
        raise _checks.error(where, "states without NaN", "none")
    mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    return mean, np.where(deviation <= FLAT * np.abs(mean), 1, deviation)


def targeted_axes(
    regression: Regression, averages: Any = None, n_components: int | None = None
) -> TargetedAxes:
    """Find an axis in state space for each task variable (targeted dimensionality reduction).

    Each variable's coefficients are taken at the time step where they are largest in norm, and
    the axes are made orthogonal by QR in the order of the variables, so that each shows what those
    before it do not (Mante, Sussillo, Shenoy and Newsome 2013, Nature 503). They point in the
    direction of the coefficients.

    Arguments:
        regression: the result of :func:`regress`.
        averages: condition averages, as of :func:`condition_averages`: coefficients are first
            projected onto their first principal components, which leaves out noise. They are not
            where None.
        n_components: number of those components; 12 as in Mante et al., or all where there are
            fewer.

    Returns:
        TargetedAxes: the axes, and ``project`` for any states.

    Raises:
        ParameterError: if a variable has no effect, or two have the same axis.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> side = rng.choice([-1, 1], 300)
        >>> states = rng.normal(size=(300, 10, 3)) + side[:, None, None] * [3, 0, 0]
        >>> axes = targeted_axes(regress(states, {"side": side}))
        >>> axes.axes.round(1) + 0.0
        array([[1., 0., 0.]])
        >>> axes.project(states).shape
        (300, 10, 1)

    """
    where = "dynamics.targeted_axes"
    if not isinstance(regression, Regression):
        raise _checks.error(f"{where}.regression", "the result of regress", regression)
    effects, names = regression.coefficients[1:], regression.names[1:]
    if averages is not None:
        effects = _denoised(where, effects, averages, n_components, regression)
    elif n_components is not None:
        advice = "Pass averages, of which the components are."
        raise _checks.error(f"{where}.n_components", "None without averages", n_components, advice)
    if len(names) > effects.shape[2]:
        expected = f"at most {effects.shape[2]} variables, the number of units"
        raise _checks.error(f"{where}.regression", expected, str(len(names)))
    norms = np.nan_to_num(np.sqrt((effects**2).sum(axis=2)))
    times = norms.argmax(axis=1)
    raw = effects[np.arange(len(names)), times]
    q, r = np.linalg.qr(raw.T)
    unexplained = np.abs(np.diag(r))
    for name, rest, norm in zip(names, unexplained, norms.max(axis=1)):
        if norm == 0:
            raise _checks.error(where, "variables with an effect", f"{name!r}, which has none")
        if rest <= _PARALLEL * norm:
            expected = "an axis of its own for each variable"
            got = f"{name!r}, whose axis is a combination of those before it"
            raise _checks.error(where, expected, got, "Leave it out of the regression.")
    axes = (q * np.sign(np.diag(r))).T
    return TargetedAxes(axes, names, times, raw, regression.mean, regression.scale)


def _denoised(
    where: str, effects: np.ndarray, averages: Any, n_components: int | None, regression: Regression
) -> np.ndarray:
    """Return the part of the coefficients in the space of the first principal components."""
    if isinstance(averages, ConditionAverages):
        averages = averages.averages
    averages = checked_states(f"{where}.averages", averages, "averages [N_cond, N_steps, N_rec]")
    if averages.shape[2] != effects.shape[2]:
        expected = f"averages of {effects.shape[2]} units, as the regression has"
        raise _checks.error(f"{where}.averages", expected, str(averages.shape[2]))
    averages = (averages - regression.mean) / regression.scale
    components = fit_pca(where, averages, n_components).components
    components = components[: n_components or _COMPONENTS]
    if len(components) < len(effects):
        expected = f"at least one component for each of {len(effects)} variables"
        raise _checks.error(f"{where}.n_components", expected, str(len(components)))
    return effects @ components.T @ components
