"""Psychometric functions: how the probability of a choice grows with the stimulus."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from psychrnn import _checks
from psychrnn._random import generator
from psychrnn.analysis.psychometric_likelihood import SHAPES, Likelihood, confidence_limits

MOST = 0.25  # highest guess and lapse rate where they are free
_NAMES = ("threshold", "slope", "guess", "lapse")
_FLAT = 0.01  # probability of data without any dependence, above which there is no curve
_STEP = 1e-3  # what a curve has to be likelier than a step, in log-likelihood
_FEWEST = 100  # resamples
_WIDTH = {"normal": 3.289707253902945, "logistic": 5.888877957332881}  # from 5 % to 95 % of F


class PsychometricFit(NamedTuple):
    """A psychometric function and how well it is known.

    Attributes:
        threshold: stimulus at which the probability is half way between the asymptotes, in units
            of the stimulus.
        slope: rise of the probability there, per unit of the stimulus.
        guess: lower asymptote.
        lapse: 1 minus the upper asymptote.
        intervals: lower and upper confidence limit of these four, by name. NaN where the rate was
            given, and where the data do not bound the value on that side.
        levels: stimulus levels in rising order, ``[k]``.
        proportions: proportion of response 1 at each level, ``[k]``.
        counts: number of responses at each level, ``[k]``.
        location: the same as ``threshold``.
        scale: standard deviation of the normal, or scale of the logistic distribution, in units
            of the stimulus; negative where the curve falls.
        unit: of the stimulus.
        function: 'normal' or 'logistic'.
        method: 'likelihood' or 'bayesian'.
        missing: number of trials without a response.
        deviance: twice the log-likelihood of the proportions themselves minus twice that of the
            curve. If the curve is right and levels have many trials each, it is about the number
            of levels minus that of free parameters; one far higher means another curve.

    """

    threshold: float
    slope: float
    guess: float
    lapse: float
    intervals: dict[str, tuple[float, float]]
    levels: np.ndarray
    proportions: np.ndarray
    counts: np.ndarray
    location: float
    scale: float
    unit: str
    function: str
    method: str
    missing: int
    deviance: float

    def predict(self, x: Any) -> np.ndarray:
        """Return the probability of response 1 at stimuli ``[...]``, NaN for a curve of NaN."""
        stimulus = _checks.numeric("PsychometricFit.predict, x", x).astype(float)
        if not np.isfinite([self.location, self.scale]).all():
            return np.full(stimulus.shape, np.nan)
        value = SHAPES[self.function].of((stimulus - self.location) / self.scale)
        return self.guess + (1 - self.guess - self.lapse) * value

    def __repr__(self) -> str:
        n, k = self.counts.sum(), len(self.levels)
        lines = [f"PsychometricFit ({self.function}, {self.method}): {n} trials at {k} levels"]
        units = (self.unit, f"per {self.unit}" if self.unit else "", "", "")
        for name, unit in zip(_NAMES, units):
            low, high = self.intervals[name]
            value = f"{getattr(self, name):.4g} {unit}".strip()
            lines.append(f"  {name} {value} [{low:.4g}, {high:.4g}]")
        return "\n".join(lines)


def psychometric(
    stimulus: Any, response: Any, guess: float | None = None, lapse: float | None = None,
    function: str = "normal", intervals: float = 0.95, n_bootstrap: int = 1000,
    seed: int | None = None, unit: str = "", method: str = "likelihood",
) -> PsychometricFit:  # fmt: skip
    r"""Fit a psychometric function to the responses of single trials.

    .. math:: p(x) = \gamma + (1 - \gamma - \lambda)\, F\!\left(\frac{x - m}{s}\right)

    with guess rate :math:`\gamma` and lapse rate :math:`\lambda` (Wichmann and Hill 2001, Percept.
    Psychophys. 63(8)), by binomial maximum likelihood. The threshold is :math:`m` and the slope
    :math:`(1 - \gamma - \lambda) F'(0) / s`. A curve may fall: slope and scale are then negative,
    and guess stays the lower asymptote. Rates that are free lie between 0 and 0.25, the threshold
    at most one range of the levels outside of them.

    Intervals are those of the likelihood ratio with limits from a parametric bootstrap (DiCiccio,
    Martin and Stern 2001, Can. J. Stat. 29(1)): a value is in the interval if data simulated with
    it would contradict it as much as these do in more than 2.5 % of the cases. They assume that
    trials are independent and the curve is of the right shape.

    Arguments:
        stimulus: stimulus of each trial, ``[N_batch]``, such as a signed coherence.
        response: 1 or 0 for each trial, ``[N_batch]``: a choice, or whether it was correct. NaN
            is counted as missing and left out.
        guess: lower asymptote, such as 0.5 for correct choices between two; free where None.
        lapse: 1 minus the upper asymptote; free where None.
        function: 'normal' (cumulative normal) or 'logistic'.
        intervals: level of the confidence intervals, between 0 and 1.
        n_bootstrap: number of resamples for each limit, at least 100; with 0 the limits are those
            of the chi-square distribution.
        seed: integer that fixes the resamples. Without it they follow ``np.random.seed``.
        unit: of the stimulus, for plots.
        method: 'likelihood', or 'bayesian' for the posterior mode and credible intervals of
            psignifit (Schuett, Harmeling, Macke and Wichmann 2016, Vision Res. 122), without
            its overdispersion. It needs ``pip install "psychrnn[psychometrics]"``.

    Raises:
        ParameterError: if lengths differ, a stimulus is not finite, a response is not 0, 1 or
            NaN, there are fewer levels than free parameters, or ``guess + lapse`` is 1 or more.
            With a warning, all is NaN if the responses show no dependence on the stimulus
            (likelihood ratio test at 1 %) or the levels do not reach half of the rise. If at most
            one level lies on the rise, as with perfect performance, the slope is NaN, and so is
            the threshold where it may be anywhere between two levels; there are no intervals. A
            single limit is NaN where the responses exclude no value on that side.

    Example:
        >>> rng = np.random.default_rng(1)
        >>> coherence = rng.choice([-0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6], 1000)
        >>> response = rng.random(1000) < 1 / (1 + np.exp(-coherence / 0.1))
        >>> fit = psychometric(coherence, response, lapse=0, guess=0, unit="coherence", seed=1)
        >>> fit.intervals["threshold"][0] < 0 < fit.intervals["threshold"][1]
        True
        >>> fit.predict([-1, 1]).round(3)
        array([0., 1.])

    """
    where = "behavior.psychometric"
    stimulus = vector(f"{where}.stimulus", stimulus)
    response = zeros_and_ones(f"{where}.response", response, len(stimulus))
    options = {
        "function": (function, tuple(SHAPES)),
        "method": (method, ("likelihood", "bayesian")),
    }
    for name, (value, known) in options.items():
        if not isinstance(value, str) or value not in known:
            expected = " or ".join(map(repr, known))
            raise _checks.error(f"{where}.{name}", expected, _checks.shown(value))
    level = _checks.number(f"{where}.intervals", intervals, above=0)
    if level >= 1:
        raise _checks.error(f"{where}.intervals", "a level below 1", f"{level:g}")
    none = isinstance(n_bootstrap, (int, float)) and n_bootstrap == 0
    if not none and _checks.count(f"{where}.n_bootstrap", n_bootstrap) < _FEWEST:
        expected = f"0, or at least {_FEWEST}, for limits that hold"
        raise _checks.error(f"{where}.n_bootstrap", expected, _checks.shown(n_bootstrap))
    n_bootstrap = int(n_bootstrap)
    rng = generator(None if seed is None else _checks.seed(f"{where}.seed", seed))
    rates = _rates(where, guess, lapse)
    given = ~np.isnan(response)
    if not given.any():
        raise _checks.error(f"{where}.response", "at least one response", "NaN in every trial")
    levels, of_level = levels_of(stimulus[given])
    free = 2 + sum(low < high for low, high in rates)
    if len(levels) < free:
        expected = f"at least {free} stimulus levels with responses"
        advice = "Give guess and lapse as numbers, or use more levels." if free > 2 else ""
        raise _checks.error(f"{where}.stimulus", expected, f"{len(levels)}", advice)
    counts, ones = np.bincount(of_level), np.bincount(of_level, response[given])
    data = _Standardised(levels, ones, counts.astype(float), function, rates)
    psignifit = _psignifit() if method == "bayesian" else None
    theta, problem = data.estimate()
    limits = np.full((4, 2), np.nan)
    if psignifit is not None and np.isfinite(theta[2]):  # priors tell the slope of a step
        theta, limits, problem = *data.posterior(psignifit, level), ""
    elif not problem:
        limits, problem = data.limits(theta, level, n_bootstrap, rng)
    if problem:
        warnings.warn(f"{where}: {problem}", UserWarning, stacklevel=2)
    threshold, slope, scale = data.in_stimulus_units(theta)
    return PsychometricFit(
        threshold, slope, float(theta[2]), float(theta[3]), data.intervals(limits),
        levels, ones / counts, counts, threshold, scale, str(unit), function, method,
        int(np.sum(~given)), data.deviance(theta),
    )  # fmt: skip


class _Standardised:
    """Responses at levels that span 1, turned round where their proportion falls."""

    def __init__(
        self, levels: np.ndarray, ones: np.ndarray, counts: np.ndarray, function: str,
        rates: list[tuple[float, float]],
    ) -> None:  # fmt: skip
        self.center, self.span = (levels[0] + levels[-1]) / 2, levels[-1] - levels[0]
        x = (levels - self.center) / self.span
        trend = (ones - counts * ones.sum() / counts.sum()) @ x
        self.sign = -1 if trend < 0 else 1
        self.x, self.ones, self.counts = (
            (self.sign * x)[:: self.sign],
            *(part[:: self.sign] for part in (ones, counts)),
        )
        self.function, self.rates = function, rates
        self.likelihood = Likelihood(self.x, self.counts, SHAPES[function], *rates)

    def estimate(self) -> tuple[np.ndarray, str]:
        """Return the most likely curve, NaN where it is not known, and why it is not."""
        from scipy.special import chdtrc

        likelihood, nothing = self.likelihood, np.full(4, np.nan)
        theta = likelihood.best(self.ones)
        best = likelihood.log(theta, self.ones)
        rate = self.ones.sum() / self.counts.sum()
        gain = 2 * (best - likelihood.log_of(np.full(len(self.x), rate), self.ones))
        more = np.sum(likelihood.low < likelihood.high) - 1
        if not chdtrc(more, max(gain, 0)) < _FLAT:
            text = (
                "a curve with its threshold near the levels explains the responses no better than"
            )
            text += f" no dependence on the stimulus (likelihood ratio test, p > {_FLAT})"
            return nothing, f"{text}; the fit is NaN."
        step, level, inside = likelihood.best_step(self.ones)
        if step > best - _STEP:
            theta[:2] = np.nan if np.isnan(inside) else self.x[level], np.nan
            unknown = "slope is" if np.isfinite(theta[0]) else "threshold and slope are"
            text = "the responses change within one level or between two, as those of perfect"
            return theta, f"{text} performance do; {unknown} NaN. Use levels closer to each other."
        at_bound = (theta == likelihood.low) | (theta == likelihood.high)
        if at_bound[:2].any():
            return nothing, "the levels do not reach half of the curve's rise; the fit is NaN."
        return theta, ""

    def limits(
        self, theta: np.ndarray, level: float, n_bootstrap: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, str]:
        """Return confidence limits ``[4, 2]``, NaN where the data set none, and why."""
        found = confidence_limits(self.likelihood, theta, self.ones, level, n_bootstrap, rng)
        bounds = np.stack([self.likelihood.low, self.likelihood.high], axis=1)
        unbounded = (found == bounds)[:2]
        found[:2][unbounded] = np.nan
        names = " and ".join(np.array(_NAMES[:2])[unbounded.any(axis=1)])
        problem = f"the responses do not bound the {names} on one side; that limit is NaN."
        return found, problem if names else ""

    def posterior(self, psignifit: Any, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the mode of the posterior and credible limits ``[4, 2]``, by psignifit."""
        free = dict(zip(("gamma", "lambda"), self.rates))
        held = {name: low for name, (low, high) in free.items() if low == high}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it takes a guess rate of 0.5 for a mistake
            result = psignifit(
                np.stack([self.x, self.ones, self.counts], axis=1),
                sigmoid={"normal": "norm", "logistic": "logistic"}[self.function],
                experiment_type="yes/no",
                bounds={name: rates for name, rates in free.items() if name not in held},
                fixed_parameters={"eta": 0.0, **held},  # no overdispersion: the same likelihood
                verbose=False,
                debug=True,
            )
        mode, grid = result.parameter_estimate_MAP, result.parameter_values
        mass = result.debug["posteriors"]  # its axes are in the order of the alphabet
        axes = np.meshgrid(*(grid[name] for name in sorted(grid)), indexing="ij", sparse=True)
        _, gamma, lapse, threshold, width = axes
        values = [threshold, self._log_slope(gamma, lapse, width), gamma, lapse]
        limits = np.array([_weighted_quantiles(value, mass, level) for value in values])
        limits[2:][[low == high for low, high in self.rates]] = np.nan
        slope = self._log_slope(mode["gamma"], mode["lambda"], mode["width"])
        return np.array([mode["threshold"], slope, mode["gamma"], mode["lambda"]]), limits

    def _log_slope(self, guess: Any, lapse: Any, width: Any) -> Any:
        scale = width / _WIDTH[self.function]
        return np.log(SHAPES[self.function].steepest * (1 - guess - lapse) / scale)

    def in_stimulus_units(self, theta: np.ndarray) -> tuple[float, float, float]:
        """Return threshold, slope and scale of a curve."""
        threshold = self.center + self.sign * self.span * theta[0]
        slope = self.sign * np.exp(theta[1]) / self.span
        scale = SHAPES[self.function].steepest * (1 - theta[2] - theta[3]) / slope
        return float(threshold), float(slope), float(scale)

    def intervals(self, limits: np.ndarray) -> dict[str, tuple[float, float]]:
        """Return limits in the units of the stimulus, by name."""
        limits = limits.copy()
        limits[0] = (self.center + self.sign * self.span * limits[0])[:: self.sign]
        limits[1] = (self.sign * np.exp(limits[1]) / self.span)[:: self.sign]
        return dict(zip(_NAMES, [(low, high) for low, high in limits.tolist()]))

    def deviance(self, theta: np.ndarray) -> float:
        """Return the deviance of a curve."""
        data = self.likelihood.log_of(self.ones / self.counts, self.ones)
        return float(2 * (data - self.likelihood.log(theta, self.ones)))


