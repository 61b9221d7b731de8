"""The binomial likelihood of psychometric functions: many data sets are fitted at once.

A curve is four numbers ``theta = [threshold, log slope, guess, lapse]`` in units in which the
stimulus levels span 1. Each has a lower and an upper bound; equal bounds hold it fixed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, ndtr

_TINY = 1e-12  # no probability is nearer to 0 or 1, so that its logarithm is finite
_LEVELS_TO_RESAMPLE = 100  # more of them are pooled for the bootstrap, which is slow otherwise


class Shape(NamedTuple):
    """A distribution function, its density, and the density at 0."""

    of: Callable[[np.ndarray], np.ndarray]
    density: Callable[[np.ndarray], np.ndarray]
    steepest: float


SHAPES = {
    "normal": Shape(ndtr, lambda z: np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), 0.3989422804014327),
    "logistic": Shape(expit, lambda z: expit(z) * expit(-z), 0.25),
}


class Likelihood:
    """How well curves explain the number of responses 1 at each stimulus level.

    Arguments:
        x: stimulus levels in rising order, ``[k]``, which span 1.
        counts: number of trials at each level, ``[k]``.
        shape: one of ``SHAPES``.
        guess: lowest and highest guess rate.
        lapse: lowest and highest lapse rate.

    Attributes:
        low: lower bounds of theta, ``[4]``. The threshold is at most one range of levels away
            from them; the flattest curve rises by 1 % over their range.
        high: upper bounds of theta, ``[4]``. The steepest curve rises within a fraction of the
            distance between two levels.

    """

    def __init__(
        self, x: np.ndarray, counts: np.ndarray, shape: Shape,
        guess: tuple[float, float], lapse: tuple[float, float],
    ) -> None:  # fmt: skip
        self.x, self.counts, self.shape = x, counts, shape
        steepest = np.log(20 / np.diff(x).min())
        self.low = np.array([x[0] - 1, np.log(0.01), guess[0], lapse[0]])
        self.high = np.array([x[-1] + 1, steepest, guess[1], lapse[1]])

    def pooled(self, most: int) -> Likelihood:
        """Return this likelihood with neighbouring levels taken together, so that few are left."""
        if len(self.x) <= most:
            return self
        middle = (np.cumsum(self.counts) - self.counts / 2) / self.counts.sum()
        group = np.unique((middle * most).astype(int), return_inverse=True)[1]
        other = copy.copy(self)
        other.counts = np.bincount(group, self.counts)
        other.x = np.bincount(group, self.counts * self.x) / other.counts
        return other

    def probabilities(self, theta: np.ndarray) -> np.ndarray:
        """Return the probability of response 1, ``[..., k]``, for curves ``[..., 4]``."""
        return self._parts(theta)[0]

    def _parts(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return probability, argument and value of F, span and inverse scale."""
        threshold, log_slope, guess, lapse = (theta[..., i, np.newaxis] for i in range(4))
        span = 1 - guess - lapse
        per_unit = np.exp(log_slope) / (span * self.shape.steepest)
        z = np.clip((self.x - threshold) * per_unit, -30, 30)
        value = self.shape.of(z)
        p = np.clip(guess + span * value, _TINY, 1 - _TINY)
        return p, z, value, span, per_unit

    def log(self, theta: np.ndarray, ones: np.ndarray) -> np.ndarray:
        """Return the log-likelihood (without the constant binomial term), ``[...]``."""
        return self.log_of(self.probabilities(theta), ones)

    def log_of(self, p: np.ndarray, ones: np.ndarray) -> np.ndarray:
        """Return the log-likelihood of probabilities ``[..., k]``."""
        p = np.clip(p, _TINY, 1 - _TINY)
        return np.sum(ones * np.log(p) + (self.counts - ones) * np.log1p(-p), axis=-1)

    def gradient(self, theta: np.ndarray, ones: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return gradient ``[..., 4]`` and expected information ``[..., 4, 4]``."""
        p, z, value, span, per_unit = self._parts(theta)
        density = span * self.shape.density(z)
        wider = z * density / span  # a slope that is held needs another scale for another span
        parts = [-density * per_unit, z * density, 1 - value + wider, wider - value]
        jacobian, variance = np.stack(parts, axis=-2), p * (1 - p)
        residual = (ones - self.counts * p) / variance
        weighted = jacobian * (self.counts / variance)[..., np.newaxis, :]
        information = weighted @ np.swapaxes(jacobian, -1, -2)
        return np.sum(jacobian * residual[..., np.newaxis, :], axis=-1), information

    def best(self, ones: np.ndarray) -> np.ndarray:
        """Return the most likely curve ``[4]`` for one data set ``[k]``, from several starts."""
        from scipy.optimize import minimize

        def cost(theta: np.ndarray) -> tuple[float, np.ndarray]:
            return -float(self.log(theta, ones)), -self.gradient(theta, ones)[0]

        rates = [np.clip(0.02, self.low[i], self.high[i]) for i in (2, 3)]
        middle, bounds = self.x.mean(), list(zip(self.low, self.high))
        found = []
        # TNC: L-BFGS-B wakes the threads of BLAS at every step, ten times slower on a busy machine
        for threshold, slope in ((0, 1), (0, 3), (0, 10), (-0.25, 3), (0.25, 3)):
            start = np.clip([middle + threshold, np.log(slope), *rates], self.low, self.high)
            found.append(minimize(cost, start, method="TNC", jac=True, bounds=bounds))
        theta = min(found, key=lambda result: result.fun).x
        return self.refitted(theta[np.newaxis], ones[np.newaxis])[0][0]

    def refitted(
        self, theta: np.ndarray, ones: np.ndarray, low: Any = None, high: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the most likely curves of many data sets, each from a start nearby.

        Fisher scoring with damped steps; what is at a bound and pulled outwards stays there.

        Arguments:
            theta: where to start, ``[n, 4]``.
            ones: number of responses 1, ``[n, k]``.
            low: lower bounds, ``[4]`` or ``[n, 4]``; those of this likelihood where None.
            high: upper bounds.

        Returns:
            Curves ``[n, 4]`` and log-likelihoods ``[n]``.

        """
        low = np.broadcast_to(self.low if low is None else low, theta.shape)
        high = np.broadcast_to(self.high if high is None else high, theta.shape)
        theta, diagonal = np.clip(theta, low, high), np.arange(4)
        best, damping = self.log(theta, ones), np.full(len(theta), 1e-3)
        busy, trials = np.arange(len(theta)), self.counts.sum()
        for _ in range(100):
            now, lowest, highest = theta[busy], low[busy], high[busy]
            slope, curvature = self.gradient(now, ones[busy])
            held = ((now <= lowest) & (slope <= 0)) | ((now >= highest) & (slope >= 0))
            slope = np.where(held, 0, slope)
            curvature[held[:, :, np.newaxis] | held[:, np.newaxis, :]] = 0
            least = np.maximum(curvature[:, diagonal, diagonal], 1e-6 * trials)
            added = least * damping[busy, np.newaxis] + held + 1e-9 * trials
            curvature[:, diagonal, diagonal] += added
            step = np.linalg.solve(curvature, slope[..., np.newaxis])[..., 0]
            step[:, 1] = np.clip(step[:, 1], -1, 1)
            tried = np.clip(now + step, lowest, highest)
            gain = self.log(tried, ones[busy]) - best[busy]
            better = gain >= 0
            theta[busy[better]] = tried[better]
            best[busy[better]] += gain[better]
            more = np.where(better, 0.1 * damping[busy], np.maximum(10 * damping[busy], 1e-3))
            damping[busy] = more
            busy = busy[~((better & (gain < 1e-8)) | (more > 1e8))]
            if not len(busy):
                break
        return theta, best

    def best_step(self, ones: np.ndarray) -> tuple[float, int, float]:
        """Return how well an infinitely steep curve can do: it passes through one level at most.

        Returns:
            Log-likelihood, number of the level it passes through, and the probability there:
            NaN where that is an asymptote, so that the step is anywhere between two levels.

        """
        found = []
        for level in range(len(self.x)):
            (guess, lapse) = (
                np.clip(_rate(k[part].sum(), self.counts[part].sum()), self.low[i], self.high[i])
                for i, k, part in (
                    (2, ones, slice(level)),
                    (3, self.counts - ones, slice(level + 1, None)),
                )
            )
            here = np.clip(ones[level] / self.counts[level], guess, 1 - lapse)
            p = np.full(len(self.x), 1 - lapse)
            p[:level], p[level] = guess, here
            inside = guess + 1e-9 < here < 1 - lapse - 1e-9
            found.append((float(self.log_of(p, ones)), level, here if inside else np.nan))
        return max(found)


def _rate(events: float, trials: float) -> float:
    return events / trials if trials else 0.0


def confidence_limits(
    likelihood: Likelihood, theta: np.ndarray, ones: np.ndarray,
    level: float, n_bootstrap: int, rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    r"""Return confidence limits of each parameter, ``[4, 2]``, by a bootstrapped likelihood ratio.

    The signed root :math:`r(v) = \pm\sqrt{2(\ell_{max} - \ell_{max|v})}` tells how badly a value
    :math:`v` of a parameter fits. A limit is where it has the size that resamples, drawn from the
    best curve with a value at the limit, exceed in ``(1 - level) / 2`` of the cases (DiCiccio,
    Martin and Stern 2001, Can. J. Stat. 29(1)). The values to resample at are those where
    :math:`r` has the size that a normal variable exceeds so often.

    Returns:
        Limits: a bound of the likelihood where no value up to it is excluded, and NaN for
        parameters that are held fixed.

    """
    from scipy.special import ndtri

    tail = (1 - level) / 2
    free = np.flatnonzero(likelihood.low < likelihood.high)
    of_end, upper = np.repeat(free, 2), np.tile([False, True], len(free))
    bounds = np.where(upper, likelihood.high[of_end], likelihood.low[of_end])
    critical = np.full(len(of_end), -ndtri(tail))
    limits, curves = _limits(likelihood, theta, ones, of_end, bounds, critical)
    if n_bootstrap:
        pooled = likelihood.pooled(_LEVELS_TO_RESAMPLE)
        for end in np.flatnonzero(limits != bounds):
            roots = _resampled_roots(pooled, curves[end], of_end[end], n_bootstrap, rng)
            size = np.quantile(-roots if upper[end] else roots, 1 - tail)
            critical[end] = max(size, 0.5)  # at a bound of the rates all roots may be 0
        limits, _ = _limits(likelihood, theta, ones, of_end, bounds, critical)
    result = np.full((4, 2), np.nan)
    result[free] = limits.reshape(-1, 2)
    return result


def _limits(
    likelihood: Likelihood, theta: np.ndarray, ones: np.ndarray,
    parameters: np.ndarray, bounds: np.ndarray, critical: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Find where the root of the likelihood ratio has a size, between the estimate and a bound.

    Returns:
        The values ``[n]``, which are the bounds where the root is smaller all the way; and the
        best curves with these values, ``[n, 4]``.

    """
    ends = np.arange(len(parameters))
    low, high = (np.tile(b, (len(ends), 1)) for b in (likelihood.low, likelihood.high))
    data, least = np.tile(ones, (len(ends), 1)), likelihood.log(theta, ones) - critical**2 / 2
    curves, inside = np.tile(theta, (len(ends), 1)), theta[parameters]
    step, passed = (bounds - inside) / 16, np.zeros(len(ends), dtype=bool)
    for _ in range(30):  # outwards in small steps, so that the best curve changes little
        value = np.where(np.abs(bounds - inside) <= np.abs(step), bounds, inside + step)
        low[ends, parameters] = high[ends, parameters] = value
        tried, fit = likelihood.refitted(curves, data, low, high)
        good = fit > least
        inside, curves = np.where(good, value, inside), np.where(good[:, np.newaxis], tried, curves)
        passed |= ~good
        step = np.where(passed, step / 2, step)
    return inside, curves


def _resampled_roots(
    likelihood: Likelihood, curve: np.ndarray, parameter: int, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw ``n`` data sets from a curve; return the signed root for its value of a parameter."""
    trials = likelihood.counts.astype(int)
    p, roots = likelihood.probabilities(curve), []
    at_once = max(1, 200_000 // len(p))
    for start in range(0, n, at_once):
        size = min(at_once, n - start)
        data, curves = rng.binomial(trials, p, (size, len(p))), np.tile(curve, (size, 1))
        low, high = likelihood.low.copy(), likelihood.high.copy()
        low[parameter] = high[parameter] = curve[parameter]
        _, with_value = likelihood.refitted(curves, data, low, high)
        found, best = likelihood.refitted(curves, data)
        sign = np.sign(found[:, parameter] - curve[parameter])
        roots.append(sign * np.sqrt(2 * np.maximum(best - with_value, 0)))
    return np.concatenate(roots)