def _weighted_quantiles(values: np.ndarray, mass: np.ndarray, level: float) -> np.ndarray:
    """Return the ends of the middle part of a distribution on a grid."""
    values, place = np.unique(np.broadcast_to(values, mass.shape).ravel(), return_inverse=True)
    mass = np.bincount(place, mass.ravel())
    middle = np.cumsum(mass) - mass / 2
    return np.interp([(1 - level) / 2, (1 + level) / 2], middle, values)


def vector(where: str, values: Any, length: int | None = None, missing: bool = False) -> np.ndarray:
    """Check one number for each trial, finite or, where ``missing``, NaN."""
    wanted = "one number for each trial" if length is None else f"{length} numbers, one per trial"
    array = _checks.numeric(where, values, wanted).astype(float)
    if array.ndim != 1 or length not in (None, len(array)):
        raise _checks.error(where, wanted, f"shape {array.shape}")
    if not len(array):
        raise _checks.error(where, "at least one trial", "none")
    fine = np.abs(array) <= np.finfo(np.float32).max
    wrong = np.flatnonzero(~fine & ~np.isnan(array) if missing else ~fine)
    if len(wrong):
        expected = "finite numbers or NaN" if missing else "finite numbers"
        raise _checks.error(where, expected, f"{array[wrong[0]]} in trial {wrong[0]}")
    return array


def zeros_and_ones(where: str, values: Any, length: int) -> np.ndarray:
    """Check 0, 1 or NaN for each trial."""
    array = vector(where, values, length, missing=True)
    wrong = np.flatnonzero(~np.isin(array, (0, 1)) & ~np.isnan(array))
    if len(wrong):
        expected = "0, 1 or NaN (no response) for each trial"
        raise _checks.error(where, expected, f"{array[wrong[0]]:g} in trial {wrong[0]}")
    return array


def levels_of(stimulus: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the levels in rising order, and the number of its level for each trial.

    Values that differ by rounding alone, such as 0.1 + 0.2 and 0.3, are one level.
    """
    values, place = np.unique(stimulus, return_inverse=True)
    rounding = 1e-9 * np.ptp(values) + 1e-12 * np.abs(values).max()
    new = np.concatenate([[True], np.diff(values) > rounding])
    return values[new], (np.cumsum(new) - 1)[place]


def _rates(where: str, guess: float | None, lapse: float | None) -> list[tuple[float, float]]:
    """Return the lowest and highest guess rate and lapse rate."""
    given = {"guess": guess, "lapse": lapse}
    known = {
        name: _checks.number(f"{where}.{name}", rate, low=0)
        for name, rate in given.items()
        if rate is not None
    }
    left = 1 - sum(known.values())
    if left <= 0:
        got = " and ".join(f"{name} = {rate:g}" for name, rate in known.items())
        raise _checks.error(where, "guess + lapse below 1", got)
    return [(known[n], known[n]) if n in known else (0.0, min(MOST, left / 2)) for n in given]


def _psignifit() -> Any:
    """Return the fitting function of psignifit."""
    try:
        from psignifit import psignifit
    except ImportError as reason:
        where, expected = "behavior.psychometric.method", "the psignifit library for 'bayesian'"
        advice = 'Install it: pip install "psychrnn[psychometrics]".'
        raise _checks.error(where, expected, "none", advice) from reason
    return psignifit
